"""What doctor finds of a board, on folders that stand for one, and that the guide has its commands."""

import dataclasses
import sys
from pathlib import Path

import pytest

from bench_freeze import doctor
from bench_freeze.engines import jetpack
from bench_freeze.engines.jetpack import BoardFacts, facts_of_board, release_of, steps_of_board
from tests.board import Board
from tests.unit.docs.pages import ROOT

# First lines of the file, as boards have them.
ORIN = (
    "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8 01:49:37 UTC 2025"
)
THOR = (
    "# R38 (release), REVISION: 2.2, GCID: 42205042, BOARD: generic, EABI: aarch64, DATE: Thu Sep 25 22:47:11 UTC 2025"
)
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
COMPLETE = BoardFacts(release_of(ORIN), (), True, True, "/usr/local/cuda/bin/nvcc", True, "", (), "rail VDD_IN")


def write(root, *files):
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch(0o755)


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A board as it was flashed: nothing on PATH, a Python that is no virtual environment."""
    write(tmp_path, "etc/nv_tegra_release")
    (tmp_path / "etc/nv_tegra_release").write_text(f"{ORIN}\n# KERNEL_VARIANT: oot\n")
    monkeypatch.setenv("PATH", str(tmp_path / "usr/bin"))
    return tmp_path


def missing(root):
    return [step.name for step in steps_of_board(facts_of_board("", root, root / "python")) if step.missing]


@pytest.mark.parametrize(
    ("line", "text", "kind"),
    [
        (ORIN, "L4T 36.4.3", "JetPack 6"),
        (THOR, "L4T 38.2.2", "JetPack 7"),
        ("# R39 (release), REVISION: 2.0", "L4T 39.2.0", "JetPack 7"),
        ("# R36 (release), REVISION: 3.0", "L4T 36.3.0", "old JetPack"),
        ("# R35 (release), REVISION: 6.0", "L4T 35.6.0", "old JetPack"),
    ],
)
def test_releases(line, text, kind):
    release = release_of(line)
    assert (release.text, release.jetpack) == (text, kind)


def test_what_is_no_release():
    assert release_of("") is None
    assert facts_of_board("", Path("/nowhere")) is None


def test_a_fresh_board_lacks_everything_but_its_jetpack(fresh):
    assert missing(fresh) == ["packages", "environment", "nvcc", "PyCUDA", "power modes", "power monitor"]
    steps = {step.name: step for step in steps_of_board(facts_of_board("built without CUDA", fresh))}
    assert steps["JetPack"].found == "JetPack 6, L4T 36.4.3"
    assert steps["packages"].missing.startswith(
        "without the CUDA toolkit, TensorRT's Python module, Python's headers, g++"
    )
    assert (steps["CUDA back end"].missing, steps["CUDA back end"].command) == ("built without CUDA", jetpack.BUILD)
    assert steps["PyCUDA"].command == "pip install '.[jetpack6]'"


def test_what_was_done_is_not_missing_any_more(fresh, monkeypatch):
    write(fresh, "usr/local/cuda/bin/nvcc", "usr/lib/python3.10/dist-packages/tensorrt/__init__.py", "usr/bin/g++")
    write(fresh, f"usr/include/{PYTHON}/Python.h")
    assert missing(fresh) == ["environment", "nvcc", "PyCUDA", "power modes", "power monitor"]
    write(fresh, "python/pyvenv.cfg")
    assert "this Python does not see the system's TensorRT" in [
        step.missing for step in steps_of_board(facts_of_board("", fresh, fresh / "python"))
    ]
    modules = fresh / "modules"
    write(modules, "tensorrt/__init__.py", "pycuda/__init__.py")
    monkeypatch.syspath_prepend(modules)
    assert missing(fresh) == ["nvcc", "power modes", "power monitor"]
    monkeypatch.setenv("PATH", f"{fresh / 'usr/local/cuda/bin'}:{fresh / 'usr/bin'}")
    board = Board(fresh / "usr/bin")
    assert board.configuration.exists()
    assert missing(fresh) == ["power monitor"]
    rail = fresh / "sys/class/hwmon/hwmon1"
    rail.mkdir(parents=True)
    for name, value in (("name", "ina3221"), ("in1_label", "VDD_IN"), ("in1_input", 19000), ("curr1_input", 500)):
        (rail / name).write_text(f"{value}\n")
    assert missing(fresh) == []


def test_an_old_jetpack_is_told_what_to_flash():
    old = dataclasses.replace(COMPLETE, release=release_of("# R36 (release), REVISION: 3.0"), sees_pycuda=False)
    steps = {step.name: step for step in steps_of_board(old)}
    assert "flash JetPack 6.1 or later" in steps["JetPack"].missing
    assert steps["PyCUDA"].command == ""


def test_doctor_shows_the_steps_with_their_commands(fresh):
    steps = doctor._board_steps(fresh)
    lines = "\n".join(doctor._board(steps))
    assert "  JetPack        yes  JetPack 6, L4T 36.4.3\n" in lines
    assert "  packages       no   without the CUDA toolkit" in lines
    assert f"\n                      {jetpack.PACKAGES}\n" in lines
    assert doctor._board([]) == []


def test_the_guide_has_every_command():
    guide = (ROOT / "docs/howto/jetson.md").read_text()
    for command in (jetpack.PACKAGES, jetpack.ENVIRONMENT, jetpack.PATH, *jetpack.INSTALL.values(), jetpack.BUILD):
        assert command in guide
