"""Segmentation with the same linear decoder for all sources: on frozen features, and trained with the backbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..console import Console
from ..data.segmentation_set import MaskedSplit, SegmentationSet
from ..results.transfer import Segmentation
from ..results.tuned import FROZEN, FineTuned, TunedFit, TunedSegmentation
from .features import FeatureStore, whole_images
from .request import FINEST, TransferRequest
from .samples import share_of_images
from .segment_counts import (
    Overlap,
    Overlaps,
    ScoredMasks,
    accuracy,
    band_comparisons,
    comparisons,
    placed,
    whole,
)
from .segment_tuned import segmentation_task
from .sources import Source
from .statistics import Scored
from .trimap import WIDTHS
from .tuned import NEW, settings, tuned

# By source and seed: the levels [N, C, h, w] of training and of scored images.
Maps = Mapping[tuple[str, int], tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]]


def segmentation(
    data: SegmentationSet,
    sources: Sequence[Source],
    request: TransferRequest,
    features: FeatureStore,
    console: Console,
) -> Segmentation:
    """Decode every source by the same kind of linear map, for every share and seed, and fine-tune where requested."""
    from .decoder import ITERATIONS, PENALTY

    maps: Maps = {
        (source.name, seed): (
            _levels(source, seed, "training", data.train, features),
            _levels(source, seed, "scored", data.test, features),
        )
        for source in sources
        for seed in source.seeds_that_differ(request.seeds)
    }
    truth, images = ScoredMasks.of(data), len(data.test)
    finest = next(iter(maps.values()))[0][0].shape[-1]
    tables: dict[str, Overlaps] = {FROZEN: _frozen(data, sources, request, maps, truth, finest, console)}
    fine_tuned, fits = None, list[TunedFit]()
    if request.tuning is not None:
        task = segmentation_task(data, request.tuning, features, truth, finest)
        of_depths: dict[int, dict[tuple[str, float], list[Overlap]]] = {depth: {} for depth in request.tuning.depths}
        for found in tuned(task, sources, request.tuning, features):
            own = found.training
            overlap = found.arrays["both"], found.arrays["either"]
            of_depths[own.freeze].setdefault((own.source.name, own.share), []).append(overlap)
            fits.append(
                found.fit(len(share_of_images(len(data.train), own.share, own.seed)), _miou(_by_seed([overlap])))
            )
        tables |= {
            str(depth): {key: _by_seed(seeds) for key, seeds in table.items()} for depth, table in of_depths.items()
        }
        fine_tuned = FineTuned(settings=settings(task, request.tuning), new=list(NEW), fits=fits)
    rows = {name: accuracy(table, data.class_names, images) for name, table in tables.items()}
    compared, in_bands = comparisons(tables, images), band_comparisons(tables, images)
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
        accuracy=rows[FROZEN],
        comparisons=compared[FROZEN],
        band_comparisons=in_bands[FROZEN],
        fine_tuned=fine_tuned,
        tuned_depths=[
            TunedSegmentation(
                freeze=depth,
                accuracy=rows[str(depth)],
                comparisons=compared[str(depth)],
                band_comparisons=in_bands[str(depth)],
            )
            for depth in (request.tuning.depths if request.tuning is not None else ())
        ],
    )


def _levels(
    source: Source, seed: int, which: str, part: MaskedSplit, features: FeatureStore
) -> list[NDArray[np.float32]]:
    canvases = whole_images(part.images, features.request)
    return features.levels(f"{source.titled(seed)}, {which} images", source.backbone(seed), canvases)


def _frozen(
    data: SegmentationSet,
    sources: Sequence[Source],
    request: TransferRequest,
    maps: Maps,
    truth: ScoredMasks,
    finest: int,
    console: Console,
) -> Overlaps:
    """The results of decoders on frozen features, by source and share."""
    shares = _class_shares(data, request.imgsz, finest)
    found: dict[tuple[str, float], Overlap] = {}
    with console.step(f"decoders of {data.name}") as step:
        total, done = len(request.data_fractions) * len(sources) * len(request.seeds), 0
        for share, source in product(request.data_fractions, sources):
            of_seeds = []
            # Seeds without an effect (a checkpoint on all images) share a decoder.
            scored: dict[tuple[int, bytes], Overlap] = {}
            for seed in request.seeds:
                own = source.seed_of(seed, request.seeds)
                rows = share_of_images(len(data.train), share, seed)
                key = own, rows.tobytes()
                if key not in scored:
                    scored[key] = _score(*maps[source.name, own], shares, rows, data, truth, request.imgsz)
                of_seeds.append(scored[key])
                done += 1
                step(done, total)
            found[source.name, share] = _by_seed(of_seeds)
    return found


def _by_seed(of_seeds: Sequence[Overlap]) -> Overlap:
    return np.array([both for both, _ in of_seeds]), np.array([either for _, either in of_seeds])


def _miou(found: Overlap) -> float:
    """The mean IoU of one seed."""
    own: Scored = whole(found)
    return float(own.values(np.ones((1, found[0].shape[1])))[0, 0])


def _class_shares(data: SegmentationSet, imgsz: int, cells: int) -> NDArray[np.float32]:
    from .decoder import class_shares

    part = data.train
    return np.stack(
        [class_shares(part.mask(k), placed(part, k, imgsz), len(data.class_names), cells) for k in range(len(part))]
    )


def _score(
    learned: Sequence[NDArray[np.float32]],
    judged: Sequence[NDArray[np.float32]],
    shares: NDArray[np.float32],
    rows: NDArray[np.int64],
    data: SegmentationSet,
    truth: ScoredMasks,
    imgsz: int,
) -> Overlap:
    """Fit a decoder and score it: intersections and unions [N, B, K] of every scored image."""
    from .decoder import fit_decoder

    decoder = fit_decoder([level[rows] for level in learned], shares[rows])
    return truth.overlap(
        decoder.labels([level[k : k + 1] for level in judged], placed(data.test, k, imgsz))
        for k in range(len(data.test))
    )
