"""One plot of the report, as a notebook shows it."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from ..report.figures.figure import Figure
from ..report.html.alone import HEIGHT, page_of
from ..report.html.plotly import plot_of, table_of
from ..user_files import write_text


class Plot:
    """A plot of a study. A notebook displays it; `save` writes it as a self-contained HTML page.

    `plotly` is the figure and `table` the numbers behind it, both as plain values.

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
        """The title of the plot."""
        return self.figure.title

    @property
    def plotly(self) -> dict[str, Any]:
        """`data` and `layout`, for `plotly.graph_objects.Figure` or any other reader of Plotly's JSON format."""
        plot = plot_of(self.figure)
        return {"data": plot["data"], "layout": plot["layout"]}

    @property
    def table(self) -> dict[str, Any]:
        """The numbers behind the plot: the names of the columns, and rows in groups."""
        return table_of(self.figure)

    def save(self, path: str | Path) -> None:
        """Write the plot as one HTML page that loads nothing. Raises InputError if the file cannot be written."""
        write_text(Path(path), page_of(self.figure), "path")

    def _repr_html_(self) -> str:
        """An iframe, which isolates the plot's scripts from those of the notebook.

        Its content is ASCII, so the hashes of the scripts hold whatever the encoding of the page.
        """
        frame = (
            f'<iframe title="{escape(self.title, quote=True)}" sandbox="allow-scripts" loading="lazy" '
            f'style="border:0;width:100%;height:{HEIGHT + 90}px" srcdoc="{escape(page_of(self.figure), quote=True)}">'
            "</iframe>"
        )
        return frame.encode("ascii", "xmlcharrefreplace").decode()

    def __repr__(self) -> str:
        return f"Plot({self.figure.key!r}: {self.figure.says})"
