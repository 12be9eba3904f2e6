"""A payload in any file that a command reads: one sentence that names it, status 2, and nothing of it runs."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from tests.flow.studies import artifacts

from bench_freeze import cli
from bench_freeze.files import sealed

pytestmark = pytest.mark.slow


class Payload:
    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.system, (f"touch {self.trace}",)


@pytest.fixture
def planted(tmp_path):
    """A checkpoint that would leave a trace, and that trace."""
    import torch

    torch.save({"model": Payload(tmp_path / "trace")}, tmp_path / "planted.pt")
    return tmp_path / "planted.pt", tmp_path / "trace"


def sentence(capsys, *arguments):
    assert cli.main([*map(str, arguments)]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("bench-freeze: ")
    assert "posix.system" in error
    return error


def test_in_the_weights_of_every_command(planted, embedded_data, tmp_path, capsys):
    file, trace = planted
    weights, target, base = embedded_data
    study = ("--target", target, "--base", base, "--imgsz", "160", "--out", tmp_path / "out")
    commands = {
        "weights:": ("run", "--weights", file, *study),
        "weights: ": ("run", "--weights", f"{weights},{file}", *study),
        "--weights": ("export", "--weights", file, "--out", tmp_path / "m.onnx"),
        "--tuned": ("export", "--weights", weights, "--tuned", file, "--freeze", "3", "--out", tmp_path / "m.onnx"),
        "A:": ("diff", file, weights),
        "B:": ("diff", weights, file),
        "--tuned ": ("diff", weights, weights, "--tuned", file, "--freeze", "3"),
    }
    for option, command in commands.items():
        error = sentence(capsys, *command)
        assert f"{option.strip()} {file} would load posix.system" in error
        assert "--trust-checkpoint" in error
    toml = tmp_path / "study.toml"
    toml.write_text(f'weights = ["{file}"]\ntarget = "{target}"\nbase = "{base}"\n')
    sentence(capsys, "run", toml, "--out", tmp_path / "out")
    assert not trace.exists()
    assert not (tmp_path / "m.onnx").exists()


def test_trust_is_a_flag_and_a_key_and_never_the_default(planted, embedded_data, tmp_path, capsys):
    file, trace = planted
    command = ("export", "--weights", file, "--trust-checkpoint", "--out", tmp_path / "m.onnx")
    assert cli.main([*map(str, command)]) == 2  # it holds no model
    assert "posix.system" not in capsys.readouterr().err
    assert trace.exists()
    trace.unlink()
    toml = tmp_path / "study.toml"
    _, target, base = embedded_data
    toml.write_text(f'weights = ["{file}"]\ntarget = "{target}"\nbase = "{base}"\ntrust_checkpoint = true\n')
    assert cli.main(["run", str(toml), "--no-trust-checkpoint", "--out", str(tmp_path / "out")]) == 2
    assert not trace.exists()
    assert cli.main(["run", str(toml), "--out", str(tmp_path / "out")]) == 2
    assert trace.exists()


def small(embedded_data, epochs):
    """A study that takes seconds: pictures of 64 pixels, no export, no clock."""
    weights, target, base = embedded_data
    return [
        *(
            "--weights",
            str(weights),
            "--target",
            str(target),
            "--base",
            str(base),
            "--imgsz",
            "64",
            "--train-batch",
            "32",
        ),
        *("--freeze", "22", "--epochs", str(epochs), "--engine", "torch", "--construction", "plain"),
        *("--latency-samples", "0", "--resamples", "0"),
    ]


@pytest.fixture(scope="module")
def trained(embedded_data, tmp_path_factory):
    """A small study that is finished."""
    out = tmp_path_factory.mktemp("small") / "out"
    assert cli.main([*small(embedded_data, 1), "--out", str(out)]) == 0
    return out


def test_trust_is_in_no_key(trained, embedded_data, tmp_path):
    """A study that trusts its checkpoint finds what one that does not has made."""
    out = tmp_path / "out"
    shutil.copytree(trained, out)
    before = {p.name for p in (out / "artifacts").iterdir()}
    assert cli.main([*small(embedded_data, 1), "--out", str(out), "--trust-checkpoint"]) == 0
    assert {p.name for p in (out / "artifacts").iterdir()} == before


def test_in_the_weights_of_an_artifact(planted, trained, embedded_data, tmp_path, capsys):
    file, trace = planted
    out = tmp_path / "out"
    shutil.copytree(trained, out)
    (tuned,) = artifacts(out, "tuned", partial=False)
    shutil.copy(file, tuned / "tuned.pt")
    manifest = json.loads((tuned / "manifest.json").read_text())
    manifest["files"]["tuned.pt"] = {
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "bytes": file.stat().st_size,
    }
    (tuned / "manifest.json").write_text(json.dumps(sealed(manifest)))  # whoever plants a file can do that
    for trust in ((), ("--trust-checkpoint",)):
        error = sentence(capsys, *small(embedded_data, 1), "--out", out, *trust)
        assert "tuned.pt" in error
        assert "not made by bench-freeze" in error
    assert not trace.exists()


def test_in_a_file_of_progress(planted, embedded_data, tmp_path, capsys):
    file, trace = planted
    out = tmp_path / "out"
    arguments = [*small(embedded_data, 40), "--out", str(out)]
    running = subprocess.Popen([sys.executable, "-m", "bench_freeze", *arguments], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 300
    while not list((out / "artifacts").glob("progress-*.pt")):
        assert time.monotonic() < end, "no progress was ever written"
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    (progress,) = (out / "artifacts").glob("progress-*.pt")
    shutil.copy(file, progress)
    error = sentence(capsys, *arguments, "--trust-checkpoint")
    assert progress.name in error
    assert "not made by bench-freeze" in error
    assert not trace.exists()
