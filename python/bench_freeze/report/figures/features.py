"""What fine-tuning did to the features: drift of every layer, and what a base head can still read."""

from __future__ import annotations

from collections.abc import Iterator

from ...results.schema import Row
from ..view import RowView, View
from .figure import Axis, Figure, Series, shown_first
from .forgetting import training_name, training_of

HEADS = ("original", "grafted", "fresh", "fresh_control", "realigned", "realigned_control")


def figures_of_features(view: View) -> list[Figure]:
    """Every plot of the analyses that has data."""
    found = (_activations(view), _weights(view), _recovery(view))
    return [figure for figure in found if figure is not None]


def _trainings(view: View) -> Iterator[tuple[str, Row]]:
    """One row for each training that was analysed: the analyses are the same for all of them."""
    found: dict[tuple[object, ...], RowView] = {}
    for row in view.models("model"):
        if isinstance(row.record, Row) and row.record.analysis is not None:
            found.setdefault(training_of(row), row)
    for row in found.values():
        if isinstance(row.record, Row):
            yield training_name(view, row), row.record


def _activations(view: View) -> Figure | None:
    series = []
    trainings = [(name, row.analysis.drift) for name, row in _trainings(view) if row.analysis and row.analysis.drift]
    for position, (name, layers) in enumerate(trainings):
        for role in ("base", "target"):
            series.append(
                Series(
                    name=f"{name}, {role} set",
                    x=[layer.layer for layer in layers],
                    y=[getattr(layer, role).cka for layer in layers],
                    labels=[f"{layer.kind}, frozen" if layer.frozen else layer.kind for layer in layers],
                    mark="line and points",
                    group=name,
                    symbol=position,
                    dashed=role == "target",
                    first=shown_first(position, len(trainings), 4),
                )
            )
    if not series:
        return None
    lowest = min((y, s.name, x) for s in series for x, y in zip(s.x, s.y, strict=True) if y is not None)
    return Figure(
        key="drift",
        title="Drift of every layer's activations",
        says=f"CKA of base and tuned features; the lowest is {lowest[0]:.3f} at layer {lowest[2]} ({lowest[1]}).",
        x=Axis("layer"),
        y=Axis("linear CKA, base against tuned", from_zero=True),
        series=series,
        choose=len(series) > 4,
        notes="1: the same features up to rotation and scale. Frozen layers that read frozen layers cannot drift.",
    )


def _weights(view: View) -> Figure | None:
    series = []
    trainings = [(name, row.analysis.drift) for name, row in _trainings(view) if row.analysis and row.analysis.drift]
    for position, (name, layers) in enumerate(trainings):
        own = [layer for layer in layers if layer.weights is not None]
        series.append(
            Series(
                name=name,
                x=[layer.layer for layer in own],
                y=[layer.weights.relative_l2 if layer.weights else None for layer in own],
                labels=[f"{layer.kind}, frozen" if layer.frozen else layer.kind for layer in own],
                mark="line and points",
                symbol=position,
                first=shown_first(position, len(trainings)),
            )
        )
    if not series:
        return None
    return Figure(
        key="drift-weights",
        title="Drift of every layer's weights",
        says=f"How far the weights of {len(series)} trainings moved, over the length of the base's.",
        x=Axis("layer"),
        y=Axis("relative L2 distance", from_zero=True),
        series=series,
        choose=len(series) > 6,
    )


def _recovery(view: View) -> Figure | None:
    all_of_them = ((name, row.analysis) for name, row in _trainings(view))
    found = [(name, analysis.recovery) for name, analysis in all_of_them if analysis and analysis.recovery]
    if not found:
        return None
    names = [head.replace("_", ", ") for head in HEADS]
    series = [
        Series(name=name, x=names, y=[getattr(recovery, head).map for head in HEADS], mark="bars")
        for name, recovery in found
    ]
    return Figure(
        key="recovery",
        title="What a base head can still read",
        says=f"Base mAP of six heads on a part of the base set, for {len(series)} trainings.",
        x=Axis("head", names=True, order=names),
        y=Axis("base mAP", from_zero=True),
        series=series,
        shape="group",
        notes="Fresh and realigned heads were trained briefly on the tuned features, controls on the original ones: "
        "accuracy that only a control reaches is lost from the features.",
    )
