"""Nested, stratified shares of a data set."""

from itertools import pairwise

import numpy as np
import pytest

from bench_freeze.data.dataset import DetectionSet, GroundTruth, ImageRecord
from bench_freeze.data.subset import keep_images, nested_order, nested_subset, relabelled


@pytest.fixture
def data():
    """Forty images: class `common` in thirty, `seldom` in four, `rare` in one, five without boxes."""
    labels = [*[(i, 0) for i in range(30)], *[(i, 1) for i in range(28, 32)], (34, 2), (34, 2)]
    image_index, classes = (np.array(column, dtype=np.int32) for column in zip(*labels, strict=True))
    n = len(labels)
    truth = GroundTruth(
        np.arange(100, 140), np.arange(3), ("common", "seldom", "rare"), image_index, classes,
        np.arange(4 * n, dtype=np.float64).reshape(n, 4), np.ones(n), np.zeros(n, dtype=np.bool_), np.arange(n),
    )  # fmt: skip
    images = tuple(ImageRecord(100 + i, None, 10, 10, f"{i}") for i in range(40))
    return DetectionSet("forty", images, truth, "hash")


def ids(subset):
    return {image.image_id for image in subset.images}


def test_shares_are_nested_and_keep_every_class(data):
    parts = [nested_subset(data, share, seed=3) for share in (0.1, 0.25, 0.5, 1.0)]
    assert [len(p.images) for p in parts] == [4, 10, 20, 40]
    for small, large in pairwise(parts):
        assert ids(small) < ids(large)
    for part in parts:
        assert set(part.ground_truth.labels.tolist()) == {0, 1, 2}
    assert parts[-1] is data
    assert ids(nested_subset(data, 0.5, seed=4)) != ids(parts[2])


def test_a_half_has_half_of_every_class(data):
    half = nested_subset(data, 0.5, seed=0)
    present = [len(np.unique(half.ground_truth.image_index[half.ground_truth.labels == k])) for k in range(3)]
    assert present[2] == 1
    assert 2 <= present[1] <= 3
    assert 13 <= present[0] <= 17
    assert 2 <= half.counts["background_images"] <= 4


def test_the_order_has_every_image_once(data):
    assert sorted(nested_order(data, 0)) == list(range(40))


def test_boxes_follow_their_images(data):
    part = keep_images(data, [34, 29])
    assert [image.image_id for image in part.images] == [129, 134]
    assert part.ground_truth.image_ids.tolist() == [129, 134]
    assert part.ground_truth.image_index.tolist() == [0, 0, 1, 1]
    assert part.ground_truth.labels.tolist() == [0, 1, 2, 2]
    assert part.ground_truth.boxes_xywh[0].tolist() == data.ground_truth.boxes_xywh[29].tolist()
    assert part.sha256 != keep_images(data, [34, 28]).sha256
    assert part.counts == {"images": 2, "boxes": 4, "crowd_boxes": 0, "background_images": 0}


def test_labels_of_a_head_with_other_classes(data):
    """The head knows rare as 0, a class that is not there as 1, common as 2; seldom it does not know."""
    found = relabelled(data, np.array([2, -1, 0]), ("rare", "absent", "common"))
    assert found.class_names == ("rare", "absent", "common")
    assert found.ground_truth.labels.tolist() == [2] * 30 + [0, 0]
    assert len(found.images) == 40
