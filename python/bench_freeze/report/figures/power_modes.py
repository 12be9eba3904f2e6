"""A board's power modes: energy per call against latency, with the front marked."""

from __future__ import annotations

from ...results.profile import PowerModeFigures
from ..view import View
from .figure import Axis, Figure, Series

LATENCY = "engine, median of a batch, ms"


def energy_by_mode(view: View) -> list[Figure]:
    """One plot with a series for each profile that measured power modes; empty where no profile did."""
    series: list[Series] = []
    for profile in view.profiles:
        measured = [mode for mode in profile.profile.power_modes if mode.on_front is not None]
        if measured:
            series.append(_series(profile.name, measured, named=True, symbol=len(series)))
            front = sorted((mode for mode in measured if mode.on_front), key=_milliseconds)
            series.append(_series(f"{profile.name}: on the front", front))
    if not series:
        return []
    frugal = min(
        (mode for profile in view.profiles for mode in profile.profile.power_modes if mode.on_front), key=_joules
    )
    return [
        Figure(
            key="power-modes",
            title="Energy against latency by power mode",
            says=f"The least energy per call is {_joules(frugal):.4g} J, in {frugal.name} at "
            f"{_milliseconds(frugal):.2f} ms.",
            x=Axis(LATENCY, from_zero=True),
            y=Axis("energy per call, J", from_zero=True),
            series=series,
            notes="Clocks locked in every mode. For a mode on the front, no other is both faster and more frugal.",
        )
    ]


def _series(name: str, modes: list[PowerModeFigures], named: bool = False, symbol: int = 0) -> Series:
    return Series(
        name=name,
        x=[_milliseconds(mode) for mode in modes],
        y=[_joules(mode) for mode in modes],
        labels=[mode.name for mode in modes],
        mark="points" if named else "front",
        named=named,
        symbol=symbol,
    )


def _milliseconds(mode: PowerModeFigures) -> float:
    return 1e3 * mode.latency.p50_s if mode.latency is not None and mode.latency.p50_s is not None else 0.0


def _joules(mode: PowerModeFigures) -> float:
    return mode.energy.joules_per_call if mode.energy is not None else 0.0
