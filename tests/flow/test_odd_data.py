"""Data as users have them, through a whole run: the same numbers as of the plain set, or a sentence before training."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.flow.studies import bench_freeze

pytestmark = [pytest.mark.slow, pytest.mark.data]
XMP = (
    b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf="
    b"'http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description xmlns:tiff='http://ns.adobe.com/tiff/1.0/' "
    b"tiff:Orientation='3'/></rdf:RDF></x:xmpmeta>"
)


class SmallSet:
    """Six training and four evaluation images of fruit9, and eight base images of coco206, in a folder of their own."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.folder, self._source = folder, source
        for split, count in (("train", 6), ("val", 4)):
            for kind in ("images", "labels"):
                (folder / kind / split).mkdir(parents=True)
            images = sorted((source / f"fruit9/images/{split}").iterdir())
            labels = [source / f"fruit9/labels/{split}/{image.stem}.txt" for image in images]
            boxes = [(i, text) for i, text in zip(images, labels, strict=True) if self._is_boxes(text)]
            for image, text in boxes[:: len(boxes) // count][:count]:
                shutil.copy(image, folder / "images" / split)
                shutil.copy(text, folder / "labels" / split)
        names = (source / "fruit9/fruit9.yaml").read_text().partition("names:")[2]
        self.yaml = folder / "fruit.yaml"
        self.yaml.write_text(f"train: images/train\nval: images/val\nnames:{names}")
        self.base = folder / "base.json"
        self.base.write_text(json.dumps(self._base()))

    def _is_boxes(self, file: Path) -> bool:
        return all(len(row.split()) == 5 for row in file.read_text().splitlines() if row)

    def _base(self) -> dict:
        content = json.loads((self._source / "coco206/annotations/instances_val2017.json").read_text())
        content["images"] = content["images"][:8]
        kept = {image["id"] for image in content["images"]}
        content["annotations"] = [a for a in content["annotations"] if a["image_id"] in kept]
        return content

    def images(self, split: str = "*") -> list[Path]:
        return sorted(self.folder.glob(f"images/{split}/*.jpg"))

    def run_with(self, *extra: str) -> subprocess.CompletedProcess[str]:
        """Run the smallest study of this set; what is given wins."""
        folder = next(p for p in self._source.glob("coco206/*") if any(p.rglob("*.jpg")))
        images = next(p.parent for p in sorted(folder.rglob("*.jpg")))
        return bench_freeze(
            *("--weights", self._source / "weights/yolov8n_coco.pt", "--target", self.yaml, "--base", self.base),
            *("--base-images", images, "--freeze", "22", "--epochs", "1", "--imgsz", "160", "--train-batch", "4"),
            *("--construction", "branched", "--engine", "torch", "--latency-samples", "0", "--resamples", "0"),
            *("--out", self.folder / "out", *extra),
        )

    def run(self, *extra: str) -> tuple[int, str, dict]:
        """Status, what went to standard error, and the results that were written."""
        done = self.run_with(*extra)
        results = self.folder / "out/results.json"
        return done.returncode, done.stderr, json.loads(results.read_text()) if results.is_file() else {}


@pytest.fixture
def small(bench_freeze_data, tmp_path):
    return SmallSet(bench_freeze_data, tmp_path / "S")


def target_map(results: dict) -> float:
    return results["rows"][0]["target"]["map"]


def test_sixteen_bits_are_trained_and_scored_by_their_high_byte(small, bench_freeze_data, tmp_path):
    """Both runs see the same pixels; one has them as 8-bit PNG, the other as 16-bit PNG and TIFF."""
    other = SmallSet(bench_freeze_data, tmp_path / "T")
    for data, deep in ((small, False), (other, True)):
        for k, file in enumerate(data.images()):
            grey = np.asarray(Image.open(file).convert("L"))
            image = Image.fromarray(grey.astype(np.uint16) * 257 if deep else grey)
            image.save(file.with_suffix(".tif" if deep and k % 2 else ".png"))
            file.unlink()
    (status, error, eight), (other_status, other_error, sixteen) = small.run(), other.run()
    assert status == other_status == 0, error + other_error
    assert target_map(sixteen) == target_map(eight)
    assert target_map(eight) > 0.05
    assert sixteen["rows"][0]["base"]["map"] == eight["rows"][0]["base"]["map"]


def test_an_orientation_in_xmp_turns_nothing_and_hidden_files_are_not_scored(small, bench_freeze_data, tmp_path):
    other = SmallSet(bench_freeze_data, tmp_path / "T")
    for file in other.images("val"):
        content = file.read_bytes()
        file.write_bytes(content[:2] + b"\xff\xe1" + (len(XMP) + 2).to_bytes(2, "big") + XMP + content[2:])
    hidden = other.folder / "images/val/.ipynb_checkpoints"
    hidden.mkdir()
    for file in other.images("val"):
        shutil.copy(file, hidden / f"{file.stem}-checkpoint.jpg")
    (other.folder / "images/val/._x.jpg").write_bytes(b"\0\5\x16\7")
    (other.folder / "images/val/page.jpg").write_text("<!DOCTYPE html><html></html>")
    (other.folder / "images/val/empty.jpg").write_bytes(b"")
    for file in other.folder.glob("labels/*/*.txt"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    (_, error, plain), (status, other_error, odd) = small.run(), other.run()
    assert status == 0, other_error
    assert target_map(odd) == target_map(plain), error
    assert target_map(plain) > 0.05
    counts = odd["data"]["target"]["counts"]
    assert (counts["hidden_images"], counts["not_an_image"], counts["empty"]) == (5, 1, 1)
    assert "an HTML page" in other_error


def refused(small: SmallSet, *parts: str, flags: tuple[str, ...] = ()) -> None:
    status, error, results = small.run(*flags)
    last = error.strip().splitlines()[-1]
    assert status == 2, error
    assert "Traceback" not in error
    assert not results
    assert not list((small.folder / "out").glob("artifacts/tuned-*"))
    for part in parts:
        assert part in last


def test_rows_in_pixels_are_refused_before_training(small):
    file = sorted(small.folder.glob("labels/val/*.txt"))[0]
    file.write_text("0 0.5 0.5 40 20\n")
    refused(small, file.name, "row 1", "far above 1")


def test_an_evaluation_split_without_boxes_is_refused_before_training_unless_it_is_allowed(small):
    shutil.rmtree(small.folder / "labels/val")
    refused(small, "has a box", "labels/val", "--allow-empty-split")
    status, error, results = small.run("--allow-empty-split")
    assert status == 0, error
    assert any("no target accuracy" in warning for warning in results["warnings"])
    assert results["rows"][0]["target"]["map"] is None
    assert results["rows"][0]["base"]["map"] is not None


def test_shared_images_are_said(small):
    for file in small.folder.glob("*/train/*"):
        shutil.copy(file, str(file).replace("/train/", "/val/"))
    status, error, results = small.run()
    assert status == 0, error
    assert any("all 6 of the 6 training images are among the target images" in w for w in results["warnings"])
    assert "all 6 of the 6 training images" in " ".join(error.split())


def test_two_classes_of_one_name_are_refused_before_training(small):
    small.yaml.write_text(small.yaml.read_text().replace("lemon", "Peach"))
    refused(small, "classes 0 and 1", "rename one")


def test_a_yaml_of_roboflow_with_text_keys_gives_the_same_numbers(small, bench_freeze_data, tmp_path):
    other = SmallSet(bench_freeze_data, tmp_path / "T")
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            place = other.folder / split / kind
            place.parent.mkdir(exist_ok=True)
            (other.folder / kind / split).rename(place)
    text = other.yaml.read_text().replace(
        "train: images/train\nval: images/val", "train: ../train/images\nval: ../val/images"
    )
    for k in range(9):
        text = text.replace(f"  {k}:", f"  '{k}':")
    other.yaml.write_text(text)
    (_, error, plain), (status, other_error, odd) = small.run(), other.run()
    assert status == 0, error + other_error
    assert target_map(odd) == target_map(plain)
