"""The outcomes of a first run on one screen."""

from __future__ import annotations

from collections.abc import Sequence

from .step import Outcome

COLUMNS = 118
MARKS = {"ok": "ok", "failed": "FAILED", "too long": "TOO LONG", "no result": "NO RESULT", "left out": "left out"}


def table(outcomes: Sequence[Outcome]) -> str:
    """A line for each step (two where its figures are long) and one that counts them; at most 118 columns."""
    wide = max((len(outcome.name) for outcome in outcomes), default=4)
    lines = [f"{'step':<{wide}}  {'':<9}  {'seconds':>7}  figures"]
    for outcome in outcomes:
        said = "; ".join(part for part in (outcome.why, outcome.figures) if part)
        head = f"{outcome.name:<{wide}}  {MARKS[outcome.status]:<9}  {outcome.seconds:7.1f}  "
        first, rest = _broken(" ".join(said.split()), COLUMNS - len(head))
        lines.append((head + first).rstrip())
        if rest:
            lines.append(" " * len(head) + _cut(rest, COLUMNS - len(head)))
    counted = [f"{sum(o.status == status for o in outcomes)} {status}" for status in MARKS]
    seconds = sum(outcome.seconds for outcome in outcomes)
    return "\n".join([*lines, f"{len(outcomes)} steps, {seconds:.0f} s: {', '.join(counted)}"])


def _broken(text: str, columns: int) -> tuple[str, str]:
    """The text in two, at a space where there is one."""
    if len(text) <= columns:
        return text, ""
    at = text.rfind(" ", 0, columns + 1)
    at = at if at > 0 else columns
    return text[:at], text[at:].strip()


def _cut(text: str, columns: int) -> str:
    return text if len(text) <= columns else text[: columns - 3] + "..."
