"""Every place that knows engines by name knows all that a study may name; examples never end a finished study."""

import argparse
from typing import get_args

import msgspec
import numpy as np
import pytest

from bench_freeze.artifact import ArtifactStore
from bench_freeze.commands.profile import add_profile
from bench_freeze.config.deployment import DeploymentOptions, EngineName
from bench_freeze.console import Console
from bench_freeze.deployment.deployment import Deployment
from bench_freeze.deployment.pipeline import HeadDetections, save_detections
from bench_freeze.doctor import examine
from bench_freeze.engines.availability import PACKAGES, availability, engine_device, letterbox_device
from bench_freeze.engines.open import open_exported
from bench_freeze.environment import environment
from bench_freeze.errors import InputError
from bench_freeze.gallery import write
from bench_freeze.gallery.kept import kept_models
from bench_freeze.kernels.nms_options import NmsOptions
from bench_freeze.study.bench import DETECTIONS
from tests import builders

ENGINES = get_args(EngineName)


class Model:
    """What a deployment asks of its candidate, for its identity."""

    def identity(self):
        return {"base_sha256": "w"}


def test_one_table_says_which_package_runs_an_engine():
    assert tuple(PACKAGES) == ENGINES
    packages = environment()["packages"]
    assert isinstance(packages, dict)
    assert set(PACKAGES.values()) <= packages.keys()
    assert tuple(examine("cpu")["engines"]) == ENGINES


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_is_known_wherever_one_is_named(engine, tmp_path):
    options = DeploymentOptions(engine=(engine,))
    assert [name for name, _ in options.forms] == [engine]
    assert availability(engine, "cpu").reason
    assert engine_device(engine, "cuda:1") == "cuda:1"
    assert letterbox_device(engine) in ("cpu", "gpu")
    identity = Deployment(Model(), engine, options, None, None, "w").identity()
    assert identity["engine"] == engine
    assert identity["version"] == environment()["packages"][PACKAGES[engine]]
    if engine != "torch":  # which runs no exported file
        parser = argparse.ArgumentParser()
        add_profile(parser.add_subparsers())
        assert parser.parse_args(["profile", "m.onnx", "--engine", engine]).engine == engine
        with pytest.raises(Exception) as failed:
            open_exported(engine, tmp_path / "none.onnx", "cpu")
        assert not isinstance(failed.value, KeyError)
        assert "use ort, ort-trt or trt" not in str(failed.value)


@pytest.mark.parametrize("engine", ENGINES)
def test_kept_detections_of_every_engine_are_found_again(engine, tmp_path):
    results = builders.committed()
    results.environment = environment()
    original = results.originals[0]
    hashes = msgspec.structs.replace(original.artifact, onnx_sha256="o", plan_sha256=None)
    results.originals = [msgspec.structs.replace(original, engine=engine, artifact=hashes)]
    results.rows = []
    store = ArtifactStore(tmp_path)
    deployed = {"tuned_sha256": None, "base_sha256": hashes.weights_sha256} if engine == "torch" else "o"
    inputs = {
        "model": deployed, "engine": engine, "version": environment()["packages"][PACKAGES[engine]],
        "device": original.device, "gpus": [], "data_sha256": results.data["base"].sha256, "imgsz": 320,
        "batch": 1, "settings": NmsOptions(0.001, 0.7, 300).key(),
    }  # fmt: skip
    none = HeadDetections(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros((0, 4)), np.zeros(0, np.float32), 0)

    def build(folder):
        save_detections(folder / DETECTIONS, {"base": none})
        return {}

    store.produce("detections", inputs, build)
    (found,) = kept_models(results, store)
    assert found.record.engine == engine
    assert list(found.found) == ["base"]


@pytest.mark.parametrize(
    "failure",
    [
        KeyError("ort-trt"),
        ValueError("a shape"),
        OSError(28, "No space left"),
        MemoryError(),
        InputError("a sentence."),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_examples_that_fail_leave_a_report_without_them(failure, tmp_path, monkeypatch, capsys):
    """Whatever it is: the results are written by then."""

    def fails(*_):
        raise failure

    monkeypatch.setattr(write, "gather_examples", fails)
    results = builders.committed()
    page = write.write_report(tmp_path, results, (), ArtifactStore(tmp_path), Console(plain=True))
    said = capsys.readouterr()
    assert "warning: the report has no example images" in said.out + said.err
    assert "No example images: " in page.read_text()
    assert ("a sentence." if isinstance(failure, InputError) else type(failure).__name__) in page.read_text()


def test_the_user_s_own_stop_is_no_failure(tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(write, "gather_examples", stopped)
    with pytest.raises(KeyboardInterrupt):
        write.write_report(tmp_path, builders.committed(), (), ArtifactStore(tmp_path), Console(plain=True))
