"""Deployed models timed together with the original: a group that memory and time allow, in rounds, in both scopes.

Models that are timed one after the other, minutes apart, are compared across whatever the machine did in between. In a
round all are called within seconds, so that what slows the machine meets all of them, and what is compared is the ratio
to the original within the round (see measure/rounds.py).
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

PAIRS = 1  # many short rounds: the median over them forgives calls that were interrupted
CALLS = 2 * PAIRS  # of each model in a round
ROUND_SECONDS = 10.0  # calls that are further apart than this are not of one moment
SEED = 0  # of the orders


@dataclass(frozen=True)
class RoundsRule:
    """At most so many rounds, none begun after `max_seconds` for each model of the group; for each scope."""

    max_rounds: int
    max_seconds: float


@dataclass(frozen=True)
class Entrant:
    """A model to be timed: its name, what opens its engine, and about how long a call of the pipeline takes."""

    name: str
    open: Callable[[], Engine]
    call_s: float


class ScopeRounds(Struct, frozen=True, kw_only=True):
    """One scope of a model and of its reference in the rounds that had both: seconds of every call, in order."""

    seconds: tuple[tuple[float, ...], ...]
    reference_s: tuple[tuple[float, ...], ...]
    states: tuple[dict[str, Any], ...]

    def ratio(self, reference: str) -> Ratio | None:
        """The model over its reference; None without a round."""
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
    """A model's part of its group's rounds, as an artifact keeps it; `group` names all, `seed` is of the orders."""

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
    """What a group gave: every model's rounds by its name, and why those failed that did.

    A model that failed keeps the rounds before. `untried` are those that found no place.
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
    """Time the reference and as many of the others, in their order, as memory and ROUND_SECONDS allow; at least one.

    `free_bytes` tells the device's free memory, `moment` the machine's state, which is kept with every round. `clock`
    takes the place of the host's, `between` is called before every call, outside of what is timed. A model that fails
    is left out of what follows, and nobody else is. Raises ValueError for two models of one name.
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
    """The engines of a group by name, each run once, so that it has taken its memory."""
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
        except Exception as error:  # each engine raises classes of its own
            if len(engines) > 1:  # it may be for want of memory: once more, with the reference alone
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
    """What is timed of each model in one scope, and by which clock."""

    calls: dict[str, Callable[[int], object]]
    clock: Clock
    own_clocks: dict[str, Clock]


def _calls(
    engines: Mapping[str, Engine], batches: Sequence[Sequence[ImageRecord]], options: NmsOptions, clock: Clock
) -> dict[Scope, _Calls]:
    """Both scopes; models of a group take the same images, which are loaded once."""
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
    """The rounds of one scope; whoever fails is dropped, and without the reference they end."""
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
