"""The model card as a page. Its text may come from a stranger: no HTML of its own, and no images."""

from __future__ import annotations

import html
import re
from typing import Final

__all__ = ["card_html", "card_page"]

_POLICY: Final = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="page.css">
</head>
<body>
<header><p><a href="index.html">Back to the page that listens</a></p></header>
<main class="card">
{body}
</main>
</body>
</html>
"""

_METADATA: Final = re.compile(r"\A---\n.*?^---\n", re.DOTALL | re.MULTILINE)


def card_html(card: str) -> str:
    """Returns the text of a model card as HTML, without its metadata, images and any HTML of its own."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    return str(markdown.render(_METADATA.sub("", card)))


def card_page(card: str, title: str) -> str:
    """Returns the model card as an HTML page that loads no script.

    Args:
        card: the card, as Markdown; metadata between two lines of dashes at its beginning is left out.
        title: title of the page.
    """
    # A code block or a table that is wider than a phone scrolls, so the keyboard must reach it.
    body = card_html(card).replace("<pre>", '<pre tabindex="0">').replace("<table>", '<table tabindex="0">')
    return _PAGE.format(policy=_POLICY, title=html.escape(title), body=body)
