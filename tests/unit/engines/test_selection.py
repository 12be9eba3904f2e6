"""Detections that a head selected itself, and the limit that two heads share."""

import numpy as np
import pytest

from bench_freeze.deployment.pipeline import HeadDetections, load_detections, merge, save_detections
from bench_freeze.engines.base import Head
from bench_freeze.engines.selection import select
from bench_freeze.errors import InputError
from bench_freeze.kernels.nms_options import NmsOptions


def test_a_one_to_one_head_is_thresholded_ordered_and_limited():
    output = np.zeros((2, 5, 6), dtype=np.float32)
    output[0, :, 4] = [0.2, 0.9, 0.001, 0.9, 0.5]
    output[0, :, 5] = [0, 3, 1, 2, 1]
    output[0, :, :4] = np.arange(20).reshape(5, 4)
    found = select(output, Head("base", ("a", "b", "c", "d"), "detections"), NmsOptions(0.001, 0.7, 3))
    assert found.count.tolist() == [3, 0]
    assert found.labels[0].tolist() == [2, 3, 1]  # equal scores: the lower class first
    np.testing.assert_array_equal(found.scores[0], np.float32([0.9, 0.9, 0.5]))
    np.testing.assert_array_equal(found.boxes_xyxy[0, 0], [12, 13, 14, 15])
    assert found.dropped_detections.tolist() == [1, 0]


def detections(rows):
    image, scores = zip(*rows, strict=True) if rows else ((), ())
    n = len(rows)
    return HeadDetections(
        np.array(image, np.int32), np.arange(n, dtype=np.int32), np.zeros((n, 4)), np.array(scores, np.float32), 0
    )


def test_heads_share_the_limit_of_each_image():
    base = detections([(0, 0.9), (0, 0.3), (1, 0.2)])
    target = detections([(0, 0.8), (0, 0.7), (1, 0.1)])
    base_kept, target_kept = merge(base, target, 2)
    assert base_kept.scores.tolist() == np.float32([0.9, 0.2]).tolist()
    assert target_kept.scores.tolist() == np.float32([0.8, 0.1]).tolist()
    assert (base_kept.dropped, target_kept.dropped) == (1, 1)


def test_the_base_head_wins_a_tie():
    base_kept, target_kept = merge(detections([(0, 0.5)]), detections([(0, 0.5)]), 1)
    assert (len(base_kept), len(target_kept)) == (1, 0)


def test_merging_with_nothing_changes_nothing():
    base = detections([(0, 0.9), (3, 0.1)])
    kept, empty = merge(base, detections([]), 300)
    assert kept.scores.tolist() == base.scores.tolist()
    assert len(empty) == 0


def test_detections_survive_the_disk(tmp_path):
    kept = {"base": detections([(0, 0.9), (2, 0.5)]), "target": detections([])}
    save_detections(tmp_path / "d.npz", kept)
    back = load_detections(tmp_path / "d.npz")
    assert back.keys() == kept.keys()
    np.testing.assert_array_equal(back["base"].scores, kept["base"].scores)
    assert back["target"].boxes_xyxy.shape == (0, 4)


@pytest.mark.parametrize(("column", "value"), [(5, 4), (5, 79), (5, -1), (4, np.nan), (0, np.inf), (5, np.nan)])
def test_a_detection_that_no_such_head_gives_is_refused(column, value):
    output = np.zeros((1, 2, 6), dtype=np.float32)
    output[0, 0, 4] = 0.9
    output[0, 0, column] = value
    with pytest.raises(InputError, match="the base head"):
        select(output, Head("base", ("a", "b", "c", "d"), "detections"), NmsOptions())
