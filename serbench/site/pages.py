"""`Pages`: renders templates with escaping. Assets are separate files, or embedded in the page."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from importlib import resources
from typing import TYPE_CHECKING, Any

from serbench.printable import printable_lines, without_paths
from serbench.render import count, duration, millions, milliseconds, percent, points, size, span, speakers

if TYPE_CHECKING:
    import jinja2

__all__ = ["SITE_ASSETS", "Pages", "asset", "plotly_js", "with_contents"]

SITE_ASSETS = ("site.css", "plots.css", "theme.js", "table.js", "compare.js", "copy.js", "study.js", "live.js")

_CONTENTS = "<!--contents-->"
_HEADING = re.compile(r'<h2 id="([^"]+)">(.*?)</h2>', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")

# `file:` because in some browsers 'self' matches nothing on a page that is opened from disk.
_POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'self' file: 'unsafe-inline'; "
    "img-src 'self' file: data: blob:; media-src 'self' file: data:; connect-src {connections}; "
    "base-uri 'none'; form-action 'none'"
)


def asset(name: str) -> str:
    """Text of a file in `serbench/site/assets`."""
    return resources.files("serbench.site").joinpath("assets", name).read_text(encoding="utf-8")


def plotly_js() -> str:
    """Source of plotly.js, from the installed plotly package."""
    import plotly.offline

    script: str = plotly.offline.get_plotlyjs()
    return script


class Pages:
    """Renders the pages of a site.

    Args:
        embedded: whether each page contains its style and scripts; otherwise it links to `assets/`.
        live: whether pages ask their server for news and reload.
    """

    def __init__(self, *, embedded: bool = False, live: bool = False) -> None:
        self._embedded = embedded
        self.live = live

    def render(
        self, template: str, *, root: str = "", scripts: tuple[str, ...] = (), plotly: bool = False, **context: Any
    ) -> str:
        """Renders one page as HTML.

        Args:
            template: file name in `serbench/site/templates`.
            root: relative path from the page to the site's folder: '' or '../'.
            scripts: extra script assets of this page.
            plotly: whether the page has figures that plotly.js draws; only a page with embedded scripts can.
            context: variables of the template.
        """
        policy = _POLICY.format(
            scripts=" ".join(_digests(scripts, plotly)) if self._embedded else "'self' file:",
            connections="'self'" if self.live else "'none'",
        )
        names = [*scripts, *(["live.js"] if self.live else [])]
        page: str = (
            _environment()
            .get_template(template)
            .render(
                policy=policy,
                root=root,
                embedded=self._embedded,
                live=self.live,
                scripts=names,
                plotly=plotly,
                **context,
            )
        )
        return with_contents(page)


def with_contents(page: str) -> str:
    """Fills the place for a list of contents with the page's headings; pages without that place stay as they are.

    >>> with_contents('<!--contents--><h2 id="a">First <b>one</b></h2>')
    '<ol><li><a href="#a">First one</a></li></ol><h2 id="a">First <b>one</b></h2>'
    """
    if _CONTENTS not in page:
        return page
    before, _, after = page.partition(_CONTENTS)
    found = [(key, _TAG.sub("", text).strip()) for key, text in _HEADING.findall(after)]
    listed = "".join(f'<li><a href="#{key}">{text}</a></li>' for key, text in found)
    return f"{before}<ol>{listed}</ol>{after}"


def _digests(scripts: tuple[str, ...], plotly: bool) -> list[str]:
    """Hashes of the embedded scripts. The content security policy allows these scripts and no others."""
    drawing = (plotly_js(), asset("charts.js")) if plotly else ()
    texts = (asset("theme.js"), *drawing, *map(asset, scripts))
    hashes = (hashlib.sha256(text.encode("utf-8")).digest() for text in texts)
    return [f"'sha256-{base64.b64encode(one).decode('ascii')}'" for one in hashes]


def _harmless(value: Any) -> Any:
    """Makes texts of strangers printable, also those in lists and dicts. Markup is our own."""
    if isinstance(value, str):
        return value if hasattr(value, "__html__") else printable_lines(value)
    if isinstance(value, dict):
        return {_harmless(key): _harmless(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_harmless(one) for one in value]
    return value


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("serbench.site"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
    )
    environment.policies["json.dumps_function"] = lambda data, **options: json.dumps(_harmless(data), **options)
    texts = (count, duration, millions, milliseconds, percent, points, size, span, speakers, without_paths)
    environment.filters.update({shown.__name__: shown for shown in texts})
    # Safe to embed unescaped: these are our own files and plotly's, without any text from users.
    environment.globals["asset"] = lambda name: Markup(asset(name))  # noqa: S704
    environment.globals["plotly_js"] = lambda: Markup(plotly_js())  # noqa: S704
    return environment
