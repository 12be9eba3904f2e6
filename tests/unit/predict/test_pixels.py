"""Images in every form give the same pixels, and what has no certain pixels is refused."""

import numpy as np
import pytest
from PIL import Image

from bench_freeze.errors import InputError
from bench_freeze.predict.pixels import rgb_pixels


@pytest.fixture
def array():
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_file_and_the_same_opened_by_pillow_are_alike_and_upright(tmp_path, array, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(array).save(tmp_path / "a.png", exif=exif)
    by_path = rgb_pixels(tmp_path / "a.png")
    assert np.array_equal(rgb_pixels(Image.open(tmp_path / "a.png")), by_path)
    assert np.array_equal(rgb_pixels(str(tmp_path / "a.png")), by_path)
    assert by_path.shape == ((20, 30, 3) if orientation < 5 else (30, 20, 3))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "LA"])
def test_other_modes_as_the_decoder_reads_them(tmp_path, array, mode):
    image = Image.fromarray(array).convert(mode)
    image.save(tmp_path / "a.png")
    assert np.array_equal(rgb_pixels(image), rgb_pixels(tmp_path / "a.png"))


def test_an_array_is_taken_as_it_is_and_made_contiguous(array):
    assert np.shares_memory(rgb_pixels(array), array)
    turned = rgb_pixels(array[:, ::-1])
    assert turned.flags.c_contiguous
    assert np.array_equal(turned, array[:, ::-1])


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((3, 20, 30), np.uint8),
        np.zeros((20, 30), np.uint8),
        np.zeros((20, 30, 4), np.uint8),
        np.zeros((20, 30, 3), np.float32),
        np.zeros((0, 30, 3), np.uint8),
        Image.new("F", (4, 4)),
        Image.new("I;16", (4, 4)),
        Image.new("CMYK", (4, 4)),
        None,
        7,
        b"bytes",
    ],
)
def test_anything_else_is_refused_in_a_sentence(image):
    with pytest.raises(InputError, match="image|array|PIL"):
        rgb_pixels(image)
