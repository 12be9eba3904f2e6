"""The decoder against Ultralytics' own reading, pixel by pixel, over formats, modes and orientations."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from ultralytics.data.utils import IMG_FORMATS
from ultralytics.utils.patches import imread

from bench_freeze.data.exif import exif_orientation
from bench_freeze.data.images import SUFFIXES, Unreadable, inspect_images, read_image
from bench_freeze.errors import InputError
from tests import image_files as made

FILES = {
    name: content
    for makers in (made.jpegs, made.pngs, made.bmps, made.tiffs, made.others)
    for name, content in makers()
}

# What differs on purpose, by the beginnings of the files' names.
DIFFERENT = {
    "rgba8_alpha": "OpenCV multiplies the colours of an 8-bit TIFF by its alpha; alpha is dropped here, as in a PNG",
    "rgba8_premultiplied": "colours that were multiplied by alpha are divided again",
    "rgba16_premultiplied": "colours that were multiplied by alpha are divided again",
    "lab_": "Lab to RGB by littleCMS, not by libtiff",
    "ycbcr.tif": "an uncompressed YCbCr TIFF differs by a gray level of rounding",
    "xmp3.avif": "an XMP packet does not count in any format; Ultralytics reads AVIF by Pillow, which heeds it",
}
OURS_ALONE = {
    f"{name}_{end}.tif": "OpenCV reads no TIFF of 2 or 4 bits, and none of 16-bit inks"
    for name in ("gray2", "gray4", "white02", "white04", "palette2", "inks16")
    for end in ("le", "be")
}
REFUSED = {
    "rgb16_planes": "one plane per channel",  # Pillow reads wrong pixels
    "white0_16_be": "kind that Pillow cannot decode",
    "gray10_": "cannot decode|10-bit", "gray12_": "cannot decode|12-bit", "gray14_": "cannot decode|14-bit",
    "signed16": "signed values", "float.tif": "floating point", "int32.tif": "range is not stated",
    "dng_": "DNG raw photo", "preview_": "begins with a preview",
    "gif_named": "a GIF image", "ppm_named": "a PNM image",
}  # fmt: skip


def listed(name, names):
    return next((start for start in names if name.startswith(start)), None)


def theirs(path: Path):
    """Ultralytics' reading in RGB, or None."""
    pixels = imread(path)
    return None if pixels is None else pixels[..., ::-1]


@pytest.fixture
def file(tmp_path, request):
    path = tmp_path / request.param
    path.write_bytes(FILES[request.param])
    return path


def files(choose):
    names = [name for name in FILES if choose(name)]
    assert names
    return pytest.mark.parametrize("file", names, indirect=True, ids=names)


@files(lambda name: not any(listed(name, names) for names in (DIFFERENT, OURS_ALONE, REFUSED)))
def test_the_pixels_are_those_that_ultralytics_trains_on(file):
    pixels = read_image(file)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    np.testing.assert_array_equal(pixels, theirs(file))
    np.testing.assert_array_equal(read_image(file, "BGR")[..., ::-1], pixels)
    (facts,) = inspect_images([file])
    assert (facts.width, facts.height) == pixels.shape[1::-1]


@files(lambda name: listed(name, DIFFERENT))
def test_what_differs_on_purpose_still_does(file):
    assert (read_image(file) != theirs(file)).any()


