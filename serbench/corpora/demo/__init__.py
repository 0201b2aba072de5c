"""The demo corpus: synthetic emotional speech from a source-filter model, made when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.corpora.demo.corpus import DEMO, DemoCorpus, write_demo
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "corpus": ("DEMO", "DemoCorpus", "write_demo"),
        },
    )

__all__ = [
    "DEMO",
    "DemoCorpus",
    "write_demo",
]
