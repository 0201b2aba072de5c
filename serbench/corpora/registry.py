"""All corpora by name: entry points of the group `serbench.corpora`, and corpora that the user added."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from serbench.corpora.base import Corpus
from serbench.corpora.user.registered import registered_corpora, registered_corpus
from serbench.errors import SerbenchError, unknown

__all__ = ["GROUP", "corpus_names", "get_corpus", "installed_names"]

GROUP = "serbench.corpora"


def corpus_names() -> tuple[str, ...]:
    """Returns the names of all corpora, installed or added by the user, sorted. No corpus is loaded."""
    return tuple(sorted({*_installed(), *registered_corpora()}))


def installed_names() -> tuple[str, ...]:
    """Returns the names of the installed corpora, without those that the user added."""
    return tuple(sorted(_installed()))


def get_corpus(name: str) -> Corpus:
    """Loads one corpus. Broken plug-ins of other corpora do not matter.

    Raises:
        UsageError: no corpus has that name; the message suggests the closest one.
        SerbenchError: the plug-in cannot be loaded, or is not a corpus of that name.
    """
    installed = _installed()
    if name not in installed:
        added = registered_corpus(name)
        if added is None:
            raise unknown("corpus", name, {**installed, **registered_corpora()})
        return added
    point = installed[name]
    try:
        corpus = point.load()
    except Exception as error:
        raise SerbenchError(
            f"the corpus plug-in '{name}' ({_origin(point)}) cannot be loaded: {type(error).__name__}: {error}; "
            "fix or uninstall it"
        ) from error
    if not isinstance(corpus, Corpus) or corpus.name != name:
        found = f"the corpus '{corpus.name}'" if isinstance(corpus, Corpus) else f"a {type(corpus).__name__}"
        raise SerbenchError(
            f"the corpus plug-in '{name}' ({_origin(point)}) names {found} instead of a Corpus called '{name}'; "
            "fix or uninstall it"
        )
    return corpus


def _installed() -> dict[str, EntryPoint]:
    """Entry points by name. serbench's own come last and win, so that no plug-in can replace a built-in corpus."""
    points = sorted(entry_points(group=GROUP), key=lambda point: point.value.startswith("serbench."))
    return {point.name: point for point in points}


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name}, {point.value}" if point.dist is not None else point.value
