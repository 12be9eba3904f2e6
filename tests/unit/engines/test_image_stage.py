"""Decoded images on their way to a GPU: what is around PyCUDA's calls, on host memory that stands in for a GPU's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench_freeze.data.images import read_image
from bench_freeze.data.letterbox import letterbox_into
from bench_freeze.engines import cuda_letterbox
from bench_freeze.engines.cuda_letterbox import letterbox_cuda
from bench_freeze.engines.image_stage import ImageStage, layout
from bench_freeze.errors import InputError
from bench_freeze.kernels import device_array
from bench_freeze.kernels.device_array import DeviceArray, DeviceTensor, to_numpy
from tests.cuda_double import HostDouble, HostDriver

CANVAS = 64


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> HostDriver:
    double = HostDouble()
    for module in (cuda_letterbox, device_array):
        monkeypatch.setattr(module, "native", double)
    return HostDriver(double)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def on_canvases(driver: HostDriver, stage: ImageStage, stream: Any, images: list[np.ndarray]) -> np.ndarray:
    canvases = DeviceArray((len(images), 3, CANVAS, CANVAS), np.float32, 0)
    whole = DeviceTensor(canvases.address, canvases.shape, canvases.dtype, 0)
    for i, image in enumerate(stage.upload(images)):
        letterbox_cuda(image, whole[i], stream=stream.handle)
    stream.synchronize()
    return to_numpy(canvases)


def expected(images: list[np.ndarray]) -> np.ndarray:
    canvases = np.empty((len(images), 3, CANVAS, CANVAS), np.float32)
    for image, canvas in zip(images, canvases, strict=True):
        letterbox_into(image, canvas)
    return canvases


def test_images_of_all_sizes_arrive_in_one_batch_and_the_memory_grows_with_them(driver: HostDriver) -> None:
    stream = driver.Stream()
    stage = ImageStage(driver, stream, 0)
    small = [picture(*size) for size in ((1, 1), (3, 7), (64, 64), (41, 57), (1, 300))]
    for batch in (small, [picture(900, 701), *small], [picture(2, 2)], [picture(1001, 3, 1)]):
        np.testing.assert_array_equal(on_canvases(driver, stage, stream, batch), expected(batch))
        assert driver.allocated == 1  # what was outgrown is given back
    stage.close()
    assert driver.allocated == 0


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "LA"])
def test_files_of_every_kind_are_three_bytes_a_pixel_before_they_travel(
    driver: HostDriver, mode: str, tmp_path: Path
) -> None:
    file = tmp_path / ("image.jpg" if mode == "CMYK" else "image.png")
    Image.fromarray(picture(37, 53)).convert(mode).save(file)
    stream = driver.Stream()
    image = read_image(file)
    np.testing.assert_array_equal(
        on_canvases(driver, ImageStage(driver, stream, 0), stream, [image]), expected([image])
    )


def test_a_batch_that_does_not_fit_is_refused_and_the_next_one_runs(driver: HostDriver) -> None:
    stream = driver.Stream()
    stage = ImageStage(driver, stream, 0)
    driver.limit = 2 << 20
    with pytest.raises(InputError, match="4 MiB for a batch of decoded images"):
        stage.upload([picture(1200, 1000)])
    assert driver.allocated == 0
    driver.pinned_limit = 2 << 20
    with pytest.raises(InputError, match="4 MiB for a batch of decoded images"):
        stage.upload([picture(1200, 1000)])
    batch = [picture(30, 40)]
    np.testing.assert_array_equal(on_canvases(driver, stage, stream, batch), expected(batch))


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_decoded_image_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a decoded image is uint8"):
        layout([wrong])


def test_images_lie_apart() -> None:
    images = [picture(1, 1), picture(5, 51), picture(16, 16)]
    offsets, size = layout(images)
    assert offsets == [0, 256, 256 + 768]
    assert size == offsets[2] + 768
