"""What Python does around the letterbox kernel, on host memory that stands in for a GPU's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench_freeze.data.letterbox import letterbox_into
from bench_freeze.engines import cuda_letterbox
from bench_freeze.engines.cuda_letterbox import letterbox_cuda
from bench_freeze.errors import InputError
from bench_freeze.kernels import device_array, ext
from bench_freeze.kernels.device_array import DeviceArray, to_numpy
from tests.cuda_double import HostDouble

SIZES = [(1, 1), (7, 3), (480, 640), (641, 479), (33, 32)]


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> HostDouble:
    double = HostDouble()
    for module in (cuda_letterbox, device_array):
        monkeypatch.setattr(module, "native", double)
    return double


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", SIZES)
def test_arguments_arrive_and_the_placement_is_that_of_the_cpu(double: HostDouble, size: tuple[int, int]) -> None:
    image, expected = picture(*size), np.empty((3, 64, 64), np.float32)
    placement = letterbox_into(image, expected)
    canvas = DeviceArray((3, 64, 64), np.float32, 0)
    assert letterbox_cuda(DeviceArray.from_numpy(image), canvas) == placement
    np.testing.assert_array_equal(to_numpy(canvas), expected)


def test_rows_may_be_apart(double: HostDouble) -> None:
    wide = picture(40, 60)
    image = wide[:, :50]
    producer = SimpleNamespace(
        __cuda_array_interface__={
            "shape": image.shape,
            "strides": image.strides,
            "typestr": "|u1",
            "data": (wide.ctypes.data, False),
            "version": 3,
        }
    )
    expected, canvas = np.empty((3, 32, 32), np.float32), DeviceArray((3, 32, 32), np.float32, 0)
    letterbox_into(np.ascontiguousarray(image), expected)
    letterbox_cuda(producer, canvas)
    np.testing.assert_array_equal(to_numpy(canvas), expected)


@pytest.mark.parametrize(
    ("image", "canvas", "words"),
    [
        (np.zeros((4, 4), np.uint8), np.zeros((3, 32, 32), np.float32), "give uint8"),
        (np.zeros((4, 4, 3), np.float32), np.zeros((3, 32, 32), np.float32), "give uint8"),
        (np.zeros((0, 4, 3), np.uint8), np.zeros((3, 32, 32), np.float32), "give uint8"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((3, 32, 16), np.float32), r"give float32 \[3, size, size\]"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((3, 32, 32), np.float16), r"give float32 \[3, size, size\]"),
    ],
)
def test_other_arrays_are_refused(double: HostDouble, image: Any, canvas: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        letterbox_cuda(DeviceArray.from_numpy(image), DeviceArray.from_numpy(canvas))


def test_a_build_or_machine_without_cuda_says_so() -> None:
    if device_array.cuda_available():
        pytest.skip("this machine has a GPU and a build for it: tests/cuda runs the kernel")
    with pytest.raises(RuntimeError, match="CUDA"):
        letterbox_cuda(picture(4, 4), np.zeros((3, 32, 32), np.float32))
    assert callable(ext.native.cuda_letterbox)
