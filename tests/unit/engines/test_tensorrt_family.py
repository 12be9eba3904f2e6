"""Which TensorRT is meant on which machine."""

from pathlib import Path

import pytest

from bench_freeze.engines import tensorrt_family
from bench_freeze.engines.availability import engine_device
from bench_freeze.engines.tensorrt_family import FAMILY, INSTALL, machine_kind


@pytest.mark.parametrize(
    ("release", "kind"),
    [
        ("# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic", "JetPack 6"),
        ("# R38 (release), REVISION: 2.0, GCID: 41844464, BOARD: generic", "JetPack 7"),
        ("# R39 (release), REVISION: 0.0", "JetPack 7"),
    ],
)
def test_a_board_is_known_by_its_release(release, kind, tmp_path):
    file = tmp_path / "nv_tegra_release"
    file.write_text(release)
    assert machine_kind(file) == kind
    assert "python3-libnvinfer" in INSTALL[kind]
    extra = kind.lower().replace(" ", "")
    assert f"bench-freeze[{extra}]" in INSTALL[kind]
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert f"\n{extra} = [" in project


def test_other_machines_are_known_by_their_driver(tmp_path, monkeypatch):
    assert machine_kind(tmp_path / "none") in ("server", "no GPU")
    broken = tmp_path / "release"
    broken.write_text("what")
    assert machine_kind(broken) in INSTALL
    assert set(INSTALL) == {"server", "JetPack 6", "JetPack 7", "no GPU"}


def test_only_tensorrt_for_rtx_builds_ahead_and_lean_builds_nothing():
    assert {m.module for m in FAMILY if m.ahead_of_time} == {"tensorrt_rtx", "tensorrt_rtx_bindings"}
    assert {m.module for m in FAMILY if not m.builds} == {"tensorrt_lean", "tensorrt_lean_bindings"}


def test_without_a_builder_the_error_says_what_to_install(monkeypatch):
    from bench_freeze.errors import InputError

    monkeypatch.setattr(tensorrt_family, "installed", lambda: ())
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
