"""The letterbox kernel on a GPU against the CPU's, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from bench_freeze.data.letterbox import letterbox_into
from bench_freeze.engines.cuda_letterbox import letterbox_cuda
from bench_freeze.kernels.device_array import DeviceArray, DeviceTensor, to_numpy

pytestmark = pytest.mark.cuda


@pytest.mark.parametrize("canvas", [32, 65, 320, 640])
@pytest.mark.parametrize("size", [(1, 1), (7, 3), (97, 101), (480, 640), (641, 479), (1080, 1920)])
def test_equal_to_the_cpu(size: tuple[int, int], canvas: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    expected, found = np.empty((3, canvas, canvas), np.float32), DeviceArray((3, canvas, canvas), np.float32, 0)
    placement = letterbox_into(image, expected)
    assert letterbox_cuda(DeviceArray.from_numpy(image), found) == placement
    np.testing.assert_array_equal(to_numpy(found), expected)


def test_a_canvas_of_a_batch_is_written_alone() -> None:
    image = np.random.default_rng(1).integers(0, 256, (99, 201, 3), dtype=np.uint8)
    batch = DeviceArray.from_numpy(np.full((3, 3, 64, 64), 7, np.float32))
    letterbox_cuda(DeviceArray.from_numpy(image), DeviceTensor(batch.address, batch.shape, batch.dtype, 0)[1])
    expected = np.full((3, 3, 64, 64), 7, np.float32)
    letterbox_into(image, expected[1])
    np.testing.assert_array_equal(to_numpy(batch), expected)
