"""The features of two sources side by side: who is near whom, distances, and CKA layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..analysis.numbers.cka import LinearCka
from ..analysis.numbers.distance_correlation import distance_correlation
from ..analysis.numbers.neighbours import agreement_by_sample
from ..console import Console
from ..data.classification_set import ClassificationSet
from ..dualhead.backbone import fitting_layers
from ..errors import InputError
from ..results.transfer import FeaturePair, LayerCka, SideBySide
from .clusters import MOST_EMBEDDED, NEAR, clustered, embedded, standardised
from .features import FeatureStore, whole_images
from .request import TransferRequest
from .sources import Source
from .statistics import Ratio, estimated

ByLayer = dict[int, NDArray[np.float32]]


def side_by_side(
    data: ClassificationSet,
    sources: Sequence[Source],
    request: TransferRequest,
    features: FeatureStore,
    console: Console,
) -> SideBySide:
    """Every pair of sources on all images of a classification set; random weights are those of the first seed."""
    seed = request.seeds[0]
    known: dict[str, ByLayer] = {}
    for source in sources:
        parts = [
            features.pooled(
                f"{source.titled(seed)}, {which} images", source.backbone(seed), whole_images(split.images, request)
            )
            for which, split in (("training", data.train), ("scored", data.test))
        ]
        known[source.name] = {layer: np.concatenate([part[layer] for part in parts]) for layer in parts[0]}
    labels = np.concatenate([data.train.labels, data.test.labels])
    with console.step("features side by side") as step:
        pairs = []
        every = list(combinations(sources, 2))
        for done, (a, b) in enumerate(every, start=1):
            pairs.append(_pair(a, b, known[a.name], known[b.name]))
            step(done, len(every))
    last = {source.name: known[source.name][source.layers_of.end - 1] for source in sources}
    with console.step("clusters and maps") as step:
        clusters, maps = [], []
        for done, (name, rows) in enumerate(last.items(), start=1):
            clusters.append(clustered(name, rows, labels, request.seeds))
            if len(rows) <= MOST_EMBEDDED:
                maps.append(embedded(name, rows, request.seeds))
            step(done, len(last))
    return SideBySide(
        data=data.name,
        data_sha256=data.sha256,
        images=len(labels),
        labels=[int(label) for label in labels],
        seeds=list(request.seeds),
        pairs=pairs,
        clusters=clusters,
        embeddings=maps,
    )


def _pair(a: Source, b: Source, ours: ByLayer, theirs: ByLayer) -> FeaturePair:
    ends = a.layers_of.end - 1, b.layers_of.end - 1
    x, y = standardised(ours[ends[0]]), standardised(theirs[ends[1]])
    agreement = agreement_by_sample(x, y, NEAR)
    images = len(x)

    def mean(values: NDArray[np.float64]) -> Ratio:
        return Ratio(values[None], np.ones(images))

    paired = [(k, k) for k in range(_common(a, b))]
    return FeaturePair(
        a=a.name,
        b=b.name,
        neighbours=0 if agreement is None else agreement.k,
        overlap=None if agreement is None else estimated(mean(agreement.overlap), images),
        a_in_b=None if agreement is None else estimated(mean(agreement.a_in_b), images),
        b_in_a=None if agreement is None else estimated(mean(agreement.b_in_a), images),
        distance_correlation=distance_correlation(x, y),
        cka=[
            LayerCka(a=k, b=m, cka=_cka(ours[k], theirs[m]))
            for k, m in [*paired, *([ends] if ends not in paired else [])]
        ],
    )


def _common(a: Source, b: Source) -> int:
    """How many layers, from the first on, are the same in both."""
    try:
        return fitting_layers(b.layers_of, a.layers_of, (b.name, a.name))
    except InputError:
        return 0


def _cka(x: NDArray[np.float32], y: NDArray[np.float32]) -> float | None:
    measure = LinearCka()
    measure.add(x, y)
    return measure.value()
