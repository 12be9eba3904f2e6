"""Columns of any type, with any value: scored as the numbers that they hold, or refused. Nothing in between.

The reference reads each column item by item in plain Python and scores it again in the declared types.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_freeze import PROTOCOLS, DetectionTable, Evaluator, GroundTruth
from bench_freeze.errors import InputError
from bench_freeze.evaluate import Evaluation, evaluate
from bench_freeze.evaluate.breakdown import break_down

IMAGES, CLASSES, TRUTHS, ROWS = 4, 3, 9, 24
_RNG = np.random.default_rng(5)
_BOXES = _RNG.integers(0, 60, (TRUTHS, 4)) + np.array([0, 0, 20, 20])
TRUTH = GroundTruth(
    image_ids=np.array([0, 7, 8, 90]),
    category_ids=np.array([1, 2, 5]),
    class_names=("a", "b", "c"),
    image_index=_RNG.integers(0, IMAGES, TRUTHS).astype(np.int32),
    labels=_RNG.integers(0, CLASSES, TRUTHS).astype(np.int32),
    boxes_xywh=_BOXES.astype(np.float64),
    area=(_BOXES[:, 2] * _BOXES[:, 3] % 2000).astype(np.float64),
    is_crowd=np.arange(TRUTHS) % 4 == 1,
    annotation_ids=np.arange(TRUTHS),
)
_OWN = _RNG.integers(0, TRUTHS, ROWS)
TABLE = DetectionTable(
    image_index=TRUTH.image_index[_OWN],
    labels=TRUTH.labels[_OWN],
    boxes_xywh=TRUTH.boxes_xywh[_OWN] + _RNG.integers(0, 6, (ROWS, 4)),
    scores=_RNG.integers(1, 50, ROWS) / 64,  # of few bits: float16 holds them
)
WHOLE = {"image_ids", "category_ids", "image_index", "labels", "annotation_ids"}
FLAGS = {"is_crowd"}
COLUMNS = [
    *((TRUTH, name) for name in (*sorted(WHOLE), "boxes_xywh", "area", "is_crowd")),
    *((TABLE, name) for name in ("image_index", "labels", "boxes_xywh", "scores")),
]
TYPES = [
    "bool", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i2", ">i4", ">i8", ">u4", "f2", "f4", "f8", ">f4", ">f8",
    "g", "c8", "c16", "O", "U8", "S8", "m8[s]",
]  # fmt: skip
HOSTILE = [
    np.nan, np.inf, -np.inf, -1, 0.9, 1.9, -0.0, 2, 3, 127, 128, 255, 256, 2**31 - 1, 2**31, -(2**31), 2**32, 2**32 + 1,
    2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 1e300, 1e-320, True, False, 1j, "1", None,
]  # fmt: skip


def as_type(values: list[Any], shape: tuple[int, ...], dtype: str) -> Any:
    """The values in that type as NumPy casts them; None where it cannot."""
    array = np.empty(len(values), object)
    array[:] = values
    try:
        with np.errstate(all="ignore"):
            return array.astype(dtype).reshape(shape)
    except (TypeError, ValueError, OverflowError):
        return None


def odd_layout(draw: Any, array: Any) -> Any:
    """The same values read-only, apart from each other, or unaligned."""
    kind = draw(st.integers(0, 3))
    if kind == 1:
        array = array.copy()
        array.flags.writeable = False
    if kind == 2:
        wide = np.empty((2 * len(array), *array.shape[1:]), array.dtype)
        wide[::2] = array
        array = wide[::2]
    if kind == 3 and array.dtype != object:
        memory = np.zeros(array.nbytes + 1, np.uint8)
        memory[1:] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        array = np.frombuffer(memory.data, array.dtype, array.size, 1).reshape(array.shape)
    return array


def in_declared_type(name: str, array: Any) -> Any:
    """The column item by item; None where an item is no such value."""
    if array.dtype.kind in "OUSmc":
        return None
    items = [item for item in np.asarray(array).reshape(-1)]
    is_bool = array.dtype.kind == "b"
    if name in FLAGS:
        return np.array([bool(item) for item in items]) if all(item == 0 or item == 1 for item in items) else None
    if is_bool or not all(np.isfinite(item) for item in items):
        return None
    if name not in WHOLE:
        return np.array([float(item) for item in items]).reshape(array.shape)
    if not all(item == int(item) and -(2**63) <= int(item) < 2**63 for item in items):
        return None
    if array.dtype.kind == "f" and any(abs(int(item)) >= 2 ** (np.finfo(array.dtype).nmant + 1) for item in items):
        return None  # another whole number rounds to the same float
    return np.array([int(item) for item in items], np.int64)


def scored(truth: GroundTruth, table: DetectionTable, protocol: Any) -> Evaluation | None:
    try:
        return evaluate(truth, table, protocol=protocol)
    except InputError:
        return None


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(
    data=st.data(), where=st.sampled_from(COLUMNS), dtype=st.sampled_from(TYPES), protocol=st.sampled_from(PROTOCOLS)
)
def test_a_column_counts_as_its_numbers_or_is_refused(
    data: Any, where: tuple[Any, str], dtype: str, protocol: Any
) -> None:
    owner, name = where
    column = getattr(owner, name)
    values = column.reshape(-1).tolist()
    if data.draw(st.booleans()):
        values[data.draw(st.integers(0, len(values) - 1))] = data.draw(st.sampled_from(HOSTILE))
    given_column = as_type(values, column.shape, dtype)
    if given_column is None:
        return
    reference = in_declared_type(name, given_column)
    given_column = odd_layout(data.draw, given_column)

    def score(values: Any) -> Evaluation | None:
        changed = replace(owner, **{name: values})
        return scored(*((changed, TABLE) if owner is TRUTH else (TRUTH, changed)), protocol)  # type: ignore[call-arg]

    found = score(given_column)
    expected = None if reference is None else score(reference)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        for array in ("precision", "recall", "scores", "ground_truth_count"):
            np.testing.assert_array_equal(getattr(found, array), getattr(expected, array))
        assert (found.stats(), found.counts) == (expected.stats(), expected.counts)


@pytest.mark.parametrize("dtype", ["i1", "i8", "u1", "u8", "f4", ">i4"])
def test_flags_of_numbers_are_flags_everywhere(dtype: str) -> None:
    truth = replace(TRUTH, is_crowd=TRUTH.is_crowd.astype(dtype))
    for protocol in PROTOCOLS:
        found, expected = (evaluate(t, TABLE, protocol=protocol) for t in (truth, TRUTH))
        assert found.stats() == expected.stats()
        assert found.ground_truth_count.tolist() == [
            int((TRUTH.labels[~TRUTH.is_crowd] == label).sum()) for label in range(CLASSES)
        ]
    assert break_down(truth, TABLE, resamples=20) == break_down(TRUTH, TABLE, resamples=20)


def test_lists_are_columns_too() -> None:
    truth = replace(TRUTH, **{name: getattr(TRUTH, name).tolist() for name in (*WHOLE, "boxes_xywh", "is_crowd")})
    table = DetectionTable(*(getattr(TABLE, name).tolist() for name in TABLE.__dataclass_fields__))
    assert evaluate(truth, table).stats() == evaluate(TRUTH, TABLE).stats()
    with pytest.raises(InputError, match="detections: row 23 names class nan"):
        evaluate(TRUTH, replace(TABLE, labels=[*TABLE.labels[:-1].tolist(), np.nan]))
    with pytest.raises(InputError, match="cannot be read as an array"):
        evaluate(TRUTH, replace(TABLE, boxes_xywh=[[1, 2, 3, 4], [1, 2]]))


@pytest.mark.parametrize("where", COLUMNS, ids=lambda where: f"{type(where[0]).__name__}.{where[1]}")
def test_a_mask_over_values_is_refused(where: tuple[Any, str]) -> None:
    owner, name = where
    column = getattr(owner, name)
    for hidden, is_fine in ((0, False), (-1, True)):
        mask = np.arange(column.size).reshape(column.shape) == hidden
        masked = np.ma.array(column, mask=mask)
        changed = replace(owner, **{name: masked})
        found = scored(*((changed, TABLE) if owner is TRUTH else (TRUTH, changed)), "coco")  # type: ignore[call-arg]
        assert (found is not None) == is_fine


@pytest.mark.parametrize("where", COLUMNS, ids=lambda where: f"{type(where[0]).__name__}.{where[1]}")
def test_other_shapes_are_refused(where: tuple[Any, str]) -> None:
    owner, name = where
    column = getattr(owner, name)
    for wrong in (column[0], column[:-1], column[None], column[..., None], np.concatenate([column, column[:1]])):
        changed = replace(owner, **{name: wrong})
        assert scored(*((changed, TABLE) if owner is TRUTH else (TRUTH, changed)), "coco") is None  # type: ignore[call-arg]


def test_ids_beyond_what_a_float_tells_apart() -> None:
    truth = replace(TRUTH, image_ids=np.array([5, 2**53, 2**53 + 1, 2**62 + 1]))
    entry = (np.zeros((0, 4)), np.zeros(0), np.zeros(0))
    for ids, is_known in (
        (np.array([2**53 + 1], np.uint64), True),
        (np.array([2**62 + 1], ">u8"), True),
        ([2**62 + 1], True),
        (np.array([2.0**53]), False),
        (np.array([2**62], np.uint64), False),
        ([2**64], False),
        ([True], False),
    ):
        evaluator = Evaluator(truth)
        if is_known:
            evaluator.update(ids, detections=[entry])
            assert evaluator.result().counts.skipped_images == 3
        else:
            with pytest.raises(InputError):
                evaluator.update(ids, detections=[entry])
    descending = replace(TRUTH, image_ids=TRUTH.image_ids[::-1].astype(np.uint64))  # its differences wrap around
    with pytest.raises(InputError, match="do not ascend"):
        Evaluator(descending)
