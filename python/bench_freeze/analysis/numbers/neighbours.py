"""Whether two feature spaces agree on which images are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Agreement:
    """Agreement of the k nearest neighbours of every sample in two spaces; 1 is full agreement."""

    k: int
    overlap: float  # share of the k neighbours that both spaces name; k / (n - 1) by chance
    a_in_b: float  # how near neighbours in a still are in b (continuity); about 0.5 by chance
    b_in_a: float  # how near neighbours in b were in a (trustworthiness); about 0.5 by chance


@dataclass(frozen=True)
class AgreementBySample:
    """The agreement of each sample, [n] each; the means are the values of `Agreement`."""

    k: int
    overlap: NDArray[np.float64]
    a_in_b: NDArray[np.float64]
    b_in_a: NDArray[np.float64]


def neighbour_agreement(a: NDArray[np.floating], b: NDArray[np.floating], k: int = 10) -> Agreement | None:
    """Agreement of the features [n, p] and [n, q] of the same n samples, by cosine similarity.

    The overlap has no direction. The two directions are trustworthiness and continuity (Venna and Kaski, "Neighborhood
    Preservation in Nonlinear Projection Methods", ICANN 2001): a neighbour with a rank beyond k in the other space
    costs the excess of that rank over k. `k` is lowered to what n allows; None with fewer than 5 samples.
    """
    n = len(a)
    k = min(k, (n - 1) // 2)
    if k < 2:
        return None
    ranks_a, ranks_b = _ranks(a), _ranks(b)
    near_a, near_b = ranks_a <= k, ranks_b <= k
    worst = n * k * (2 * n - 3 * k - 1) / 2
    return Agreement(
        k=k,
        overlap=float((near_a & near_b).sum() / (n * k)),
        a_in_b=1 - float((ranks_b - k)[near_a & ~near_b].sum()) / worst,
        b_in_a=1 - float((ranks_a - k)[near_b & ~near_a].sum()) / worst,
    )


def agreement_by_sample(a: NDArray[np.floating], b: NDArray[np.floating], k: int = 10) -> AgreementBySample | None:
    """`neighbour_agreement`, sample by sample."""
    n = len(a)
    k = min(k, (n - 1) // 2)
    if k < 2:
        return None
    ranks_a, ranks_b = _ranks(a), _ranks(b)
    near_a, near_b = ranks_a <= k, ranks_b <= k
    worst = k * (2 * n - 3 * k - 1) / 2
    return AgreementBySample(
        k=k,
        overlap=(near_a & near_b).sum(axis=1) / k,
        a_in_b=1 - np.where(near_a & ~near_b, ranks_b - k, 0).sum(axis=1) / worst,
        b_in_a=1 - np.where(near_b & ~near_a, ranks_a - k, 0).sum(axis=1) / worst,
    )


def nearest(features: NDArray[np.floating], rows: Sequence[int], k: int) -> NDArray[np.int64]:
    """[len(rows), k] the nearest other samples of each sample in `rows` by cosine similarity, nearest first."""
    found: NDArray[np.int64] = np.argsort(_ranks(features)[list(rows)], axis=1, kind="stable")[:, :k]
    return found


def _ranks(features: NDArray[np.floating]) -> NDArray[np.int64]:
    """[n, n] the rank of sample j among the neighbours of sample i: 1 is the nearest; i itself has the last rank."""
    rows = np.asarray(features, np.float64)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    similarity = rows @ rows.T
    np.fill_diagonal(similarity, -np.inf)
    order = np.argsort(-similarity, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, len(rows) + 1)[None, :], axis=1)
    return ranks
