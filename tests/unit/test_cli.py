"""The command line: what is typed, what is printed, how it exits."""

import argparse
import ast
import json
import subprocess
import sys

import pytest

from bench_freeze import cli
from bench_freeze.config.study import fields
from bench_freeze.engines.cuda_driver import cuda_driver_error


@pytest.fixture
def seen(monkeypatch):
    """The study that a run was asked for, instead of running it."""
    studies = []

    def run(study, console, command):
        studies.append(study)
        raise KeyboardInterrupt

    import bench_freeze.flow

    monkeypatch.setattr(bench_freeze.flow, "run", run)
    return studies


def test_flags_alone_are_a_run(seen, capsys):
    assert cli.main(["--engine", "trt"]) == 130
    assert seen[0].deployment.engine == ("trt",)
    assert "continues where it stopped" in capsys.readouterr().err


def test_nothing_at_all_is_the_embedded_study(seen):
    cli.main([])
    assert seen[0].data.is_embedded
    assert seen[0].deployment.imgsz == 160  # from the embedded study file


def test_flags_win_over_the_file(seen, tmp_path):
    file = tmp_path / "s.toml"
    file.write_text('weights = "w.pt"\ntarget = "t.yaml"\nbase = "b.json"\nepochs = 3\nlr0 = 0.5\n')
    cli.main(
        [
            "run",
            str(file),
            "--epochs",
            "4",
            "--freeze",
            "22,15",
            "--train-args",
            "mosaic=0.5",
            "--dynamic-batch",
            "1,8,32",
        ]
    )
    study = seen[0]
    assert (study.training.epochs, study.training.lr0, study.training.freeze) == (4, 0.5, (22, 15))
    assert study.training.train_args == {"mosaic": 0.5}
    assert study.deployment.dynamic_batch == (1, 8, 32)


def test_every_field_is_a_flag(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["run", "--help-all"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert all("--" + field.name.replace("_", "-") in text for field in fields() if field.name != "batch")
    assert "--engine-batch" in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--imgsz", "100"], "multiple of the model's stride 32"),
        (["--epochs", "many"], "epochs = 'many'"),
        (["--engine", "tensorflow"], "engine = "),
        (["--freeze", "-1"], "below 0"),
        (["nowhere.toml"], "no such study file"),
        (["--train-args", "mosaic"], "KEY=VALUE"),
        (["--weights", "w.pt"], "--target and --base are missing"),
        (["--precision", "bf16"], "precision = "),
        (["--engine", "torch", "--precision", "int8"], "leaves nothing for engine torch to run"),
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(arguments, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", *arguments]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.startswith("bench-freeze: ")
    assert len(error.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []  # nothing was begun


def test_tensorrt_without_a_gpu_explains_itself(capsys, tmp_path, monkeypatch):
    """In a process of its own: TensorRT's runtime crashes where it is touched without a driver."""
    if cuda_driver_error() is None:
        pytest.skip("this machine has a GPU")
    command = [sys.executable, "-m", "bench_freeze", "--engine", "trt", "--precision", "fp32,fp16,int8", "--out", "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("bench-freeze: --engine trt cannot run on cuda:0 here: ")
    assert "no NVIDIA driver" in done.stderr
    assert "--compute-capability" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "either --weights BASE.pt or --onnx"),
        (["--onnx", "m.onnx", "--weights", "b.pt"], "either --weights BASE.pt or --onnx"),
        (["--onnx", "none.onnx", "--engine", "trt"], "no such ONNX file"),
        (["--onnx", "m.onnx"], "--precision is missing"),
        (["--onnx", "m.onnx", "--freeze", "3"], "--freeze belongs to --weights"),
        (["--onnx", "m.onnx", "--precision", "int8"], "--images is missing"),
        (["--onnx", "m.onnx", "--precision", "fp16", "--dla", "0"], "--dla applies to TensorRT plans"),
        (["--onnx", "m.onnx", "--engine", "trt", "--compute-capability", "ampere"], "86 for 8.6"),
        (["--onnx", "m.onnx", "--engine", "trt", "--dynamic-batch-profile", "8"], "smallest, typical, largest"),
        (["--onnx", "m.onnx", "--engine", "trt", "--out", "x.onnx"], "a plan cannot be a .onnx file"),
    ],
)
def test_an_export_that_makes_no_sense_is_refused(arguments, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["export", "--out", "model.plan", *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_flag_is_status_2(capsys):
    assert cli.main(["run", "--frezee", "10"]) == 2
    assert "did you mean '--freeze'?" in capsys.readouterr().err


def test_doctor_tells_about_every_engine(capsys):
    assert cli.main(["doctor", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)
    assert set(findings["engines"]) == {"torch", "ort", "ort-trt", "trt"}
    assert findings["engines"]["ort"]["usable"]
    if cuda_driver_error() is not None:
        assert "no NVIDIA driver" in findings["engines"]["trt"]["reason"]
        assert findings["tensorrt"]["machine"] == "no GPU"
    assert "pip install" in findings["tensorrt"]["install"]
    assert cli.main(["doctor"]) == 0
    assert "engines on cpu" in capsys.readouterr().out


def test_a_full_disk_is_a_sentence(monkeypatch, capsys):
    import bench_freeze.flow

    def run(study, console, command):
        raise OSError(28, "No space left on device", "runs/x")

    monkeypatch.setattr(bench_freeze.flow, "run", run)
    assert cli.main([]) == 2
    assert "the disk is full (runs/x)" in capsys.readouterr().err


@pytest.mark.parametrize("protocol", ["coco", "coco-corrected", "ultralytics-8.4.183", "voc-all", "voc-11"])
def test_eval_by_every_protocol(protocol, tmp_path, capsys):
    box = {"image_id": 1, "category_id": 3, "bbox": [0, 0, 10, 10]}
    truth = {"images": [{"id": 1}], "categories": [{"id": 3}], "annotations": [box | {"id": 1, "area": 100}]}
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    (tmp_path / "dt.json").write_text(json.dumps([box | {"score": 0.9}]))
    command = ["eval", "--gt", str(tmp_path / "gt.json"), "--dt", str(tmp_path / "dt.json"), "--protocol", protocol]
    assert cli.main([*command, "--threads", "2"]) == 0
    assert ("Average Precision" in capsys.readouterr().out) == protocol.startswith("coco")
    assert cli.main([*command, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["stats"]["AP"] == pytest.approx(1, abs=0.006)  # Ultralytics' last trapezoid ends at 0
    assert content["protocol"] == protocol
    assert content["counts"]["skipped_images"] == 0
    assert cli.main([*command[:-1], "voc"]) == 2


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_a_parser_of_one_command_is_that_of_all(command):
    def of(parser):
        (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
        return commands.choices[command].format_help()

    assert of(cli._parser(command)) == of(cli._parser())


def test_a_command_loads_no_other():
    program = (
        "import sys\nfrom bench_freeze.cli import parsed_line\n"
        "parsed_line(['eval', '--gt', 'a.json', '--dt', 'b.json'])\n"
        "print([name for name in sys.modules if name.startswith(('bench_freeze.commands.', 'bench_freeze.config.'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(done.stdout))
    assert loaded == {
        "bench_freeze.commands.eval", "bench_freeze.commands.help_format", "bench_freeze.config.aliases"
    }  # fmt: skip
