"""What people hold in their hands in Python: results, entries, bundles and corpora as tables, figures and HTML."""

from serbench.views.bundle import Bundle
from serbench.views.comparison import Comparison
from serbench.views.corpus import CorpusView
from serbench.views.entry import Entry
from serbench.views.results import Results

__all__ = ["Bundle", "Comparison", "CorpusView", "Entry", "Results"]
