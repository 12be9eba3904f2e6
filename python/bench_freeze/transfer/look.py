"""What neurons look at: where a source is active relative to the boxes of a detection set, and which parts matter.

Each source gets three questions, on the same images and objects. How much of the last layer's energy lies inside boxes?
How evenly is it spread over an object that fills the picture? What do the features, and a probe trained on whole
objects, lose when a quarter, a half or random cells of the object are covered?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..analysis.labelled import content_of, objects_on_canvas
from ..analysis.numbers.energy import coverage, share_inside
from ..console import Console
from ..data.dataset import DetectionSet
from ..data.letterbox import Letterbox
from ..errors import InputError
from ..report.html.transfer_pictures import LookedImage
from ..results.estimated import Estimated
from ..results.look import Covered, Look, LookAt
from .features import FeatureStore, whole_images
from .parts import CURVE, GRID, HALVES, QUARTERS, SHARES, VIEWS, WHOLE, changes, covers, evenness
from .pictures import activation_pictures
from .probe import HELD_OUT, fit_probe
from .request import TransferRequest
from .samples import held_out
from .sources import Source
from .statistics import Ratio, Scored, compared_by, estimated
from .views import ObjectViews, covered_canvases, object_views, view_canvases

SMALLEST_SIDE = 16.0  # pixels of a box: half of a smaller one would be only a few pixels
MOST_OBJECTS = 400  # scored objects: each is seen in VIEWS views
SEED = 20260402  # draws the objects and the order in which cells are covered: the same for all sources

# The measures by which sources are compared: keys of `Look.comparisons`.
INSIDE, SPREAD = "energy inside boxes", "spread of the energy over an object"
QUARTERS_ALIKE = "evenness of an object's quarters"

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LookedAt:
    """A detection set's two splits with the objects to look at, each in the view of its box."""

    training: DetectionSet
    scored: DetectionSet
    learned: ObjectViews
    judged: ObjectViews
    of_objects: int  # scored objects from which `judged` were drawn


@dataclass(frozen=True)
class _Seen:
    """The measurements of one source by seed; NaN where there is nothing to measure."""

    inside: Array  # [S, images]
    area: Array  # [images]
    energy: NDArray[np.float32]  # [images, h, w] of the first seed
    spread: Array  # [S, N]
    hits: Array  # [S, N, VIEWS]
    changes: Array  # [S, N, VIEWS]


def read_looked_at(training: DetectionSet, scored: DetectionSet) -> LookedAt:
    """The objects of both splits. Raises InputError where no probe can be fitted or scored on them."""
    learned, judged = (object_views(data, (1.0,), SMALLEST_SIDE) for data in (training, scored))
    classes = len(np.unique(learned.labels))
    if classes < 2:
        raise InputError(
            f"{training.name}: objects of {SMALLEST_SIDE:g} pixels and more are of {classes} class(es); a classifier "
            "needs two or more."
        )
    if not len(judged):
        raise InputError(f"{scored.name} has no object of {SMALLEST_SIDE:g} pixels or more to look at.")
    count = len(judged)
    drawn = np.random.default_rng(SEED).permutation(count)[:MOST_OBJECTS]
    return LookedAt(training, scored, learned, judged.at(drawn), count)


def look(
    data: LookedAt, sources: Sequence[Source], request: TransferRequest, features: FeatureStore, console: Console
) -> tuple[Look, tuple[LookedImage, ...]]:
    """Measure every source on the same images, objects and covers, over all seeds; also return activation pictures."""
    seen = {source.name: _see(source, data, request, features, console) for source in sources}
    pictures = activation_pictures(data.scored, {name: own.energy for name, own in seen.items()}, request.imgsz)
    images = len(data.scored.images)
    area = next(iter(seen.values())).area
    tables: dict[str, list[tuple[str, float, Scored]]] = {}
    for name, own in seen.items():
        for measure, ratio in _measures(own, data).items():
            if ratio is not None:
                tables.setdefault(measure, []).append((name, 1.0, ratio))
    found = Look(
        data=data.scored.name,
        data_sha256=[data.training.sha256, data.scored.sha256],
        classes=list(data.scored.class_names),
        train_objects=len(data.learned),
        test_objects=len(data.judged),
        of_objects=data.of_objects,
        left_out=[data.learned.left_out, data.judged.left_out],
        images=images,
        area_inside=float(np.nanmean(area)) if np.isfinite(area).any() else None,
        settings={
            "smallest_side": SMALLEST_SIDE,
            "most_objects": MOST_OBJECTS,
            "lattice": [GRID, GRID],
            "covered_shares": list(SHARES),
            "covered_by": "grey 114, as the canvas's border",
            "energy": "sum of squares over the channels of the backbone's last layer",
        },
        sources=[_look_at(name, own, data) for name, own in seen.items()],
        comparisons=compared_by(tables, images),
    )
    return found, pictures


