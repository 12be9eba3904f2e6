"""The machine while rows were timed: clocks, power, energy, temperatures and load over the readings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..view import View
from .figure import Axis, Figure, Series

Reading = Mapping[str, Any]
Probe = Callable[[str, Reading], Iterator[tuple[str, float | None]]]


def figures_of_machine(view: View) -> list[Figure]:
    """One plot for each quantity that at least one machine reported."""
    quantities: tuple[tuple[str, str, str, Probe], ...] = (
        ("clocks", "Clocks", "MHz", _clocks),
        ("power", "Power", "W", _power),
        ("energy", "Energy since the first reading", "J", _energy),
        ("temperatures", "Temperatures", "degrees Celsius", _temperatures),
        ("load", "Load", "load average of a minute", _load),
    )
    found = (_figure(view, *quantity) for quantity in quantities)
    return [figure for figure in found if figure is not None]


def _figure(view: View, key: str, title: str, unit: str, probe: Probe) -> Figure | None:
    lines: dict[str, list[tuple[float, float, str]]] = {}
    several = len({row.source for row in view.measured()}) > 1
    for row in view.measured():
        telemetry = row.record.latency.telemetry if row.record.latency is not None else None
        for when in ("before", "after") if telemetry else ():
            readings = (telemetry or {}).get(when, {})
            at = readings.get("cpu", {}).get("at_s")
            for source, reading in readings.items() if at is not None else ():
                for name, value in probe(source, reading):
                    if value is not None:
                        label = f"{row.source}: {name}" if several else name
                        lines.setdefault(label, []).append((at, float(value), f"{when} {row.name}"))
    series: list[Series] = []
    for name, found in lines.items():
        points = sorted(set(found))  # rows of one model share a measurement
        start = points[0][0]
        first = points[0][1] if key == "energy" else 0.0
        series.append(
            Series(
                name=name,
                x=[at - start for at, _, _ in points],
                y=[value - first for _, value, _ in points],
                labels=[label for _, _, label in points],
                mark="line and points",
                symbol=len(series),
            )
        )
    series = [s for s in series if len(s.x) > 1]
    if not series:
        return None
    highest = max(value for s in series for value in s.y if value is not None)
    return Figure(
        key=f"machine-{key}",
        title=f"{title} over time",
        says=f"Of {', '.join(s.name for s in series[:6])}; the highest value is {highest:.4g} {unit}.",
        x=Axis("seconds since the first reading"),
        y=Axis(unit, from_zero=True),
        series=series,
        choose=len(series) > 6,
        notes="Read before and after each measurement, never while samples are taken.",
    )


def _clocks(source: str, reading: Reading) -> Iterator[tuple[str, float | None]]:
    known = [clock for clock in reading.get("clocks_mhz") or () if clock is not None]
    if known:
        yield f"{source}, mean of {len(known)} cores", sum(known) / len(known)
    yield f"{source}, multiprocessors", reading.get("sm_clock_mhz")
    yield f"{source}, memory", reading.get("memory_clock_mhz")
    for device, state in (reading.get("devfreq") or {}).items():
        yield device, state.get("cur_mhz")


def _power(source: str, reading: Reading) -> Iterator[tuple[str, float | None]]:
    yield source, reading.get("power_w")
    module = reading.get("module")
    if module:
        yield f"{source}, module", module["now_mw"] / 1000


def _energy(source: str, reading: Reading) -> Iterator[tuple[str, float | None]]:
    yield source, reading.get("energy_j")


def _temperatures(source: str, reading: Reading) -> Iterator[tuple[str, float | None]]:
    yield source, reading.get("temperature_c")
    for zone, value in (reading.get("temperatures_c") or {}).items():
        yield f"{source}, {zone}", value


def _load(source: str, reading: Reading) -> Iterator[tuple[str, float | None]]:
    load = reading.get("load_average")
    yield source, load[0] if load else None
