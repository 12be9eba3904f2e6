"""What a source's features group together: k-means compared with the classes, and t-SNE, both seeded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..analysis.numbers.neighbours import neighbour_agreement
from ..results.transfer import Clustering, Embedding

RESTARTS = 10
PERPLEXITY = 30.0
MOST_EMBEDDED = 2000  # images: t-SNE takes minutes for more
NEAR = 10


def standardised(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scale every column of [n, p] to mean 0 and standard deviation 1; a constant column becomes 0."""
    rows = np.asarray(features, np.float64)
    deviation = rows.std(axis=0)
    found: NDArray[np.float64] = (rows - rows.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return found


def clustered(
    source: str, features: NDArray[np.floating], labels: NDArray[np.integer], seeds: Sequence[int]
) -> Clustering:
    """k-means with as many clusters as classes, for every seed: purity and normalized mutual information."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import normalized_mutual_info_score

    rows, classes = standardised(features), len(np.unique(labels))
    found = [KMeans(classes, n_init=RESTARTS, random_state=seed).fit_predict(rows) for seed in seeds]
    return Clustering(
        source=source,
        clusters=classes,
        purity=[purity(own, labels) for own in found],
        nmi=[float(normalized_mutual_info_score(labels, own)) for own in found],
    )


def purity(clusters: NDArray[np.integer], labels: NDArray[np.integer]) -> float:
    """The share of samples that belong to the most frequent class of their cluster."""
    most = [np.bincount(labels[clusters == cluster]).max() for cluster in np.unique(clusters)]
    return float(np.sum(most) / len(labels))


def embedded(source: str, features: NDArray[np.floating], seeds: Sequence[int]) -> Embedding:
    """t-SNE for every seed, and how far two seeds agree on which images are near each other."""
    maps = [tsne(features, seed) for seed in seeds]
    agreements = [
        agreement.overlap
        for k, own in enumerate(maps)
        for other in maps[k + 1 :]
        if (agreement := neighbour_agreement(own - own.mean(axis=0), other - other.mean(axis=0), NEAR)) is not None
    ]
    return Embedding(
        source=source,
        perplexity=_perplexity(len(features)),
        points=[[[round(float(x), 3), round(float(y), 3)] for x, y in own] for own in maps],
        between_seeds=float(np.mean(agreements)) if agreements else None,
    )


def tsne(features: NDArray[np.floating], seed: int) -> NDArray[np.floating]:
    """scikit-learn's t-SNE of standardised features from a random start, [n, 2]."""
    from sklearn.manifold import TSNE

    found: NDArray[np.floating] = TSNE(
        2, perplexity=_perplexity(len(features)), init="random", random_state=seed
    ).fit_transform(standardised(features))
    return found


def _perplexity(count: int) -> float:
    return min(PERPLEXITY, max(1.0, (count - 1) / 3))
