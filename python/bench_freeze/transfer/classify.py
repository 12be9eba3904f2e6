"""Classification by frozen features: a linear probe of whole images, by source, share and seed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..console import Console
from ..data.classification_set import ClassificationSet, LabelledSplit
from ..results.transfer import Classification
from ..results.transfer_accuracy import ProbeAccuracy
from .features import FeatureStore, whole_images
from .probing import Probed, probe_all
from .request import TransferRequest
from .samples import share_of
from .sources import Source
from .statistics import Ratio, compared, estimated


def classification(
    data: ClassificationSet,
    sources: Sequence[Source],
    request: TransferRequest,
    features: FeatureStore,
    console: Console,
) -> Classification:
    """Every source read at its last layer by probes of every share and seed."""

    @cache
    def read(source: Source, seed: int, is_training: bool) -> NDArray[np.float32]:
        split: LabelledSplit = data.train if is_training else data.test
        backbone = source.backbone(seed)
        which = "training" if is_training else "scored"
        title = f"{source.titled(seed)}, {which} images"
        return features.pooled(title, backbone, whole_images(split.images, request))[backbone.end - 1]

    for source in sources:  # what takes long comes first, and once
        for seed in source.seeds_that_differ(request.seeds):
            for is_training in (True, False):
                read(source, seed, is_training)
    with console.step(f"probes of {data.name}") as step:
        fits, found = probe_all(
            sources,
            request,
            lambda source, seed: read(source, source.seed_of(seed, request.seeds), True),
            lambda source, seed: read(source, source.seed_of(seed, request.seeds), False),
            data.train.labels,
            data.test.labels,
            lambda share, seed: share_of(data.train.labels, share, seed),
            step,
        )
    images = len(data.test)
    table = [(probed.source, probed.share, Ratio(probed.hits.astype(np.float64), np.ones(images))) for probed in found]
    first = request.seeds[0]
    return Classification(
        data=data.name,
        data_sha256=data.sha256,
        classes=list(data.class_names),
        train_images=len(data.train),
        test_images=images,
        majority=float(np.mean(data.test.labels == np.argmax(np.bincount(data.train.labels)))),
        features={source.name: int(read(source, first, True).shape[1]) for source in sources},
        fits=fits,
        accuracy=[
            ProbeAccuracy(
                source=probed.source,
                data_fraction=probed.share,
                top1=estimated(ratio, images),
                per_class=_per_class(probed, data),
            )
            for probed, (_, _, ratio) in zip(found, table, strict=True)
        ],
        comparisons=compared(table, images),
    )


def _per_class(probed: Probed, data: ClassificationSet) -> dict[str, float]:
    hit = probed.hits.mean(axis=0)
    return {name: float(hit[data.test.labels == k].mean()) for k, name in enumerate(data.class_names)}
