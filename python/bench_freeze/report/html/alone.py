"""One figure as a page of its own: it opens from disk and loads nothing."""

from __future__ import annotations

from html import escape

from ...text.visible import visible
from ..figures.figure import Figure
from .page import FOLDER, PLOTLY, inline_script, policy, to_json
from .plotly import plot_of

HEIGHT = 420  # pixels of the drawing
_DRAW = """\
const { data, layout } = JSON.parse(document.getElementById("figure").textContent);
Plotly.newPlot("plot", data, layout, { displaylogo: false, responsive: true });
"""

_STYLE = (
    "body { font: 14px system-ui, sans-serif; margin: 0.5rem; background: #fff; color: #222 } h1 { font-size: 1rem }"
)


def page_of(figure: Figure) -> str:
    """The page, with text from data sets escaped."""
    scripts = [inline_script(FOLDER / "vendor" / PLOTLY), _DRAW]
    title, says, notes = (escape(visible(text)) for text in (figure.title, figure.says, figure.notes))
    rest = "".join(f"<script>{script}</script>\n" for script in scripts)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(policy(scripts), quote=True)}">
<title>{title}</title>
<style>{_STYLE}</style>
<h1>{title}</h1>
<div id="plot" role="img" aria-label="{says}" style="height:{HEIGHT}px"></div>
<p>{notes}</p>
<script type="application/json" id="figure">{to_json(plot_of(figure))}</script>
{rest}</html>
"""
