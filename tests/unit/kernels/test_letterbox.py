"""Letterbox: OpenCV's bilinear resize within one grey level, and an exact canvas around it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench_freeze.errors import InputError
from bench_freeze.kernels import ext


def random_image(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def letterboxed(
    image: NDArray[np.uint8], size: int, resized_hw: tuple[int, int], top_left: tuple[int, int], **options: Any
) -> NDArray[np.float32]:
    out = np.full((3, size, size), np.nan, np.float32)
    ext.letterbox(image, out, resized_hw=resized_hw, top_left=top_left, **options)
    return out


def bilinear_reference(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.float64]:
    """Unrounded grey levels [height, width, 3]: half-pixel centres, edges repeated."""

    def taps(source: int, target: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
        centre = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
        first = np.floor(centre).astype(np.intp)
        return first, np.minimum(first + 1, source - 1), centre - first

    top, bottom, down = taps(image.shape[0], height)
    left, right, along = taps(image.shape[1], width)
    levels = image.astype(np.float64)
    rows = levels[:, left] * (1 - along)[:, None] + levels[:, right] * along[:, None]
    return rows[top] * (1 - down)[:, None, None] + rows[bottom] * down[:, None, None]


SIZES = [
    ((33, 17), (64, 33)),
    ((1, 1), (5, 7)),
    ((1, 9), (3, 20)),
    ((9, 1), (4, 1)),
    ((7, 5), (3, 2)),
    ((101, 77), (202, 154)),
    ((64, 48), (32, 24)),
    ((480, 640), (240, 320)),
    ((427, 640), (427, 640)),
    ((123, 457), (34, 128)),
    ((5, 400), (1, 64)),
]


@pytest.mark.parametrize(("source", "target"), SIZES)
def test_within_one_grey_level_of_opencv(source: tuple[int, int], target: tuple[int, int]) -> None:
    cv2 = pytest.importorskip("cv2")
    image = random_image(1, *source)
    out = letterboxed(image, 650, target, (2, 3))[:, 2 : 2 + target[0], 3 : 3 + target[1]]
    levels = np.rint(out.transpose(1, 2, 0) * 255)
    expected = cv2.resize(image, target[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
    assert np.abs(levels - expected).max() <= 1


@pytest.mark.parametrize(("source", "target"), SIZES)
def test_is_the_rounded_bilinear_blend(source: tuple[int, int], target: tuple[int, int]) -> None:
    image = random_image(2, *source)
    out = letterboxed(image, 640, target, (0, 0))[:, : target[0], : target[1]]
    levels = np.rint(out.transpose(1, 2, 0).astype(np.float64) * 255)
    assert np.abs(levels - bilinear_reference(image, *target)).max() <= 0.5 + 1e-3
    np.testing.assert_array_equal(out.transpose(1, 2, 0), levels.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("top_left", [(0, 0), (3, 0), (0, 5), (2, 1)])
def test_canvas_is_filled_around_the_image(top_left: tuple[int, int]) -> None:
    top, left = top_left
    out = letterboxed(random_image(3, 6, 4), 12, (9, 6), top_left)
    assert np.isfinite(out).all()
    out[:, top : top + 9, left : left + 6] = np.float32(114) / np.float32(255)
    assert (out == np.float32(114) / np.float32(255)).all()


def test_fill_level_and_a_canvas_that_is_not_square() -> None:
    out = np.full((3, 4, 9), np.nan, np.float32)
    ext.letterbox(np.full((2, 2, 3), 51, np.uint8), out, resized_hw=(4, 4), top_left=(0, 5), fill=255)
    assert (out[:, :, :5] == 1).all()
    assert (out[:, :, 5:] == np.float32(51) / np.float32(255)).all()


@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
def test_flat_image_stays_flat(level: int) -> None:
    out = letterboxed(np.full((13, 29, 3), level, np.uint8), 50, (31, 50), (0, 0))[:, :31]
    assert (out == np.float32(level) / np.float32(255)).all()


def test_memory_layout_of_the_image_does_not_matter() -> None:
    image = random_image(4, 40, 30)
    expected = letterboxed(image, 64, (64, 48), (0, 8))
    rows_apart = np.zeros((40, 50, 3), np.uint8)
    rows_apart[:, 7:37] = image
    planar = np.ascontiguousarray(image.transpose(2, 0, 1)).transpose(1, 2, 0)
    upside_down = np.ascontiguousarray(image[::-1])[::-1]
    bgr = np.ascontiguousarray(image[:, :, ::-1])[:, :, ::-1]
    for same in (rows_apart[:, 7:37], planar, upside_down, bgr):
        np.testing.assert_array_equal(letterboxed(same, 64, (64, 48), (0, 8)), expected)


def test_writes_into_one_image_of_a_batch() -> None:
    batch = np.full((3, 3, 8, 8), 7, np.float32)
    ext.letterbox(random_image(5, 8, 8), batch[1], resized_hw=(8, 8), top_left=(0, 0))
    assert (batch[0] == 7).all()
    assert (batch[2] == 7).all()
    assert (batch[1] <= 1).all()


@pytest.mark.parametrize(
    ("image", "out", "options", "message"),
    [
        (np.zeros((4, 4, 3), np.float32), np.zeros((3, 8, 8), np.float32), {}, "image is float32"),
        (np.zeros((4, 4), np.uint8), np.zeros((3, 8, 8), np.float32), {}, r"image is uint8 \[4, 4\]"),
        (np.zeros((0, 4, 3), np.uint8), np.zeros((3, 8, 8), np.float32), {}, "image is"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((3, 8, 8), np.float64), {}, "out is float64"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((8, 8, 3), np.float32), {}, "out is"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((3, 8, 16), np.float32)[:, :, ::2], {}, "contiguous"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((3, 8, 8), np.float32), {"top_left": (1, 0)}, "does not fit"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((3, 8, 8), np.float32), {"top_left": (-1, 0)}, "does not fit"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((3, 8, 8), np.float32), {"resized_hw": (0, 8)}, "does not fit"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((3, 8, 8), np.float32), {"fill": 256}, "fill"),
    ],
)
def test_refuses_wrong_arguments(image: Any, out: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ext.letterbox(image, out, **({"resized_hw": (8, 8), "top_left": (0, 0)} | options))
