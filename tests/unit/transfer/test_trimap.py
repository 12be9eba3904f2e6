"""Bands around boundaries against a slow reference in NumPy, and IoU against torchmetrics."""

import numpy as np
import pytest

from bench_freeze.data.segmentation_set import IGNORE
from bench_freeze.transfer.iou import MeanIou
from bench_freeze.transfer.trimap import WIDTHS, boundary_distance, overlaps, rings_of

pytest.importorskip("scipy")


def label_map(random, height=34, width=41, classes=4):
    """Blobs of a few classes and of pixels that are not scored."""
    values = np.zeros((height, width), np.uint8)
    for _ in range(random.integers(1, 7)):
        y, x = random.integers(0, height), random.integers(0, width)
        values[y : y + random.integers(1, 25), x : x + random.integers(1, 25)] = random.choice(
            [*range(classes), IGNORE]
        )
    return values


def slow_distance(labels):
    height, width = labels.shape
    edge = [
        (y, x)
        for y in range(height)
        for x in range(width)
        for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0))
        if 0 <= y + dy < height and 0 <= x + dx < width and labels[y, x] != labels[y + dy, x + dx]
    ]
    found = np.full(labels.shape, np.inf)
    for y in range(height):
        for x in range(width):
            for a, b in edge:
                found[y, x] = min(found[y, x], np.hypot(y - a, x - b))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_bands_are_those_of_a_plain_reference(seed):
    random = np.random.default_rng(seed)
    truth = label_map(random)
    found = random.integers(0, 4, truth.shape).astype(np.uint8)
    distance = slow_distance(truth)
    assert np.allclose(boundary_distance(truth), distance)
    both, either = overlaps(truth, rings_of(truth), found, 4)
    for k, width in enumerate(WIDTHS):
        band = (distance < width) & (truth != IGNORE)
        for label in range(4):
            mine, theirs = (truth == label) & band, (found == label) & band
            assert both[: k + 1, label].sum() == (mine & theirs).sum()
            assert either[: k + 1, label].sum() == (mine | theirs).sum()
    scored = truth != IGNORE
    assert either.sum(axis=0).tolist() == [((truth == c) | (found == c))[scored].sum() for c in range(4)]


def test_a_map_of_one_label_has_no_boundary():
    assert np.isinf(boundary_distance(np.full((5, 6), 2, np.uint8))).all()
    truth = np.zeros((5, 6), np.uint8)
    both, _ = overlaps(truth, rings_of(truth), truth, 2)
    assert both[-1].tolist() == [30, 0]
    assert both[:-1].sum() == 0


def test_the_first_band_is_the_boundary_alone():
    truth = np.zeros((8, 8), np.uint8)
    truth[:, 4:] = 1
    band = rings_of(truth) == 0
    assert band.sum(axis=0).tolist() == [0, 0, 0, 8, 8, 0, 0, 0]


@pytest.mark.parametrize("seed", range(6))
def test_mean_iou_is_torchmetrics(seed):
    torch = pytest.importorskip("torch")
    classification = pytest.importorskip("torchmetrics.classification")
    random = np.random.default_rng(seed)
    classes = 6  # some of which are in no image
    pairs = [(label_map(random), random.integers(0, 4, (34, 41)).astype(np.uint8)) for _ in range(5)]
    metric = classification.MulticlassJaccardIndex(classes, ignore_index=IGNORE, average="macro")
    by_class = classification.MulticlassJaccardIndex(classes, ignore_index=IGNORE, average="none")
    counted = []
    for truth, found in pairs:
        for own in (metric, by_class):
            own.update(torch.as_tensor(found.astype(np.int64)), torch.as_tensor(truth.astype(np.int64)))
        counted.append(overlaps(truth, rings_of(truth), found, classes))
    both = np.array([[own.sum(axis=0) for own, _ in counted]], float)
    either = np.array([[own.sum(axis=0) for _, own in counted]], float)
    iou = MeanIou(both, either)
    assert iou.values(np.ones((1, 5)))[0, 0] == pytest.approx(float(metric.compute()), abs=1e-6)
    ours, theirs = iou.per_class(), by_class.compute().numpy()
    has = np.isfinite(ours)
    assert has.tolist() == [True] * 4 + [False] * 2
    assert np.allclose(ours[has], theirs[has], atol=1e-6)


def test_weights_count_an_image_as_often_as_it_was_drawn():
    random = np.random.default_rng(9)
    both = random.integers(0, 50, (2, 4, 3)).astype(float)
    either = both + random.integers(0, 50, both.shape)
    weights = np.array([[2.0, 0, 1, 1]])
    drawn = [0, 0, 2, 3]
    expected = MeanIou(both[:, drawn], either[:, drawn]).values(np.ones((1, 4)))
    assert np.allclose(MeanIou(both, either).values(weights), expected)


def test_a_set_without_boundaries_has_an_interior_alone():
    from bench_freeze.transfer.segment_counts import band_of

    truth = np.zeros((5, 6), np.uint8)
    counted = [overlaps(truth, rings_of(truth), truth, 2) for _ in range(3)]
    both, either = (np.array([[own[k] for own in counted]]) for k in (0, 1))
    band = band_of(2, (both, either), 3)
    assert band.boundary is None
    assert band.interior.value == 1
