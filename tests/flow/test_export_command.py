"""`bench-freeze export`: checkpoints to a checked ONNX file with its side-car."""

import json

import numpy as np
import pytest

from bench_freeze import cli
from bench_freeze.dualhead.checkpoint import load_checkpoint, save_checkpoint
from bench_freeze.engines.ort_engine import OrtEngine
from bench_freeze.files import file_sha256

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
        (("--freeze", "15", "--batch", "2", "--dynamic-batch"), "--batch 2 and --dynamic-batch exclude each other"),
        (("--freeze", "15", "--calibration", "entropy"), "--calibration applies to int8"),
        (("--freeze", "15", "--precision", "fp16", "--int8-last-layers"), "--int8-last-layers applies to int8"),
        *((("--freeze", "15", "--opset", str(n)), f"--opset {n} is not possible") for n in (0, 7, 11, 17, 99)),
    ],
)
def test_what_does_not_fit_is_refused(files, capsys, extra, sentence):
    assert export(*files, *extra) == 2
    assert sentence in capsys.readouterr().err
    assert not files[2].exists()


def refused(capsys, *arguments):
    """The one sentence of a command that exits with 2."""
    assert cli.main([*map(str, arguments)]) == 2
    error = capsys.readouterr().err.strip()
    assert error.count("\n") == 0
    assert "--opset 18" not in error
    return error


def test_the_opsets_that_are_allowed_can_be_written(files):
    from bench_freeze.export.onnx_export import FIRST_OPSET, check_opset

    check_opset(FIRST_OPSET)
    assert export(*files, "--freeze", "15", "--opset", FIRST_OPSET + 2) == 0


def test_options_that_belong_to_other_options(files, capsys, tmp_path):
    weights, tuned, out = files
    for extra in (("--freeze", "15"), ("--construction", "grafted")):
        assert f"{extra[0]} {extra[1]} belongs to --tuned" in refused(
            capsys, "export", "--weights", weights, "--out", out, *extra
        )
    onnx = tmp_path / "model.onnx"
    for extra in (  # type: ignore[assignment]
        ("--tuned", tuned),
        ("--freeze", "3"),
        ("--construction", "branched"),
        ("--imgsz", "64"),
        ("--batch", "1"),
        ("--opset", "18"),
        ("--dynamic-batch",),
        ("--trust-checkpoint",),
    ):
        flags = ("--onnx", onnx, "--precision", "fp16", "--out", out)
        assert f"{extra[0]} belongs to --weights" in refused(capsys, "export", *flags, *extra)
    assert f"give it as --onnx {onnx}" in refused(capsys, "export", "--weights", onnx, "--out", out)
    assert f"--weights {weights}" in refused(capsys, "export", "--onnx", weights, "--precision", "fp16", "--out", out)


def test_no_file_that_is_read_is_overwritten(files, capsys, tmp_path):
    weights, tuned, _ = files
    before = weights.read_bytes(), tuned.read_bytes()
    named = tmp_path / "named.onnx"
    named.write_bytes(before[0])
    for out in (weights, tuned, tmp_path / "model.json", tmp_path):
        assert f"--out {out}" in refused(
            capsys, "export", "--weights", weights, "--tuned", tuned, "--freeze", "15", "--out", out
        )
    assert "--out" in refused(capsys, "export", "--weights", tuned, "--tuned", named, "--freeze", "15", "--out", named)
    assert (weights.read_bytes(), tuned.read_bytes(), named.read_bytes()) == (*before, before[0])


