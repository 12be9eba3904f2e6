"""A plot of the report by itself, as a notebook shows it."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from ..report.figures.figure import Figure
from ..report.html.alone import HEIGHT, page_of
from ..report.html.plotly import plot_of, table_of
from ..user_files import write_text


class Plot:
    """One plot: a notebook shows it, `save` writes it as a page that loads nothing, `plotly` has its plain values.

    >>> from bench_freeze import Results
    >>> plot = Results.load("runs/fruit").plot("depth")
    >>> sorted(plot.plotly)
    ['data', 'layout']
    >>> plot.table["columns"][:2]
    ['series', 'layers frozen']
    """

    def __init__(self, figure: Figure) -> None:
        self.figure = figure

    @property
    def title(self) -> str:
        """What it shows, in a line."""
        return self.figure.title

    @property
    def plotly(self) -> dict[str, Any]:
        """`data` and `layout` for `plotly.graph_objects.Figure`, or any other that reads Plotly's format."""
        plot = plot_of(self.figure)
        return {"data": plot["data"], "layout": plot["layout"]}

    @property
    def table(self) -> dict[str, Any]:
        """The numbers behind it, as columns and groups of rows."""
        return table_of(self.figure)

    def save(self, path: str | Path) -> None:
        """Write it as one HTML page. Raises InputError where that cannot be."""
        write_text(Path(path), page_of(self.figure), "path")

    def _repr_html_(self) -> str:
        """A frame of its own: neither the notebook's scripts nor the plot's reach each other.

        It is ASCII, so that the scripts keep their hashes in a page of whatever encoding.
        """
        frame = (
            f'<iframe title="{escape(self.title, quote=True)}" sandbox="allow-scripts" loading="lazy" '
            f'style="border:0;width:100%;height:{HEIGHT + 90}px" srcdoc="{escape(page_of(self.figure), quote=True)}">'
            "</iframe>"
        )
        return frame.encode("ascii", "xmlcharrefreplace").decode()

    def __repr__(self) -> str:
        return f"Plot({self.figure.key!r}: {self.figure.says})"
