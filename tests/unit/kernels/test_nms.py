"""NMS against the NumPy reference, and the promises of its docstring."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench_freeze.errors import InputError
from bench_freeze.kernels import ext
from bench_freeze.kernels.nms_options import NmsOptions
from tests.heads import lattice_head, random_head
from tests.reference.nms_reference import reference_nms


def assert_equals_reference(head: NDArray[Any], **options: Any) -> ext.Detections:
    found = ext.nms(head, NmsOptions(**options))
    for image, prediction in enumerate(head):
        expected = reference_nms(prediction, **options)
        count = len(expected.detections)
        assert found.count[image] == count
        assert found.dropped_candidates[image] == expected.dropped_candidates
        assert found.dropped_detections[image] == expected.dropped_detections
        assert found.scores[image, :count].tolist() == [d.score for d in expected.detections]
        assert found.labels[image, :count].tolist() == [d.label for d in expected.detections]
        np.testing.assert_array_equal(
            found.boxes_xyxy[image, :count], np.array([d.box for d in expected.detections]).reshape(-1, 4)
        )
        for column in (found.boxes_xyxy, found.scores, found.labels):
            assert not column[image, count:].any()
    return found


def assert_same(a: ext.Detections, b: ext.Detections) -> None:
    for field in dataclasses.fields(ext.Detections):
        np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name))


OPTIONS: list[dict[str, Any]] = [
    {},
    {"score_threshold": 0.25, "iou_threshold": 0.45, "multi_label": False},
    {"class_agnostic": True},
    {"class_agnostic": True, "multi_label": False, "score_threshold": 0.1},
    {"max_detections": 7, "max_candidates": 40},
    {"max_candidates": 1},
    {"score_threshold": -1.0},
    {"iou_threshold": 0.0},
    {"iou_threshold": 1.0},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_equals_reference(options: dict[str, Any], dtype: Any) -> None:
    assert_equals_reference(random_head(1, images=2, anchors=67).astype(dtype), **options)
    assert_equals_reference(lattice_head(2, images=2).astype(dtype), box_format="xyxy", **options)


@pytest.mark.parametrize("threshold", [k / 20 for k in range(1, 20)])
def test_threshold_is_strict_and_float32(threshold: float) -> None:
    """IoUs of whole-pixel boxes fall exactly on these thresholds, or beside them by one rounding."""
    assert_equals_reference(lattice_head(3), box_format="xyxy", iou_threshold=threshold, score_threshold=threshold)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    anchors=st.integers(0, 100),
    classes=st.integers(1, 4),
    score_threshold=st.sampled_from([0.0, 0.125, 0.3, 0.5]),
    iou_threshold=st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 0.7, 1.0]),
    max_detections=st.integers(1, 30),
    max_candidates=st.integers(1, 200),
    multi_label=st.booleans(),
    class_agnostic=st.booleans(),
)
def test_equals_reference_on_drawn_lattices(seed: int, anchors: int, classes: int, **options: Any) -> None:
    head = lattice_head(seed, classes=classes, anchors=anchors)
    assert_equals_reference(head, box_format="xyxy", **options)


def test_batch_split_does_not_matter() -> None:
    head = random_head(4, images=5)
    whole = ext.nms(head)
    for image in range(5):
        alone = ext.nms(head[image : image + 1])
        for field in dataclasses.fields(ext.Detections):
            np.testing.assert_array_equal(getattr(whole, field.name)[image], getattr(alone, field.name)[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_memory_layout_does_not_matter(dtype: Any) -> None:
    head = random_head(5, images=3).astype(dtype)
    expected = ext.nms(head)
    anchors_first = np.ascontiguousarray(head.transpose(0, 2, 1)).transpose(0, 2, 1)
    assert_same(ext.nms(anchors_first), expected)
    padded = np.full((6, head.shape[1] + 3, head.shape[2] + 5), 9, dtype)
    padded[::2, 2:-1, 3:-2] = head
    assert_same(ext.nms(padded[::2, 2:-1, 3:-2]), expected)
    assert_same(ext.nms(head[:, :, ::-1][:, :, ::-1]), expected)


def test_reads_torch_tensors() -> None:
    torch = pytest.importorskip("torch")
    head = random_head(6)
    assert_same(ext.nms(torch.from_numpy(head)), ext.nms(head))
    with pytest.raises(InputError, match="detach"):
        ext.nms(torch.from_numpy(head).requires_grad_())


def test_reads_any_dlpack_producer() -> None:
    class OnlyDlpack:
        def __init__(self, array: NDArray[np.float32]) -> None:
            self.array = array

        def __dlpack__(self, **options: Any) -> Any:
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self) -> tuple[int, int]:
            return self.array.__dlpack_device__()

    head = random_head(7)
    assert_same(ext.nms(OnlyDlpack(head)), ext.nms(head))


def test_empty_batch_and_empty_head() -> None:
    assert ext.nms(np.zeros((0, 6, 10), np.float32)).count.shape == (0,)
    assert ext.nms(np.zeros((2, 6, 0), np.float32)).count.tolist() == [0, 0]
    assert ext.nms(np.zeros((2, 6, 10), np.float32)).count.tolist() == [0, 0]


def test_single_label_takes_the_lowest_class_on_a_tie() -> None:
    head = np.zeros((1, 7, 1), np.float32)
    head[0, :, 0] = [5, 5, 2, 2, 0.25, 0.5, 0.5]
    found = ext.nms(head, NmsOptions(multi_label=False))
    assert found.count[0] == 1
    assert found.labels[0, 0] == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("anchor", [0, 31, 64, 70])
def test_refuses_a_score_that_is_not_finite(bad: float, dtype: Any, anchor: int) -> None:
    head = random_head(8, images=2, anchors=71).astype(dtype)
    head[1, 6, anchor] = bad
    with pytest.raises(InputError, match=f"class 2 of image 1, anchor {anchor} "):
        ext.nms(head)


def test_refuses_a_candidate_box_that_is_not_finite() -> None:
    head = random_head(9)
    head[0, 4:, 3] = 0
    head[0, 2, 3] = np.nan
    ext.nms(head)  # no candidate there
    head[0, 4, 3] = 0.9
    with pytest.raises(InputError, match="box value 2 of image 0, anchor 3 "):
        ext.nms(head)


@pytest.mark.parametrize(
    ("head", "options", "message"),
    [
        (np.zeros((1, 6, 4), np.float64), {}, "float64"),
        (np.zeros((1, 6, 4), np.float32).astype(">f4"), {}, "give float32 or float16"),
        (np.zeros((6, 4), np.float32), {}, r"\[6, 4\]"),
        (np.zeros((1, 4, 4), np.float32), {}, "4 \\+ classes"),
        (np.broadcast_to(np.float32(0), (1, 70_004, 70_000)), {}, "too many"),
        (np.zeros((1, 6, 4), np.float32), {"iou_threshold": 1.5}, "iou_threshold"),
        (np.zeros((1, 6, 4), np.float32), {"score_threshold": float("nan")}, "score_threshold"),
        (np.zeros((1, 6, 4), np.float32), {"max_detections": 0}, "max_detections"),
        (np.zeros((1, 6, 4), np.float32), {"max_candidates": 0}, "max_candidates"),
        (np.zeros((1, 6, 4), np.float32), {"box_format": "xywh"}, "box_format"),
    ],
)
def test_refuses_wrong_arguments(head: NDArray[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ext.nms(head, NmsOptions(**options))


def test_a_key_has_what_keys_of_finished_studies_have():
    """Other options enter where they differ, so that nothing kept is made anew."""
    usual = {"score_threshold": 0.001, "iou_threshold": 0.7, "max_detections": 300, "multi_label": True}
    assert NmsOptions().key() == usual
    assert NmsOptions(0.25, class_agnostic=True).key() == {**usual, "score_threshold": 0.25, "class_agnostic": True}
