"""Classify objects of a detection set by frozen features: accuracy by how much of the view they fill and what else is
in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from ..console import Console
from ..data.dataset import DetectionSet
from ..errors import InputError
from ..results.transfer import Crops, ViewAccuracy, ViewGroup
from .features import FeatureStore
from .probing import Probed, probe_all
from .request import TransferRequest
from .sources import Source
from .statistics import Less, Ratio, Scored, compared, compared_by, estimated
from .views import FILLS, INSIDE, SMALLEST_SIDE, ObjectViews, object_views, view_canvases

COUNTS = ((1, 1), (2, 3), (4, None))  # groups by the number of objects in view: (lowest, highest)
SMALL, CROWDED = "objects that fill little", "several objects in view"  # keys of `Crops.losses`


@dataclass(frozen=True)
class ObjectSet:
    """A detection set's two splits with the views of their objects."""

    training: DetectionSet
    scored: DetectionSet
    learned: ObjectViews
    judged: ObjectViews


def read_objects(training: DetectionSet, scored: DetectionSet) -> ObjectSet:
    """The views of both splits. Raises InputError where no accuracy can be measured on them."""
    found = ObjectSet(training, scored, object_views(training), object_views(scored))
    classes = len(np.unique(found.learned.labels))
    if classes < 2:
        raise InputError(
            f"{training.name}: objects of {SMALLEST_SIDE:g} pixels and more belong to {classes} class(es); a "
            "classifier needs two or more."
        )
    if not len(found.judged):
        raise InputError(f"{scored.name} has no object of {SMALLEST_SIDE:g} pixels or more, so nothing is scored.")
    return found


def crops(
    data: ObjectSet, sources: Sequence[Source], request: TransferRequest, features: FeatureStore, console: Console
) -> Crops:
    """Probe the objects' classes for every fill, source and seed, on all training objects."""

    @cache
    def read(source: Source, seed: int, is_training: bool) -> NDArray[np.float32]:
        part = (data.training, data.learned) if is_training else (data.scored, data.judged)
        backbone = source.backbone(seed)
        title = f"{source.titled(seed)}, {'training' if is_training else 'scored'} objects"
        found = features.pooled(title, backbone, view_canvases(*part, request.imgsz, request.batch))[backbone.end - 1]
        return found.reshape(len(part[1]), len(FILLS), -1)

    def at(k: int, is_training: bool, source: Source, seed: int) -> NDArray[np.float32]:
        return read(source, source.seed_of(seed, request.seeds), is_training)[:, k]

    for source in sources:
        for seed in source.seeds_that_differ(request.seeds):
            for is_training in (True, False):
                read(source, seed, is_training)
    accuracy: list[ViewAccuracy] = []
    table: list[tuple[str, float, Ratio]] = []
    images = len(data.scored.images)
    by_fill: list[dict[str, Probed]] = []
    whole = replace(request, data_fractions=(1.0,))
    for k, fill in enumerate(FILLS):
        with console.step(f"probes of objects that fill {fill:g} of the view") as step:
            _, found = probe_all(
                sources,
                whole,
                partial(at, k, True),
                partial(at, k, False),
                data.learned.labels,
                data.judged.labels,
                lambda _share, _seed: np.arange(len(data.learned)),
                step,
            )
        by_fill.append({probed.source: probed for probed in found})
        everything = np.ones(len(data.judged), np.bool_)
        for probed in found:
            ratio = _ratio(probed, data.judged.image, everything, images)
            table.append((probed.source, fill, ratio))
            accuracy.append(
                ViewAccuracy(
                    source=probed.source,
                    fill=fill,
                    share=float(np.mean(data.judged.share[:, k])),
                    top1=estimated(ratio, images),
                    by_objects=_by_objects(probed, data.judged, k, images),
                )
            )
    counts = np.bincount(data.learned.labels)
    return Crops(
        data=data.scored.name,
        data_sha256=[data.training.sha256, data.scored.sha256],
        classes=list(data.scored.class_names),
        train_objects=len(data.learned),
        test_objects=len(data.judged),
        left_out=[data.learned.left_out, data.judged.left_out],
        unseen=int((~np.isin(data.judged.labels, data.learned.labels)).sum()),
        majority=float(np.mean(data.judged.labels == np.argmax(counts))),
        settings={"fills": list(FILLS), "smallest_side": SMALLEST_SIDE, "inside": INSIDE},
        accuracy=accuracy,
        comparisons=compared(table, images),
        losses=compared_by(_losses(by_fill, data.judged, images), images),
    )


def _losses(
    by_fill: Sequence[dict[str, Probed]], views: ObjectViews, images: int
) -> dict[str, list[tuple[str, float, Scored]]]:
    """The loss of top-1 from the fullest view to the widest, and in the widest from single objects to crowds."""
    everything = np.ones(len(views), np.bool_)
    lone, crowded = views.objects[:, -1] <= COUNTS[0][0], views.objects[:, -1] >= COUNTS[-1][0]
    tables: dict[str, list[tuple[str, float, Scored]]] = {SMALL: [], CROWDED: []}
    for source in by_fill[0]:
        full, wide = by_fill[0][source], by_fill[-1][source]
        tables[SMALL].append(
            (source, 1.0, Less(*(_ratio(own, views.image, everything, images) for own in (full, wide))))
        )
        if lone.any() and crowded.any():
            tables[CROWDED].append(
                (source, 1.0, Less(*(_ratio(wide, views.image, rows, images) for rows in (lone, crowded))))
            )
    return {name: table for name, table in tables.items() if table}


def _ratio(probed: Probed, image: NDArray[np.int64], rows: NDArray[np.bool_], images: int) -> Ratio:
    """The hits among some objects over their number, by image."""
    own = image[rows]
    over = [np.bincount(own, weights=hit[rows].astype(np.float64), minlength=images) for hit in probed.hits]
    return Ratio(np.array(over), np.bincount(own, minlength=images).astype(np.float64))


def _by_objects(probed: Probed, views: ObjectViews, k: int, images: int) -> list[ViewGroup]:
    groups = []
    for low, high in COUNTS:
        rows = (views.objects[:, k] >= low) & (views.objects[:, k] <= (high if high is not None else np.inf))
        if not rows.any():
            continue
        ratio = _ratio(probed, views.image, rows, images)
        groups.append(
            ViewGroup(
                objects=f"{low}" if low == high else f"{low} and more" if high is None else f"{low} to {high}",
                samples=int(rows.sum()),
                top1=estimated(ratio, images),
            )
        )
    return groups
