"""The verdict of a check in one line, and a change in short form: "+12 % [9, 15], limit 5 %"."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..exit_status import ExitStatus
from ..results.identity import RowKey
from .finding import UNCHECKED, Finding, Outcome
from .metric import HEADS, METRICS
from .row_names import row_names

_WORSE = {"latency": "slower", "size": "larger", "energy": "takes more energy", "calibration": "worse calibrated"}
_SCALES = {"s": (1e3, " ms", 1), "bytes": (1e-6, " MB", 1), "J": (1.0, " J", 2)}  # factor, unit, fewest decimals
_MOST_DECIMALS = 6


def headline(outcome: Outcome) -> str:
    """The verdict, the worst finding by name, and the number of further findings."""
    names = row_names(finding.key for finding in outcome.findings)
    by_status = {status: [f for f in outcome.ordered() if f.status == status] for status in outcome.counts}
    failed = sorted(by_status.get("REGRESSION", []), key=_beyond, reverse=True)
    refused, open_ = by_status.get("REFUSED", []), by_status.get("INVALID", []) + by_status.get("AMBIGUOUS", [])
    if outcome.exit_code is ExitStatus.DONE:
        return f"No regression: {_passed(outcome)}{_unchecked(outcome)}"
    clauses = []
    if refused:
        clauses.append(f"not comparable: {_named(refused[0], names, outcome)}{_more(refused)}")
    if failed:
        clauses.append(
            f"{worse_word(failed[0])}: {_named(failed[0], names, outcome)}, {moved(failed[0])}{_more(failed)}"
        )
    if open_ and not clauses:
        first = max(open_, key=_beyond)
        by = f", {moved(first)}{proof(first)}" if first.change is not None else ": not measured well enough"
        clauses.append(f"no verdict: {_named(first, names, outcome)}{by}{_more(open_)}")
    elif open_:
        clauses.append(f"{len(open_)} without a verdict")
    text = "; ".join(clauses)
    return text[0].upper() + text[1:] + _unchecked(outcome)


def worse_word(finding: Finding) -> str:
    """The word for a row whose metric got worse."""
    metric = METRICS.get(finding.rule)
    if metric is None:
        return "changed"
    return _WORSE.get(metric.subject) or _WORSE.get(metric.kind) or "less accurate"


def moved(finding: Finding) -> str:
    """The change with its bounds and limit, in percent where the limit is a share, else in the metric's unit.

    Numbers have as few decimals as keep them on their side of 0 and of the limit. The sign is that of the metric: more
    milliseconds are +, less AP is -. An unknown bound is an ellipsis; without both there are no brackets.
    """
    if finding.change is None or finding.limit is None:
        return ""
    is_share = finding.limit_text.endswith("%") and bool(finding.reference)
    scale, unit, fewest = (1.0, "", 3) if not is_share else (100 / abs(finding.reference or 1.0), " %", 0)
    if not is_share and finding.unit in _SCALES:
        scale, unit, fewest = _SCALES[finding.unit]
    sign = -1.0 if falls(finding) else 1.0
    bounds = (finding.low, finding.high) if sign > 0 else (finding.high, finding.low)
    worse = [value * scale for value in (finding.change, *bounds) if value is not None]
    limit = finding.limit * scale
    decimals = next((d for d in range(fewest, _MOST_DECIMALS) if _keeps(worse, limit, d)), fewest + 2)

    def written(value: float | None, form: str) -> str:
        return "…" if value is None else f"{0.0 + round(sign * value * scale, decimals):{form}.{decimals}f}"

    change = written(finding.change, "+") if finding.change else "0"
    is_bounded = bounds != (None, None) and bounds[0] != bounds[1]
    between = f" [{', '.join(written(value, '') for value in bounds)}]" if is_bounded else ""
    return f"{change}{unit}{between}, limit {limit_words(finding)}"


def proof(finding: Finding) -> str:
    """The suffix that says what is proven of a change; empty for what passed."""
    if finding.status == "REGRESSION":
        return ": proven"
    is_within = finding.change is not None and finding.limit is not None and finding.change <= finding.limit
    return "" if finding.status != "AMBIGUOUS" else ": not proven to be within it" if is_within else ": not proven"


def limit_words(finding: Finding) -> str:
    """The limit as given, with a blank before its unit."""
    number = finding.limit_text.rstrip("%abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZµ")
    unit = finding.limit_text[len(number) :]
    return f"{number} {unit}".strip()


def falls(finding: Finding) -> bool:
    """Whether lower values of the metric are worse."""
    metric = METRICS.get(finding.rule)
    return metric is not None and metric.subject in HEADS and metric.kind != "calibration"


def _keeps(values: list[float], limit: float, decimals: int) -> bool:
    """Whether rounding keeps every value on its side of 0 and of the limit."""
    return all(
        _side(round(value, decimals), bound) == _side(value, bound) for value in values for bound in (0.0, limit)
    )


def _side(value: float, bound: float) -> int:
    return (value > bound) - (value < bound)


def _named(finding: Finding, names: Mapping[RowKey, str], outcome: Outcome) -> str:
    """The row, with the metric if several findings would have the same name."""
    alike = {f.metric for f in outcome.findings if worse_word(f) == worse_word(finding)}
    return names[finding.key] if len(alike) == 1 else f"{names[finding.key]}, {finding.metric}"


def _beyond(finding: Finding) -> float:
    """The change in multiples of its limit, to find the worst; infinite for a limit of 0."""
    if finding.change is None or finding.limit is None:
        return -math.inf
    return finding.change / finding.limit if finding.limit else math.inf


def _more(findings: list[Finding]) -> str:
    return f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""


def _passed(outcome: Outcome) -> str:
    metrics, rows = len(outcome.findings), len({finding.key for finding in outcome.findings})
    return f"{metrics} comparison{'s' * (metrics != 1)} of {rows} row{'s' * (rows != 1)} within their limits"


def _unchecked(outcome: Outcome) -> str:
    return f"; {UNCHECKED}" if any(note.startswith(UNCHECKED) for note in outcome.notes) else ""
