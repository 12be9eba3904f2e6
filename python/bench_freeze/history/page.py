"""A history as one HTML page with a small SVG plot of every series. The page has no scripts and loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from jinja2 import Environment

from ..text.visible import cell, visible
from .runs import Run
from .series import Series
from .text import headline, method

WIDTH, HEIGHT, MARGIN = 720.0, 120.0, 8.0

_TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>History of {{ runs|length }} runs</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
svg { width: 100%; height: auto; } .run { fill: currentColor; } .level { stroke: #c0392b; stroke-width: 2; }
figure { margin: 1.5rem 0; } figcaption { font-weight: 600; } .range { font-weight: 400; opacity: .75; }
</style>
</head>
<body>
<h1>{{ headline }}</h1>
{% if changes %}<ul>{% for text in changes %}<li>{{ text }}</li>{% endfor %}</ul>{% endif %}
{% for plot in plots %}
<figure>
<figcaption>{{ plot.title }} <span class="range">{{ plot.range }}</span></figcaption>
<svg viewBox="0 0 {{ width }} {{ height }}" role="img" aria-label="{{ plot.says }}">
{% for x, y, label in plot.points -%}
<circle class="run" cx="{{ x }}" cy="{{ y }}" r="3"><title>{{ label }}</title></circle>
{% endfor %}{% for x1, x2, y in plot.levels -%}
<line class="level" x1="{{ x1 }}" x2="{{ x2 }}" y1="{{ y }}" y2="{{ y }}"/>
{% endfor %}</svg>
</figure>
{% endfor %}
<p>{{ method }}</p>
{% if notes %}<ul>{% for note in notes %}<li>{{ note }}</li>{% endfor %}</ul>{% endif %}
</body>
</html>
"""


@dataclass(frozen=True)
class Plot:
    """One series in drawing coordinates: runs as points, levels as lines."""

    title: str
    range: str
    says: str
    points: list[tuple[float, float, str]]
    levels: list[tuple[float, float, float]]


def page(runs: Sequence[Run], found: Sequence[Series], notes: Sequence[str]) -> str:
    """The page, with the series that changed first."""
    ordered = sorted(found, key=lambda series: not series.has_changed)
    template = Environment(autoescape=True).from_string(_TEMPLATE)
    return template.render(
        runs=runs,
        headline=visible(headline(runs, found)),
        changes=[visible(text) for series in found for text in series.sentences(runs)],
        plots=[_plot(series, runs) for series in ordered],
        notes=list(map(visible, notes)),
        method=method(),
        width=WIDTH,
        height=HEIGHT,
    )


def _plot(series: Series, runs: Sequence[Run]) -> Plot:
    low, high = min(series.values), max(series.values)
    last = max(len(runs) - 1, 1)

    def across(position: float) -> float:
        return round(MARGIN + (WIDTH - 2 * MARGIN) * position / last, 2)

    def up(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return round(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * share, 2)

    ends = [0, *(change.position for change in series.changes), len(series.values)]
    levels = [
        (across(series.runs[a]), across(series.runs[b - 1]), up(sum(series.values[a:b]) / (b - a)))
        for a, b in pairwise(ends)
    ]
    title = cell(f"{series.name}: {series.title}")
    return Plot(
        title=title,
        range=f"{series.shown(low)} to {series.shown(high)}",
        says=f"{title}, {len(series.values)} runs, {len(series.changes)} changes",
        points=[
            (across(position), up(value), visible(f"{runs[position].label}: {series.shown(value)}"))
            for position, value in zip(series.runs, series.values, strict=True)
        ],
        levels=levels,
    )
