"""`bench-freeze export`: checkpoints to a checked ONNX file with its side-car."""

import json

import numpy as np
import pytest

from bench_freeze import cli
from bench_freeze.artifact import file_sha256
from bench_freeze.dualhead.checkpoint import load_checkpoint, save_checkpoint
from bench_freeze.engines.ort_engine import OrtEngine

pytestmark = pytest.mark.slow


@pytest.fixture
def files(embedded_data, tuned_like, tmp_path):
    save_checkpoint(tmp_path / "tuned.pt", tuned_like(15), half=True)
    return embedded_data[0], tmp_path / "tuned.pt", tmp_path / "out" / "model.onnx"


def export(weights, tuned, out, *extra):
    arguments = ["--weights", weights, "--tuned", tuned, "--out", out, "--imgsz", "160", *extra]
    return cli.main(["export", *map(str, arguments)])


def test_a_checkpoint_that_is_written_is_read_back(files, base):
    tuned = load_checkpoint(files[1])
    assert tuned.class_names == ("one", "two", "three")
    assert tuned.half
    assert tuned.layers == read_without_head_size(base.layers, tuned.layers)


def read_without_head_size(expected, found):
    """The heads differ in their number of classes, so in their parameters; all else is the same."""
    import dataclasses

    head = dataclasses.replace(expected.layers[-1], parameters=found.layers[-1].parameters)
    return dataclasses.replace(expected, layers=(*expected.layers[:-1], head))


def test_a_branched_model_with_its_side_car(files, capsys, base):
    assert export(*files, "--freeze", "15", "--batch", "2") == 0
    assert "compared with torch on 4 images" in capsys.readouterr().out
    side_car = json.loads(files[2].with_suffix(".json").read_text())
    assert side_car["onnx_sha256"] == file_sha256(files[2])
    assert side_car["card"]["graft_at"] == 15
    engine = OrtEngine(files[2])
    assert [head.class_names for head in engine.card.heads] == [base.class_names, ("one", "two", "three")]
    assert engine.infer(np.zeros((2, 3, 160, 160), np.float32))["target"].shape == (2, 7, 525)


def test_checkpoints_that_share_no_trunk_are_refused(files, capsys):
    assert export(*files, "--freeze", "20") == 2
    error = capsys.readouterr().err
    assert "differ below layer 20" in error
    assert "model.15." in error
    assert not files[2].exists()


def test_the_checkpoint_alone(files, capsys):
    weights, _, out = files
    assert cli.main(["export", "--weights", str(weights), "--out", str(out), "--imgsz", "160", "--dynamic-batch"]) == 0
    card = OrtEngine(out).card
    assert card.batch is None
    assert [head.name for head in card.heads] == ["base"]


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ((), "--freeze is missing"),
        (("--freeze", "40"), "not possible"),
        (("--freeze", "15", "--batch", "0"), "--batch 0"),
    ],
)
def test_what_does_not_fit_is_refused(files, capsys, extra, sentence):
    assert export(*files, *extra) == 2
    assert sentence in capsys.readouterr().err
