"""Views of objects against a slow reference: they hold the object, lie in the image, and are as full as was asked."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bench_freeze.data.dataset import DetectionSet, GroundTruth, ImageRecord
from bench_freeze.transfer.views import FILLS, object_views, view_canvases, view_of


def detection_set(sizes, boxes, *, crowd=(), paths=None):
    """`boxes` are (image, label, x, y, w, h)."""
    rows = np.array(boxes, np.float64).reshape(-1, 6)
    images = tuple(
        ImageRecord(k, None if paths is None else paths[k], width, height) for k, (width, height) in enumerate(sizes)
    )
    truth = GroundTruth(
        image_ids=np.arange(len(sizes)),
        category_ids=np.arange(3),
        class_names=("a", "b", "c"),
        image_index=rows[:, 0].astype(np.int32),
        labels=rows[:, 1].astype(np.int32),
        boxes_xywh=rows[:, 2:],
        area=np.prod(rows[:, 4:], axis=1),
        is_crowd=np.isin(np.arange(len(rows)), crowd),
        annotation_ids=np.arange(len(rows)) + 1,
    )
    return DetectionSet("set", images, truth, "0" * 64)


SIZE = st.tuples(st.integers(20, 400), st.integers(20, 400))
PART = st.tuples(*[st.floats(0, 1)] * 4)


@given(SIZE, PART, st.sampled_from(FILLS))
def test_a_view_holds_its_object_lies_in_the_image_and_is_as_full_as_it_can_be(size, part, fill):
    width, height = size
    x, y = part[0] * (width - 9), part[1] * (height - 9)
    box = np.array([x, y, x + 8 + part[2] * (width - x - 8), y + 8 + part[3] * (height - y - 8)])
    (view,) = view_of(box[None], np.array([size], float), fill)
    assert (view[:2] >= 0).all()
    assert (view[2:] <= size).all()
    assert (view[:2] <= box[:2] + 1e-9).all()
    assert (view[2:] >= box[2:] - 1e-9).all()
    wanted = np.minimum((box[2:] - box[:2]) / np.sqrt(fill), size)
    assert (np.abs((view[2:] - view[:2]) - wanted) <= 2).all()  # whole pixels on both sides


def test_a_tight_view_is_the_box_and_a_wide_one_shares_its_middle():
    boxes, sizes = np.array([[40.0, 50, 60, 90]]), np.array([[200.0, 200]])
    assert view_of(boxes, sizes, 1.0).tolist() == [[40, 50, 60, 90]]
    assert view_of(boxes, sizes, 0.25).tolist() == [[30, 30, 70, 110]]
    assert view_of(boxes - [40, 50, 40, 50], sizes, 0.25).tolist() == [[0, 0, 40, 80]]  # moved, not cut


@pytest.mark.parametrize("seed", range(8))
def test_objects_in_view_are_those_of_a_count_by_hand(seed):
    random = np.random.default_rng(seed)
    sizes = [(120, 90), (64, 64), (200, 40)]
    boxes = []
    for k in random.integers(0, 3, 14):
        x, y = random.uniform(0, sizes[k][0] - 12), random.uniform(0, sizes[k][1] - 12)
        boxes.append((k, random.integers(0, 3), x, y, random.uniform(4, 60), random.uniform(4, 60)))
    data = detection_set(sizes, boxes, crowd=(3, 5))
    found = object_views(data)
    row = 0
    expected_out = 0
    for k in range(3):
        clipped = []
        for n, (image, label, x, y, w, h) in enumerate(boxes):
            if image == k and n not in (3, 5):
                clipped.append((label, x, y, min(x + w, sizes[k][0]), min(y + h, sizes[k][1])))
        for label, x1, y1, x2, y2 in clipped:
            if x2 - x1 < 8 or y2 - y1 < 8:
                expected_out += 1
                continue
            assert (found.image[row], found.labels[row]) == (k, label)
            for f in range(len(FILLS)):
                left, top, right, bottom = found.views[row, f]
                count = 0
                for _, a1, b1, a2, b2 in clipped:
                    common = max(0, min(right, a2) - max(left, a1)) * max(0, min(bottom, b2) - max(top, b1))
                    area = (a2 - a1) * (b2 - b1)
                    count += area > 0 and common / area >= 0.5
                assert found.objects[row, f] == count >= 1
                share = (x2 - x1) * (y2 - y1) / ((right - left) * (bottom - top))
                assert found.share[row, f] == pytest.approx(min(1, share))
            row += 1
    assert (len(found), found.left_out) == (row, expected_out)


def test_canvases_show_the_views_in_order_and_their_hash_knows_them(tmp_path):
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[10:30, 20:40] = (200, 0, 0)
    pixels[35:55, 50:70] = (0, 0, 200)
    path = Path(tmp_path / "a.png")
    Image.fromarray(pixels).save(path)
    data = detection_set([(80, 60)], [(0, 0, 20, 10, 20, 20), (0, 1, 50, 35, 20, 20)], paths=[path])
    views = object_views(data)
    canvases = view_canvases(data, views, 32, 3)
    parts = list(canvases.batches())
    assert [len(part) for part in parts] == [3, 3, 2]
    shown = np.concatenate(parts).reshape(2, len(FILLS), 3, 32, 32)
    assert canvases.count == 2 * len(FILLS)
    assert np.allclose(shown[0, 0, 0], 200 / 255, atol=0.01)  # a tight view is the object alone
    assert np.allclose(shown[1, 0, 2], 200 / 255, atol=0.01)
    reds = shown[0, :, 0].mean(axis=(1, 2))
    assert (np.diff(reds) < 0).all()
    other = detection_set([(80, 60)], [(0, 0, 20, 10, 20, 20), (0, 1, 50, 35, 21, 20)], paths=[path])
    assert view_canvases(other, object_views(other), 32, 3).sha256 != canvases.sha256
