"""Permutation tests: if two models were exchangeable, every swap of their results would be equally likely."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..evaluate.bootstrap import check_pair, mean_ap, resampled_ap
from ..evaluate.evaluation import Evaluation
from ..evaluate.join import Found
from ..kernels.matching import Masks, Matches, TruthIndex
from ..kernels.values import flag_array


def image_swaps(images: int, permutations: int, seed: int) -> NDArray[np.bool_]:
    """The images whose results are swapped, [P, images]: all combinations, or `permutations` random ones of more.

    The first row swaps nothing: the observed assignment is one of the combinations.
    """
    if 2**images <= permutations:
        return np.array(list(itertools.product([False, True], repeat=images)))
    swaps = np.random.default_rng(seed).random((permutations, images)) < 0.5
    swaps[0] = False
    return swaps


def swapped_differences(
    pairs: Sequence[tuple[Evaluation, Evaluation]],
    swaps: NDArray[np.bool_],
    iou_thresholds: Sequence[float | None] = (None,),
    threads: int = 1,
) -> NDArray[np.float64]:
    """The mAP of B minus that of A after every swap, averaged over the pairs, [len(iou_thresholds), P].

    A threshold of None stands for the mean over all IoUs. A pair holds two models' results on the same images, for
    example from one seed. An image is swapped in all pairs at once, because pairs that share it are not independent.
    The precision-recall curves are rebuilt after every swap.

    Raises InputError for results that differ in ground truth, protocol or thresholds.
    """
    swaps = flag_array("swaps", swaps)
    differences = np.zeros((len(iou_thresholds), len(swaps)))
    for a, b in pairs:
        check_pair(a, b)
        both = _side_by_side(a, b)
        # `both` has every image twice, with the results of A and of B: a swap decides which one counts.
        counts_a = np.stack([~swaps, swaps], axis=2).reshape(len(swaps), -1)
        for sign, counts in ((-1, counts_a), (1, ~counts_a)):
            ap = resampled_ap(len(swaps), both, 0, threads, weights=counts.astype(np.int32))
            for number, iou in enumerate(iou_thresholds):
                differences[number] += sign * mean_ap(ap, a.iou_thresholds, iou) / len(pairs)
    return differences


def p_value(differences: NDArray[np.float64]) -> float:
    """Two-sided p-value of the first difference among all of them, itself included, so it is never 0."""
    # The tolerance is for rounding: sums of the same numbers in a different order may differ slightly.
    return float(np.mean(np.abs(differences) >= abs(differences[0]) - 1e-12))


def swap_error(differences: NDArray[np.float64], images: int) -> float:
    """The standard error of the first difference over images, from the spread of all swaps.

    Swaps spread around 0, so their mean square also contains 1 / images of the squared difference, which is subtracted.
    """
    return float(np.sqrt(max(0.0, float(np.mean(differences**2)) - differences[0] ** 2 / images)))


def sign_flip_p(values: Sequence[float]) -> float:
    """Exact two-sided p-value of a mean of differences, one per seed, if either sign of each were equally likely.

    With n seeds it cannot be below 2 / 2^n: three seeds reach 0.25, and at least six are needed to reach 0.05.
    """
    signs = np.array(list(itertools.product([1.0, -1.0], repeat=len(values))))
    return p_value(signs @ np.asarray(values, np.float64) / len(values))


def _side_by_side(a: Evaluation, b: Evaluation) -> Evaluation:
    """One result with twice the images: image i of A at 2 i, that of B at 2 i + 1, so that ties keep their order."""
    truth = a.truth
    sizes = np.repeat(np.diff(truth.begin), 2)
    rows = _interleave(truth.begin, truth.begin, 0)
    doubled = TruthIndex(
        classes=truth.classes,
        begin=np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]),
        label=truth.label[rows],
        boxes_xywh=truth.boxes_xywh[rows],
        area=truth.area[rows],
        is_crowd=truth.is_crowd[rows],
        is_void=truth.is_void[rows],
    )
    ours, theirs = a.matches, b.matches
    rows = _interleave(ours.begin, theirs.begin, len(ours.label))
    counts = np.stack([np.diff(ours.begin), np.diff(theirs.begin)], axis=1).reshape(-1)

    def joined(x: NDArray[np.generic], y: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.ascontiguousarray(np.concatenate([x, y])[rows])

    matches = Matches(
        np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
        joined(ours.label, theirs.label),  # type: ignore[arg-type]
        joined(ours.scores, theirs.scores),  # type: ignore[arg-type]
        tuple(
            Masks(*(joined(x, y) for x, y in zip(mask_a, mask_b, strict=True)))  # type: ignore[arg-type]
            for mask_a, mask_b in zip(ours.masks, theirs.masks, strict=True)
        ),
    )
    return replace(a, truth=doubled, found=Found.whole(matches, a.lattice))


def _interleave(begin_a: NDArray[np.int64], begin_b: NDArray[np.int64], offset: int) -> NDArray[np.int64]:
    """Rows of two concatenated tables (B starts at `offset`), ordered as image 0 of A, 0 of B, 1 of A ..."""
    pieces = (
        (np.arange(begin_a[i], begin_a[i + 1]), offset + np.arange(begin_b[i], begin_b[i + 1]))
        for i in range(len(begin_a) - 1)
    )
    flat = [piece for pair in pieces for piece in pair]
    return np.concatenate(flat) if flat else np.zeros(0, np.int64)
