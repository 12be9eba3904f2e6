"""ImageFolder sets: read in torchvision's order, and refused in a sentence where no accuracy could come of them."""

import shutil

import numpy as np
import pytest
from PIL import Image

from bench_freeze.data.classification_set import read_classification_set
from bench_freeze.errors import InputError


@pytest.fixture
def root(tmp_path):
    """Two splits of three classes; every image has other pixels."""
    random = np.random.default_rng(0)
    for split, count in (("train", 3), ("val", 2)):
        for name in ("pear", "apple", "Fig"):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for k in range(count):
                Image.fromarray(random.integers(0, 256, (9, 12, 3), dtype=np.uint8)).save(folder / f"{k}.png")
    return tmp_path


def test_classes_and_files_are_in_torchvision_s_order(root):
    datasets = pytest.importorskip("torchvision.datasets")
    found = read_classification_set(root)
    for split, own in (("train", found.train), ("val", found.test)):
        peer = datasets.ImageFolder(root / split)
        assert list(found.class_names) == peer.classes
        assert [(str(i.path), int(k)) for i, k in zip(own.images, own.labels, strict=True)] == peer.samples
    assert (own.images[0].width, own.images[0].height) == (12, 9)
    assert found.notes == ()


def empty_training_class(root):
    for file in (root / "train" / "pear").iterdir():
        file.unlink()


def empty_scored_class(root):
    for file in (root / "val" / "pear").iterdir():
        file.unlink()


def one_training_image(root):
    for name in ("0.png", "1.png"):
        (root / "train" / "pear" / name).unlink()


def one_class(root):
    for split in ("train", "val"):
        for name in ("pear", "apple"):
            shutil.rmtree(root / split / name)


def no_class(root):
    for place in (root / "train").iterdir():
        shutil.rmtree(place)


def no_split(root):
    shutil.rmtree(root / "val")


def unknown_class(root):
    shutil.rmtree(root / "train" / "pear")


def unscored_class(root):
    shutil.rmtree(root / "val" / "pear")


def unreadable_image(root):
    (root / "val" / "apple" / "0.png").write_bytes(b"<html>")


def cut_image(root):
    file = root / "train" / "apple" / "0.png"
    file.write_bytes(file.read_bytes()[:-30])


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (empty_training_class, r"train/pear has no image"),
        (empty_scored_class, r"val/pear has no image"),
        (one_training_image, r"train/pear has one image"),
        (one_class, r"one class only, 'Fig'"),
        (no_class, r"no class folder"),
        (no_split, r"has no folder 'val'"),
        (unknown_class, r"train has no folder 'pear'"),
        (unscored_class, r"val has no folder 'pear'"),
        (unreadable_image, r"val/apple/0.png cannot be read as an image"),
        (cut_image, r"train/apple/0.png cannot be read as an image"),
    ],
)
def test_what_gives_no_accuracy_is_a_sentence(root, damage, text):
    damage(root)
    with pytest.raises(InputError, match=text):
        read_classification_set(root)


def test_the_hash_is_of_pixels_labels_and_names_not_of_places(root, tmp_path_factory):
    before = read_classification_set(root).sha256
    moved = tmp_path_factory.mktemp("moved") / "set"
    shutil.copytree(root, moved)
    assert read_classification_set(moved).sha256 == before
    (moved / "train" / "pear" / "0.png").rename(moved / "train" / "apple" / "9.png")
    assert read_classification_set(moved).sha256 != before
    for split in ("train", "val"):
        (root / split / "pear").rename(root / split / "pears")
    assert read_classification_set(root).sha256 != before


def test_copies_and_loose_files_are_said(root):
    shutil.copy(root / "train" / "pear" / "0.png", root / "val" / "pear" / "copy.png")
    shutil.copy(root / "train" / "pear" / "1.png", root / "train" / "apple" / "copy.png")
    (root / "train" / "readme.txt").write_text("x")
    (root / "train" / ".hidden").mkdir()
    notes = " ".join(read_classification_set(root).notes)
    assert "1 of 7 scored images are byte-identical to training images" in notes
    assert "1 images stand under more than one class" in notes
    assert "1 files lie beside the class folders" in notes
