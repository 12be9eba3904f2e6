"""What bench/scale.py measured, as exponents and tables."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .contenders import OURS, PEERS
from .fit import slope

if TYPE_CHECKING:
    from bench.scale import Axis

SAME = 1e-12  # of a number: a mean summed in another order


def summary(axes: Sequence[Axis], measured: dict[str, Any]) -> dict[str, Any]:
    """By axis and contender: medians by size, and exponents; and which peers have other last bits in their numbers."""
    found: dict[str, Any] = {}
    for axis in axes:
        for contender in (OURS, *PEERS):
            rows = [_row(axis.name, size, contender, measured) for size in axis.sizes]
            kept = [row for row in rows if row is not None]
            if kept:
                found.setdefault(axis.name, {})[contender] = {"points": kept} | _exponents(kept)
        differing = _check_numbers(axis, measured)
        if differing:
            found[axis.name]["not_the_same_bits"] = differing
    return found


def _points(axis: str, size: int, contender: str, measured: dict[str, Any]) -> list[dict[str, Any]]:
    start = f"{axis}/{size}/{contender}/"
    return [point for key, point in measured.items() if key.startswith(start) and "failure" not in point]


def _row(axis: str, size: int, contender: str, measured: dict[str, Any]) -> dict[str, Any] | None:
    points = _points(axis, size, contender, measured)
    if not points:
        return None
    row = {name: statistics.median(point[name] for point in points) for name in ("cpu_s", "wall_s")}
    peak = max(point["peak_bytes"] for point in points)
    over = max(point["peak_bytes"] - point["before_bytes"] for point in points)
    return {"size": size, "rounds": len(points), "peak_bytes": peak, "over_imports_bytes": over} | row


def _exponents(rows: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    sizes = [row["size"] for row in rows]
    fitted = {}
    for name in ("cpu_s", "over_imports_bytes"):
        costs = [row[name] for row in rows]
        fitted[f"exponent_{name}"] = slope(sizes, costs)
        fitted[f"exponent_{name}_at_the_end"] = slope(sizes[-2:], costs[-2:])
    return fitted


def _check_numbers(axis: Axis, measured: dict[str, Any]) -> list[str]:
    """Peers whose numbers are not ours to the last bit, with the size and the difference; a larger one is an error."""
    found = []
    for size in axis.sizes if axis.kind == "evaluator" else ():
        own = [point["numbers"] for point in _points(axis.name, size, OURS, measured)]
        for contender in (OURS, *PEERS):
            for point in _points(axis.name, size, contender, measured)[:1]:
                apart = max(abs(x - y) for x, y in zip(point["numbers"], own[0], strict=True))
                if apart > SAME or (apart and contender == OURS):
                    raise ValueError(f"{axis.name}, {size}: {contender} is {apart} away from our numbers")
                if apart:
                    found.append(f"{contender} at {size}: {apart:.1g}")
    return found


def markdown(axes: Sequence[Axis], kept: dict[str, Any]) -> str:
    """A table an axis."""
    machine = kept["environment"]
    loads = [point["load_average"] for point in kept["points"].values()]
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores; Python {machine['python']}; one thread. The machine was shared: "
        f"its load average was {min(loads):.1f} to {max(loads):.1f}, so seconds are of the processor. Memory is the "
        "peak of the process; its exponent is of what lies above the imports.",
        "",
    ]
    for axis in axes:
        if axis.name not in kept["summary"]:
            continue
        lines += [f"## {axis.name.capitalize()}", "", f"By {axis.what}.", ""]
        lines += [*_table(kept["summary"][axis.name]), ""]
    return "\n".join(lines)


def _table(by_contender: dict[str, Any]) -> list[str]:
    contenders = {name: by_contender[name] for name in (OURS, *PEERS) if name in by_contender}
    sizes = [row["size"] for row in contenders[OURS]["points"]]
    head = ["", *(f"{size:,}" for size in sizes), "exponent", "at the end"]
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    for contender, found in contenders.items():
        rows = {row["size"]: row for row in found["points"]}
        for name, unit, column in (("cpu_s", "s", "seconds"), ("peak_bytes", "MB", "peak")):
            cells = [_cell(rows.get(size), name) for size in sizes]
            key = "cpu_s" if name == "cpu_s" else "over_imports_bytes"
            ends = [_number(found[f"exponent_{key}{suffix}"]) for suffix in ("", "_at_the_end")]
            lines.append(f"| {contender}, {column} ({unit}) | {' | '.join(cells + ends)} |")
    return lines


def _cell(row: dict[str, Any] | None, name: str) -> str:
    if row is None:
        return ""
    return f"{row[name]:.3g}" if name == "cpu_s" else f"{row[name] / 1e6:,.0f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