@files(lambda name: listed(name, OURS_ALONE))
def test_what_opencv_cannot_read_is_read(file):
    assert theirs(file) is None
    bits = 16 if "inks" in file.name else int(file.name.partition("_")[0][-1])
    if file.name.startswith("gray"):
        expected = made.GRAY.astype(int) >> (8 - bits)
        np.testing.assert_array_equal(read_image(file)[..., 0], expected * 255 // (2**bits - 1))
    assert len(np.unique(read_image(file))) >= 2 ** min(bits, 4)


@files(lambda name: listed(name, REFUSED))
def test_what_cannot_be_read_rightly_is_refused(file):
    with pytest.raises(InputError, match=REFUSED[listed(file.name, REFUSED)]) as error:
        read_image(file)
    (found,) = inspect_images([file])
    assert isinstance(found, Unreadable)
    assert str(found.error()) == str(error.value)
    assert found.kind in ("unsupported", "no_decoder")


def test_deep_images_are_their_high_byte(tmp_path):
    """`gray * 257` in 16 bits is the gray of the 8-bit image, and not white."""
    deep = made.GRAY.astype(np.uint16) * 257
    for name in ("x.png", "x.tif", "x.jp2"):
        Image.fromarray(deep).save(tmp_path / name)
        expected = np.repeat(made.GRAY[..., None], 3, axis=2)
        np.testing.assert_array_equal(read_image(tmp_path / name), expected)
        np.testing.assert_array_equal(theirs(tmp_path / name), expected)


def test_deep_colour_in_jpeg_2000_is_refused(tmp_path):
    """Pillow rounds its 16 bits up and over, so that white becomes black."""
    cv2.imwrite(str(tmp_path / "x.jp2"), made.RGBA16[..., :3])
    with pytest.raises(InputError, match="JPEG 2000 in colour with more than 8 bits"):
        read_image(tmp_path / "x.jp2")


def test_deep_avif_is_read(tmp_path):
    for depth in (10, 12):
        path = tmp_path / f"{depth}.avif"
        assert cv2.imwrite(str(path), made.RGBA16[..., :3] >> (16 - depth), [cv2.IMWRITE_AVIF_DEPTH, depth])
        np.testing.assert_array_equal(read_image(path), theirs(path))


def test_alpha_is_dropped_in_every_format(tmp_path):
    for name in ("rgba8.png", "rgba16.png", "lossless_alpha.webp", "rgba.jp2", "rgba8_alpha_le.tif", "32.bmp"):
        (tmp_path / name).write_bytes(FILES[name])
        np.testing.assert_array_equal(read_image(tmp_path / name), made.RGB)


def test_pixels_lie_as_the_orientation_says(tmp_path):
    """The eight orientations by their definition, whatever the format: where row 0 and column 0 are to be seen."""
    upright = {
        1: made.RGB, 2: made.RGB[:, ::-1], 3: made.RGB[::-1, ::-1], 4: made.RGB[::-1],
        5: made.RGB.transpose(1, 0, 2), 6: made.RGB[::-1].transpose(1, 0, 2),
        7: made.RGB[::-1, ::-1].transpose(1, 0, 2), 8: made.RGB[:, ::-1].transpose(1, 0, 2),
    }  # fmt: skip
    for o, expected in upright.items():
        for name in (f"exif{o}.png", f"exif{o}.webp", f"turn{o}_rgb8_le.tif", f"turn{o}_rgb8_be.tif"):
            (tmp_path / name).write_bytes(FILES[name])
            np.testing.assert_array_equal(read_image(tmp_path / name), expected, err_msg=name)
        assert exif_orientation(made.exif(o)) == exif_orientation(made.exif(o, ">")) == o


def test_exif_blocks_of_any_bytes_are_read_without_an_error():
    rng = np.random.default_rng(0)
    for _ in range(5000):
        block = bytearray(made.exif(6, "<>"[rng.integers(2)]))
        for _ in range(rng.integers(1, 4)):
            block[rng.integers(len(block))] = rng.integers(256)
        assert 1 <= exif_orientation(bytes(block[: rng.integers(len(block) + 1)])) <= 8


def test_suffixes_are_ultralytics():
    assert {f".{name}" for name in IMG_FORMATS} == SUFFIXES


@pytest.mark.slow
@pytest.mark.data
def test_photos_are_equal_to_the_bit(bench_freeze_data):
    photos = sorted((bench_freeze_data / "fruit9").rglob("*.jpg")) + sorted(
        (bench_freeze_data / "coco206").rglob("*.jpg")
    )
    assert len(photos) > 400
    for photo in photos:
        np.testing.assert_array_equal(read_image(photo), theirs(photo), err_msg=photo.name)


def test_nothing_is_printed(tmp_path):
    """Pillow warns of transparency and of illegible EXIF blocks; neither concerns the pixels."""
    names = ("palette8_transparent.png", "gray1_key.png", "exif_nonsense.jpg", "exif_cut.jpg", "animated.png")
    for name in names:
        (tmp_path / name).write_bytes(FILES[name])
    program = (
        "import sys\nfrom pathlib import Path\nfrom bench_freeze.data.images import read_image\n"
        "for name in sys.argv[1:]: read_image(Path(name))"
    )
    command = [sys.executable, "-c", program, *(str(tmp_path / name) for name in names)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
