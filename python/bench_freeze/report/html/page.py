"""A view as one HTML page: templates get plain values and escape text, and scripts are allowed by their hash."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ...text.json_text import encoded, visible_values
from ...text.visible import cell as shown
from ...text.visible import visible
from .. import formats
from ..columns import VERDICT
from ..conclusions_text import statistics_lines
from ..figures.all import grouped
from ..figures.figure import Figure
from ..glossary import glossary
from ..provenance import environment_facts, origins, study_facts
from ..race_text import race_lines
from ..table import csv_table, sentences
from ..view import MAIN, VERDICTS, Column, RowView, View
from .confusion import matrices
from .gallery import gallery_of
from .plotly import plot_of

if TYPE_CHECKING:
    from jinja2 import Template

    from ...results.examples import Examples

FOLDER = Path(__file__).parent
PLOTLY = "plotly-cartesian.min.js"


@dataclass(frozen=True)
class Cell:
    """One cell: its text, its interval, and its sort key."""

    text: str
    interval: str
    sort: str
    note: str


def report_page(view: View, examples: dict[str, Examples], absent: Sequence[str] = ()) -> str:
    """The page. `examples` are by study name; `absent` has sentences that say why some are missing."""
    scripts = [
        inline_script(FOLDER / "vendor" / PLOTLY),
        *(inline_script(FOLDER / name) for name in ("table.js", "plots.js", "examples.js")),
    ]
    groups = grouped(view)
    gallery = gallery_of(view, examples)
    columns = _columns(view)
    return _template().render(
        view=view,
        statistics_lines=statistics_lines,
        race_lines=race_lines,
        policy=policy(scripts),
        scripts=scripts,
        style=(FOLDER / "report.css").read_text(),
        columns=columns,
        main=[column.key for column in columns if column.key in (*MAIN, VERDICT.key)],
        rows=[(row, [(column, cell_of(row, column)) for column in columns]) for row in view.rows],
        seeds={row.id: [other.id for other in view.rows if other.arm == row.id] for row in view.top()},
        doubtful=[row for row in view.measured() if row.verdict in ("AMBIGUOUS", "INVALID")],
        verdicts=_verdicts(view),
        filters=_filters(view),
        heading=formats.heading,
        shown=shown,
        verdict=VERDICT,
        table_csv=to_json(csv_table(view).splitlines()),  # as lines, because a line break would be shown as its escape
        sentences=sentences(view),
        decision_figures=_drawn(groups.decision),
        head_figures=_drawn(groups.heads),
        accuracy_figures=_drawn(groups.accuracy),
        latency_figures=_drawn(groups.latency),
        matrices=matrices(view),
        gallery=gallery,
        gallery_json=to_json(gallery) if gallery.images else "",
        no_examples=absent,
        origins=origins(view),
        studies=[(study, study_facts(study.results), environment_facts(study.results)) for study in view.studies],
        profiles=[(profile, environment_facts(profile.profile)) for profile in view.profiles],
        glossary=glossary(view),
    )


def _columns(view: View) -> list[Column]:
    """The deciding columns first, then the others, which are shown on demand."""
    verdict = [column for column in view.columns if column == VERDICT]
    rest = [column for column in view.columns if column not in (*view.main, VERDICT)]
    return [*view.main, *verdict, *rest]


def _drawn(figures: Sequence[Figure]) -> list[tuple[Figure, str]]:
    return [(figure, to_json(plot_of(figure))) for figure in figures]


def _verdicts(view: View) -> str:
    """The number of latencies with each verdict."""
    counts = Counter(row.verdict for row in view.measured())
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])


def cell_of(row: RowView, column: Column) -> Cell:
    """A cell of the page's table, with few digits in the deciding columns and all digits elsewhere."""
    if column == VERDICT:
        return Cell(row.verdict, "", row.verdict, "; ".join(row.reasons))
    if column.is_text:
        text = formats.cell(row, column)
        return Cell(shown(text), "", text, "")  # the whole text distinguishes it
    value = row.value(column.key)
    sort = "" if value.value is None else repr(value.value)
    if column.key in MAIN:
        ends = formats.interval(value, column.format, brief=True)
        return Cell(formats.short(value.value, column.format), ends, sort, value.note)
    return Cell(formats.number(value.value, column.format), formats.interval(value, column.format), sort, value.note)


def to_json(value: Any) -> str:
    """JSON for a script element, escaped so that nothing in it can end the element or begin a comment."""
    text = encoded(visible_values(msgspec.to_builtins(value))).decode()
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _filters(view: View) -> list[tuple[Column, list[Cell]]]:
    """The columns of words that have several values, with the values to choose from."""
    found = []
    for column in (c for c in view.columns if c.is_text):
        values = list({cell.sort: cell for cell in (cell_of(row, column) for row in view.rows)}.values())
        if 1 < len(values) <= 60:
            found.append((column, values))
    return found


def inline_script(path: Path) -> str:
    """The text of one of our scripts, as it is embedded in a page."""
    return path.read_text(encoding="utf-8").replace("</script", "<\\/script")


def policy(scripts: Sequence[str]) -> str:
    """The content security policy: nothing is loaded, and only these scripts run, whatever text a data set has."""
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"


def _shown(value: Any) -> Any:
    """Make control characters visible in every value for a template; Jinja escapes only markup."""
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(FOLDER / "templates")
    options: dict[str, Any] = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True, "finalize": _shown}
    return Environment(loader=loader, undefined=StrictUndefined, **options).get_template("report.html.j2")
