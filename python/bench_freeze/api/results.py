"""The results of a study, in Python."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..report.assemble import view_of
from ..report.documents import RESULTS, read_document
from ..report.figures.all import figures_of
from ..report.table import markdown_main
from ..results import schema
from ..results.decision import Recommendation
from ..text.suggest import hint
from .figure import Plot
from .tidy import COLUMNS, tidy

if TYPE_CHECKING:
    from ..report.view import View

_PANDAS = "to_pandas needs pandas, which is not installed; pip install 'bench-freeze[pandas]', or use to_records()."


class Results:
    """The results of a study: rows, recommendation, tables and plots.

    `document` is the whole results.json as a typed value.

        >>> from bench_freeze import Results
        >>> results = Results.load("runs/fruit")
        >>> results
        Results('runs/fruit': 30 rows, pick branched 0)
        >>> results.document.data["target"].images
        55
    """

    def __init__(self, document: schema.Results, folder: Path) -> None:
        self.document = document
        self.folder = folder

    @classmethod
    def load(cls, path: str | Path) -> Results:
        """Read results from an output folder or a results.json.

        Raises InputError if the file is missing, comes from a newer version, or changed since it was written.

            >>> from bench_freeze import Results
            >>> Results.load("runs/fruit/results.json").rows == Results.load("runs/fruit").rows
            True
            >>> Results.load("runs/none")
            Traceback (most recent call last):
            ...
            bench_freeze.user_files.MissingFile: runs/none/results.json cannot be read: there is no such file; ...
        """
        folder = Path(path)
        file = folder if folder.suffix == ".json" else folder / RESULTS
        document = read_document(file)
        if not isinstance(document, schema.Results):
            raise InputError(f"{file} is a profile, not the results of a study; give the output folder of a run.")
        return cls(document, file.parent)

    @property
    def rows(self) -> list[schema.Row]:
        """The rows of results.json. Each is one model on one engine.

        >>> from bench_freeze import Results
        >>> row = Results.load("runs/fruit").rows[0]
        >>> row.freeze, row.construction, round(row.target.map, 3)
        (22, 'branched', 0.437)
        """
        return self.document.rows

    @property
    def recommendation(self) -> Recommendation | None:
        """The recommendation with its evidence; None while the study is unfinished.

        >>> from bench_freeze import Results
        >>> Results.load("runs/fruit").recommendation.pick
        'branched 0'
        """
        return self.document.recommendation

    @property
    def pick(self) -> schema.Row | None:
        """The row of the recommended model (with several seeds, that of the first); None if nothing is recommended.

        >>> from bench_freeze import Results
        >>> pick = Results.load("runs/fruit").pick
        >>> pick.freeze, pick.construction
        (0, 'branched')
        """
        view = self._view
        picked = [row for row in view.rows if row.id in view.picked]
        ids = {row.id for row in picked}
        for row in view.rows:
            if isinstance(row.record, schema.Row) and (row.id in ids or row.arm in ids):
                return row.record
        return None

    @cached_property
    def _view(self) -> View:
        return view_of({self.folder.resolve().name or "results": self.document})

    def to_records(self) -> list[dict[str, Any]]:
        """One dict per row and metric: the model, `metric`, `value`, `unit`, and the ends `lower` and `upper`.

        The ends are those of the 95 % confidence interval, or None. `kind` is model, original, or mean (over seeds).
        Accuracies are fractions, times are in seconds, sizes in bytes.

            >>> from bench_freeze import Results
            >>> first = Results.load("runs/fruit").to_records()[0]
            >>> first["kind"], first["metric"], round(first["value"], 4), first["unit"]
            ('original', 'base_map', 0.3118, 'fraction')
        """
        return tidy(self._view)

    def to_pandas(self) -> Any:
        """The records as a pandas DataFrame. Raises InputError if pandas is not installed.

        >>> from bench_freeze import Results
        >>> table = Results.load("runs/fruit").to_pandas()
        >>> means = table[(table.metric == "target_map") & (table.construction == "branched") & (table.kind == "mean")]
        >>> means[["freeze", "value"]].round(3).values.tolist()
        [[22, 0.402], [15, 0.466], [10, 0.485], [6, 0.559], [0, 0.564]]
        """
        try:
            import pandas
        except ImportError:
            raise InputError(_PANDAS) from None
        types = {"freeze": "Int64", "seed": "Int64", "value": float, "lower": float, "upper": float}
        return pandas.DataFrame(self.to_records(), columns=list(COLUMNS)).astype(types)

    @property
    def plots(self) -> list[str]:
        """The names of the available plots.

        >>> from bench_freeze import Results
        >>> "tradeoff" in Results.load("runs/fruit").plots
        True
        """
        return [figure.key for figure in figures_of(self._view)]

    def plot(self, name: str = "tradeoff") -> Plot:
        """A plot of the report by name, which a notebook displays. Raises InputError for an unknown name.

        >>> from bench_freeze import Results
        >>> plot = Results.load("runs/fruit").plot("tradeoff")
        >>> plot.title
        'Target mAP against latency'
        >>> plot.save("tradeoff.html")
        """
        for figure in figures_of(self._view):
            if figure.key == name:
                return Plot(figure)
        raise InputError(f"plot {name!r} is not available; {hint(str(name), self.plots, what='these results have')}")

    def _repr_markdown_(self) -> str:
        return markdown_main(self._view)

    def __repr__(self) -> str:
        pick = self.recommendation.pick if self.recommendation is not None else None
        state = f"pick {pick}" if pick else "no pick" if self.document.finished else "not finished"
        return f"Results({str(self.folder)!r}: {len(self.rows)} rows, {state})"
