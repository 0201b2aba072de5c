"""All corpora by name: entry points of the group `serbench.corpora`, and corpora that the user added."""

from __future__ import annotations

from serbench.corpora.base import Corpus
from serbench.corpora.user.registered import registered_corpora, registered_corpus
from serbench.errors import unknown
from serbench.plugins import PluginGroup

__all__ = ["GROUP", "corpus_names", "get_corpus", "installed_names"]

GROUP = "serbench.corpora"

_CORPORA: PluginGroup[Corpus] = PluginGroup(GROUP, "corpus", "corpora", Corpus, own_wins=True)


def corpus_names() -> tuple[str, ...]:
    """Returns the names of all corpora, installed or added by the user, sorted. No corpus is loaded."""
    return tuple(sorted({*_CORPORA.names(), *registered_corpora()}))


def installed_names() -> tuple[str, ...]:
    """Returns the names of the installed corpora, without those that the user added."""
    return tuple(_CORPORA.names())


def get_corpus(name: str) -> Corpus:
    """Loads one corpus. Broken plug-ins of other corpora do not matter.

    A corpus of serbench's own wins over a plug-in of the same name, so no plug-in can replace a built-in corpus.

    Raises:
        UsageError: no corpus has that name; the message suggests the closest one.
        SerbenchError: the plug-in cannot be loaded, or is not a corpus of that name.
    """
    if name in _CORPORA.names():
        return _CORPORA.get(name)
    added = registered_corpus(name)
    if added is None:
        raise unknown("corpus", name, corpus_names())
    return added
