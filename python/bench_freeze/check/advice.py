"""What a reader does about a finding, where the finding itself does not say."""

from __future__ import annotations

from .finding import Finding
from .metric import HEADS, METRICS

_MEANT = "If it is meant, `bench-freeze baseline update` takes it in with a reason."
_GREW = {
    "latency": "`bench-freeze profile` of both files shows which part takes longer.",
    "size": "Compare the precision and the layers of both files.",
    "energy": "`bench-freeze profile` of both files shows which part takes longer.",
}


def advice(finding: Finding) -> str:
    """One or two sentences; empty where the finding's own sentence says what to do, and of what passed."""
    metric = METRICS.get(finding.rule)
    if metric is None or finding.status in ("PASS", "REFUSED"):
        return ""
    is_accuracy = metric.subject in HEADS
    if finding.status == "REGRESSION":
        look = "`bench-freeze report` shows which classes fell." if is_accuracy else _GREW[metric.subject]
        return f"{look} {_MEANT}"
    if finding.status == "INVALID":
        return "" if is_accuracy else "Measure again with nothing else running on the machine."
    if is_accuracy:
        return "More evaluation images or more seeds would decide it; a wider limit for this row accepts it."
    return "More samples would decide it, or both files timed in turn on one machine."
