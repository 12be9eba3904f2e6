"""Choose the shown images: the effect of depth, the best and worst of every depth, the largest engine difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..data.classes import ClassMap
from ..data.dataset import DetectionSet
from ..results.schema import Original, Row
from .compare import detections_on, differences, f1_by_image
from .kept import KeptModel

MOST_IMAGES = 12  # of each set


@dataclass
class Choice:
    """One image of a set, why it is shown, and one to three models to show on it first (positions)."""

    image: int
    why: list[str] = field(default_factory=list)
    suggest: list[int] = field(default_factory=list)


def choose_images(role: str, models: Sequence[KeptModel], data: DetectionSet, classes: ClassMap) -> list[Choice]:
    """At most MOST_IMAGES images of a set, with reasons in the order of the depths."""
    chosen: dict[int, Choice] = {}
    for image, why, suggest in (
        *_bought_by_depth(role, models, data, classes),
        *_extremes(role, models, data, classes),
        *_engine_differences(role, models, data),
    ):
        if image in chosen or len(chosen) < MOST_IMAGES:
            choice = chosen.setdefault(image, Choice(image, suggest=suggest))
            choice.why.append(why)
            if len(suggest) > len(choice.suggest):  # several models side by side show more than one
                choice.suggest = suggest
    return list(chosen.values())


def _bought_by_depth(
    role: str, models: Sequence[KeptModel], data: DetectionSet, classes: ClassMap
) -> Iterator[tuple[int, str, list[int]]]:
    """The two images where training more layers helped most, and the one where it harmed most; up to three depths."""
    depths = {r.freeze: k for k in _one_for_each_depth(role, models) if isinstance(r := models[k].record, Row)}
    if role != "target" or len(depths) < 2:
        return
    order = sorted(depths, reverse=True)
    shown = list(dict.fromkeys([order[0], order[len(order) // 2], order[-1]]))
    f1 = {depth: _f1(role, models[depths[depth]], data, classes) for depth in shown}
    boxes = np.bincount(data.ground_truth.image_index[~data.ground_truth.is_crowd], minlength=len(data.images))
    gain = f1[shown[-1]] - f1[shown[0]]
    for verb, sign, count in (("finds more", 1, 2), ("finds less", -1, 1)):
        for image in _ranked(-sign * gain, boxes)[:count]:
            if sign * gain[image] > 0:
                each = ", ".join(f"{f1[depth][image]:.2f} with {depth} frozen" for depth in shown)
                why = f"freeze {shown[-1]} {verb} than freeze {shown[0]}: F1 {each}"
                yield image, why, [depths[depth] for depth in shown]


def _extremes(
    role: str, models: Sequence[KeptModel], data: DetectionSet, classes: ClassMap
) -> Iterator[tuple[int, str, list[int]]]:
    """The best and the worst image of every depth; on the base set also the one with the largest loss."""
    boxes = np.bincount(data.ground_truth.image_index[~data.ground_truth.is_crowd], minlength=len(data.images))
    for position in _one_for_each_depth(role, models):
        record, f1 = models[position].record, _f1(role, models[position], data, classes)
        original = _original_of(record, models) if role == "base" else None
        before = None if original is None else _f1(role, models[original], data, classes)
        name = _name(role, record)
        for what, order in (("best", -f1), ("worst", f1)):
            image = _first(order, boxes)
            if image is not None:
                yield image, f"{what} image of {name}: F1 {f1[image]:.2f}", [position]
        if before is not None and original is not None and not isinstance(record, Original):
            loss = f1 - before
            image = _first(loss, boxes)
            if image is not None and loss[image] < 0:
                yield image, f"{name} lost most: F1 {before[image]:.2f} to {f1[image]:.2f}", [original, position]


def _original_of(record: Row | Original, models: Sequence[KeptModel]) -> int | None:
    """The position of the first original with the checkpoint of a model."""
    for i, model in enumerate(models):
        if isinstance(model.record, Original) and model.record.weights == record.weights and "base" in model.found:
            return i
    return None


def _one_for_each_depth(role: str, models: Sequence[KeptModel]) -> list[int]:
    """Positions of one model for each depth, with the first seed and engine.

    On the base set these are grafted models, since branched models find exactly what the original finds.
    """
    found: dict[int, int] = {}
    for position, model in enumerate(models):
        row = model.record
        if not isinstance(row, Row) or role not in model.found:
            continue
        if role == "target" or (row.graft_at is not None and row.graft_at > row.freeze):
            found.setdefault(row.freeze, position)
    originals = [i for i, m in enumerate(models) if isinstance(m.record, Original) and role in m.found][:1]
    return [*originals, *found.values()]


def _engine_differences(
    role: str, models: Sequence[KeptModel], data: DetectionSet
) -> Iterator[tuple[int, str, list[int]]]:
    """For every other engine or precision, the image on which it differs most from the first one's model."""
    pairs: dict[tuple[str, str], tuple[int, int]] = {}
    first: dict[tuple[object, ...], int] = {}
    for position, model in enumerate(models):
        row = model.record
        if isinstance(row, Row) and role in model.found:
            reference = first.setdefault((row.freeze, row.seed, row.graft_at, row.artifact.weights_sha256), position)
            how = (_engine(models[reference].record), _engine(row))
            if how[0] != how[1]:
                pairs.setdefault(how, (reference, position))
    for (engine_a, engine_b), (a, b) in pairs.items():
        counts = [
            sum(
                differences(
                    detections_on(models[a].found[role][head], i), detections_on(models[b].found[role][head], i)
                )
                for head in models[a].found[role]
            )
            for i in range(len(data.images))
        ]
        image = int(np.argmax(counts))
        if counts[image]:
            name = _name(role, models[a].record)
            yield image, f"{name}: {engine_a} and {engine_b} differ in {counts[image]} box(es)", [a, b]


def _f1(role: str, model: KeptModel, data: DetectionSet, classes: ClassMap) -> NDArray[np.float64]:
    return f1_by_image(model.found[role][role], classes, data)


def _first(order: NDArray[np.float64], boxes: NDArray[np.int64]) -> int | None:
    """The first image with annotations; among ties, the one with the most boxes."""
    return next(iter(_ranked(order, boxes)), None)


def _ranked(order: NDArray[np.float64], boxes: NDArray[np.int64]) -> list[int]:
    """Images with annotations by ascending `order`; among ties, those with more boxes first."""
    return [int(image) for image in np.lexsort((-boxes, order)) if boxes[image] and np.isfinite(order[image])]


def _name(role: str, record: Row | Original) -> str:
    if isinstance(record, Original):
        return "the original"
    return f"freeze {record.freeze}" if role == "target" else f"{record.construction} {record.freeze}"


def _engine(record: Row | Original) -> str:
    return f"{record.engine} {record.precision}"
