"""Which example images are chosen, and which boxes are hits."""

import msgspec
import numpy as np
import pytest

from bench_freeze.data.classes import ClassMap
from bench_freeze.data.dataset import DetectionSet, GroundTruth, ImageRecord
from bench_freeze.deployment.pipeline import HeadDetections
from bench_freeze.gallery.choose import choose_images
from bench_freeze.gallery.compare import ImageBoxes, annotations_on, differences, f1_by_image, in_crowd, iou, pair
from bench_freeze.gallery.kept import KeptModel
from tests import builders

BOX = [10.0, 10.0, 20.0, 20.0]


def boxes(labels, corners, scores=None):
    return ImageBoxes(
        np.array(labels, np.int32), np.array(corners, np.float64).reshape(-1, 4),
        np.array(scores if scores is not None else np.ones(len(labels))),
    )  # fmt: skip


def data_set(image_index, labels, corners, is_crowd=None):
    n = len(labels)
    truth = GroundTruth(
        image_ids=np.arange(1, 4), category_ids=np.arange(2), class_names=("a", "b"),
        image_index=np.array(image_index, np.int32), labels=np.array(labels, np.int32),
        boxes_xywh=np.array(corners, np.float64), area=np.full(n, 400.0),
        is_crowd=np.array(is_crowd or [False] * n), annotation_ids=np.arange(1, n + 1),
    )  # fmt: skip
    images = tuple(ImageRecord(i, None, 100, 100) for i in (1, 2, 3))
    return DetectionSet("set", images, truth, "hash")


def test_iou_of_known_boxes():
    moved = [20.0, 10.0, 20.0, 20.0]
    assert iou(np.array([BOX]), np.array([BOX, moved, [50.0, 50.0, 1.0, 1.0]])).tolist() == [[1.0, 1 / 3, 0.0]]


def test_the_best_detection_takes_the_annotation():
    found = boxes([0, 0, 1], [BOX, BOX, BOX], [0.5, 0.9, 0.8])
    assert pair(found, boxes([0], [BOX])).tolist() == [-1, 0, -1]
    assert pair(found, boxes([], [])).tolist() == [-1, -1, -1]


def test_what_lies_in_a_crowd_of_its_class_is_not_false():
    crowd = boxes([0], [[0.0, 0.0, 100.0, 100.0]])
    found = boxes([0, 1, 0, 0], [BOX, BOX, [90.0, 0.0, 20.0, 20.0], [95.0, 0.0, 20.0, 20.0]])
    assert in_crowd(found, crowd).tolist() == [True, False, True, False]  # half of the third lies inside
    assert in_crowd(found, boxes([], [])).tolist() == [False] * 4


def test_differences_count_what_has_no_counterpart():
    a = boxes([0, 1], [BOX, [50, 50, 10, 10]], [0.9, 0.8])
    b = boxes([0], [[11, 10, 20, 20]], [0.7])
    assert differences(a, b) == differences(b, a) == 1
    assert differences(a, a) == 0


def test_f1_of_every_image():
    data = data_set([0, 0, 1, 1], [0, 1, 0, 0], [BOX, BOX, BOX, BOX], [False, False, False, True])
    corners = [10.0, 10.0, 30.0, 30.0]
    found = HeadDetections(
        image_index=np.array([0, 0, 1, 1], np.int32), labels=np.array([0, 0, 0, 0], np.int32),
        boxes_xyxy=np.array([corners, [60, 60, 70, 70], corners, corners], np.float64),
        scores=np.array([0.9, 0.8, 0.9, 0.1], np.float32), dropped=0,
    )  # fmt: skip
    f1 = f1_by_image(found, ClassMap(np.array([0, 1], np.int32), (), ()), data)
    assert f1[0] == pytest.approx(2 * 1 / (2 + 2))  # one hit, one false, one missed
    assert f1[1] == 1.0  # the crowd region is none to find, and the second detection scores too low to be drawn
    assert np.isnan(f1[2])  # nothing there and nothing found


def kept_model(freeze, precision, scores):
    """A model that finds the first box of image 0 and 1 with these scores, and nothing on image 2."""
    row = msgspec.structs.replace(
        builders.committed().rows[0], freeze=freeze, graft_at=22, construction="grafted", precision=precision
    )
    corners = np.array([[10.0, 10.0, 30.0, 30.0]] * 2)
    found = HeadDetections(
        np.array([0, 1], np.int32), np.zeros(2, np.int32), corners, np.array(scores, np.float32), dropped=0
    )
    return KeptModel((freeze,), row, {"target": {"target": found}})


def test_an_image_is_shown_once_with_every_reason():
    data = data_set([0, 1, 2, 2], [0, 0, 0, 1], [BOX, BOX, BOX, BOX])
    classes = ClassMap(np.array([0, 1], np.int32), (), ())
    models = [
        kept_model(22, "fp32", (0.9, 0.9)),
        kept_model(15, "fp32", (0.9, 0.1)),
        kept_model(15, "int8", (0.1, 0.1)),
    ]
    chosen = {choice.image: choice for choice in choose_images("target", models, data, classes)}
    assert chosen[2].why == ["worst image of freeze 22: F1 0.00", "worst image of freeze 15: F1 0.00"]
    assert chosen[0].why == [
        "best image of freeze 22: F1 1.00", "best image of freeze 15: F1 1.00",
        "freeze 15: ort fp32 and ort int8 differ in 1 box(es)",
    ]  # fmt: skip
    assert chosen[0].suggest == [1, 2]
    assert chosen[1].why == ["freeze 15 finds less than freeze 22: F1 1.00 with 22 frozen, 0.00 with 15 frozen"]
    assert chosen[1].suggest == [0, 1]


def test_what_depth_bought_comes_first_side_by_side():
    data = data_set([0, 1, 2, 2], [0, 0, 0, 1], [BOX, BOX, BOX, BOX])
    classes = ClassMap(np.array([0, 1], np.int32), (), ())
    scores = {22: (0.1, 0.9), 15: (0.9, 0.9), 10: (0.9, 0.9), 6: (0.9, 0.9), 0: (0.9, 0.1)}
    models = [kept_model(freeze, "fp32", own) for freeze, own in scores.items()]
    more, less = choose_images("target", models, data, classes)[:2]
    assert (more.image, more.suggest) == (0, [0, 2, 4])  # the most and the fewest frozen layers, and what lies between
    assert more.why[0].startswith("freeze 0 finds more than freeze 22: F1 0.00 with 22 frozen, 1.00 with 10 frozen")
    assert (less.image, less.suggest) == (1, [0, 2, 4])


def test_annotations_of_one_image_tell_crowds():
    data = data_set([0, 1, 1], [0, 1, 0], [BOX, BOX, BOX], [False, True, False])
    truth, is_crowd = annotations_on(data, 1)
    assert truth.labels.tolist() == [1, 0]
    assert is_crowd.tolist() == [True, False]