# Layers 10 and 11, an upsampling and a concatenation, have no weights: what differs from 10 on, differs from 12 on.
@pytest.mark.parametrize(("moved_from", "fits"), [(1, 1), (4, 4), (10, 12), (21, 21)])
def test_the_depth_that_fits_is_named(files, capsys, tuned_like, tmp_path, moved_from, fits):
    weights, _, out = files
    tuned = tmp_path / "other.pt"
    save_checkpoint(tuned, tuned_like(moved_from), half=True)
    flags = ("--weights", weights, "--tuned", tuned, "--out", out, "--imgsz", "160", "--freeze")
    for freeze in (22, fits + 1):
        error = refused(capsys, "export", *flags, freeze)
        assert f"--freeze {freeze} does not fit {tuned}" in error
        assert f"first in model.{fits}." in error
        assert f"it fits --freeze {fits}." in error
        assert "fault of the training" not in error
    assert cli.main(["export", *map(str, flags), str(fits)]) == 0


def test_no_depth_fits(files, capsys, tuned_like, tmp_path):
    save_checkpoint(tmp_path / "other.pt", tuned_like(0), half=True)
    error = refused(
        capsys, "export", "--weights", files[0], "--tuned", tmp_path / "other.pt", "--freeze", 1, "--out", files[2]
    )
    assert "no common trunk" in error
    assert "fits --freeze" not in error


def test_a_tuned_model_of_another_width(files, capsys, tmp_path):
    from bench_freeze.demo.checkpoint import build_model
    from bench_freeze.demo.train_base import narrow_yaml

    weights, _, out = files
    description = narrow_yaml()
    description["scales"] = {"n": [0.33, 0.25, 512]}
    save_checkpoint(tmp_path / "wide.pt", build_model(description, {0: "one", 1: "two"}), half=True)
    for construction, layer in (("grafted", "layer 0 (Conv)"), ("branched", "model.0.conv.weight")):
        error = refused(
            capsys, "export", "--weights", weights, "--tuned", tmp_path / "wide.pt", "--freeze", "22", "--imgsz", "160",
            "--construction", construction, "--out", out,
        )  # fmt: skip
        assert layer in error
        assert str(tmp_path / "wide.pt") in error
        assert ("channels" in error) == (construction == "grafted")
    assert export(weights, tmp_path / "wide.pt", out, "--construction", "plain") == 0  # it stands alone


def test_a_tuned_model_of_other_layers(files, capsys, tmp_path):
    from bench_freeze.demo.checkpoint import build_model
    from bench_freeze.demo.train_base import narrow_yaml

    weights, _, out = files
    description = narrow_yaml()
    description["backbone"][2][2] = "C3"
    save_checkpoint(tmp_path / "other.pt", build_model(description, {0: "one"}), half=True)
    flags = ("--freeze", "1", "--imgsz", "160", "--out", out)
    error = refused(capsys, "export", "--weights", weights, "--tuned", tmp_path / "other.pt", *flags)
    assert "layer 2 is C3" in error
    assert "C2f" in error


def test_a_layer_of_the_same_weights_that_computes_another_thing(files, capsys, tuned_like, tmp_path):
    from torch import nn

    model = tuned_like(15)
    model.model[7].act = nn.ReLU()
    save_checkpoint(tmp_path / "relu.pt", model, half=True)
    flags = ("--freeze", "15", "--imgsz", "160", "--out", files[2])
    error = refused(capsys, "export", "--weights", files[0], "--tuned", tmp_path / "relu.pt", *flags)
    assert "model.7.act" in error
    assert "fits --freeze 7" in error


def test_a_base_of_more_digits_than_the_tuned_model(files, capsys, tmp_path, base):
    """What training froze is equal in float16 alone, so the base head would run on other weights."""
    from copy import deepcopy

    import torch

    precise = deepcopy(base.model)
    with torch.no_grad():
        for parameter in precise.parameters():
            parameter.mul_(1 + 1e-5)
    save_checkpoint(tmp_path / "precise.pt", precise, half=False)
    save_checkpoint(tmp_path / "rounded.pt", precise, half=True)
    flags = ("--freeze", "22", "--imgsz", "160", "--out", files[2])
    error = refused(capsys, "export", "--weights", tmp_path / "precise.pt", "--tuned", tmp_path / "rounded.pt", *flags)
    assert "in float16 they are equal" in error
