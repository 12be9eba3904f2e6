"""Segmentation sets: masks and polygons as classes by pixel, and what is none in a sentence."""

import numpy as np
import pytest
from PIL import Image

from bench_freeze.data.segmentation_set import draw, read_segmentation_set
from bench_freeze.errors import InputError

SIZE = (40, 30)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


@pytest.fixture
def root(tmp_path):
    """Two images a split, a mask of classes 0 to 2 and pixels that are not scored for each."""
    random = np.random.default_rng(0)
    for split in ("train", "val"):
        for k in range(2):
            save(tmp_path / "images" / split / f"{k}.png", random.integers(0, 256, (30, 40, 3), dtype=np.uint8))
            save(tmp_path / "masks" / split / f"{k}.png", random.choice(np.array([0, 1, 2, 255], np.uint8), (30, 40)))
    (tmp_path / "classes.txt").write_text("0 background\n1 cat\n2 red dog\n255 ignore\n")
    return tmp_path


def test_masks_are_read_as_they_are(root):
    found = read_segmentation_set(root)
    assert found.class_names == ("background", "cat", "red dog")
    for name, part in (("train", found.train), ("val", found.test)):
        assert len(part) == 2
        for k in range(2):
            expected = np.array(Image.open(root / "masks" / name / f"{k}.png"))
            assert np.array_equal(part.mask(k), expected)


def test_a_palette_is_its_indices_not_its_colours(root):
    file = root / "masks" / "val" / "0.png"
    values = np.array(Image.open(file))
    image = Image.fromarray(values).convert("P")
    image.putdata(values.ravel())
    image.putpalette([(7 * k) % 256 for k in range(768)])
    image.save(file)
    before = read_segmentation_set(root).test
    assert np.array_equal(before.mask(0), values)


def test_the_hash_knows_masks_and_images(root):
    before = read_segmentation_set(root)
    mask = before.test.mask(0).copy()
    mask[0, 0] = 1 if mask[0, 0] != 1 else 2
    save(root / "masks" / "val" / "0.png", mask)
    after = read_segmentation_set(root)
    assert after.test.sha256 != before.test.sha256
    assert after.train.sha256 == before.train.sha256


def another_size(root):
    save(root / "masks" / "val" / "1.png", np.zeros((30, 41), np.uint8))


def unknown_value(root):
    mask = np.zeros((30, 40), np.uint8)
    mask[3, 4] = 9
    save(root / "masks" / "train" / "0.png", mask)


def colour(root):
    save(root / "masks" / "train" / "0.png", np.zeros((30, 40, 3), np.uint8))


def sixteen_bits(root):
    save(root / "masks" / "train" / "0.png", np.zeros((30, 40), np.uint16))


def no_mask(root):
    (root / "masks" / "val" / "1.png").unlink()


def no_png(root):
    (root / "masks" / "val" / "1.png").write_bytes(b"GIF89a")


def nothing_there(root):
    for k in range(2):
        save(root / "masks" / "train" / f"{k}.png", np.zeros((30, 40), np.uint8))


def one_class(root):
    (root / "classes.txt").write_text("0 background\n255 ignore\n")


def a_gap(root):
    (root / "classes.txt").write_text("0 background\n2 cat\n")


def no_images(root):
    for file in (root / "images" / "val").iterdir():
        file.unlink()


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (another_size, r"1.png is 41x30 pixels and .*40x30"),
        (unknown_value, r"0.png has the value 9, which is not a class \(0 to 2, or 255\)"),
        (colour, r"mode RGB"),
        (sixteen_bits, r"mode I;16"),
        (no_mask, r"1.png cannot be read: there is no such mask"),
        (no_png, r"1.png cannot be read as a PNG"),
        (nothing_there, r"no pixel has a class other than the background"),
        (one_class, r"lists 1 class"),
        (a_gap, r"classes.txt, line 2: '2 cat' is not '1 NAME'"),
        (no_images, r"val has no images"),
    ],
)
def test_what_is_no_set_of_masks_is_a_sentence(root, damage, text):
    damage(root)
    with pytest.raises(InputError, match=text):
        read_segmentation_set(root)


@pytest.fixture
def polygons(tmp_path):
    """A data yaml with a large square of class 1 and a small one of class 0 within it, larger one last."""
    for split in ("train", "val"):
        save(tmp_path / "images" / split / "a.png", np.full((30, 40, 3), 90, np.uint8))
        save(tmp_path / "images" / split / "b.png", np.full((30, 40, 3), 80, np.uint8))
        labels = tmp_path / "labels" / split
        labels.mkdir(parents=True)
        (labels / "a.txt").write_text("0 .4 .4 .6 .4 .6 .6 .4 .6\n1 .2 .2 .8 .2 .8 .8 .2 .8\n")
    (tmp_path / "set.yaml").write_text("train: images/train\nval: images/val\nnames: [cat, dog]\n")
    return tmp_path / "set.yaml"


def test_the_smaller_polygon_is_drawn_over_the_larger(polygons):
    found = read_segmentation_set(polygons)
    assert found.class_names == ("background", "cat", "dog")
    mask = found.train.mask(0)
    assert (mask[15, 20], mask[8, 10], mask[1, 1]) == (1, 2, 0)
    assert not found.train.mask(1).any()  # without a label file there is only background


def test_polygons_fill_the_area_that_they_enclose():
    """Against a count of pixel centres; the border of a drawn polygon belongs to it, so there is a rim of a pixel."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[0:80, 0:100]
    for _ in range(10):
        angles = np.sort(random.uniform(0, 2 * np.pi, 7))
        corners = np.stack([0.5 + 0.4 * np.cos(angles), 0.5 + 0.4 * np.sin(angles)], axis=1)
        drawn = draw([(3, corners)], 100, 80) == 4
        pixels = corners * (100, 80)
        inside = np.ones((80, 100), bool)
        for a, b in zip(pixels, np.roll(pixels, -1, axis=0), strict=True):
            inside &= (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]) >= 0
        rim = np.abs(np.linalg.norm(np.roll(pixels, -1, axis=0) - pixels, axis=1)).sum()
        assert (drawn & inside).sum() >= 0.97 * inside.sum()
        assert (drawn & ~inside).sum() <= rim


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ("0 .5 .5 .2 .2\n", "5 fields are not a polygon"),
        ("0 .1 .1 .9 .1 .9\n", "a.txt"),
        ("", "no image has a polygon"),
    ],
)
def test_rows_that_are_no_polygon_are_a_sentence(polygons, rows, text):
    (polygons.parent / "labels" / "train" / "a.txt").write_text(rows)
    with pytest.raises(InputError, match=text):
        read_segmentation_set(polygons)
