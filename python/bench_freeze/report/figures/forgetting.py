"""Where the base task is forgotten: the graft ladder."""

from __future__ import annotations

from ..schema import Row, Rung
from ..view import RowView, View
from .figure import Axis, Figure, Series, shown_first


def graft_ladder(view: View) -> Figure | None:
    """Base mAP with layers 0..k-1 tuned and the rest original, one line for each training."""
    found: dict[tuple[str, ...], tuple[RowView, list[Rung]]] = {}
    for row in view.models("model"):
        if isinstance(row.record, Row) and row.record.ladder:
            found.setdefault(_training(row), (row, row.record.ladder))
    if not found:
        return None
    several_seeds = len({row.identity["seed"] for row, _ in found.values()}) > 1
    several_sources = len({row.source for row, _ in found.values()}) > 1
    series = []
    for position, (row, rungs) in enumerate(found.values()):
        name = f"freeze {row.identity['freeze']}"
        name += f" seed {row.identity['seed']}" if several_seeds else ""
        name += f" {row.identity['recipe']}" if row.identity.get("recipe", "static") != "static" else ""
        name += f" data {row.identity['data_fraction']}" if row.identity.get("data_fraction", "1") != "1" else ""
        series.append(
            Series(
                name=f"{row.source}: {name}" if several_sources else name,
                x=[rung.k for rung in rungs],
                y=[rung.map for rung in rungs],
                mark="line and points",
                symbol=position,
                first=shown_first(position, len(found)),
            )
        )
    lowest = min(series, key=lambda s: s.y[-1] or 0.0)
    return Figure(
        key="ladder",
        title="Graft ladder: where the base task is forgotten",
        says=f"Base mAP from rung to rung; with all layers tuned it is lowest for {lowest.name}: {lowest.y[-1]:.4f}.",
        x=Axis("k: first k layers fine-tuned"),
        y=Axis("base mAP", from_zero=True),
        series=series,
        choose=len(series) > 6,
        notes="The layers behind the first k are the original's. Up to the freeze depth every rung is the original "
        "model, to the last bit.",
    )


def _training(row: RowView) -> tuple[str, ...]:
    names = ("source", "freeze", "seed", "recipe", "data_fraction", "imgsz")
    return tuple(row.identity.get(name, "-") for name in names)
