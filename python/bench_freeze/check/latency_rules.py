"""Latencies of paired rows: unchanged by construction, timed side by side, or compared as recorded.

If both models are available, they are timed side by side. Otherwise the recorded values are compared, given the
variation between the baseline's runs.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterator, Mapping

from .finding import Finding, Status
from .limits import Limit
from .measured import Test
from .own_verdict import verdict_of
from .pairing import RowPair
from .read import CheckedRun
from .rounds import Key, RoundSource
from .run_levels import RunLevels
from .side_by_side import SideBySide
from .snapshot import Sampled

PACKAGES = {"ort": "onnxruntime", "ort-trt": "onnxruntime", "trt": "tensorrt", "torch": "torch"}


class LatencyRules:
    """The rules on latency and energy of two runs. `rounds` are the changes to be timed by `source`."""

    def __init__(self, baseline: CheckedRun, current: CheckedRun, source: RoundSource | None) -> None:
        self._sides = baseline, current
        self._source = source
        self._levels = RunLevels(baseline)
        self.rounds: dict[Key, SideBySide] = {}

    def is_fresh(self, pair: RowPair) -> bool:
        """Whether no recorded latency is needed: the model is the same, or both are timed again."""
        return self._is_same(pair, "pipeline") or (
            self._source is not None and not self._source.only_doubtful and self._source.can_time(pair)
        )

    def examine(
        self, scope: str, blank: Finding, limit: Limit, pair: RowPair, is_asked: bool, notes: list[str]
    ) -> Iterator[Finding | Test]:
        """The finding or test of one scope of a row; none, with a note, if it is missing and no limit was set for
        it."""
        sides = {"baseline": pair.reference.latency.get(scope), "current run": pair.current.latency.get(scope)}
        if not any(sides.values()) and not is_asked:
            notes.append(f"{blank.metric} is in neither run and was not compared")
        elif self._is_same(pair, scope):
            yield _unchanged(blank, sides, limit)
        elif self._source is not None and not self._source.only_doubtful and self._source.can_time(pair):
            yield self._by_rounds(scope, blank, limit, pair, self._source)
        else:
            for found in self._between_runs(scope, blank, limit, pair, sides):
                is_open = self._source is not None and _is_doubtful(found) and self._source.can_time(pair)
                yield self._by_rounds(scope, blank, limit, pair, self._source) if is_open and self._source else found

    def energy(
        self, blank: Finding, limit: Limit, pair: RowPair, is_asked: bool, notes: list[str]
    ) -> Iterator[Finding | Test]:
        """The energy of a call, always compared as recorded."""
        sides = {"baseline": pair.reference.energy_j, "current run": pair.current.energy_j}
        if not any(sides.values()) and not is_asked:
            notes.append(f"{blank.metric} is in neither run and was not compared")
        elif without := [name for name, windows in sides.items() if not windows]:
            yield _missing(blank, without)
        elif short := [name for name, windows in sides.items() if len(windows) < 2]:
            text = f"{blank.row}: {blank.metric} of the {short[0]} comes from a single window; measure at least two."
            yield dataclasses.replace(blank, status="INVALID", sentence=text)
        else:
            current = statistics.geometric_mean(pair.current.energy_j)
            yield Test(blank, self._levels.change(pair.reference, "energy", current), limit)

    def _by_rounds(self, scope: str, blank: Finding, limit: Limit, pair: RowPair, source: RoundSource) -> Test:
        change = SideBySide(limit, label=source.label)
        self.rounds[pair.current.key, scope] = change
        return Test(blank, change, limit)

    def _between_runs(
        self, scope: str, blank: Finding, limit: Limit, pair: RowPair, sides: Mapping[str, Sampled | None]
    ) -> Iterator[Finding | Test]:
        if without := [name for name, sampled in sides.items() if not sampled]:
            yield _missing(blank, without)
            return
        found = {name: sampled for name, sampled in sides.items() if sampled is not None}
        if (finding := _unreliable(blank, found)) is not None:
            yield finding
            return
        current = statistics.median(pair.current.latency[scope].samples_s)
        yield Test(blank, self._levels.change(pair.reference, scope, current), limit)

    def _is_same(self, pair: RowPair, scope: str) -> bool:
        """Whether both ran the same file on the same engine (and, for the pipeline, with the same bench-freeze).

        A version that one side does not record counts as equal.
        """
        if pair.reference.artifact_sha256 != pair.current.artifact_sha256:
            return False
        if pair.current.engine == "torch":
            return False  # its hash does not cover all the weights of a dual-head model
        versions = [side.snapshot.packages.get(PACKAGES.get(pair.current.engine, "")) for side in self._sides]
        ours = [side.snapshot.bench_freeze for side in self._sides]
        is_same_engine = None in versions or versions[0] == versions[1]
        return is_same_engine and (scope == "model" or ours[0] == ours[1])


def _unchanged(blank: Finding, sides: Mapping[str, Sampled | None], limit: Limit) -> Finding:
    """The finding for the same file on the same engine: any difference between two measurements is not a change."""
    reference, current = (_median(sampled) for sampled in sides.values())
    text = f"{blank.row}: {blank.metric} is unchanged: both runs ran the same file through the same engine."
    if reference is not None and current is not None:
        text = text[:-1] + f" ({reference * 1e3:.3f} and {current * 1e3:.3f} ms differ only by chance)."
    return dataclasses.replace(
        blank,
        status="PASS",
        sentence=text,
        reference=reference,
        current=current,
        change=0.0,
        low=0.0,
        high=0.0,
        limit=limit.absolute(reference) if reference is not None else None,
        basis="the same file",
    )


def _is_doubtful(found: Finding | Test) -> bool:
    """Whether measuring again could change the outcome."""
    if isinstance(found, Test):
        return found.change.estimate > found.allowed
    return found.status not in ("PASS", "REFUSED")


def _missing(blank: Finding, without: list[str]) -> Finding:
    text = (
        f"{blank.row}: {blank.metric} is missing in the {' and the '.join(without)}; measure it there, or turn it off."
    )
    return dataclasses.replace(blank, status="REFUSED", sentence=text)


def _unreliable(blank: Finding, sides: Mapping[str, Sampled]) -> Finding | None:
    """The finding instead of a comparison if a run's own verdict is not VALID; medians for information."""
    told, worst = [], "VALID"
    for name, sampled in sides.items():
        verdict, reasons = verdict_of(sampled)
        if verdict != "VALID":
            told.append(f"in the {name} it is {verdict}: {'; '.join(reasons)}")
            worst = "INVALID" if "INVALID" in (verdict, worst) else "AMBIGUOUS"
    if not told:
        return None
    status: Status = "INVALID" if worst == "INVALID" else "AMBIGUOUS"
    text = f"{blank.row}: {blank.metric} was not compared; {' and '.join(told)}. Measure it again."
    reference, current = (_median(sampled) for sampled in sides.values())
    return dataclasses.replace(blank, status=status, sentence=text, reference=reference, current=current)


def _median(sampled: Sampled | None) -> float | None:
    return statistics.median(sampled.samples_s) if sampled is not None and sampled.samples_s else None
