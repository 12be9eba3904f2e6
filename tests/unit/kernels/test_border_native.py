"""The compiled functions themselves, called as nobody should: what would leave an array is an exception.

Every call begins sound; one argument is changed. A crash ends the whole test run, so it cannot pass unseen; positions
and sizes that lie have to raise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_freeze.kernels.ext import native

IMAGES, CLASSES, TRUTHS, ROWS, RESAMPLES = 3, 2, 5, 6, 2
THRESHOLDS, AREAS = np.array([0.5, 0.75, 0.9]), np.array([[0.0, 1e10], [0.0, 50.0], [50.0, 90.0]])
LANES = 9


def truth() -> dict[str, Any]:
    boxes = np.array([[0, 0, 8, 8], [9, 9, 5, 5], [0, 0, 4, 4], [1, 1, 9, 9], [30, 30, 9, 9]], np.float64)
    return {
        "classes": CLASSES, "begin": np.array([0, 2, 2, 5]), "label": np.array([0, 1, 0, 0, 1], np.int32),
        "boxes": boxes, "area": boxes[:, 2] * boxes[:, 3], "is_crowd": np.array([0, 0, 1, 0, 0], np.uint8),
        "is_void": np.zeros(TRUTHS, np.uint8),
    }  # fmt: skip


def lattice() -> dict[str, Any]:
    return {"rule": 0, "iou_thresholds": THRESHOLDS.copy(), "area_ranges": AREAS.copy()}


def matches() -> dict[str, Any]:
    return {
        "begin": np.array([0, 3, 4, 6]), "label": np.array([0, 0, 1, 0, 0, 1], np.int32),
        "scores": np.array([0.9, 0.1, 0.4, 0.3, 0.6, 0.6]), "true_positive": np.zeros((ROWS, 2), np.uint8),
        "ignored": np.zeros((ROWS, 2), np.uint8),
    }  # fmt: skip


def of_order() -> dict[str, Any]:
    return {
        "image": np.array([0, 2, 0, 1, 0, 2], np.int32),
        "begin": np.zeros(4, np.int64),
        "order": np.zeros(6, np.int32),
    }


def of_match() -> dict[str, Any]:
    boxes = np.array([[0, 0, 8, 7], [9, 9, 5, 4], [0, 0, 4, 4], [1, 1, 9, 9], [30, 30, 9, 9], [0, 0, 1, 1]], np.float64)
    return {
        "image": np.arange(IMAGES, dtype=np.int32), "begin": np.array([0, 3, 4, 6]),
        "order": np.arange(ROWS, dtype=np.int32), "label": np.array([0, 1, 0, 0, 1, 1], np.int32), "boxes": boxes,
        "scores": np.linspace(0.1, 0.9, ROWS), "threads": 2, "out_label": np.zeros(ROWS, np.int32),
        "out_scores": np.zeros(ROWS), "out_true_positive": np.zeros((ROWS, 2), np.uint8),
        "out_ignored": np.zeros((ROWS, 2), np.uint8),
    }  # fmt: skip


def of_accumulate() -> dict[str, Any]:
    shape = (len(THRESHOLDS), 4, CLASSES, len(AREAS), 2)
    return {"image": np.array([2, 0, 1], np.int32)} | matches() | {
        "recall_thresholds": np.linspace(0, 1, 4), "max_detections": np.array([1, 100]), "threads": 2,
        "precision": np.zeros(shape), "recall": np.zeros((shape[0], *shape[2:])), "score_tensor": np.zeros(shape),
    }  # fmt: skip


def of_raw_curves() -> dict[str, Any]:
    return {"lane": 1} | matches() | {
        "class_begin": np.zeros(CLASSES + 1, np.int64), "false_positives": np.zeros(ROWS, np.int32),
        "false_positives_tied": np.zeros(ROWS, np.int32), "curve_scores": np.zeros(ROWS),
    }  # fmt: skip


def of_bootstrap() -> dict[str, Any]:
    return matches() | {
        "recall_thresholds": np.linspace(0, 1, 4), "max_detections": 100, "seed": 1,
        "weights": np.ones((RESAMPLES, IMAGES), np.int32), "threads": 2,
        "ap": np.zeros((RESAMPLES, CLASSES, len(THRESHOLDS))),
    }  # fmt: skip


def of_nms() -> dict[str, Any]:
    return {
        "predictions": np.random.default_rng(0).random((2, 4 + CLASSES, 7)).astype(np.float32), "score_threshold": 0.1,
        "iou_threshold": 0.5, "max_candidates": 9, "multi_label": True, "class_agnostic": False, "is_cxcywh": True,
        "threads": 2, "boxes": np.zeros((2, 5, 4), np.float32), "scores": np.zeros((2, 5), np.float32),
        "labels": np.zeros((2, 5), np.int32), "count": np.zeros(2, np.int32),
        "dropped_candidates": np.zeros(2, np.int64), "dropped_detections": np.zeros(2, np.int64),
    }  # fmt: skip


def of_letterbox() -> dict[str, Any]:
    return {
        "image": np.zeros((5, 6, 3), np.uint8), "out": np.zeros((3, 12, 10), np.float32), "resized_height": 9,
        "resized_width": 8, "top": 1, "left": 2, "fill": 0.5,
    }  # fmt: skip


def of_positions() -> dict[str, Any]:
    return {"known": np.array([1, 2, 5]), "ids": np.array([5, 0, 2, 9]), "position": np.zeros(4, np.int32)}


def of_sound_rows() -> dict[str, Any]:
    return {"boxes": np.ones((3, 4)), "values": np.ones(3), "is_sound": np.zeros(3, np.bool_)}


CALLS = {
    "order_by_image": of_order, "match": of_match, "accumulate": of_accumulate, "raw_curves": of_raw_curves,
    "bootstrap": of_bootstrap, "nms": of_nms, "letterbox": of_letterbox, "positions_of": of_positions,
    "sound_rows": of_sound_rows,
}  # fmt: skip
OWNERS = {"match", "accumulate", "bootstrap", "raw_curves"}
# Beyond every array. Of these, weights may be any count that is not negative.
POSITIONS = {
    "order_by_image": ["image"], "match": ["image", "begin", "order", "label"],
    "accumulate": ["image", "begin", "label"], "raw_curves": ["begin", "label"],
    "bootstrap": ["begin", "label", "weights"],
}  # fmt: skip
REFUSED = (ValueError, TypeError)
HOSTILE_FLOATS = [-1.0, 0.0, 1.0, np.nan, np.inf, -np.inf, 1e30, -1e30]


def call(name: str, arguments: dict[str, Any], truth_of: dict[str, Any], lattice_of: dict[str, Any]) -> Any:
    owners: dict[str, Any] = {}
    if name in OWNERS:
        owners["truth"] = native.Truth(**truth_of)
    if name in OWNERS - {"raw_curves"}:
        owners["lattice"] = native.Lattice(**lattice_of)
    if name == "accumulate":
        part = native.MatchPart(**{key: arguments[key] for key in ("image", *matches())})
        owners["parts"] = [part]
        arguments = {key: value for key, value in arguments.items() if key not in ("image", *matches())}
    return getattr(native, name)(**owners, **arguments)


def test_the_calls_are_sound_to_begin_with() -> None:
    for name, arguments in CALLS.items():
        call(name, arguments(), truth(), lattice())


@pytest.mark.parametrize(("name", "argument"), [(name, arg) for name, args in POSITIONS.items() for arg in args])
@pytest.mark.parametrize("wrong", [-1, -(2**31), 2**31 - 1, 2**24])
def test_a_position_beyond_an_array_raises(name: str, argument: str, wrong: int) -> None:
    for at in range(CALLS[name]()[argument].size):
        arguments = CALLS[name]()
        arguments[argument].reshape(-1)[at] = wrong
        with pytest.raises(ValueError):
            call(name, arguments, truth(), lattice())


@pytest.mark.parametrize("name", sorted(OWNERS))
@pytest.mark.parametrize("wrong", [-1, 2**31 - 1, 6])
def test_ground_truth_that_points_beyond_itself_raises(name: str, wrong: int) -> None:
    for column in ("begin", "label"):
        for at in range(truth()[column].size):
            changed = truth()
            changed[column][at] = wrong
            with pytest.raises(ValueError):
                call(name, CALLS[name](), changed, lattice())


def test_more_found_than_there_is_raises() -> None:
    """Masks as no matching makes them; a class with so many true positives has no room for its curve."""
    arguments = of_accumulate()
    arguments["true_positive"][:] = [255, 1]
    with pytest.raises(ValueError, match="more found than there is"):
        call("accumulate", arguments, truth(), lattice())
    arguments["true_positive"][:] = [0, 2]  # the tenth lane of nine
    with pytest.raises(ValueError, match="lane that does not exist"):
        call("accumulate", arguments, truth(), lattice())


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(CALLS)))
def test_one_changed_argument_never_crashes(data: Any, name: str) -> None:
    """Sizes, types, layouts and values; of another size or type than they have to be, arrays raise."""
    arguments, truth_of, lattice_of = CALLS[name](), truth(), lattice()
    places = [(arguments, key) for key in arguments]
    if name in OWNERS:
        places += [(truth_of, key) for key in truth_of]
        places += [(lattice_of, key) for key in lattice_of if name != "raw_curves"]
    where, key = data.draw(st.sampled_from(places))
    value = where[key]
    has_to_raise, kind = False, "scalar"
    if not isinstance(value, np.ndarray):
        where[key] = data.draw(
            st.sampled_from([-1, 0, 1, 3, 2**31 - 1, -(2**31), 2**62, 2**64, -0.5, np.nan, np.inf, "x", None, True])
        )
    elif (kind := data.draw(st.sampled_from(["longer", "shorter", "type", "order", "value"]))) == "value":
        hostile = HOSTILE_FLOATS if value.dtype.kind == "f" else [0, 1, 2, 100, *([] if value.dtype == "u1" else [-1])]
        value.reshape(-1)[data.draw(st.integers(0, value.size - 1))] = data.draw(st.sampled_from(hostile))
    elif kind == "longer":
        where[key], has_to_raise = np.concatenate([value, value[-1:]]), name != "letterbox" and key != "predictions"
    elif kind == "shorter":
        where[key], has_to_raise = value[:-1].copy(), name != "letterbox" and key != "predictions"
    elif kind == "type":
        wrong = data.draw(st.sampled_from(["i1", "u2", "i4", "i8", "u8", "f2", "f4", "f8", ">f8", ">i4", "c8", "?"]))
        with np.errstate(all="ignore"):
            where[key], has_to_raise = value.astype(wrong), np.dtype(wrong) != value.dtype
        has_to_raise &= (key, wrong) != ("predictions", "f2")
    else:
        where[key] = np.asfortranarray(value)[::-1]
    if kind in ("longer", "shorter"):  # one image or threshold more or less may fit the other arrays as well
        has_to_raise &= key not in ("begin", "iou_thresholds", "area_ranges", "recall_thresholds", "known")
    if has_to_raise:
        with pytest.raises(REFUSED):
            call(name, arguments, truth_of, lattice_of)
        return
    try:
        call(name, arguments, truth_of, lattice_of)
    except (*REFUSED, MemoryError):
        return
