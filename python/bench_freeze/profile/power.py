"""Latency and energy of one model in every power mode of a board."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from ..deployment.latency import latency_of
from ..measure.clock import PacingClock
from ..measure.sampler import sample_latency
from ..measure.stopping import StoppingRule
from ..measure.telemetry.board_commands import PowerMode
from ..measure.telemetry.energy import MIN_WINDOW_SECONDS, measure_energy
from ..measure.telemetry.machine import MachineTelemetry
from ..measure.telemetry.power_modes import ModeRefused, PowerModes, chosen_modes
from ..results.profile import PowerModeFigures
from ..stats.pareto import pareto_front

SETTLE_SECONDS = 2.0  # for the clocks and voltages of a new mode


@dataclass(frozen=True)
class AskedModes:
    """A board and the requested power modes."""

    board: PowerModes
    modes: tuple[PowerMode, ...]


def asked_modes(asked: str) -> AskedModes | None:
    """The modes that `--power-modes` requests; None without a request. Raises InputError if the machine has none."""
    if not asked:
        return None
    board = PowerModes()
    return AskedModes(board, chosen_modes(asked, board.modes))


def measure_modes(
    asked: AskedModes,
    call: Callable[[int], object],
    clock: PacingClock,
    rule: StoppingRule,
    telemetry: MachineTelemetry,
    keep: Path,
    note: Callable[[str], None],
) -> Generator[PowerModeFigures, None, None]:
    """Measure in one mode after the other with locked clocks, then restore the board's settings.

    A mode that the board refuses gives a reason instead of figures. `keep` is the file that stores the earlier clocks
    meanwhile. Exhaust or close the generator, so that the settings are restored.
    """
    with asked.board.restored(keep):
        for mode in asked.modes:
            note(f"power mode {mode.name}")
            try:
                asked.board.set(mode)
            except ModeRefused as refused:
                yield PowerModeFigures(name=mode.name, number=mode.number, missing=str(refused))
                continue
            clock.wait_until_s(clock.now_s() + SETTLE_SECONDS)
            before = telemetry.read()
            stats = sample_latency(call, clock, rule)
            after = telemetry.read()
            with telemetry.energy_counter() as counter:
                energy = None if counter is None else measure_energy(call, counter, clock, window_s=MIN_WINDOW_SECONDS)
            yield PowerModeFigures(
                name=mode.name,
                number=mode.number,
                latency=latency_of(stats, telemetry.conditions(before, after), 1),
                energy=energy,
                before=before.get("jetson", {}),
                after=telemetry.read().get("jetson", {}),
            )


def with_front(figures: Sequence[PowerModeFigures]) -> list[PowerModeFigures]:
    """The same figures; modes that no other mode beats in both time and energy are marked."""
    costs = {i: cost for i, mode in enumerate(figures) if (cost := _cost(mode)) is not None}

    def faster(a: int, b: int) -> float:
        return costs[b][0] - costs[a][0]

    def more_frugal(a: int, b: int) -> float:
        return costs[b][1] - costs[a][1]

    front = pareto_front([*costs], [faster, more_frugal])
    return [replace(mode, on_front=i in front if i in costs else None) for i, mode in enumerate(figures)]


def _cost(mode: PowerModeFigures) -> tuple[float, float] | None:
    if mode.latency is None or mode.latency.p50_s is None or mode.energy is None:
        return None
    return mode.latency.p50_s, mode.energy.joules_per_call
