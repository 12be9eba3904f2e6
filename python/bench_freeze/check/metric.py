"""A metric of a rule: a head's accuracy, a scope's latency, the file's size, a call's energy."""

from __future__ import annotations

from dataclasses import dataclass

HEADS = ("target", "base")
SCOPES = ("model", "pipeline")
_ACCURACIES = {"map": "mAP", "map50": "mAP50", "class": "AP", "f1": "F1 at 0.25", "calibration": "calibration error"}


@dataclass(frozen=True)
class Metric:
    """`subject` is a head, latency, size or energy; `kind` which accuracy of a head, or the scope of a latency."""

    subject: str
    kind: str
    words: str  # what people call it

    @property
    def name(self) -> str:
        """The name in rules and findings: base_map, latency_model, size."""
        return f"{self.subject}_{self.kind}" if self.kind else self.subject


_ALL = (
    *(Metric(head, kind, f"{head} {words}") for head in HEADS for kind, words in _ACCURACIES.items()),
    *(Metric("latency", scope, f"{scope} latency p50") for scope in SCOPES),
    Metric("size", "", "file size"),
    Metric("energy", "", "energy per call"),
)
METRICS = {metric.name: metric for metric in _ALL}  # in the order of findings
