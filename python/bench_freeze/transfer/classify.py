"""Classification of whole images by source, share and seed: probes of frozen features, and fine-tuned backbones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..console import Console
from ..data.classification_set import ClassificationSet, LabelledSplit
from ..results.transfer import Classification
from ..results.transfer_accuracy import ProbeAccuracy
from ..results.tuned import FROZEN, FineTuned, TunedClassification, TunedFit
from .classify_tuned import classification_task
from .features import FeatureStore, whole_images
from .fine_tuning import FineTuning
from .probing import Probed, probe_all
from .request import TransferRequest
from .samples import share_of
from .sources import Source
from .statistics import Ratio, compared_by, estimated
from .tuned import NEW, settings, tuned


def classification(
    data: ClassificationSet,
    sources: Sequence[Source],
    request: TransferRequest,
    features: FeatureStore,
    console: Console,
) -> Classification:
    """Probe every source at its last layer, for every share and seed, and fine-tune it where requested."""

    @cache
    def read(source: Source, seed: int, is_training: bool) -> NDArray[np.float32]:
        split: LabelledSplit = data.train if is_training else data.test
        backbone = source.backbone(seed)
        which = "training" if is_training else "scored"
        title = f"{source.titled(seed)}, {which} images"
        return features.pooled(title, backbone, whole_images(split.images, request))[backbone.end - 1]

    for source in sources:  # compute the slow part first, and only once
        for seed in source.seeds_that_differ(request.seeds):
            for is_training in (True, False):
                read(source, seed, is_training)
    with console.step(f"probes of {data.name}") as step:
        fits, probed = probe_all(
            sources,
            request,
            lambda source, seed: read(source, source.seed_of(seed, request.seeds), True),
            lambda source, seed: read(source, source.seed_of(seed, request.seeds), False),
            data.train.labels,
            data.test.labels,
            lambda share, seed: share_of(data.train.labels, share, seed),
            step,
        )
    found = {FROZEN: probed}
    fine_tuned = None
    if request.tuning is not None:
        fine_tuned, of_depths = _fine_tuned(data, sources, request.tuning, features)
        found |= {str(depth): own for depth, own in of_depths.items()}
    images = len(data.test)
    tables = {name: [(own.source, own.share, _top1(own)) for own in table] for name, table in found.items()}
    comparisons = compared_by(tables, images)
    return Classification(
        data=data.name,
        data_sha256=data.sha256,
        classes=list(data.class_names),
        train_images=len(data.train),
        test_images=images,
        majority=float(np.mean(data.test.labels == np.argmax(np.bincount(data.train.labels)))),
        features={source.name: int(read(source, request.seeds[0], True).shape[1]) for source in sources},
        fits=fits,
        accuracy=_accuracy(found[FROZEN], data),
        comparisons=comparisons[FROZEN],
        fine_tuned=fine_tuned,
        tuned_depths=[
            TunedClassification(
                freeze=depth,
                accuracy=_accuracy(found[str(depth)], data),
                comparisons=comparisons[str(depth)],
            )
            for depth in (request.tuning.depths if request.tuning is not None else ())
        ],
    )


def _fine_tuned(
    data: ClassificationSet, sources: Sequence[Source], tuning: FineTuning, features: FeatureStore
) -> tuple[FineTuned, dict[int, list[Probed]]]:
    """Run every fine-tuning; return their record, and by depth the hits of every source and share."""
    task = classification_task(data, tuning, features)
    fits: list[TunedFit] = []
    hits: dict[int, dict[tuple[str, float], list[NDArray[np.bool_]]]] = {depth: {} for depth in tuning.depths}
    for found in tuned(task, sources, tuning, features):
        own = found.training
        hit = found.arrays["logits"].argmax(axis=1) == data.test.labels
        hits[own.freeze].setdefault((own.source.name, own.share), []).append(hit)
        fits.append(found.fit(len(share_of(data.train.labels, own.share, own.seed)), float(hit.mean())))
    of_depths = {
        depth: [Probed(name, share, np.array(of_seeds)) for (name, share), of_seeds in table.items()]
        for depth, table in hits.items()
    }
    return FineTuned(settings=settings(task, tuning), new=list(NEW), fits=fits), of_depths


def _top1(own: Probed) -> Ratio:
    return Ratio(own.hits.astype(np.float64), np.ones(own.hits.shape[1]))


def _accuracy(found: Sequence[Probed], data: ClassificationSet) -> list[ProbeAccuracy]:
    return [
        ProbeAccuracy(
            source=own.source,
            data_fraction=own.share,
            top1=estimated(_top1(own), len(data.test)),
            per_class=_per_class(own, data),
        )
        for own in found
    ]


def _per_class(probed: Probed, data: ClassificationSet) -> dict[str, float]:
    hit = probed.hits.mean(axis=0)
    return {name: float(hit[data.test.labels == k].mean()) for k, name in enumerate(data.class_names)}
