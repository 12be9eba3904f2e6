"""The table of a study: the numbers people read first, formatted in one place for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from .schema import Latency, Results, Row

HEADINGS = (
    "freeze",
    "seed",
    "construction",
    "engine",
    "target mAP50",
    "target mAP",
    "base mAP",
    "change",
    "merged base",
    "model p50 ms",
    "pipeline p50 ms",
    "size",
)
TEXT_COLUMNS = 4  # the rest are numbers, set to the right


def table_rows(results: Results) -> list[tuple[str, ...]]:
    """The cells, one tuple per row of the table; the original model of each engine stands first."""
    cells: list[tuple[str, ...]] = []
    for original in results.originals:
        cells.append(
            (
                "-",
                "-",
                "original",
                _engine(original.engine, original.precision),
                "-",
                "-",
                _fraction(original.base.map),
                "-",
                "-",
                _milliseconds(original.latency.model),
                _milliseconds(original.latency.pipeline),
                _size(original.artifact.bytes),
            )
        )
    for row in results.rows:
        cells.append(
            (
                str(row.freeze),
                str(row.seed),
                _construction(row),
                _engine(row.engine, row.precision),
                _fraction(row.target.map50),
                _fraction(row.target.map),
                _fraction(row.base.map),
                _change(row.base_delta_map),
                _fraction(row.base_merged.map if row.base_merged else None),
                _milliseconds(row.latency.model),
                _milliseconds(row.latency.pipeline),
                _size(row.artifact.bytes),
            )
        )
    return cells


def terminal_table(results: Results) -> Table:
    """The table for a terminal."""
    table = Table(title=results.about, title_justify="left", caption_justify="left", caption=caption(results))
    for position, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if position < TEXT_COLUMNS else "right")
    for cells in table_rows(results):
        table.add_row(*cells)
    return table


def plain_table(results: Results) -> str:
    """The table as aligned text, for logs and pipes."""
    rows = [HEADINGS, *table_rows(results)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(HEADINGS))]
    lines = [
        "  ".join(
            c.ljust(w) if k < TEXT_COLUMNS else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([results.about, *(line.rstrip() for line in lines), caption(results)])


def markdown_table(results: Results) -> str:
    """The table as Markdown."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    rule = line("---" if k < TEXT_COLUMNS else "---:" for k in range(len(HEADINGS)))
    return "\n".join([line(HEADINGS), rule, *(line(cells) for cells in table_rows(results))])


def caption(results: Results) -> str:
    """The settings that the table's numbers depend on, in a sentence."""
    settings = results.settings
    batch = results.study.get("batch")
    return (
        f"AP by the {settings['protocol']} protocol (score > {settings['score_threshold']}, suppression at IoU "
        f"{settings['nms_iou_threshold']}, {settings['max_detections']} detections); latency per batch of "
        f"{batch}; change = base mAP - original model's."
    )


def _construction(row: Row) -> str:
    """With the recipe and the share of the data where they are not the usual ones."""
    share = "" if row.data_fraction == 1 else f", {row.data_fraction:g} of the data"
    return row.construction + ("" if row.recipe == "static" else f", {row.recipe}") + share


def _engine(name: str, precision: str) -> str:
    return f"{name} {precision}"


def _fraction(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _change(value: float | None) -> str:
    if value == 0:
        return "0"  # exactly, which a rounded +0.0000 would not say
    return "-" if value is None else f"{value:+.4f}"


def _milliseconds(latency: Latency | None) -> str:
    return "-" if latency is None or latency.p50_s is None else f"{latency.p50_s * 1e3:.2f}"


def _size(count: int) -> str:
    return f"{count / 1e6:.2f} MB"
