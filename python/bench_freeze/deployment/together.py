"""Time deployed models together with the original: a group that fits memory and time, in rounds, in both scopes.

A comparison of models timed minutes apart includes whatever the machine did in between. In a round all models are
called within seconds, so that a slowdown affects all of them. Models are compared by their ratio to the original within
the round (see measure/rounds.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ..data.dataset import ImageRecord
from ..data.loader import load_batch
from ..engines.base import Engine
from ..kernels.nms_options import NmsOptions
from ..measure.clock import Clock, HostClock
from ..measure.free_memory import MemoryRoom
from ..measure.rounds import Round, RoundFailed, Rounds, ratio_interval
from ..measure.sampler import WARMUP_PATIENCE_SECONDS
from ..measure.stages import StageClock
from ..results.latency import Latencies, Latency, Ratio
from .latency import SCOPES, Scope, engine_clock
from .pipeline import pipeline_call

PAIRS = 1  # many short rounds: their median is robust to interrupted calls
CALLS = 2 * PAIRS  # of each model in a round
ROUND_SECONDS = 10.0  # calls further apart than this do not see the same state of the machine
SEED = 0  # of the orders


@dataclass(frozen=True)
class RoundsRule:
    """Limits per scope: `max_rounds` rounds, and `max_seconds` per model of the group, after which none starts."""

    max_rounds: int
    max_seconds: float


@dataclass(frozen=True)
class Entrant:
    """A model to time: its name, a function that opens its engine, and the approximate seconds of a pipeline call."""

    name: str
    open: Callable[[], Engine]
    call_s: float


class ScopeRounds(Struct, frozen=True, kw_only=True):
    """One scope of a model and its reference over the rounds that timed both: the seconds of every call, in order."""

    seconds: tuple[tuple[float, ...], ...]
    reference_s: tuple[tuple[float, ...], ...]
    states: tuple[dict[str, Any], ...]

    def ratio(self, reference: str) -> Ratio | None:
        """The latency of the model over that of its reference; None without rounds."""
        pairs = zip(self.seconds, self.reference_s, strict=True)
        ratios = [Round((), {"own": own, "reference": other}).ratio("own", "reference") for own, other in pairs]
        if not ratios:
            return None
        found = ratio_interval(ratios)
        return Ratio(
            value=found.value,
            low=found.low,
            high=found.high,
            confidence=found.confidence,
            rounds=found.rounds,
            reference=reference,
        )


class TimedTogether(Struct, frozen=True, kw_only=True):
    """A model's part in its group's rounds, as stored in an artifact, with the `group` and the `seed` of the orders."""

    model: ScopeRounds
    pipeline: ScopeRounds
    reference: str
    group: tuple[str, ...]
    seed: int

    def added_to(self, latencies: Latencies) -> Latencies:
        """The latencies with their ratios to the reference."""
        return replace(
            latencies,
            model=self._with_ratio(latencies.model, self.model),
            pipeline=self._with_ratio(latencies.pipeline, self.pipeline),
        )

    def _with_ratio(self, latency: Latency | None, rounds: ScopeRounds) -> Latency | None:
        return latency and replace(latency, ratio_to_original=rounds.ratio(self.reference))


@dataclass
class Outcome:
    """The result of a group: the rounds of every model by name, and the reason for every failure.

    A model that failed keeps its earlier rounds. `untried` are the models that did not fit into the group.
    """

    timed: dict[str, TimedTogether] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    untried: list[Entrant] = field(default_factory=list)


def time_group(
    reference: Entrant,
    entrants: Sequence[Entrant],
    batches: Sequence[Sequence[ImageRecord]],
    options: NmsOptions,
    rule: RoundsRule,
    *,
    free_bytes: Callable[[], int | None],
    moment: Callable[[], Mapping[str, Any]] | None = None,
    clock: Clock | None = None,
    between: Callable[[], None] | None = None,
) -> Outcome:
    """Time the reference with as many of the others, in order, as memory and ROUND_SECONDS allow; at least one.

    `free_bytes` returns the device's free memory and `moment` the machine's state, which is stored with every round.
    `clock` replaces the host's clock. `between` runs before every call and is not timed. A model that fails is left out
    of the remaining rounds; the others continue. Raises ValueError for two models with the same name.
    """
    if len({reference.name, *(entrant.name for entrant in entrants)}) <= len(entrants):
        raise ValueError("two models have one name")
    outcome = Outcome()
    with ExitStack() as stack:
        engines = _opened(reference, entrants, outcome, stack, batches[0], free_bytes, between)
        if len(engines) < 2:
            return outcome
        calls = _calls(engines, batches, options, clock or HostClock())
        found = {
            scope: _rounds(calls[scope], reference.name, rule, moment, outcome.failures, between) for scope in SCOPES
        }
        for name in engines:
            if name != reference.name:
                parts = {scope: _part(found[scope].finished, name, reference.name) for scope in SCOPES}
                outcome.timed[name] = TimedTogether(**parts, reference=reference.name, group=tuple(engines), seed=SEED)
    return outcome


def _opened(
    reference: Entrant,
    entrants: Sequence[Entrant],
    outcome: Outcome,
    stack: ExitStack,
    batch: Sequence[ImageRecord],
    free_bytes: Callable[[], int | None],
    between: Callable[[], None] | None,
) -> dict[str, Engine]:
    """The engines of a group by name, each run once so that it has allocated its memory."""
    room, engines, round_s = MemoryRoom(free_bytes), dict[str, Engine](), 0.0
    for position, entrant in enumerate((reference, *entrants)):
        round_s += CALLS * entrant.call_s
        if between is not None:
            between()
        if len(engines) > 1 and (round_s > ROUND_SECONDS or not room.has_room()):
            outcome.untried += entrants[position - 1 :]
            break
        try:
            engine = stack.enter_context(closing(entrant.open()))
            engine.infer(load_batch(batch, 0, engine.card.imgsz).images)
        except Exception as error:  # every engine raises its own classes
            if len(engines) > 1:  # it may be out of memory: try again with the reference alone
                outcome.untried += entrants[position - 1 :]
                break
            outcome.failures[entrant.name] = _sentence(error)
            if entrant is reference:
                break
            continue
        engines[entrant.name] = engine
        room.took()
    return engines


@dataclass(frozen=True)
class _Calls:
    """The calls to time in one scope, and the clocks to time them with."""

    calls: dict[str, Callable[[int], object]]
    clock: Clock
    own_clocks: dict[str, Clock]


def _calls(
    engines: Mapping[str, Engine], batches: Sequence[Sequence[ImageRecord]], options: NmsOptions, clock: Clock
) -> dict[Scope, _Calls]:
    """The calls of both scopes; the models of a group share the same images, which are loaded once."""
    (imgsz,) = {engine.card.imgsz for engine in engines.values()}
    images = [load_batch(records, 0, imgsz).images for records in batches]
    own = {name: at for name, engine in engines.items() if (at := engine_clock(engine)) is not None}

    def model(engine: Engine) -> Callable[[int], object]:
        return lambda number: engine.infer(images[number % len(images)])

    def pipeline(engine: Engine) -> Callable[[int], object]:
        calls = [pipeline_call(engine, records, options, StageClock(clock)) for records in batches]
        return lambda number: calls[number % len(calls)]()

    return {
        "model": _Calls({name: model(engine) for name, engine in engines.items()}, clock, own),
        "pipeline": _Calls({name: pipeline(engine) for name, engine in engines.items()}, clock, {}),
    }


def _rounds(
    scope: _Calls,
    reference: str,
    rule: RoundsRule,
    moment: Callable[[], Mapping[str, Any]] | None,
    failures: dict[str, str],
    between: Callable[[], None] | None,
) -> Rounds:
    """Run the rounds of one scope; a model that fails is dropped, and without the reference they end."""
    going = {name: call for name, call in scope.calls.items() if name not in failures}
    rounds = Rounds(
        going, scope.clock, pairs=PAIRS, seed=SEED, state=moment, own_clocks=scope.own_clocks, between=between
    )
    now_s, most_s, ends_s = scope.clock.now_s, rule.max_seconds * len(going), None
    while reference in rounds.names and len(rounds.names) > 1:
        try:
            if ends_s is None:
                rounds.warm_up(min(WARMUP_PATIENCE_SECONDS, rule.max_seconds) * len(rounds.names))
                ends_s = now_s() + most_s
            rounds.run(rule.max_rounds - len(rounds.finished), ends_s - now_s())
            break
        except RoundFailed as error:
            failures[error.name] = str(error)
            rounds.drop(error.name)
    return rounds


def _part(rounds: Sequence[Round], name: str, reference: str) -> ScopeRounds:
    both = [r for r in rounds if {name, reference} <= r.seconds.keys()]
    return ScopeRounds(
        seconds=tuple(r.seconds[name] for r in both),
        reference_s=tuple(r.seconds[reference] for r in both),
        states=tuple(dict(r.state) for r in both),
    )


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
