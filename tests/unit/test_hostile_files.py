"""Hostile names inside and outside of users' files: data, eval, diff, profile, doctor, export, and every error."""

import json
import os
import pickle
import subprocess
import sys
import zipfile

import onnx
import pytest
import yaml
from PIL import Image

from tests.flow.test_profile import QUICK, write_model
from tests.hostile import HOSTILE, NAMES, acts, check_json, check_log, is_shown, said
from tests.unit.diff.test_diff import chain

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]
GROUPS = [list(HOSTILE.values())[i : i + 9] for i in range(0, len(HOSTILE), 9)]


def beginning(names):
    return names[0][:12].encode("unicode_escape").decode()


groups = pytest.mark.parametrize("names", GROUPS, ids=beginning)


def write_yaml(folder, names, label="0 0.5 0.5 0.2 0.2\n"):
    """A data yaml with these classes, one image in each of two splits."""
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        Image.new("RGB", (64, 64), (len(split), 0, 0)).save(folder / f"images/{split}/0.png")
        (folder / f"labels/{split}/0.txt").write_text(label)
    path = folder / "set.yaml"
    path.write_text(
        f"train: images/train\nval: images/val\nnames: {yaml.safe_dump(names, default_flow_style=True, width=2**20)}\n"
    )
    return path


def write_coco(folder, names):
    """Ground truth and results with categories, image files and a box that is clipped, all with hostile names."""
    images = [{"id": i, "file_name": f"{name}.png", "width": 64, "height": 64} for i, name in enumerate(names)]
    truth = {
        "images": images,
        "categories": [{"id": i, "name": f"{name}{i}"} for i, name in enumerate(names)],
        "annotations": [
            {"id": i + 1, "image_id": i, "category_id": i, "bbox": [50, 50, 30, 30], "area": 900, "iscrowd": 0}
            for i in range(len(names))
        ],
    }
    found = [{"image_id": i, "category_id": i, "bbox": [50, 50, 14, 14], "score": 0.5} for i in range(len(names))]
    files = folder / "gt.json", folder / "dt.json"
    for file, content in zip(files, (truth, found), strict=True):
        file.write_text(json.dumps(content))
    return files


@groups
def test_data_sets(tmp_path, names):
    names = [name for name in names if name in NAMES.values()]  # yaml is UTF-8
    path = write_yaml(tmp_path, names)
    status, out, error = said("data", path)
    check_log(out + error)
    assert status == 0, error
    assert [name for name in names if not is_shown(name, out)] == []
    status, out, _ = said("data", path, "--json")
    check_json(out)
    found = json.loads(out)["splits"]
    assert [entry["name"] for entry in found[f"{path} val"]["classes"]] == names


@groups
def test_rows_that_cannot_be_read(tmp_path, names):
    for i, name in enumerate(names):
        folder = tmp_path / str(i)
        path = write_yaml(folder, ["a"], label=f"0 {name.encode('utf-8', 'replace').decode()} 0.5 0.2 0.2\n")
        status, out, error = said("data", path)
        check_log(out + error)
        assert status in (0, 2)
        path.write_text(f"train: images/{name.encode('utf-8', 'replace').decode()}\nnames: [a]\n")
        status, out, error = said("data", path)
        check_log(out + error)
        assert status == 2


@groups
def test_coco_files(tmp_path, names):
    truth, found = write_coco(tmp_path, names)
    for protocol in ("coco", "voc-all"):
        status, out, error = said("eval", "--gt", truth, "--dt", found, "--protocol", protocol)
        check_log(out + error)
        assert status in (0, 2)
        status, out, error = said("eval", "--gt", truth, "--dt", found, "--protocol", protocol, "--json")
        check_log(error)
        if status == 0:
            check_json(out)
            json.loads(out)
    status, out, error = said("data", truth, "--images", tmp_path)
    check_log(out + error)


