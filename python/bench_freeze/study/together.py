"""Time the rows of a study together with their original once all rows exist, for the ratios that compare them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from msgspec.structs import replace

from ..artifact import artifact_key
from ..conclusions.contradictions import contradictions
from ..deployment.latency import Scope
from ..deployment.plan_builds import build_variance
from ..deployment.together import CALLS, Entrant, Outcome, RoundsRule, TimedTogether, time_group
from ..environment import machine
from ..errors import MeasurementError
from ..measure.telemetry.machine import MachineTelemetry
from ..pace import Work
from ..results.identity import RowKey, key_of
from ..results.schema import Latencies, Latency, Results
from .bench import Bench, Deployed, Lineup

KIND = "rounds"
METHOD = 1  # increased when the meaning of TimedTogether changes: older artifacts are then measured again


def time_together(lineup: Lineup, results: Results) -> list[str]:
    """Give every row its ratio to the original; return a sentence for each model that failed.

    Ratios of earlier runs are kept. With --retime, latencies that contradict each other are measured again together
    with their ratios. A model that fails keeps the ratio from its finished rounds, and the others are not affected.
    """
    groups = list(_groups(lineup, results))
    for model in (model for group in groups for model in group.models):
        if (kept := model.kept()) is not None:
            _place(model, kept, results)
    doubtful = _measured_again(lineup, results)
    return [sentence for group in groups for sentence in _time(group, doubtful, results)]


@dataclass(frozen=True)
class _Model:
    """A deployed model with its rows; with the whole neck frozen, two constructions are the same model."""

    deployed: Deployed
    inputs: Mapping[str, Any]  # the inputs of its rounds' artifact
    call_s: float
    rows: list[RowKey] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.deployed.name

    def kept(self) -> TimedTogether | None:
        """The rounds of an earlier run."""
        found = self.deployed.bench.store.find(KIND, self.inputs)
        return None if found is None else found.value(TimedTogether)

    def keep(self, timed: TimedTogether) -> None:
        """Store its rounds, replacing earlier ones."""
        self.deployed.bench.store.produce(KIND, self.inputs, lambda _: timed, again=True)

    def entrant(self) -> Entrant:
        return Entrant(self.name, self.deployed.deployment.open_beside, self.call_s)


@dataclass(frozen=True)
class _Group:
    """An original and all models compared with it."""

    reference: _Model
    models: list[_Model]


def _groups(lineup: Lineup, results: Results) -> Iterator[_Group]:
    """For each original, the models on the same engine; nothing where no latency is measured."""
    for original in results.originals:
        key = key_of(original)
        reference = lineup[key]
        if reference.bench.study.timing.latency_samples == 0:
            continue
        models: dict[str, _Model] = {}
        for row in results.rows:
            own = key_of(row)
            if (own.weights, own.deployment) == (key.weights, key.deployment):
                inputs = _inputs(lineup[own], reference)
                model = _Model(lineup[own], inputs, _call_s(row.latency))
                models.setdefault(artifact_key(KIND, inputs), model).rows.append(own)
        yield _Group(_Model(reference, {}, _call_s(original.latency), [key]), list(models.values()))


def _inputs(deployed: Deployed, reference: Deployed) -> dict[str, Any]:
    bench = deployed.bench
    return {
        **deployed.deployment.identity(),
        "reference": reference.deployment.identity()["model"],
        "data_sha256": [bench.inputs.target.sha256, bench.inputs.base_set.sha256],
        "batch": bench.study.deployment.batch,
        "settings": bench.selection.key(),
        "rule": asdict(_rule(bench)),
        "machine": machine(),
        "method": METHOD,
    }


def _rule(bench: Bench) -> RoundsRule:
    """Limits that give every model at most as many calls, and as much time, as its own latency measurement."""
    return RoundsRule(math.ceil(bench.study.timing.latency_samples / CALLS), bench.study.timing.latency_seconds)


def _call_s(latencies: Latencies) -> float:
    """The approximate seconds of a call, in the slower scope."""
    return max((latency.p50_s or 0.0 for latency in (latencies.model, latencies.pipeline) if latency), default=0.0)


def _time(group: _Group, doubtful: set[RowKey], results: Results) -> Iterator[str]:
    """Time the models of a group that have no rounds, or doubtful ones, as many at a time as fit."""
    todo = [model for model in group.models if model.kept() is None or doubtful.intersection(model.rows)]
    waiting = {model.name: model for model in todo}
    reference, entrants = group.reference, [model.entrant() for model in todo]
    if group.models and not entrants:
        with reference.deployed.bench.console.step(
            f"time {reference.name} and {len(group.models)} more in rounds"
        ) as step:
            step.kept = True
    failures: dict[str, str] = {}
    while entrants and reference.name not in failures:
        outcome = _time_some(reference, entrants)
        failures |= outcome.failures
        for name, timed in outcome.timed.items():
            if reference.name not in failures and name not in failures:
                waiting[name].keep(timed)
            _place(waiting[name], timed, results)
        entrants = outcome.untried
    for name, reason in failures.items():
        _place_failure(waiting.get(name, reference), reason, results)
        yield f"{name} could not be timed together with the others: {reason}. The same command tries it again."


def _time_some(reference: _Model, entrants: list[Entrant]) -> Outcome:
    bench = reference.deployed.bench
    telemetry = MachineTelemetry(reference.deployed.deployment.device)
    title, work = f"time {reference.name} and {len(entrants)} more in rounds", Work("time", len(entrants) + 1)
    with bench.console.step(title, still=True, work=work) as step:
        return time_group(
            reference.entrant(),
            entrants,
            bench.timed_batches,
            bench.selection,
            _rule(bench),
            free_bytes=telemetry.free_bytes,
            moment=telemetry.moment,
            between=step.pulse,
        )


def _measured_again(lineup: Lineup, results: Results) -> set[RowKey]:
    """With --retime, measure contradicting latencies again; return the keys of the rows and originals concerned."""
    if not any(deployed.bench.study.timing.retime for deployed in lineup.values()):
        return set()
    doubtful: dict[RowKey, set[Scope]] = {}
    for found in contradictions(results):
        for key in (found.whole, found.part):
            doubtful.setdefault(key, set()).add(found.scope)
    for key, scopes in doubtful.items():
        deployed = lineup[key]
        try:
            latencies = deployed.bench.latencies(deployed.deployment, deployed.name, frozenset(scopes))
        finally:
            deployed.deployment.close()
        if latencies.failure is not None:
            raise MeasurementError(
                f"{deployed.name}: the latency measurement broke off: {latencies.failure}; what was measured before is "
                "kept, and the same command continues."
            )
        _change(key, results, partial(_with_ratios_of, latencies))
    return set(doubtful)


def _with_ratios_of(new: Latencies, old: Latencies) -> Latencies:
    """The new latencies with the ratios of the old ones."""

    def scope(before: Latency | None, after: Latency | None) -> Latency | None:
        return after and replace(after, ratio_to_original=before and before.ratio_to_original)

    return replace(new, model=scope(old.model, new.model), pipeline=scope(old.pipeline, new.pipeline))


def _place(model: _Model, timed: TimedTogether, results: Results) -> None:
    for key in model.rows:
        _change(key, results, timed.added_to)


def _place_failure(model: _Model, reason: str, results: Results) -> None:
    for key in model.rows:
        _change(key, results, lambda latencies: replace(latencies, failure=reason))


def _change(key: RowKey, results: Results, change: Callable[[Latencies], Latencies]) -> None:
    """Change the latencies of a row or an original; a row with several builds is itself the first of them."""
    for k, original in enumerate(results.originals):
        if key_of(original) == key:
            results.originals[k] = replace(original, latency=change(original.latency))
    for k, row in enumerate(results.rows):
        if key_of(row) == key:
            latency, builds = change(row.latency), row.builds
            if builds is not None:
                builds = build_variance([replace(builds.plans[0], model=latency.model), *builds.plans[1:]])
            results.rows[k] = replace(row, latency=latency, builds=builds)
