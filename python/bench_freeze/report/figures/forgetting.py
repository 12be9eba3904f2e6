"""Where the base task is forgotten: the graft ladder."""

from __future__ import annotations

from ...results.identity import varying
from ...results.schema import Row, Rung
from ..view import RowView, View
from .figure import Axis, Figure, Series, shown_first


def graft_ladder(view: View) -> Figure | None:
    """Base mAP with layers 0..k-1 tuned and the rest original, one line for each training."""
    found: dict[tuple[object, ...], tuple[RowView, list[Rung]]] = {}
    for row in view.models("model"):
        if isinstance(row.record, Row) and row.record.ladder:
            found.setdefault(training_of(row), (row, row.record.ladder))
    if not found:
        return None
    series = []
    for position, (row, rungs) in enumerate(found.values()):
        series.append(
            Series(
                name=training_name(view, row),
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
        notes="The layers after the first k are the original's. Up to the freeze depth every rung is the original "
        "model, to the last bit.",
    )


def training_name(view: View, row: RowView) -> str:
    """A training in words: its depth, and whatever else distinguishes it from the others of the view."""
    models = view.models("model")
    name = f"freeze {row.key.freeze}"
    prefixes = {"seed": "seed ", "recipe": "", "data_fraction": "data ", "weights": ""}
    for part in varying((model.key for model in models), prefixes):
        name += f" {prefixes[part]}{row.identity.get(part, '-')}"
    return f"{row.source}: {name}" if len({model.source for model in models}) > 1 else name


def training_of(row: RowView) -> tuple[object, ...]:
    """What distinguishes one training from another."""
    return row.source, row.key.training, row.key.imgsz
