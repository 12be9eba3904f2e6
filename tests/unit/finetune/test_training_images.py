"""The images of a training: our decoder's pixels through Ultralytics' own resize, buffer and cache."""

import numpy as np
import pytest
from PIL import Image
from ultralytics.cfg import get_cfg
from ultralytics.data.dataset import YOLODataset

from bench_freeze.data.images import read_image
from bench_freeze.data.yolo import read_yolo
from bench_freeze.errors import InputError
from bench_freeze.finetune.decoded import decoded_images
from bench_freeze.finetune.training_data import CheckedDataset
from tests import image_files as made
from tests.builders import training

SIZES = [(160, 120), (120, 160), (64, 64), (65, 31), (31, 65), (200, 33), (320, 320), (12, 90)]
LABELS = {"names": {0: "thing"}, "nc": 1, "channels": 3}


@pytest.fixture
def data(tmp_path):
    """A data set of JPEGs of all proportions, one of them turned by its EXIF block, and a deep gray PNG."""
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    for i, (width, height) in enumerate(SIZES):
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        name = f"{i}.jpg"
        exif = b"Exif\0\0" + made.exif(6 if i == 1 else 1)
        Image.fromarray(pixels).save(tmp_path / "images" / name, exif=exif)
    (tmp_path / "images" / "9.png").write_bytes(made.png(made.GRAY16, 16, 0))
    for image in (tmp_path / "images").iterdir():
        (tmp_path / "labels" / f"{image.stem}.txt").write_text("0 0.5 0.5 0.4 0.4\n")
    yaml = tmp_path / "set.yaml"
    yaml.write_text("train: images\nval: images\nnames: [thing]\n")
    return read_yolo(yaml, "train")


def settings(**changes):
    return {"imgsz": 64, "data": LABELS, "augment": True, "hyp": get_cfg(), "batch_size": 2, **changes}


def ours(data, **changes):
    return CheckedDataset(data, **settings(**changes))


def theirs(data, **changes):
    return YOLODataset(img_path=str(data.images[0].path.parent), **settings(**changes))


@pytest.mark.parametrize("imgsz", [64, 96, 320])
def test_images_are_resized_as_ultralytics_resizes_them(data, imgsz):
    own, expected = ours(data, imgsz=imgsz), theirs(data, imgsz=imgsz)
    assert own.im_files == expected.im_files
    for i in range(len(own)):
        found, wanted = own.load_image(i), expected.load_image(i)
        np.testing.assert_array_equal(found[0], wanted[0])
        assert found[1:] == wanted[1:]
        assert found[0].flags.c_contiguous
        assert found[0].flags.writeable


def test_the_buffer_for_mosaic_is_ultralytics(data):
    """The same images are at hand after the same reads, also once the buffer is full."""
    own, expected = ours(data, batch_size=1), theirs(data, batch_size=1)
    own.max_buffer_length = expected.max_buffer_length = 3
    for i in np.random.default_rng(1).integers(0, len(own), 40):
        own.load_image(int(i))
        expected.load_image(int(i))
        assert own.buffer == expected.buffer
        assert [im is None for im in own.ims] == [im is None for im in expected.ims]


def test_images_without_augmentation_are_not_kept(data):
    own = ours(data, augment=False)
    own.load_image(0)
    assert own.buffer == []
    assert own.ims[0] is None


def test_no_npy_file_is_read_or_written(data):
    """Ultralytics reads an x.npy beside x.jpg, whoever put it there."""
    decoy = data.images[0].path.with_suffix(".npy")
    np.save(decoy, np.zeros((64, 64, 3), dtype=np.uint8))
    before = sorted(path.name for path in decoy.parent.iterdir())
    for cache in (None, "ram"):
        image, _, _ = ours(data, cache=cache).load_image(0)
        assert image.any()
    assert sorted(path.name for path in decoy.parent.iterdir()) == before
    assert not theirs(data).load_image(0)[0].any()


@pytest.mark.parametrize("imgsz", [64, 96, 320])
def test_kept_pixels_are_those_of_the_file_in_the_same_order_of_the_buffer(data, tmp_path, imgsz):
    """Every image many times, as in many epochs, and each file is read once."""
    own, kept = (
        ours(data, imgsz=imgsz, batch_size=1),
        ours(data, imgsz=imgsz, batch_size=1, decoded=decoded_images(data, imgsz, tmp_path, workers=0)),
    )
    own.max_buffer_length = kept.max_buffer_length = 3
    for i in [*range(len(own)), *np.random.default_rng(1).integers(0, len(own), 40)]:
        found, wanted = kept.load_image(int(i)), own.load_image(int(i))
        np.testing.assert_array_equal(found[0], wanted[0])
        assert found[1:] == wanted[1:]
        assert kept.buffer == own.buffer
    for image in data.images:
        image.path.unlink()
    kept.ims = [None] * len(own)
    assert all(kept.load_image(i)[0].any() for i in range(len(own)))


def test_images_in_memory_are_the_same(data):
    own, kept = ours(data), ours(data, cache="ram")
    assert kept.cache == "ram"
    for i in range(len(own)):
        np.testing.assert_array_equal(kept.load_image(i)[0], own.load_image(i)[0])
        assert tuple(kept.load_image(i)[1]) == own.load_image(i)[1]


def test_a_training_sees_the_pixels_that_are_scored(data):
    own = ours(data, imgsz=320)
    for i in (6, 8):
        image, _, _ = own.load_image(i)
        if i == 6:
            np.testing.assert_array_equal(image[..., ::-1], read_image(data.images[i].path))
        else:
            assert image.std() > 20  # a deep gray image is not white


def test_an_image_that_changed_since_the_check_is_named(data):
    own = ours(data)
    Image.new("RGB", (40, 30)).save(data.images[2].path)
    with pytest.raises(InputError, match=r"2\.jpg is 40x30 pixels but was 64x64 when the data were checked"):
        own.load_image(2)
    data.images[3].path.unlink()
    with pytest.raises(InputError, match=r"3\.jpg: there is no such image"):
        own.load_image(3)


@pytest.mark.parametrize("value", ["disk", "Disk"])
def test_a_cache_on_disk_is_refused_at_the_start(value):
    with pytest.raises(InputError, match="cache = disk would write files beside the images"):
        training(train_args={"cache": value})
    assert training(train_args={"cache": "ram"}).train_args == {"cache": "ram"}
