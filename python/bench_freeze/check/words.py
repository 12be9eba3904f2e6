"""Numbers and words of findings, shared by all output formats."""

from __future__ import annotations

from .finding import Finding, Outcome
from .headline import moved, proof
from .row_names import shared_parts

HEADINGS = ("row", "metric", "baseline", "current", "worse by", "in percent", "95 % bounds", "limit", "status")
TEXT_COLUMNS = 2  # the others are right-aligned numbers, except for the status
NOTHING = "-"


def cells(finding: Finding) -> tuple[str, ...]:
    """One row of the table, under HEADINGS."""
    change, low, high = finding.change, finding.low, finding.high
    exact = low is not None and low == high
    bounds = NOTHING if low is None or high is None or exact else f"{_signed(low, finding)} .. {_signed(high, finding)}"
    return (
        finding.row,
        finding.metric,
        value(finding.reference, finding),
        value(finding.current, finding),
        NOTHING if change is None else _signed(change, finding),
        percent(finding.change_share),
        bounds,
        finding.limit_text or NOTHING,
        finding.status,
    )


def value(number: float | None, finding: Finding) -> str:
    """A number in the display unit of its metric."""
    if number is None:
        return NOTHING
    if finding.unit == "s":
        return f"{number * 1e3:.3f} ms"
    if finding.unit == "bytes":
        return f"{number / 1e6:.3f} MB"
    if finding.unit == "J":
        return f"{number:.4g} J"
    return f"{number:.4f}"


def percent(share: float | None) -> str:
    """The signed change in percent of the reference."""
    return NOTHING if share is None else "0%" if share == 0 else f"{share:+.2%}"


def sentence(finding: Finding) -> str:
    """The finding in a sentence."""
    if finding.change is None:
        return f"{finding.row}: {finding.metric} was not compared."
    p = "" if finding.p_value is None else f", p {_p(finding.p_value)} over all tests"
    bounds = cells(finding)[6]
    between = "" if bounds == NOTHING else f", 95 % bounds {bounds}"
    direction = "unchanged" if finding.change == 0 else "worse" if finding.change > 0 else "better"
    by = "" if finding.change == 0 else f" by {value(abs(finding.change), finding)}"
    share = "" if finding.change == 0 else f" ({percent(finding.change_share)} of the reference)"
    is_beyond = finding.limit is None or finding.change > finding.limit
    verdict = {
        "PASS": f"within the limit of {finding.limit_text}",
        "REGRESSION": f"proven to be beyond the limit of {finding.limit_text}",
        "AMBIGUOUS": f"beyond the limit of {finding.limit_text}, but not proven"
        if is_beyond
        else f"not proven to be within the limit of {finding.limit_text}",
    }.get(finding.status, finding.status.lower())
    return (
        f"{finding.row}: {finding.metric} {value(finding.reference, finding)} -> {value(finding.current, finding)}, "
        f"{direction}{by}{share}{between}{p}: {verdict}."
    )


def item(finding: Finding) -> str:
    """A finding for a reviewer: its sentence, with shortened numbers if it has any."""
    told = sentence(finding).removesuffix(".")
    if finding.change is None or not finding.sentence.startswith(told):
        return finding.sentence
    rest = finding.sentence.removeprefix(told)  # what it was judged on, why it is not proven
    values = f"{value(finding.reference, finding)} \u2192 {value(finding.current, finding)}"
    return f"{finding.row}: {finding.metric} {values}, {moved(finding)}{proof(finding)}{rest}"


def method(outcome: Outcome) -> str:
    """A line below the table that explains the numbers."""
    shared = shared_parts(finding.key for finding in outcome.findings)
    of_all = f" All rows: {shared}." if shared else ""
    return (
        f"{outcome.current} against {outcome.baseline}.{of_all} Positive is worse. A regression is proven when the "
        "lower 95 % bound of the change lies beyond the limit and its p-value, adjusted over all tests, is below 2 %."
    )


def _signed(number: float, finding: Finding) -> str:
    text = value(abs(number), finding)
    return text if not number else f"{'+' if number > 0 else '-'}{text}"


def _p(p_value: float) -> str:
    return "< 0.0001" if p_value < 1e-4 else f"{p_value:.4f}"
