"""Warnings to read before using a number, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..results.schema import Results
from .race_text import race_remarks
from .view import Remark, RowView

MOST_NAMED = 6
RETIME = "Run the same command with --retime: it repeats measurements that are not VALID and keeps the others."


def remarks_of(results: Results, rows: Sequence[RowView]) -> list[Remark]:
    """The remarks on a study; `rows` are its own, with names."""
    found = []
    if not results.finished:
        found.append(
            Remark("The study is not finished: rows are missing.", "Run the same command again; finished work is kept.")
        )
    found += [*race_remarks(results.race), *_verdicts(rows)]
    return found + [Remark(warning) for warning in results.warnings]


def _verdicts(rows: Sequence[RowView]) -> Iterator[Remark]:
    for verdict in ("INVALID", "AMBIGUOUS"):
        own = [row for row in rows if row.kind != "mean" and row.verdict == verdict]
        if not own:
            continue
        names = [f"{row.name}" for row in own[:MOST_NAMED]]
        more = f" and {len(own) - MOST_NAMED} more" if len(own) > MOST_NAMED else ""
        reasons = list(dict.fromkeys(reason for row in own for reason in row.reasons))
        why = f": {reasons[0]}" if reasons else ""
        others = f" (other reasons in the table: {len(reasons) - 1})" if len(reasons) > 1 else ""
        noun = "latency" if len(own) == 1 else "latencies"
        yield Remark(f"{len(own)} {noun} {verdict} ({', '.join(names)}{more}){why}{others}.", RETIME)
