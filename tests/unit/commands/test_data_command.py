"""`bench-freeze data`: what it prints about sets, sound and unsound, and that it needs no framework."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from bench_freeze import cli

HOSTILE = "cat\x1b[31m\n::error title=x"


@pytest.fixture
def fruit(tmp_path: Path) -> Path:
    """Two splits that share an image; one box over the border."""
    for split, count in (("train", 3), ("val", 2)):
        for kind in ("images", "labels"):
            (tmp_path / kind / split).mkdir(parents=True)
        for i in range(count):
            Image.new("RGB", (100, 50), (i, 0, 0)).save(tmp_path / f"images/{split}/{i}.png")
            (tmp_path / f"labels/{split}/{i}.txt").write_text(f"{i % 2} 0.95 0.5 0.2 0.2\n")
    path = tmp_path / "fruit.yaml"
    path.write_text("train: images/train\nval: images/val\nnames: [apple, pear, plum]\n")
    return path


def test_what_a_set_holds_as_json(fruit, capsys):
    assert cli.main(["data", str(fruit), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    train = found["splits"][f"{fruit} train"]
    assert (train["images"], train["boxes"], train["background_images"]) == (3, 3, 0)
    assert train["classes"] == [
        {"name": "apple", "boxes": 2, "images": 2},
        {"name": "pear", "boxes": 1, "images": 1},
        {"name": "plum", "boxes": 0, "images": 0},
    ]
    assert train["widths"] == {"min": 100, "median": 100, "max": 100}
    assert train["box_areas"] == {"small": 3, "medium": 0, "large": 0}
    assert train["counts"]["clipped_boxes"] == 3
    assert any("plum" in note for note in train["notes"])
    assert len(found["shared"]) == 1
    assert "2 of the 3" in found["shared"][0]


def test_what_a_set_holds_as_text(fruit, capsys):
    assert cli.main(["data", str(fruit)]) == 0
    text = capsys.readouterr().out
    for part in (
        "3 images of 100 x 50 pixels",
        "apple",
        "2 (2)",
        "were clipped (first: labels/train/0.txt, row 1)",
        "shared:",
    ):
        assert part in text


def test_every_problem_is_shown_and_the_status_says_so(fruit, capsys):
    (fruit.parent / "labels/train/0.txt").write_text("7 0.5 0.5 0.1 0.1\n")
    (fruit.parent / "labels/val/1.txt").write_text("0 0.5 0.5 40 20\n")
    assert cli.main(["data", str(fruit)]) == 2
    text = capsys.readouterr().out
    assert "class 7 is not one of 0 to 2" in text
    assert "far above 1" in text


def test_a_coco_json_beside_a_yaml(fruit, tmp_path, capsys):
    content = {
        "images": [{"id": 1, "file_name": "0.png", "width": 100, "height": 50}],
        "categories": [{"id": 3, "name": "apple"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 40, 40], "area": 1600, "iscrowd": 1}],
    }
    (tmp_path / "set.json").write_text(json.dumps(content))
    arguments = ["data", str(tmp_path / "set.json"), str(fruit), "--images", str(tmp_path / "images/val"), "--json"]
    assert cli.main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    facts = found["splits"][str(tmp_path / "set.json")]
    assert (facts["crowd_boxes"], facts["box_areas"]["medium"]) == (1, 1)
    assert len(found["shared"]) == 3


def test_hostile_names_reach_no_terminal(fruit, capsys):
    fruit.write_text(f"train: images/train\nval: images/val\nnames: {json.dumps([HOSTILE, 'b', 'c'])}\n")
    assert cli.main(["data", str(fruit)]) == 0
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert not any(line.startswith("::") for line in text.splitlines())


def test_no_framework_is_loaded(fruit):
    program = (
        "import sys\nfrom bench_freeze.cli import main\nmain(['data', sys.argv[1]])\n"
        "print('LOADED', sorted({'torch', 'ultralytics', 'onnx', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(fruit)], capture_output=True, text=True, check=True)
    assert "LOADED []" in done.stdout