@groups
def test_layers_of_models(tmp_path, names):
    names = [name.replace("\0", "").encode("utf-8", "replace").decode() for name in names]
    for file, scale in (("a.onnx", None), ("b.onnx", {3: 1.5})):
        model = chain(scale)
        renamed = {f"conv{i}": f"{name}{i}" for i, name in enumerate(names[:6])}
        for i, node in enumerate(model.graph.node):
            node.name = f"{names[i % len(names)]}{i}"
            for tensors in (node.input, node.output):
                for k, tensor in enumerate(tensors):
                    tensors[k] = renamed.get(tensor, tensor)
        onnx.save(model, tmp_path / file)
    status, out, error = said("diff", tmp_path / "a.onnx", tmp_path / "b.onnx", "--all")
    check_log(out + error)
    assert status == 1, error
    assert is_shown(names[3][:20], out)
    status, out, _ = said("diff", tmp_path / "a.onnx", tmp_path / "b.onnx", "--json")
    assert status == 1
    check_json(out)


@pytest.mark.parametrize("name", ["colour", "newline", "github, old", "override", "long"])
def test_a_profile_of_a_model_with_such_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    short = HOSTILE[name][:60].replace("/", "")
    file = write_model(tmp_path / f"{short}.onnx", None)
    model = onnx.load(file)
    card = json.loads(model.metadata_props[0].value)
    card["heads"][0]["class_names"] = [HOSTILE[name], "b"]
    model.metadata_props[0].value = json.dumps(card)
    onnx.save(model, file)
    status, out, error = said("profile", file, *QUICK)
    assert status == 0, error
    check_log(out + error)
    assert is_shown(short, out)
    status, out, _ = said("profile", file, *QUICK, "--json")
    assert (status, json.loads(out)["model"]["file"]) == (0, file.name)
    check_json(out)
    profile = tmp_path / f"{short}.profile.json"
    page, text = tmp_path / "p.html", tmp_path / "p.md"
    assert said("report", profile, "--html", page, "--markdown", text)[0] == 0
    check_log(text.read_text())
    assert is_shown(short, said("report", profile)[1])
    status, out, error = said("export", "--onnx", file, "--precision", "fp16", "--out", tmp_path / f"{short}.fp16.onnx")
    check_log(out + error)


@groups
def test_what_a_checkpoint_would_import(tmp_path, names):
    for name in names:
        text = name.replace("\n", "").encode("utf-8", "surrogatepass")
        content = b"\x80\x02c" + text + b"\n" + text + b"\n."
        path = tmp_path / "model.pt"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("model/data.pkl", content)
        status, out, error = said("doctor", path)
        check_log(out + error)
        assert status in (0, 2)
        status, out, error = said("doctor", path, "--json")
        check_log(out + error)
        path.write_bytes(pickle.dumps(name.encode("utf-8", "replace")))
        status, out, error = said("export", "--weights", path, "--out", tmp_path / "m.onnx")
        check_log(out + error)
        assert status == 2


@groups
def test_study_files_and_flags(tmp_path, names):
    for name in names:
        text = json.dumps(name.encode("utf-8", "replace").decode())
        for line in (f"{text} = 1", f"engine = {text}", f"weights = {text}", f"recipe = {text}", f"out = {text}", text):
            file = tmp_path / "study.toml"
            file.write_text(f"{line}\nepochs = 0\n")
            status, out, error = said("run", file)
            check_log(out + error)
            assert status == 2
            assert error.count("\n") == 1
        given = name.replace("\0", "")
        for flags in (["--engine", given], ["--target", given], ["--protocol", given]):
            status, out, error = said("run", *flags)
            check_log(out + error)
            assert status == 2


TERMINALS = {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}, {"LANG": "C"}


@pytest.mark.parametrize("variables", TERMINALS, ids=str)
@pytest.mark.parametrize("command", ["data", "error", "help"])
def test_no_encoding_of_a_terminal_ends_a_command(tmp_path, variables, command):
    folder = tmp_path / os.fsdecode("crème 猫\x1b[31m".encode() + b"\xff")
    folder.mkdir()
    path = write_yaml(folder, ["crème", "猫", "👍"])
    arguments = {"data": ["data", path], "error": ["report", folder / "é"], "help": ["report", "--help"]}[command]
    done = subprocess.run(
        [sys.executable, "-m", "bench_freeze", *arguments],
        env={k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG"))} | variables,
        capture_output=True,
        check=False,
    )
    assert done.returncode == {"data": 0, "error": 2, "help": 0}[command], done.stderr
    assert b"Traceback" not in done.stderr
    text = (done.stdout + done.stderr).decode()
    assert acts(text) == []
    if variables.get("PYTHONIOENCODING") == "ascii":
        assert text.isascii()
