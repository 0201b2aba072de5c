"""Classes that the Python API returns: results, entries, bundles and corpora as tables, figures and HTML.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.views.bundle import Bundle
    from serbench.views.comparison import Comparison
    from serbench.views.corpus import CorpusView
    from serbench.views.entry import Entry
    from serbench.views.progress import progress_view
    from serbench.views.results import Results
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "bundle": ("Bundle",),
            "comparison": ("Comparison",),
            "corpus": ("CorpusView",),
            "entry": ("Entry",),
            "progress": ("progress_view",),
            "results": ("Results",),
        },
    )

__all__ = ["Bundle", "Comparison", "CorpusView", "Entry", "Results", "progress_view"]
