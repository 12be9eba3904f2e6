"""VOC folders: the development kit's boxes as they are, and what is none in a sentence."""

import json

import numpy as np
import pytest
from PIL import Image

from bench_freeze.cli import main
from bench_freeze.data.source import open_base, open_target, open_test, split_names
from bench_freeze.data.voc import read_voc
from bench_freeze.errors import InputError

SIZE = (50, 40)


def annotation(objects, size=SIZE):
    """`objects` are (name, xmin, ymin, xmax, ymax, difficult); a part has a box of its own, as VOC's persons do."""
    parts = "".join(
        f"<object><name>{n}</name><difficult>{d}</difficult><bndbox><xmax>{x2}</xmax><xmin>{x1}</xmin><ymin>{y1}</ymin>"
        f"<ymax>{y2}</ymax></bndbox><part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax>"
        "<ymax>2</ymax></bndbox></part></object>"
        for n, x1, y1, x2, y2, d in objects
    )
    return f"<annotation><size><width>{size[0]}</width><height>{size[1]}</height></size>{parts}</annotation>"


@pytest.fixture
def root(tmp_path):
    """Five images in three splits."""
    path = tmp_path / "VOC2007"
    for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (path / folder).mkdir(parents=True)
    random = np.random.default_rng(0)
    for k in range(5):
        pixels = random.integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path / "JPEGImages" / f"00{k}.jpg")
        objects = [("dog", 1, 1, 10, 20, 0), ("cat", 11 + k, 5, 30, 40, int(k == 1))]
        (path / "Annotations" / f"00{k}.xml").write_text(annotation(objects))
    for split, names in {"train": ("000", "001"), "val": ("002", "003"), "test": ("004",)}.items():
        (path / "ImageSets/Main" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
    (path / "ImageSets/Main" / "dog_train.txt").write_text("000 -1\n001  1\n")
    return path


def test_boxes_are_the_development_kit_s(root):
    found = read_voc(root, "train")
    truth = found.ground_truth
    assert found.class_names == ("cat", "dog")
    assert found.name == "VOC2007/train"
    assert truth.image_index.tolist() == [0, 0, 1, 1]
    assert truth.labels.tolist() == [1, 0, 1, 0]
    assert truth.boxes_xywh.tolist() == [[0, 0, 10, 20], [10, 4, 20, 36], [0, 0, 10, 20], [11, 4, 19, 36]]
    assert truth.is_crowd.tolist() == [False, False, False, True]  # difficult
    assert "1 objects are marked difficult" in found.notes[0]
    assert found.counts["boxes"] == 4


def test_it_is_a_target_and_a_base_set_like_any_other(root):
    assert split_names(root) == ("test", "train", "val")
    training, scored = open_target(root, None, None, "val")
    assert (training.name, scored.name) == ("VOC2007/train", "VOC2007/val")
    assert training.class_names == scored.class_names
    assert open_base(root, None, "test").name == "VOC2007/test"
    test, no_test = open_test(root, "val")
    assert (test.name, no_test) == ("VOC2007/test", None)
    (root / "ImageSets/Main/test.txt").unlink()
    assert open_base(root, None, "test").name == "VOC2007/val"
    assert "has no test.txt" in open_test(root, "val")[1]


def test_the_data_command_shows_every_split(root, capsys):
    assert main(["data", str(root), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["splits"]
    assert {name.rsplit(" ", 1)[1]: own["images"] for name, own in found.items()} == {"train": 2, "val": 2, "test": 1}


def test_a_box_over_the_border_is_clipped_and_counted(root):
    (root / "Annotations/000.xml").write_text(annotation([("dog", -3, 2, 70, 20, 0)]))
    found = read_voc(root, "train")
    assert found.ground_truth.boxes_xywh[0].tolist() == [0, 1, 50, 19]
    assert found.counts["clipped_boxes"] == 1


def write(name, text):
    def damage(root):
        (root / "Annotations" / name).write_text(text)

    return damage


def listing(name, text):
    def damage(root):
        (root / "ImageSets/Main" / name).write_text(text)

    return damage


def remove(place):
    def damage(root):
        (root / place).unlink()

    return damage


def no_lists(root):
    for file in (root / "ImageSets/Main").iterdir():
        file.unlink()


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><annotation>&b;</annotation>'


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (write("000.xml", "<annotation>"), r"000.xml is not XML"),
        (write("000.xml", "<svg/>"), r"000.xml holds <svg>"),
        (write("000.xml", BOMB), r"000.xml has a document type or entities"),
        (write("000.xml", annotation([("", 1, 1, 5, 5, 0)])), r"000.xml, object 1: it has no name"),
        (write("000.xml", annotation([("dog", 9, 1, 5, 5, 0)])), r"000.xml, object 1: its box runs from 9"),
        (write("000.xml", annotation([("dog", "x", 1, 5, 5, 0)])), r"xmin is 'x', which is not a number"),
        (write("000.xml", annotation([("dog", "nan", 1, 5, 5, 0)])), r"xmin is 'nan'"),
        (write("000.xml", annotation([("dog", 1, 1, 5, 5, 7)])), r"difficult is '7'"),
        (write("000.xml", annotation([("dog", 60, 1, 65, 5, 0)])), r"'dog' has no pixel inside"),
        (write("000.xml", annotation([("dog", 1, 1, 5, 5, 0)], (51, 40))), r"is for 51x40 pixels .* is 50x40"),
        (listing("train.txt", ""), r"lists no image"),
        (listing("train.txt", "000\n000\n"), r"names 000 twice"),
        (listing("train.txt", "009\n"), r"009.jpg: there is no such image"),
        (remove("Annotations/000.xml"), r"000.xml cannot be read"),
        (remove("ImageSets/Main/train.txt"), r"has no train.txt; its splits are test, val"),
        (no_lists, r"has no list such as train.txt"),
    ],
)
def test_what_is_no_such_set_is_a_sentence(root, damage, text):
    damage(root)
    with pytest.raises(InputError, match=text):
        read_voc(root, "train")
