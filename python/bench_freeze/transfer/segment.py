"""Segmentation by frozen features: one linear decoder for all sources, IoU by class and in bands around boundaries."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..console import Console
from ..data.letterbox import Letterbox
from ..data.segmentation_set import MaskedSplit, SegmentationSet
from ..results.transfer import Segmentation
from ..results.transfer_accuracy import Band, SegmentationAccuracy
from .features import FINEST, FeatureStore, whole_images
from .iou import MeanIou
from .request import TransferRequest
from .sources import Source
from .statistics import compared, estimated
from .trimap import WIDTHS, overlaps, rings_of

FEWEST_IMAGES = 2

Counts = NDArray[np.int64]


def segmentation(
    data: SegmentationSet,
    sources: Sequence[Source],
    request: TransferRequest,
    features: FeatureStore,
    console: Console,
) -> Segmentation:
    """Every source decoded by the same linear map, for every share and seed."""
    from .decoder import ITERATIONS, PENALTY

    maps = {
        (source.name, seed): [
            features.levels(
                f"{source.titled(seed)}, {which} images", source.backbone(seed), whole_images(part.images, request)
            )
            for which, part in (("training", data.train), ("scored", data.test))
        ]
        for source in sources
        for seed in source.seeds_that_differ(request.seeds)
    }
    finest = next(iter(maps.values()))[0][0].shape[-1]
    shares = _class_shares(data, request.imgsz, finest)
    truth = [data.test.mask(k) for k in range(len(data.test))]
    rings = [rings_of(mask) for mask in truth]
    found: dict[tuple[str, float], tuple[Counts, Counts]] = {}
    with console.step(f"decoders of {data.name}") as step:
        total, done = len(request.data_fractions) * len(sources) * len(request.seeds), 0
        for share, source in product(request.data_fractions, sources):
            of_seeds = []
            # Seeds that draw nothing (a checkpoint on all images) have one decoder.
            scored: dict[tuple[int, bytes], tuple[Counts, Counts]] = {}
            for seed in request.seeds:
                own = source.seed_of(seed, request.seeds)
                rows = share_of_images(len(data.train), share, seed)
                key = own, rows.tobytes()
                if key not in scored:
                    learned, judged = maps[source.name, own]
                    scored[key] = _score(learned, judged, shares, rows, data, truth, rings, request.imgsz)
                of_seeds.append(scored[key])
                done += 1
                step(done, total)
            found[source.name, share] = (
                np.array([both for both, _ in of_seeds]),
                np.array([either for _, either in of_seeds]),
            )
    images = len(data.test)
    whole = {
        key: MeanIou(both.sum(axis=2).astype(float), either.sum(axis=2).astype(float))
        for key, (both, either) in found.items()
    }
    return Segmentation(
        data=data.name,
        data_sha256=[data.train.sha256, data.test.sha256],
        classes=list(data.class_names),
        train_images=len(data.train),
        test_images=images,
        settings={"penalty": PENALTY, "iterations": ITERATIONS, "finest_stride": FINEST, "band_widths": list(WIDTHS)},
        channels={
            source.name: sum(int(level.shape[1]) for level in maps[source.name, request.seeds[0]][0])
            for source in sources
        },
        accuracy=[
            SegmentationAccuracy(
                source=name,
                data_fraction=share,
                miou=estimated(whole[name, share], images),
                per_class={
                    own: None if np.isnan(value) else float(value)
                    for own, value in zip(data.class_names, whole[name, share].per_class(), strict=True)
                },
                bands=[_band(k, *found[name, share], images) for k in range(len(WIDTHS))],
            )
            for name, share in found
        ],
        comparisons=compared([(name, share, own) for (name, share), own in whole.items()], images),
        band_comparisons={
            str(width): compared(
                [(name, share, _within(k, both, either)) for (name, share), (both, either) in found.items()], images
            )
            for k, width in enumerate(WIDTHS)
            if all(either[:, :, : k + 1].any() for _, either in found.values())
        },
    )


def share_of_images(count: int, share: float, seed: int) -> NDArray[np.int64]:
    """Positions of a share of the images, ascending, two at least; nested with one seed."""
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[: min(count, max(FEWEST_IMAGES, round(share * count)))])


def _class_shares(data: SegmentationSet, imgsz: int, cells: int) -> NDArray[np.float32]:
    from .decoder import class_shares

    part = data.train
    return np.stack(
        [class_shares(part.mask(k), _placed(part, k, imgsz), len(data.class_names), cells) for k in range(len(part))]
    )


def _placed(part: MaskedSplit, k: int, imgsz: int) -> Letterbox:
    return Letterbox.fit(part.images[k].width, part.images[k].height, imgsz)


def _score(
    learned: Sequence[NDArray[np.float32]],
    judged: Sequence[NDArray[np.float32]],
    shares: NDArray[np.float32],
    rows: NDArray[np.int64],
    data: SegmentationSet,
    truth: Sequence[NDArray[np.uint8]],
    rings: Sequence[NDArray[np.uint8]],
    imgsz: int,
) -> tuple[Counts, Counts]:
    """([N, B, K], [N, B, K]) intersections and unions of every scored image by ring and class."""
    from .decoder import fit_decoder

    decoder = fit_decoder([level[rows] for level in learned], shares[rows])
    counted = []
    for k, (mask, ring) in enumerate(zip(truth, rings, strict=True)):
        labels = decoder.labels([level[k : k + 1] for level in judged], _placed(data.test, k, imgsz))
        counted.append(overlaps(mask, ring, labels, len(data.class_names)))
    return np.array([both for both, _ in counted]), np.array([either for _, either in counted])


def _within(k: int, both: Counts, either: Counts) -> MeanIou:
    """Inside of the band of width WIDTHS[k]; counts are [S, N, B, K]."""
    return MeanIou(both[:, :, : k + 1].sum(axis=2).astype(float), either[:, :, : k + 1].sum(axis=2).astype(float))


def _band(k: int, both: Counts, either: Counts, images: int) -> Band:
    inside = _within(k, both, either)
    beyond = MeanIou(both[:, :, k + 1 :].sum(axis=2).astype(float), either[:, :, k + 1 :].sum(axis=2).astype(float))
    return Band(
        width=WIDTHS[k],
        boundary=estimated(inside, images) if inside.images else None,
        interior=estimated(beyond, images) if beyond.images else None,
    )
