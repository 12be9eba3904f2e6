"""Compare the features of two sources: nearest neighbours, distances, and CKA layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from ..analysis.numbers.cka import LinearCka
from ..analysis.numbers.distance_correlation import distance_correlation
from ..analysis.numbers.neighbours import agreement_by_sample, nearest
from ..console import Console
from ..data.classification_set import ClassificationSet
from ..dualhead.backbone import fitting_layers
from ..errors import InputError
from ..results.transfer import FeaturePair, LayerCka, Query, SideBySide
from ..stats.multiple import holm
from .clusters import MOST_EMBEDDED, NEAR, clustered, embedded, standardised
from .features import FeatureStore, whole_images
from .request import TransferRequest
from .sources import Source
from .statistics import Ratio, against_zero, estimated

QUERIES, SHOWN_NEAR = 6, 6  # example images, and the neighbours shown of each

ByLayer = dict[int, NDArray[np.float32]]


def side_by_side(
    data: ClassificationSet,
    sources: Sequence[Source],
    request: TransferRequest,
    features: FeatureStore,
    console: Console,
) -> SideBySide:
    """Compare every pair of sources on all images of a classification set; random weights are from the first seed."""
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
        p_values = []
        for done, (a, b) in enumerate(every, start=1):
            pair, p = _pair(a, b, known[a.name], known[b.name])
            pairs.append(pair)
            p_values.append(p)
            step(done, len(every))
        pairs = _adjusted(pairs, p_values)
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
        queries=_queries(data, last, labels, seed),
    )


def _pair(a: Source, b: Source, ours: ByLayer, theirs: ByLayer) -> tuple[FeaturePair, float | None]:
    """The comparison of a pair, and the p-value of its direction."""
    ends = a.layers_of.end - 1, b.layers_of.end - 1
    x, y = standardised(ours[ends[0]]), standardised(theirs[ends[1]])
    agreement = agreement_by_sample(x, y, NEAR)
    images = len(x)

    def mean(values: NDArray[np.float64]) -> Ratio:
        return Ratio(values[None], np.ones(images))

    direction, p = (
        (None, None) if agreement is None else against_zero(mean(agreement.a_in_b - agreement.b_in_a), images)
    )
    paired = [(k, k) for k in range(_common(a, b))]
    pair = FeaturePair(
        a=a.name,
        b=b.name,
        neighbours=0 if agreement is None else agreement.k,
        overlap=None if agreement is None else estimated(mean(agreement.overlap), images),
        a_in_b=None if agreement is None else estimated(mean(agreement.a_in_b), images),
        b_in_a=None if agreement is None else estimated(mean(agreement.b_in_a), images),
        direction=direction,
        distance_correlation=distance_correlation(x, y),
        cka=[
            LayerCka(a=k, b=m, cka=_cka(ours[k], theirs[m]))
            for k, m in [*paired, *([ends] if ends not in paired else [])]
        ],
    )
    return pair, p


def _adjusted(pairs: list[FeaturePair], p_values: Sequence[float | None]) -> list[FeaturePair]:
    """The pairs with the p-values of their directions, adjusted over all of them."""
    adjusted = iter(holm([p for p in p_values if p is not None]).tolist())
    return [
        pair if p is None else replace(pair, direction_p=next(adjusted))
        for pair, p in zip(pairs, p_values, strict=True)
    ]


def _queries(
    data: ClassificationSet, last: dict[str, NDArray[np.float32]], labels: NDArray[np.int64], seed: int
) -> list[Query]:
    """Scored images drawn by the seed, from as many classes as possible, with their neighbours by every source."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(data.test))
    first = [int(order[data.test.labels[order] == label][0]) for label in np.unique(data.test.labels)]
    rest = [int(k) for k in order if int(k) not in first]
    chosen = [len(data.train) + k for k in (random.permutation(first).tolist() + rest)[:QUERIES]]
    near = {name: nearest(standardised(rows), chosen, min(SHOWN_NEAR, len(labels) - 1)) for name, rows in last.items()}
    files = [image.path for image in (*data.train.images, *data.test.images)]
    return [
        Query(
            image=k,
            file="" if (file := files[k]) is None else file.name,
            nearest={name: found[n].tolist() for name, found in near.items()},
        )
        for n, k in enumerate(chosen)
    ]


def _common(a: Source, b: Source) -> int:
    """The number of layers, from the first on, that both have in common."""
    try:
        return fitting_layers(b.layers_of, a.layers_of, (b.name, a.name))
    except InputError:
        return 0


def _cka(x: NDArray[np.float32], y: NDArray[np.float32]) -> float | None:
    measure = LinearCka()
    measure.add(x, y)
    return measure.value()
