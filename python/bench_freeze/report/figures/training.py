"""The course of the trainings: held-out accuracy, which shows when the base task is forgotten, losses and rates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ...results.schema import Row
from ...results.training_curves import HeldOutCurve, TrainingCurves
from ..view import View
from .figure import Axis, Figure, Series, shown_first
from .forgetting import training_name, training_of

AT_ONCE = 6  # lines that can be distinguished without choosing


def figures_of_training(view: View) -> list[Figure]:
    """The plots of the trainings that have curves; older results have none."""
    curves = dict(_curves(view))
    figures = (_accuracy(curves), _losses(curves), _rates(curves))
    return [figure for figure in figures if figure is not None]


def _curves(view: View) -> Iterator[tuple[str, TrainingCurves]]:
    """The curves of each training once, by name, since rows of the same training share them."""
    known = set()
    for row in view.models("model"):
        if isinstance(row.record, Row) and row.record.train.curves is not None and training_of(row) not in known:
            known.add(training_of(row))
            yield training_name(view, row), row.record.train.curves


def _accuracy(curves: Mapping[str, TrainingCurves]) -> Figure | None:
    """Held-out target mAP and the graft's base mAP over the epochs."""
    looked_at = {name: found.held_out for name, found in curves.items() if found.held_out is not None}
    if not looked_at:
        return None
    series = []
    for position, (name, found) in enumerate(looked_at.items()):
        shown = shown_first(position, 2 * len(looked_at), AT_ONCE)
        epochs = [point.epoch for point in found.points]
        for data, values in (
            ("target", [point.target_map for point in found.points]),
            ("base", [point.base_map for point in found.points]),
        ):
            if any(value is not None for value in values):
                series.append(
                    Series(
                        name=f"{name}, {data}",
                        x=epochs,
                        y=values,
                        mark="line and points",
                        group=name,
                        symbol=position,
                        dashed=data == "base",
                        first=shown,
                    )
                )
    return Figure(
        key="training-accuracy",
        title="During training: target mAP on held-out images, base mAP of the graft",
        says=_some(_when_forgotten(name, found) for name, found in looked_at.items()),
        x=Axis("epochs finished", from_zero=True),
        y=Axis("mAP", from_zero=True),
        series=series,
        choose=len(series) > AT_ONCE,
        notes=" ".join((*dict.fromkeys(map(_cost, looked_at.values())), _choices(looked_at))).rstrip(),
    )


def _some(sentences: Iterable[str]) -> str:
    """The first few sentences, and the number of the others."""
    told = [sentence for sentence in sentences if sentence]
    more = [f"And {len(told) - AT_ONCE} more."] if len(told) > AT_ONCE else []
    return " ".join([*told[:AT_ONCE], *more])


def _when_forgotten(name: str, found: HeldOutCurve) -> str:
    """Where base mAP began and ended, by which epoch half of its loss had occurred, and where target mAP peaked."""
    known = [(point.epoch, point.base_map) for point in found.points if point.base_map is not None]
    targets = [(point.epoch, point.target_map) for point in found.points if point.target_map is not None]
    said = []
    if len(known) > 1:
        (_, before), (_, after) = known[0], known[-1]
        change = f"base mAP of the graft {before:.3f} to {after:.3f}"
        if after < before:
            half = next(epoch for epoch, value in known if before - value >= (before - after) / 2)
            change += f", half of that by epoch {half}"
        said.append(change)
    if targets:
        epoch, highest = max(targets, key=lambda at: (at[1], -at[0]))
        said.append(f"held-out target mAP highest after epoch {epoch} ({highest:.3f})")
    return f"{name}: {'; '.join(said)}." if said else ""


def _cost(found: HeldOutCurve) -> str:
    base = f", base mAP is of {found.base_images} base images" if found.base_images else ""
    return (
        f"Solid: target, on {found.images} of {found.of_images} training images ({found.boxes} boxes), which were held "
        f"out: no arm of a seed trained on them. Dashed: the tuned layers under the original head{base}. Small steps "
        "mean little on few images; the numbers in the tables come from other images."
    )


def _choices(looked_at: Mapping[str, HeldOutCurve]) -> str:
    """The effect of patience and of choosing the best epoch."""
    ended = (
        f"{name} ended after epoch {found.points[-1].epoch} (patience {found.patience})."
        for name, found in looked_at.items()
        if found.stopped
    )
    kept = (
        f"{name} keeps the weights of epoch {found.kept_epoch}, its best."
        for name, found in looked_at.items()
        if found.keep == "best"
    )
    return " ".join(filter(None, (_some(ended), _some(kept))))


def _losses(curves: Mapping[str, TrainingCurves]) -> Figure | None:
    """The losses of each training and their sum; the parts are drawn on demand."""
    series = []
    parts = max((len(found.losses) for found in curves.values()), default=0)
    for position, (name, found) in enumerate(curves.items()):
        epochs = list(range(1, found.epochs + 1))
        shown = {"sum": _sums(list(found.losses.values())), **found.losses} if parts > 1 else found.losses
        for loss, values in shown.items():
            series.append(
                Series(
                    name=f"{name}, {loss.removesuffix('_loss')}",
                    x=epochs,
                    y=values,
                    mark="line and points",
                    group=name,
                    symbol=position,
                    dashed=loss != "sum",
                    first=loss == "sum" and shown_first(position, len(curves), AT_ONCE),
                )
            )
    if not any(value is not None for line in series for value in line.y):
        return None
    ends = (f"{line.name} ends at {line.y[-1]:.3f}." for line in series if line.first and line.y and line.y[-1])
    return Figure(
        key="training-loss",
        title="Training losses",
        says=f"The mean loss of every epoch. {_some(ends)}".rstrip(),
        x=Axis("epoch", from_zero=True),
        y=Axis("mean loss of the epoch", from_zero=True),
        series=series,
        choose=len(series) > AT_ONCE,
        notes="Means over the batches of an epoch, as Ultralytics prints them, its gains included; replay and "
        "distillation add losses of their own, so sums of different recipes cannot be compared.",
    )


def _sums(parts: Sequence[Sequence[float | None]]) -> list[float | None]:
    return [None if None in values else sum(v for v in values if v is not None) for values in zip(*parts, strict=True)]


def _rates(curves: Mapping[str, TrainingCurves]) -> Figure | None:
    """The learning rates; trainings with the same schedule share a line."""
    lines: dict[tuple[float | None, ...], list[str]] = {}
    for name, found in curves.items():
        if any(rate is not None for rate in found.learning_rate):
            lines.setdefault(tuple(found.learning_rate), []).append(name)
    if not lines:
        return None
    series = [
        Series(
            name=names[0] if len(names) == 1 else f"{len(names)} trainings: {names[0]} ...",
            x=list(range(1, len(rates) + 1)),
            y=list(rates),
            mark="line and points",
            symbol=position,
            first=shown_first(position, len(lines), AT_ONCE),
        )
        for position, (rates, names) in enumerate(lines.items())
    ]
    highest = max(rate for rates in lines for rate in rates if rate is not None)
    return Figure(
        key="training-rate",
        title="Learning rate",
        says=f"The learning rate at the end of every epoch, at most {highest:g}.",
        x=Axis("epoch", from_zero=True),
        y=Axis("learning rate", from_zero=True),
        series=series,
        choose=len(series) > AT_ONCE,
        notes="For the layers with the highest rate; biases have their own warm-up.",
    )
