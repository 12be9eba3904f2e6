"""Single numbers and flags of the public calls: taken as the number that they are, or refused with its name."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import bench_freeze
from bench_freeze import Evaluator, Letterbox
from bench_freeze.errors import InputError
from bench_freeze.evaluate.bootstrap import resampled_ap
from bench_freeze.kernels import ext

HEAD = np.random.default_rng(0).random((2, 7, 30)).astype(np.float32)
TRUTH = {
    "images": [{"id": number} for number in range(4)],
    "categories": [{"id": 1, "name": "a"}],
    "annotations": [
        {"id": number + 1, "image_id": number, "category_id": 1, "bbox": [0, 0, 9, 9 + number], "area": 81}
        for number in range(4)
    ],
}
VALUES: list[Any] = [
    -1, 0, 1, 2, 100, 255, 256, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 2**64, 2**70, 0.0, 0.5, 0.9, 1.0, 1.9, 2.0, 1e30,
    1e300, math.nan, math.inf, -math.inf, True, False, np.bool_(True), np.int8(2), np.uint64(3), np.uint64(2**63),
    np.float16(0.5), np.float32(2), np.float64(math.nan), np.longdouble(1), np.array(2), np.array(0.5), np.array([2]),
    Fraction(1, 2), Fraction(2), 1j, "1", b"1", None, [1], (), {},
]  # fmt: skip


def number(value: Any) -> Any:
    """What the value is as a plain number; None where it is none."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, Fraction, np.integer, np.floating)):
        return None
    return value if isinstance(value, (int, Fraction)) else value.item() if hasattr(value, "item") else value


def whole(low: int, high: int = 2**63 - 1) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        plain = number(value)
        is_whole = plain is not None and math.isfinite(plain) and plain == int(plain)
        return int(plain) if is_whole and low <= plain <= high else None

    return read


def real(low: float, high: float) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        plain = number(value)
        return None if plain is None or not low <= plain <= high else float(plain)

    return read


def in_list(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """NumPy has no type for a list of fractions."""
    return lambda value: None if isinstance(value, Fraction) else read(value)


def flag(value: Any) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    return bool(value) if isinstance(value, (int, np.integer)) and value in (0, 1) else None


def kept(**options: Any) -> Any:
    found = bench_freeze.nms(HEAD, **options)
    return [np.asarray(array).tolist() for array in vars(found).values()]


def evaluated(**options: Any) -> Any:
    evaluator = Evaluator(TRUTH, **options)
    boxes = np.array([[0, 0, 9, 9.5], [0, 0, 8, 9]])
    evaluator.update(range(4), detections=[(boxes, np.array([0.5, 0.25]), np.zeros(2))] * 4)
    return evaluator.result()


def compared(**options: Any) -> Any:
    return bench_freeze.compare(evaluated(), evaluated(), **({"resamples": 10} | options))


def pasted(**options: Any) -> Any:
    out = np.zeros((3, 20, 20), np.float32)
    ext.letterbox(np.full((4, 5, 3), 9, np.uint8), out, **({"resized_hw": (8, 9), "top_left": (1, 1)} | options))
    return out.tolist()


LARGEST = float(np.finfo(np.float32).max)
CASES: list[tuple[Callable[..., Any], str, Callable[[Any], Any]]] = [
    (kept, "score_threshold", real(-LARGEST, LARGEST)),
    (kept, "iou_threshold", real(0, 1)),
    (kept, "max_detections", whole(1, 1000)),
    (kept, "max_candidates", whole(1)),
    (kept, "multi_label", flag),
    (kept, "class_agnostic", flag),
    (kept, "threads", whole(1)),
    (lambda threads: evaluated(threads=threads).stats(), "threads", whole(1)),
    (lambda maximum: evaluated(max_detections=[maximum]).recall.tolist(), "maximum", in_list(whole(1))),
    (lambda threshold: evaluated(iou_thresholds=[threshold]).precision.tolist(), "threshold", in_list(real(0, 1))),
    (lambda end: evaluated(area_ranges={"all": (0, end)}).precision.tolist(), "end", real(0, math.inf)),
    (compared, "resamples", whole(1, 1000)),
    (compared, "seed", whole(0, 2**64 - 1)),
    (compared, "threads", whole(1)),
    (compared, "confidence", lambda value: None if real(0, 1)(value) in (0, 1) else real(0, 1)(value)),
    (
        lambda weight: resampled_ap(1, evaluated(), 0, 1, weights=[[weight] * 4]).tolist(),
        "weight",
        in_list(whole(0, 2**20)),
    ),
    (pasted, "fill", real(0, 255)),
    (lambda height: pasted(resized_hw=(height, 9)), "height", whole(1, 19)),
    (lambda top: pasted(top_left=(top, 1)), "top", whole(0, 12)),
    (lambda width: Letterbox.fit(width, 4, 32), "width", whole(1, 2**31)),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize(("function", "name", "read"), CASES, ids=lambda part: part if isinstance(part, str) else "")
def test_a_number_is_what_it_is_or_refused(
    function: Callable[..., Any], name: str, read: Callable[[Any], Any], value: Any
) -> None:
    plain = read(value)
    if plain is None:
        if name in ("max_detections", "resamples") and whole(1)(value) is not None:
            pytest.skip("as many rows as no memory has")
        with pytest.raises(InputError):
            function(**{name: value})
    else:
        found, expected = function(**{name: value}), function(**{name: plain})
        np.testing.assert_equal(found, expected)


@pytest.mark.parametrize("options", [{"max_detections": "1"}, {"max_detections": 5}, {"iou_thresholds": "0.5"},
                                     {"area_ranges": [("all", 0, 1)]}, {"area_ranges": {"all": "01"}},
                                     {"iou_thresholds": [0.5 + 0j]}, {"max_detections": [1.5, 2]},
                                     {"iou_thresholds": [True]}, {"max_detections": [True]}])  # fmt: skip
def test_settings_of_another_kind_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        evaluated(**options)


def test_boxes_of_a_letterbox() -> None:
    placement = Letterbox.fit(100, 50, 64)
    for wrong in ([[np.nan, 0, 1, 1]], [[0, 0, 1, 1j]], [["0", "0", "1", "1"]]):
        for way in (placement.to_image, placement.to_canvas):
            with pytest.raises(InputError):
                way(np.array(wrong))
    with pytest.raises(InputError, match="resized_width"):
        Letterbox(100, 50, 64, 0, 32, 0, 16)
    with pytest.raises(InputError, match="letterbox has a tuple"):
        Evaluator(TRUTH).update([0], predictions=np.zeros((1, 5, 3), np.float32), letterbox=[(1, 2)])  # type: ignore[list-item]
