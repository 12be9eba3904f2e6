"""Labels and pictures are read back by those who read such files."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from bench_freeze.data.coco import instances_from, read_results
from bench_freeze.predict.detections import ImageDetections
from bench_freeze.predict.draw import COLORS, drawn
from bench_freeze.predict.frames import Frame
from bench_freeze.predict.writers import writer_of

NAMES = {"base": ("cat", "dog"), "target": ("=plum", "fig\nripe")}


class Source:
    is_video, title, total, rate, note = False, "photos", 2, 0.0, ""


def found(seed, ids=None):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 20, (3, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(2, 20, (3, 2))], axis=1)
    scores = np.sort(rng.random(3).astype(np.float32))[::-1]
    return {
        head: ImageDetections(boxes + k, scores, rng.integers(0, 2, 3).astype(np.int32), names, ids)
        for k, (head, names) in enumerate(NAMES.items())
    }


def written(tmp_path, form, names=("000007", "000012"), ids=None):
    """Two images of 60 x 50 pixels and what was written of them."""
    writer = writer_of(form, tmp_path, Source(), NAMES)
    results = []
    for k, name in enumerate(names):
        results.append(found(k, ids))
        writer.add(Frame(k + 1, name, f"photos/{name}.png", np.full((50, 60, 3), 90, np.uint8)), results[-1])
    return results, writer.close()


@pytest.mark.parametrize(
    ("names", "ids"), [(("000007", "000012"), [7, 12]), (("a/7", "b/7"), [1, 2]), (("7", "eight"), [1, 2])]
)
def test_coco_is_read_as_results_of_its_own_images(tmp_path, names, ids):
    results, files = written(tmp_path, "coco", names)
    about = json.loads((tmp_path / "images.json").read_text())
    assert [image["id"] for image in about["images"]] == ids
    assert [file.name for file in files] == ["base.json", "target.json", "images.json"]
    for head in NAMES:
        truth = {"images": about["images"], "categories": about["categories"][head], "annotations": []}
        read = read_results(tmp_path / f"{head}.json", instances_from(truth).ground_truth).detections
        assert read.image_index.tolist() == [0, 0, 0, 1, 1, 1]
        assert read.scores.tolist() == [float(score) for one in results for score in one[head].scores]
        assert read.labels.tolist() == [int(label) for one in results for label in one[head].labels]


def test_coco_has_the_categories_of_the_models_own_set(tmp_path):
    written(tmp_path, "coco", ids=(90, None))
    about = json.loads((tmp_path / "images.json").read_text())
    assert about["categories"]["base"] == [{"id": 90, "name": "cat"}]
    assert {row["category_id"] for row in json.loads((tmp_path / "target.json").read_text())} <= {90}


def test_csv_is_read_back_with_names_that_no_spreadsheet_runs(tmp_path):
    results, _ = written(tmp_path, "csv")
    rows = list(csv.DictReader((tmp_path / "detections.csv").open(newline="", encoding="utf-8")))
    assert len(rows) == 12
    assert [float(row["score"]) for row in rows[:3]] == [float(score) for score in results[0]["base"].scores]
    assert float(rows[3]["left"]) == results[0]["target"].boxes_xyxy[0, 0]
    assert all(not row["class"].startswith("=") for row in rows)


def test_yolo_labels_are_shares_of_the_image(tmp_path):
    results, _ = written(tmp_path, "yolo")
    for head in NAMES:
        table = np.loadtxt(tmp_path / head / "labels/000012.txt")
        own = results[1][head]
        center, size = table[:, 1:3] * [60, 50], table[:, 3:] * [60, 50]
        boxes = np.concatenate([center - size / 2, center + size / 2], axis=1)
        assert np.allclose(boxes, own.boxes_xyxy, atol=1e-3)
        assert table[:, 0].tolist() == own.labels.tolist()
    assert (tmp_path / "target/classes.txt").read_text().splitlines() == ["=plum", "fig ripe"]


def test_an_image_without_detections_has_an_empty_label_file(tmp_path):
    writer = writer_of("yolo", tmp_path, Source(), NAMES)
    none = {head: own.only(np.zeros(3, bool)) for head, own in found(0).items()}
    writer.add(Frame(1, "a", "a.png", np.zeros((5, 5, 3), np.uint8)), none)
    assert (tmp_path / "base/labels/a.txt").read_text() == ""


def test_pictures_have_both_heads_in_their_colours(tmp_path):
    written(tmp_path, "pictures", ("a/1", "b/1"))
    assert Image.open(tmp_path / "a/1.jpg").size == (60, 50)
    image = np.full((300, 400, 3), 90, np.uint8)
    boxes = {"base": (20, 40, 120, 140), "target": (200, 60, 330, 200)}
    one = {
        head: ImageDetections(np.array([box], float), np.ones(1, np.float32), np.zeros(1, np.int32), NAMES[head])
        for head, box in boxes.items()
    }
    picture = drawn(image, one)
    for head, (left, top, right, bottom) in boxes.items():
        for y, x in (((top + bottom) // 2, left), ((top + bottom) // 2, right), (top, right - 3)):
            assert tuple(picture[y, x]) == COLORS[head]
    assert np.array_equal(image, np.full((300, 400, 3), 90))  # the caller's is as it was
    assert tuple(picture[120, 160]) == (90, 90, 90)


@pytest.mark.parametrize("box", [(0, 0, 400, 300), (-5, -5, 3, 3), (398, 298, 400, 300), (10, 10, 10, 10)])
@pytest.mark.parametrize("size", [(300, 400), (8, 8), (1, 1)])
@pytest.mark.parametrize("name", ["plum", "\u202eplum\x1b[2J", "x" * 500, "\u68a8", ""])
def test_any_box_and_name_on_any_image(box, size, name):
    one = ImageDetections(np.array([box], float), np.ones(1, np.float32), np.zeros(1, np.int32), (name,))
    assert drawn(np.zeros((*size, 3), np.uint8), {"base": one, "target": one}).shape == (*size, 3)
