"""What the benchmark of a whole validation does between the GPU's matches and the accumulation, on host tensors."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from bench.gpu.drawn import COCO, drawn_truth
from bench.gpu.to_ap import ap_of, ordered, xywh

from bench_freeze.kernels.matching import match

IMAGES, ROWS, CLASSES = 6, 40, 80


@pytest.mark.parametrize("seed", range(4))
def test_batches_of_matches_become_the_rows_that_the_cpu_makes(seed):
    random = np.random.default_rng(seed)
    truth = drawn_truth(IMAGES)
    # Near the truth and mostly of its class, so that many match; rows of an image descend by score, with ties.
    chosen = truth.begin[:-1, None] + random.integers(0, np.diff(truth.begin)[:, None], (IMAGES, ROWS))
    boxes = np.abs(truth.boxes_xywh[chosen] + random.normal(0, 2, (IMAGES, ROWS, 4)))
    scores = -np.sort(-random.integers(1, 20, (IMAGES, ROWS)) / 20, axis=1).astype(np.float32)
    other = random.integers(0, CLASSES, (IMAGES, ROWS)).astype(np.int32)
    labels = np.where(random.random((IMAGES, ROWS)) < 0.8, truth.label[chosen], other)
    count = random.integers(0, ROWS + 1, IMAGES).astype(np.int32)
    used = np.arange(ROWS) < count[:, None]
    image = np.repeat(np.arange(IMAGES, dtype=np.int32), ROWS).reshape(IMAGES, ROWS)
    expected, _ = match(
        truth, COCO, np.arange(IMAGES), image=image[used], label=labels[used], boxes_xywh=boxes[used],
        scores=scores[used].astype(np.float64),
    )  # fmt: skip
    order = np.flatnonzero(used)[np.lexsort((labels[used], image[used]))]  # of the expected rows among all places
    begins = np.r_[True, (np.diff(image.ravel()[order]) != 0) | (np.diff(labels.ravel()[order]) != 0)][: len(order)]
    rank = np.full(IMAGES * ROWS, -1, np.int32)
    rank[order] = np.arange(len(order)) - np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))
    marks: dict[str, np.ndarray] = {"rank": rank}
    for name, bits in zip(("true_positive", "ignored"), expected.masks[0], strict=True):
        words = np.zeros((IMAGES * ROWS, 8), np.uint8)
        words[order, : bits.shape[1]] = bits
        marks[name] = words.view(np.int64)[:, 0]

    def batch(begin, end):
        cut = slice(begin, end)
        found = {"labels": labels[cut], "scores": scores[cut], "count": count[cut]}
        kept = {name: values.reshape(IMAGES, ROWS)[cut] for name, values in marks.items()}
        return tuple(SimpleNamespace(**{k: torch.from_numpy(v) for k, v in part.items()}) for part in (found, kept))

    found = ordered([batch(0, 2), batch(2, 6)], CLASSES)
    for name in ("begin", "label", "scores"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
    for mine, theirs in zip(found.masks[0], expected.masks[0], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert np.any(found.masks[0].true_positive)
    assert 0 < ap_of(truth, found) <= 1


def test_corners_become_the_matchers_boxes():
    boxes = torch.tensor([[[1.0, 2.0, 4.0, 7.0]]])
    assert xywh(SimpleNamespace(boxes_xyxy=boxes)).tolist() == [[[1.0, 2.0, 3.0, 5.0]]]
