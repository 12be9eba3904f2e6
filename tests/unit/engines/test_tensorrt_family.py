"""Which TensorRT is meant on which machine."""

import importlib
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench_freeze.engines import tensorrt_family
from bench_freeze.engines.availability import engine_device
from bench_freeze.engines.tensorrt_family import FAMILY, INSTALL, machine_kind
from bench_freeze.errors import InputError


def board(root, release):
    (root / "etc").mkdir()
    (root / "etc/nv_tegra_release").write_text(f"{release}\n")
    return root


@pytest.mark.parametrize(
    ("release", "kind"),
    [
        ("# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic", "JetPack 6"),
        ("# R38 (release), REVISION: 2.0, GCID: 41844464, BOARD: generic", "JetPack 7"),
        ("# R39 (release), REVISION: 0.0", "JetPack 7"),
    ],
)
def test_a_board_is_known_by_its_release(release, kind, tmp_path):
    assert machine_kind(board(tmp_path, release)) == kind
    assert "python3-libnvinfer" in INSTALL[kind]
    extra = kind.lower().replace(" ", "")
    assert f"bench-freeze[{extra}]" in INSTALL[kind]
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert f"\n{extra} = [" in project


@pytest.mark.parametrize(
    "release",
    ["# R36 (release), REVISION: 3.0, GCID: 1", "# R35 (release), REVISION: 6.0", "# R32 (release), REVISION: 7.4"],
)
def test_a_board_with_tensorrt_8_is_told_to_get_another_jetpack(release, tmp_path):
    kind = machine_kind(board(tmp_path, release))
    assert "JetPack, 6.1 or later" in INSTALL[kind]


def test_other_machines_are_known_by_their_driver(tmp_path):
    assert machine_kind(tmp_path / "none") in ("server", "no GPU")
    assert machine_kind(board(tmp_path, "what")) in ("server", "no GPU")


def test_only_tensorrt_for_rtx_builds_ahead_and_lean_builds_nothing():
    assert {m.module for m in FAMILY if m.ahead_of_time} == {"tensorrt_rtx", "tensorrt_rtx_bindings"}
    assert {m.module for m in FAMILY if not m.builds} == {"tensorrt_lean", "tensorrt_lean_bindings"}


def test_without_a_builder_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(tensorrt_family, "installed", lambda: ())
    monkeypatch.setattr(tensorrt_family, "broken", lambda: ())
    with pytest.raises(InputError, match=r"pip install --no-deps tensorrt-rtx-cu13-libs"):
        tensorrt_family.builder_for("86")
    with pytest.raises(InputError, match="not installed; install it with: "):
        tensorrt_family.builder_for(None)
    with pytest.raises(InputError, match="no TensorRT is installed"):
        tensorrt_family.runtime_member(None)


def test_tensorrt_runs_on_a_gpu_whatever_the_default_device():
    assert engine_device("trt", "cpu") == "cuda:0"
    assert engine_device("trt", "cuda:1") == "cuda:1"
    assert engine_device("ort", "cpu") == "cpu"


@pytest.mark.parametrize(("version", "is_usable"), [("8.6.2.3", False), ("9.3.0", False), ("10.3.0", True)])
def test_a_tensorrt_without_strongly_typed_networks_is_refused(version, is_usable, monkeypatch):
    """JetPack 6.0 has TensorRT 8.6; the member for RTX counts its versions from 1."""
    modules = {"tensorrt": SimpleNamespace(__version__=version), "tensorrt_rtx": SimpleNamespace(__version__="1.2.0")}

    def import_module(name):
        if name not in modules:
            raise ImportError(name)
        return modules[name]

    monkeypatch.setattr(importlib, "import_module", import_module)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: modules.get(name))
    tensorrt_family.installed.cache_clear()
    try:
        titles = [str(found) for found in tensorrt_family.installed()]
        assert titles == [f"TensorRT {version}"] * is_usable + ["TensorRT for RTX 1.2.0"]
        assert any("is too old: 10.0" in problem for problem in tensorrt_family.broken()) != is_usable
        if not is_usable:
            del modules["tensorrt_rtx"]
            tensorrt_family.installed.cache_clear()
            with pytest.raises(InputError, match=f"TensorRT {version} is too old: 10.0 is the first"):
                tensorrt_family.builder_for(None)
    finally:
        tensorrt_family.installed.cache_clear()
