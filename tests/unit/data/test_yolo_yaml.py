"""Data yamls in the forms that users have: keys, names, and where paths lead."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from bench_freeze.data.yolo_yaml import read_yolo_yaml
from bench_freeze.errors import InputError


def write(folder: Path, text: str, name: str = "data.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("names: {0: a, '1': b, 2: c}", ("a", "b", "c")),
        ("names: {2: c, 0: a, 1: b}", ("a", "b", "c")),
        ("names: {'10': k, '9': j, " + ", ".join(f"'{k}': n{k}" for k in range(9)) + "}", None),
        ("nc: 2", ("class_0", "class_1")),
        ("names: [1, 2.5, true]", ("1", "2.5", "True")),
        ("names: None\nnc: 1", ("class_0",)),
    ],
)
def test_names_are_in_the_order_of_their_numbers(tmp_path, names, expected):
    found = read_yolo_yaml(write(tmp_path, f"{names}\nval: x\n")).class_names
    assert found == (expected or (*(f"n{k}" for k in range(9)), "j", "k"))


def test_validation_is_val(tmp_path):
    (tmp_path / "photos").mkdir()
    path = write(tmp_path, "names: [a]\nvalidation: photos\n")
    assert read_yolo_yaml(path).splits == {"val": (tmp_path / "photos",)}


def test_roboflow_paths(tmp_path):
    """Its export says ../train/images and has train/ beside the yaml."""
    (tmp_path / "train/images").mkdir(parents=True)
    path = write(tmp_path, "names: [a]\ntrain: ../train/images\n")
    assert read_yolo_yaml(path).splits["train"] == (tmp_path / "train/images",)


def test_a_path_that_exists_as_written_is_not_bent(tmp_path):
    for place in ("set/train/images", "train/images"):
        (tmp_path / place).mkdir(parents=True)
    path = write(tmp_path / "set", "names: [a]\ntrain: ../train/images\n")
    assert read_yolo_yaml(path).splits["train"][0].resolve() == tmp_path / "train/images"


def test_paths_of_windows(tmp_path):
    (tmp_path / "train/images").mkdir(parents=True)
    path = write(tmp_path, "names: [a]\ntrain: ..\\train\\images\n")
    assert read_yolo_yaml(path).splits["train"][0].resolve() == tmp_path / "train/images"


@pytest.mark.parametrize("place", ["here", "datasets", "beside"])
def test_path_is_looked_for_here_in_ultralytics_folder_and_beside_the_yaml(tmp_path, monkeypatch, place):
    here, datasets, beside = (tmp_path / name for name in ("here", "datasets", "beside"))
    for folder in (here, datasets, beside, tmp_path / "config/Ultralytics"):
        folder.mkdir(parents=True)
    (tmp_path / "config/Ultralytics/settings.json").write_text(json.dumps({"datasets_dir": str(datasets)}))
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.chdir(here)
    (tmp_path / place / "fruit/images").mkdir(parents=True)
    path = write(beside, "path: fruit\nnames: [a]\nval: images\n")
    assert read_yolo_yaml(path).splits["val"][0].resolve() == tmp_path / place / "fruit/images"


def test_a_path_with_two_meanings_is_refused(tmp_path, monkeypatch):
    for place in ("here", "set"):
        (tmp_path / place / "images").mkdir(parents=True)
    path = write(tmp_path / "set", "path: .\nnames: [a]\nval: images\n")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(InputError, match="'val: images' is both .*write the whole path"):
        read_yolo_yaml(path)
    monkeypatch.chdir(tmp_path)
    assert read_yolo_yaml(path).splits["val"][0].resolve() == tmp_path / "set/images"


def test_a_folder_stands_for_its_yaml(tmp_path):
    write(tmp_path / "fruit", "names: [a]\n", "data.yaml")
    assert read_yolo_yaml(tmp_path / "fruit").class_names == ("a",)
    write(tmp_path / "fruit", "names: [b]\n", "fruit.yaml")
    assert read_yolo_yaml(tmp_path / "fruit").class_names == ("b",)
    write(tmp_path / "two", "names: [a]\n", "x.yaml")
    write(tmp_path / "two", "names: [a]\n", "y.yaml")
    with pytest.raises(InputError, match="2 yaml files"):
        read_yolo_yaml(tmp_path / "two")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(tmp_path, encoding):
    (tmp_path / "data.yaml").write_bytes("names: [Äpfel]\n".encode(encoding))
    assert read_yolo_yaml(tmp_path / "data.yaml").class_names == ("Äpfel",)


def test_bytes_that_are_not_text_matter_only_where_they_are_used(tmp_path):
    path = tmp_path / "data.yaml"
    path.write_bytes(b"# \xc4pfel\nnames: [apple]\n")
    assert read_yolo_yaml(path).class_names == ("apple",)
    path.write_bytes(b"names: [\xc4pfel]\n")
    with pytest.raises(InputError, match="class 0 is not UTF-8"):
        read_yolo_yaml(path)


@pytest.mark.parametrize("key", ["names", "path", "train", "val", "nc", "kpt_shape", "other"])
def test_nested_aliases_cost_nothing(tmp_path, key):
    """Ten levels of ten aliases are 10^10 values once they are written out."""
    levels = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"l{k}: &l{k} [{', '.join([f'*l{k - 1}'] * 10)}]" for k in range(1, 11)]
    path = write(tmp_path, "\n".join([*levels, "names: [a]" if key != "names" else "", f"{key}: *l10\n"]))
    began = time.monotonic()
    if key == "other":
        assert read_yolo_yaml(path).class_names == ("a",)
    else:
        with pytest.raises(InputError) as error:
            read_yolo_yaml(path)
        assert len(str(error.value)) < 1000
    assert time.monotonic() - began < 30  # not a timing: it would take years


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "- " * 100_000, "? " * 50_000, "a: {" * 50_000, "&a [*a]", "a: !!python/x y"]
)
def test_deep_or_odd_yaml_is_refused(tmp_path, text):
    with pytest.raises(InputError):
        read_yolo_yaml(write(tmp_path, text))


@pytest.mark.parametrize("name", ["x" * 5000, "a\\0b", "/proc/1/mem", "~"])
def test_odd_path_names_are_sentences(tmp_path, name):
    with pytest.raises(InputError):
        read_yolo_yaml(write(tmp_path, f'names: [a]\npath: "{name}"\nval: images\n'))
