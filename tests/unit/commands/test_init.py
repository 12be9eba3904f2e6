"""`init`: a study file for the data given, every option explained; one lies among the examples."""

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from bench_freeze import cli
from bench_freeze.config.presets import PRESETS
from bench_freeze.config.study import fields, read_toml, study_from
from bench_freeze.study.assembled import assembled, toml_layer
from bench_freeze.study.starting import depths_of

EXAMPLE = Path(__file__).parents[3] / "examples" / "study.toml"
EXAMPLE_COMMAND = [
    *("init", "--model", "yolov8n.pt", "--data", "data/fruit.yaml"),
    *("--base", "data/coco/annotations/instances_val2017.json", "construction=branched"),
]
NAMES = ("apple", "banana", "cherry")


def image(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48), (number * 5, 90, 160)).save(path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a small target set and a small base set in `data`."""
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    for split, count in (("train", 12), ("val", 6)):
        for k in range(count):
            image(data / "fruit" / "images" / split / f"{k}.png", k + 20 * (split == "val"))
            label = data / "fruit" / "labels" / split / f"{k}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text("".join(f"{(k + j) % 3} 0.5 0.5 0.{j + 2} 0.{j + 2}\n" for j in range(1 + k % 2)))
    (data / "fruit.yaml").write_text(f"path: fruit\ntrain: images/train\nval: images/val\nnames: {json.dumps(NAMES)}\n")
    coco = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]}
    for k in range(8):
        image(data / "coco" / "val2017" / f"{k}.png", k + 40)
        coco["images"].append({"id": k, "file_name": f"{k}.png", "width": 64, "height": 48})
        box = {"id": k + 1, "image_id": k, "category_id": (1, 18)[k % 2], "bbox": [4, 4, 20, 20], "area": 400}
        coco["annotations"].append(box | {"iscrowd": 0})
    (data / "coco" / "annotations").mkdir()
    (data / "coco" / "annotations" / "instances_val2017.json").write_text(json.dumps(coco))
    return tmp_path


def test_the_example_is_what_init_writes(here):
    """After a change of an option: REMAKE_EXAMPLES=1 writes it anew; read the difference."""
    assert cli.main(EXAMPLE_COMMAND) == 0
    if os.environ.get("REMAKE_EXAMPLES") == "1":
        EXAMPLE.write_text((here / "study.toml").read_text())
    assert (here / "study.toml").read_text() == EXAMPLE.read_text()


def test_the_file_is_the_study_that_the_flags_mean(here, capsys):
    assert cli.main([*EXAMPLE_COMMAND, "epochs=7", "seed=3,4", "mosaic=0.5", "project=p", "name=n"]) == 0
    assert capsys.readouterr().out == "study.toml\n"
    study = study_from(read_toml(Path("study.toml")), "study.toml")
    assert (study.training.epochs, study.training.seeds, study.training.train_args) == (7, (3, 4), {"mosaic": 0.5})
    assert study.training.freeze == (22, 15, 10)
    assert str(study.out_folder) == "p/n"
    text = Path("study.toml").read_text()
    assert "12 images with 18 boxes. Scored: 6 images with 9 boxes." in text
    assert "3 classes: apple, banana, cherry." in text
    assert "8 images with 8 boxes. 2 classes: person, dog." in text
    assert "6 scored images decide little" in text
    assert "backbone 0 to 9, neck 10 to 21, head 22" in text


def test_every_option_is_explained_and_every_line_is_one_that_works(here):
    """Each commented value, taken in, is read as it stands."""
    assert cli.main(EXAMPLE_COMMAND) == 0
    lines = Path("study.toml").read_text().splitlines()
    named = {}
    for line in lines:
        name, equals, value = line.removeprefix("# ").partition(" = ")
        if equals and name.isidentifier():
            named[name] = value
    options = {option.name for option in fields()} - {"batch"} | {"engine_batch"}
    assert set(named) == options
    file = Path("all.toml")
    for name, value in named.items():
        if value not in ('"..."', "[]"):
            file.write_text(f"{name} = {value}\n")
            assert set(read_toml(file)) == {name}


@pytest.mark.parametrize("preset", list(PRESETS))
def test_a_preset_in_the_file_is_not_undone_by_the_file(preset, here):
    assert cli.main(["init", "data=data/fruit.yaml", "model=yolov8n.pt", f"preset={preset}", "epochs=3"]) == 0
    study, _ = assembled([toml_layer(Path("study.toml"))], "study.toml")
    values = study.values()
    expected = PRESETS[preset] | {"epochs": 3}
    assert {name: values[name] for name in expected} == expected


def test_a_file_is_never_overwritten(here, capsys):
    Path("study.toml").write_text("mine")
    assert cli.main(["init"]) == 2
    assert "init never overwrites a file" in capsys.readouterr().err
    assert Path("study.toml").read_text() == "mine"
    Path("link.toml").symlink_to("nowhere")
    assert cli.main(["init", "link.toml"]) == 2
    assert not Path("nowhere").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["data=none.yaml"], "no such data yaml"),
        (["--base", "none.json"], "none.json"),
        (["gone/study.toml"], "gone/study.toml cannot be written"),
        (["epochs=0"], "epochs = 0 is out of range"),
        (["--target", "data/fruit.yaml", "--engine", "onnx"], "did you mean 'ort'?"),
    ],
)
def test_what_cannot_be_is_a_sentence_and_no_file(words, sentence, here, capsys):
    assert cli.main(["init", *words]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert sentence in error[-1]
    assert not Path("study.toml").exists()


@pytest.mark.parametrize(
    ("weights", "depths"),
    [("yolov8n.pt", (22, 15, 10)), ("yolo11s.pt", (23, 16, 11)), ("yolov10n.pt", (23, 16, 11))],
)
def test_depths_of_released_models_are_those_of_their_layers(weights, depths):
    """Looked up by name, as the model itself gives them once it is there."""
    found = depths_of(weights)
    assert found is not None
    assert found[0] == depths


@pytest.mark.parametrize("weights", ["yolov8n-seg.pt", "best.pt", "x/yolov8n.pt", "yolov8n.onnx"])
def test_no_depths_are_made_up(weights):
    assert depths_of(weights) is None
