"""Figures that pages contain as SVG: they need no script, and take the page's colours."""