def _see(source: Source, data: LookedAt, request: TransferRequest, features: FeatureStore, console: Console) -> _Seen:
    cover = covers(len(data.judged), SEED)
    batch = request.batch
    area, first = np.empty(0), np.empty(0, np.float32)
    by_seed: dict[int, tuple[Array, Array, NDArray[np.float32], Array]] = {}
    for seed in source.seeds_that_differ(request.seeds):
        backbone, title, last = source.backbone(seed), source.titled(seed), source.layers_of.end - 1
        whole = features.energy(f"{title}, scored images", backbone, whole_images(data.scored.images, request))
        alone = features.energy(
            f"{title}, scored objects", backbone, view_canvases(data.scored, data.judged, request.imgsz, batch)
        )
        learned = features.pooled(
            f"{title}, training objects", backbone, view_canvases(data.training, data.learned, request.imgsz, batch)
        )[last]
        hidden = features.pooled(
            f"{title}, objects with parts covered",
            backbone,
            covered_canvases(data.scored, data.judged, cover, request.imgsz, batch),
        )[last]
        first = first if len(first) else whole
        inside, area = _inside(whole, data.scored, request.imgsz)
        by_seed[seed] = (
            inside,
            _spread(alone, data.judged, request.imgsz),
            learned,
            hidden.reshape(len(data.judged), VIEWS, -1).astype(np.float64),
        )
    hits: list[Array] = []
    labels = data.learned.labels
    with console.step(f"probe of whole objects, {source.name}") as step:
        for seed in request.seeds:
            _, _, whole_ones, parts = by_seed[source.seed_of(seed, request.seeds)]
            probe = fit_probe(whole_ones, labels, held_out(labels, HELD_OUT, seed))
            named = probe.predict(parts.reshape(-1, parts.shape[2])).reshape(parts.shape[:2])
            hits.append((named == data.judged.labels[:, None]).astype(np.float64))
            step(len(hits), len(request.seeds))
    moved = {}
    for seed, (_, _, whole_ones, parts) in by_seed.items():
        deviation = whole_ones.std(axis=0, dtype=np.float64)
        moved[seed] = changes(parts / np.where(deviation > 0, deviation, 1))
    order = [source.seed_of(seed, request.seeds) for seed in request.seeds]
    return _Seen(
        inside=np.array([by_seed[seed][0] for seed in order]),
        area=area,
        energy=first,
        spread=np.array([by_seed[seed][1] for seed in order]),
        hits=np.array(hits),
        changes=np.array([moved[seed] for seed in order]),
    )


def _inside(energy: NDArray[np.float32], scored: DetectionSet, imgsz: int) -> tuple[Array, Array]:
    """The shares of the energy and of the area inside boxes, two arrays [images]; NaN for an image without a box."""
    found = np.full((len(scored.images), 2), np.nan)
    for k, image in enumerate(scored.images):
        placement = Letterbox.fit(image.width, image.height, imgsz)
        _, boxes = objects_on_canvas(scored.ground_truth, k, placement)
        shares = share_inside(energy[k].astype(np.float64), boxes, content_of(placement))
        found[k] = [np.nan if share is None else share for share in shares]
    return found[:, 0], found[:, 1]


def _spread(energy: NDArray[np.float32], views: ObjectViews, imgsz: int) -> Array:
    """How evenly the energy [N, h, w] is spread over each view, [N], without the border of the canvas."""
    found = np.full(len(views), np.nan)
    for k, (left, top, right, bottom) in enumerate(views.views[:, 0].tolist()):
        content = content_of(Letterbox.fit(right - left, bottom - top, imgsz))
        weight = coverage(content[None], *energy.shape[1:])
        found[k] = evenness(energy[k].astype(np.float64).ravel(), weight.ravel())
    return found


def _measures(own: _Seen, data: LookedAt) -> dict[str, Ratio | None]:
    """The numbers by which sources are compared."""
    whole = own.hits[..., WHOLE]
    return {
        INSIDE: _mean_of_images(own.inside),
        SPREAD: _mean(own.spread, data),
        QUARTERS_ALIKE: _mean(evenness(own.changes[..., QUARTERS]), data),
        "loss without a quarter": _mean(whole - own.hits[..., QUARTERS].mean(axis=2), data),
        "loss without a half": _mean(whole - own.hits[..., HALVES].mean(axis=2), data),
        "loss under random covers": _mean(whole - own.hits[..., CURVE][..., :-1].mean(axis=2), data),
    }


def _look_at(name: str, own: _Seen, data: LookedAt) -> LookAt:
    images = len(data.scored.images)
    measures = _measures(own, data)

    def known(ratio: Ratio | None) -> Estimated | None:
        return None if ratio is None else estimated(ratio, images)

    def covered(share: float, views: slice) -> Covered:
        top1 = _mean(own.hits[..., views].mean(axis=2), data)
        assert top1 is not None  # hits are always defined, and there is at least one object
        return Covered(
            share=share, top1=estimated(top1, images), change=known(_mean(own.changes[..., views].mean(axis=2), data))
        )

    return LookAt(
        source=name,
        energy_inside=known(measures[INSIDE]),
        spread=known(measures[SPREAD]),
        quarters=known(measures[QUARTERS_ALIKE]),
        whole=covered(0.0, slice(WHOLE, WHOLE + 1)),
        without_quarter=covered(0.25, QUARTERS),
        without_half=covered(0.5, HALVES),
        curve=[
            covered(share, slice(view, view + 1))
            for share, view in zip(SHARES, range(CURVE.start, CURVE.stop), strict=True)
        ],
    )


def _mean_of_images(values: Array) -> Ratio | None:
    """The mean of [S, images] over the images whose values are defined for every seed."""
    usable: NDArray[np.bool_] = np.asarray(np.isfinite(values).all(axis=0))
    over: Array = np.where(usable, values, 0)
    return Ratio(over, usable.astype(np.float64)) if usable.any() else None


def _mean(values: Array, data: LookedAt) -> Ratio | None:
    """The mean of [S, N] over the objects whose values are defined for every seed, summed by image."""
    usable = np.isfinite(values).all(axis=0)
    if not usable.any():
        return None
    image, images = data.judged.image[usable], len(data.scored.images)
    over = [np.bincount(image, weights=row[usable], minlength=images) for row in values]
    return Ratio(np.array(over, np.float64), np.bincount(image, minlength=images).astype(np.float64))
