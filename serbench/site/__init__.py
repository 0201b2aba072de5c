"""The static site: leaderboard, entries, studies and comparisons as pages that open from disk, without a network.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.site.build import Site
    from serbench.site.charts.chart import PALETTE, Chart, escaped
    from serbench.site.charts.entry import calibration_chart, curve_charts
    from serbench.site.corpus_page import write_corpus_page
    from serbench.site.entry_page import write_entry_page
    from serbench.site.live.live_site import LiveSite
    from serbench.site.page_server import PageServer
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "build": ("Site",),
            "charts.chart": (
                "Chart",
                "PALETTE",
                "escaped",
            ),
            "charts.entry": (
                "calibration_chart",
                "curve_charts",
            ),
            "corpus_page": ("write_corpus_page",),
            "entry_page": ("write_entry_page",),
            "live.live_site": ("LiveSite",),
            "page_server": ("PageServer",),
        },
    )

__all__ = [
    "PALETTE",
    "Chart",
    "LiveSite",
    "PageServer",
    "Site",
    "calibration_chart",
    "curve_charts",
    "escaped",
    "write_corpus_page",
    "write_entry_page",
]
