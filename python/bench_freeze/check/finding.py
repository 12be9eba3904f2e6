"""The outcome of one rule on one row, and of the whole check: the source of every output format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..exit_status import ExitStatus
from ..results.identity import RowKey

Status = Literal["PASS", "REGRESSION", "AMBIGUOUS", "INVALID", "REFUSED"]

EXIT_CODES: dict[Status, ExitStatus] = {
    "PASS": ExitStatus.DONE,
    "REGRESSION": ExitStatus.FAILED,
    "REFUSED": ExitStatus.INPUT,
    "INVALID": ExitStatus.NO_VERDICT,
    "AMBIGUOUS": ExitStatus.NO_VERDICT,
}
UNCHECKED = "accuracy not checked"  # begins a note, and the summary says it too
# Missing data outrank a regression, which outranks an inconclusive measurement.
PRECEDENCE = (ExitStatus.INPUT, ExitStatus.FAILED, ExitStatus.NO_VERDICT, ExitStatus.DONE)
ORDER: tuple[Status, ...] = ("REFUSED", "REGRESSION", "INVALID", "AMBIGUOUS", "PASS")


@dataclass(frozen=True)
class Finding:
    """One metric of one row against its limit.

    `reference` and `current` are in `unit` ("AP", "s", "bytes", "J", or "" for other fractions). `change` is how much
    worse the current run is (negative: better) with the interval `low` to `high`, all in the same unit; null if nothing
    could be compared. `p_value` is adjusted for all tests of the check; null if nothing was tested.
    """

    rule: str  # as in the rules: "latency_model", "base_map", "target_class" ...
    row: str
    key: RowKey
    metric: str  # in words: "model latency p50", "base mAP", "target AP of pear"
    unit: str
    status: Status
    sentence: str
    reference: float | None = None
    current: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    limit_text: str = ""
    p_value: float | None = None
    remedy: str = ""  # what to do, in a sentence; empty for what passed
    basis: str = ""  # what a latency was judged on, in words: "24 rounds side by side", "20 baseline runs"
    rounds: tuple[tuple[float, float], ...] = ()  # seconds of a call in every round: baseline, current

    @property
    def change_share(self) -> float | None:
        """The change as a share of the reference; positive means worse."""
        return self.change / abs(self.reference) if self.change is not None and self.reference else None


@dataclass(frozen=True)
class Outcome:
    """All findings, what was left out, and the resulting exit status."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    current: str
    baseline: str

    @property
    def exit_code(self) -> ExitStatus:
        """0 pass, 1 regression, 2 missing or unmatched data, 3 invalid or ambiguous. 2 outranks 1, and 1 outranks 3."""
        codes = {EXIT_CODES[finding.status] for finding in self.findings}
        return next((code for code in PRECEDENCE if code in codes), ExitStatus.DONE)

    @property
    def counts(self) -> dict[Status, int]:
        """Numbers of findings by status, the worst first, without those that do not occur."""
        return {status: n for status in ORDER if (n := sum(f.status == status for f in self.findings))}

    @property
    def summary(self) -> str:
        """The outcome in one line."""
        verdict = {
            ExitStatus.DONE: "no regression",
            ExitStatus.FAILED: "REGRESSION",
            ExitStatus.INPUT: "NOT COMPARABLE: data are missing or do not match",
            ExitStatus.NO_VERDICT: "NO VERDICT: a measurement is invalid or inconclusive",
        }[self.exit_code]
        unchecked = f"; {UNCHECKED}" if any(note.startswith(UNCHECKED) for note in self.notes) else ""
        return f"{verdict}: " + ", ".join(f"{n} {status.lower()}" for status, n in self.counts.items()) + unchecked

    def ordered(self) -> list[Finding]:
        """The findings, the worst first, otherwise in their order."""
        return sorted(self.findings, key=lambda finding: ORDER.index(finding.status))


def outcome_of(findings: Sequence[Finding], notes: Iterable[str], current: str, baseline: str) -> Outcome:
    """Combine findings and notes, each note once."""
    return Outcome(tuple(findings), tuple(dict.fromkeys(notes)), current, baseline)
