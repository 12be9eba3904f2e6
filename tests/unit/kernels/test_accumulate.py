"""The protocol's tensors of drawn matches, beside pycocotools' own way of counting: classes of any size, any parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench_freeze.kernels.matching import Lattice, Masks, MatchedImages, Matches, TruthIndex, accumulate, index_truth

IMAGES, TRUTHS = 40, 3000
RECALLS = np.linspace(0, 1, 101)
MAXIMA = (1, 10, 100)
LATTICE = Lattice("coco", np.array([0.5, 0.75]), np.array([[0.0, 1e10], [0.0, 50.0]]))
BAND = 1 << 19  # from here on a class goes band by band (csrc/cpu/ranking.cpp)


def drawn_truth(rng: np.random.Generator) -> TruthIndex:
    """Of two classes, the second of which no detection has; half of the boxes are in the second area range."""
    area = np.where(np.arange(TRUTHS) % 2, 25.0, 100.0)
    return index_truth(
        rng.integers(0, IMAGES, TRUTHS), np.zeros(TRUTHS, np.int32), np.ones((TRUTHS, 4)), area,
        np.zeros(TRUTHS, np.bool_), np.zeros(TRUTHS, np.bool_), images=IMAGES, classes=2,
    )  # fmt: skip


def drawn_matches(rng: np.random.Generator, rows: int, scores: NDArray[np.float64]) -> Matches:
    """Detections of the first class; best first in every image, as matching leaves them."""
    begin = np.linspace(0, rows, IMAGES + 1).astype(np.int64)
    image = np.repeat(np.arange(IMAGES), np.diff(begin))
    chance = rng.random(rows)
    few = 1000 / rows
    true_positive = np.where(chance < few, rng.integers(1, 16, rows), 0).astype(np.uint8)
    ignored = np.where((chance > 0.9) & (true_positive == 0), rng.integers(0, 16, rows), 0).astype(np.uint8)
    order = np.lexsort((-scores, image))
    masks = Masks(true_positive[:, None], ignored[:, None])
    return Matches(begin, np.zeros(rows, np.int32), scores[order], (masks,))


def counted(matches: Matches) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Precision, recall and scores of the first class [T, R, A, M], one curve after the other, as COCOeval counts."""
    image = np.repeat(np.arange(IMAGES), np.diff(matches.begin))
    rank = np.arange(len(image)) - matches.begin[image]
    precision, scores = (np.zeros((2, len(RECALLS), 2, 3)) for _ in range(2))
    recall = np.zeros((2, 2, 3))
    order = np.argsort(-matches.scores, kind="stable")
    for t, a, m in np.ndindex(2, 2, 3):
        kept = order[rank[order] < MAXIMA[m]]
        true, ignored = ((mask[kept, 0] >> (a * 2 + t) & 1).astype(bool) for mask in matches.masks[0])
        found = np.cumsum(true).astype(float)
        false = np.cumsum(~true & ~ignored).astype(float)
        truths = TRUTHS if a == 0 else TRUTHS // 2
        reached = found / truths
        envelope = np.maximum.accumulate((found / (false + found + np.spacing(1)))[::-1])[::-1]
        recall[t, a, m] = reached[-1] if len(reached) else 0
        at = np.searchsorted(reached, RECALLS, side="left")
        inside = at < len(reached)
        precision[t, inside, a, m] = envelope[at[inside]]
        scores[t, inside, a, m] = matches.scores[kept][at[inside]]
    return precision, recall, scores


SCORES: dict[str, Any] = {
    "apart": lambda rng, n: rng.random(n),
    "tied": lambda rng, n: np.floor(rng.random(n) * 500) / 500,
    "alike": lambda rng, n: np.full(n, 0.25),
    "of both signs": lambda rng, n: rng.normal(0, 3, n),
    "in two heaps": lambda rng, n: np.where(rng.random(n) < 0.5, 1e-300, 0.9) * (1 + 1e-9 * rng.integers(0, 9, n)),
}


def check(rng: np.random.Generator, rows: int, kind: str) -> None:
    truth, matches = drawn_truth(rng), drawn_matches(rng, rows, SCORES[kind](rng, rows))
    tensors, tied, truncated = accumulate(
        truth, LATTICE, [MatchedImages.first(matches)], recall_thresholds=RECALLS, max_detections=MAXIMA
    )
    precision, recall, scores = counted(matches)
    np.testing.assert_array_equal(tensors.precision[:, :, 0], precision)
    np.testing.assert_array_equal(tensors.recall[:, 0], recall)
    np.testing.assert_array_equal(tensors.scores[:, :, 0], scores)
    assert (tensors.precision[:, :, 1] == -1).all()
    _, count = np.unique(matches.scores, return_counts=True)
    assert tied == count[count > 1].sum()
    assert truncated == np.maximum(np.diff(matches.begin) - MAXIMA[-1], 0).sum()


@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize("rows", [1, 97, 20_000])
def test_a_class_is_counted_as_pycocotools_counts_it(rows: int, kind: str) -> None:
    check(np.random.default_rng(rows), rows, kind)


@pytest.mark.parametrize("kind", SCORES)
def test_so_is_one_that_goes_band_by_band(kind: str) -> None:
    check(np.random.default_rng(5), 2 * BAND + 12_345, kind)


def test_neither_parts_nor_their_order_change_anything() -> None:
    """Images in several parts, out of order, some of them in none."""
    rng = np.random.default_rng(3)
    truth, matches = drawn_truth(rng), drawn_matches(rng, 9_000, np.floor(rng.random(9_000) * 50) / 50)
    left_out = rng.choice(IMAGES, 5, replace=False)
    shown = np.setdiff1d(np.arange(IMAGES), left_out)
    settings: dict[str, Any] = {"recall_thresholds": RECALLS, "max_detections": MAXIMA}
    expected = accumulate(truth, LATTICE, [some(matches, shown)], **settings)
    for pieces, threads in ((1, 1), (3, 2), (len(shown), 1), (len(shown), 3)):
        parts = [some(matches, images) for images in np.array_split(rng.permutation(shown), pieces)]
        found = accumulate(truth, LATTICE, [*parts, some(matches, shown[:0])], **settings, threads=threads)
        for mine, theirs in zip(found[0], expected[0], strict=True):
            np.testing.assert_array_equal(mine, theirs)
        assert found[1:] == expected[1:]


def some(matches: Matches, images: NDArray[np.int64]) -> MatchedImages:
    """The matches of some images, in their order."""
    sizes = np.diff(matches.begin)[images]
    none = [np.zeros(0, np.int64)]
    rows = np.concatenate([*none, *(np.arange(matches.begin[i], matches.begin[i + 1]) for i in images)])
    begin = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    masks = Masks(*(mask[rows] for mask in matches.masks[0]))
    return MatchedImages(images.astype(np.int32), Matches(begin, matches.label[rows], matches.scores[rows], (masks,)))


@pytest.mark.parametrize("images", [[[0, 1], [1]], [[IMAGES]], [[-1]]])
def test_an_image_in_two_parts_or_beyond_the_truth_is_refused(images: list[list[int]]) -> None:
    rng = np.random.default_rng(0)
    truth, matches = drawn_truth(rng), drawn_matches(rng, 400, rng.random(400))
    parts = [some(matches, np.array(each) % IMAGES)._replace(images=np.array(each, np.int32)) for each in images]
    with pytest.raises(ValueError, match="out of range, or there twice"):
        accumulate(truth, LATTICE, parts, recall_thresholds=RECALLS, max_detections=MAXIMA)
