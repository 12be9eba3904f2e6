"""The question of a study in one plot: what depth gains on the target set, and what it costs on the base set."""

from __future__ import annotations

from collections.abc import Sequence

from ..view import RowView, View
from .figure import Axis, Figure, Series, shown_first

CONSTRUCTIONS = ("branched", "grafted", "plain")
TARGET = "target"


def by_depth(view: View) -> Figure | None:
    """Target mAP and base mAP over the freeze depth on one scale, with the original's base mAP as a level."""
    rows = [row for row in view.arms() if row.key.freeze is not None]
    if len({row.key.freeze for row in rows}) < 2:
        return None
    target, base = _target(rows), _base(rows)
    if not target:
        return None
    depths = sorted({row.key.freeze or 0 for row in rows}, reverse=True)
    return Figure(
        key="depth",
        title="What depth buys, and what the base task pays",
        says=_says(rows, depths),
        x=Axis("layers frozen", names=True, order=list(map(str, depths))),
        y=Axis("mAP", from_zero=True),
        series=[*target, *base, *_levels(view, depths)],
        choose=len(target) + len(base) > 8,
        notes="Further right, more layers are trained. Bars: 95 % confidence intervals. Branched models keep the "
        "original's base head.",
    )


def lines_along(rows: Sequence[RowView], along: str) -> list[list[RowView]]:
    """Group rows into lines: rows that differ only in one part share a line."""
    lines: dict[tuple[object, ...], list[RowView]] = {}
    for row in rows:
        lines.setdefault((row.source, row.key.without(along), row.identity["seed"]), []).append(row)
    return list(lines.values())


def _target(rows: Sequence[RowView]) -> list[Series]:
    """One line for each training; a target head is the same under every construction."""
    known: dict[tuple[object, ...], RowView] = {}
    for row in rows:
        if row.value("target_map").value is not None:
            known.setdefault((row.source, row.key.without("construction"), row.identity["seed"]), row)
    lines = lines_along([*known.values()], "freeze")
    lines = _same_training(lines)
    return [_series(line, "target_map", TARGET, k, len(lines)) for k, line in enumerate(lines)]


def _same_training(lines: list[list[RowView]]) -> list[list[RowView]]:
    """Merge lines that differ only in the construction, since the first construction of each depth may differ."""
    joined: dict[tuple[object, ...], list[RowView]] = {}
    for line in lines:
        row = line[0]
        joined.setdefault((row.source, row.key.without("freeze", "construction"), row.identity["seed"]), []).extend(
            line
        )
    return list(joined.values())


def _base(rows: Sequence[RowView]) -> list[Series]:
    own = [row for row in rows if row.key.construction in CONSTRUCTIONS[:2] and row.value("base_map").value is not None]
    lines = lines_along(own, "freeze")
    return [
        _series(line, "base_map", line[0].key.construction, CONSTRUCTIONS.index(line[0].key.construction), len(lines))
        for line in lines
    ]


def _series(line: Sequence[RowView], key: str, group: str, symbol: int, count: int) -> Series:
    points = sorted(line, key=lambda row: -(row.key.freeze or 0))
    left_out = {"freeze": "", "construction": ""} if group == TARGET else {"freeze": ""}
    name = points[0].name_with(**left_out)
    return Series(
        name=f"{'target' if group == TARGET else 'base,'} {name}".strip(),
        x=[str(row.key.freeze) for row in points],
        y=[row.value(key).value for row in points],
        low=[row.value(key).low for row in points],
        high=[row.value(key).high for row in points],
        labels=[row.name for row in points],
        mark="line and points",
        group=group,
        symbol=symbol,
        dashed=group != TARGET,
        first=shown_first(symbol, count),
    )


def _levels(view: View, depths: Sequence[int]) -> list[Series]:
    levels: dict[float, list[str]] = {}
    for row in view.models("original"):
        value = row.value("base_map").value
        if value is not None:
            levels.setdefault(value, []).append(row.name)
    ends = [str(depths[0]), str(depths[-1])]
    return [
        Series(f"base, {' = '.join(names)}", x=ends, y=[level, level], mark="level", dashed=True)
        for level, names in levels.items()
    ]


def _says(rows: Sequence[RowView], depths: Sequence[int]) -> str:
    scored = [row for row in rows if row.value("target_map").value is not None]
    best = max(scored, key=lambda row: row.value("target_map").value or 0.0)
    deepest = max(
        (row for row in scored if row.key.freeze == depths[0]), key=lambda row: row.value("target_map").value or 0.0
    )
    kept = [row for row in rows if row.value("base_map").value is not None and row.key.construction != "plain"]
    says = (
        f"Target mAP {deepest.value('target_map').value:.3f} with {depths[0]} layers frozen; the highest is "
        f"{best.value('target_map').value:.3f} with {best.key.freeze}."
    )
    if not kept:
        return says
    worst = min(kept, key=lambda row: row.value("base_map").value or 0.0)
    return f"{says} The lowest base mAP is {worst.value('base_map').value:.3f} ({worst.name})."
