"""The corpora by name: those a person added, and entry points of the group `serbench.corpora`, loaded when asked."""

from __future__ import annotations

from serbench.corpora.base import Corpus
from serbench.corpora.user.registered import added, added_corpus
from serbench.errors import unknown
from serbench.plugins import PluginGroup

__all__ = ["GROUP", "corpus_names", "get_corpus", "installed_names"]

GROUP = "serbench.corpora"

_CORPORA: PluginGroup[Corpus] = PluginGroup(GROUP, "corpus", "corpora", Corpus, own_wins=True)


def corpus_names() -> tuple[str, ...]:
    """Names of all corpora, installed or added by a person, sorted; none of them is loaded."""
    return tuple(sorted({*_CORPORA.names(), *added()}))


def installed_names() -> tuple[str, ...]:
    """Names of the corpora that are installed, those that a person added aside."""
    return tuple(_CORPORA.names())


def get_corpus(name: str) -> Corpus:
    """Loads one corpus; a plug-in that is broken does not stand in the way of the others.

    A corpus of serbench's own wins over a plug-in of the same name, so no plug-in can take a known corpus's name.

    Raises:
        UsageError: no corpus of that name is installed; the nearest is named.
        SerbenchError: its plug-in cannot be loaded, or is no corpus of that name.
    """
    if name in _CORPORA.names():
        return _CORPORA.get(name)
    own = added_corpus(name)
    if own is None:
        raise unknown("corpus", name, corpus_names())
    return own
