"""The command lines of the first run on a GPU, which is too dear for a mistyped flag."""

import dataclasses
from pathlib import Path

import pytest
from bench.gpu import plan, toolkit
from bench.gpu.wheels import EXTENSION, PYCUDA, WHEELS, absent_from, canonical, fetching, names_in
from tests.builders import study

from bench_freeze import cli
from bench_freeze.commands.run_flags import study_values

ROOT = Path(__file__).parents[3]


@pytest.fixture
def places(tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in (
        "bench_freeze-0.1.0-cp312-abi3-linux_x86_64.whl",
        "pycuda-2025.1.2.tar.gz",
        "rich-14.0-py3-none-any.whl",
    ):
        (wheels / name).touch()
    return plan.Places(ROOT, wheels, tmp_path / "work")


def test_the_program_of_the_equality_has_every_kernel_and_all_that_it_is_compared_with(places):
    """A source that is left out is found by no compiler until the link, on the GPU's time."""
    words = plan.compile_equality(places)
    assert {word for word in words if word.endswith(".cu")} == {
        "tests/cuda/equality.cu",
        *(str(file.relative_to(ROOT)) for file in ROOT.glob("csrc/cuda/*.cu")),
    }


def test_the_study_is_one_that_the_command_takes(places):
    command = next(step for step in plan.steps(places) if step.name == "study").command
    parsed = cli._parser().parse_args([*command[3:]])
    asked = study(**study_values(parsed))
    assert (asked.training.freeze, asked.training.device) == ((22, 15), "cuda:0")


def test_nothing_is_taken_from_an_index_and_the_machines_packages_stay(places):
    installs = [step.command for step in plan.steps(places) if "pip" in step.command]
    assert len(installs) == 4
    for command in installs:
        assert {"--no-index", "--no-deps", "--target"} <= {*command}
    building = [command for command in installs if command[-1] == "." or PYCUDA in command]
    assert all("--no-build-isolation" in command for command in building)


def test_a_machine_without_a_prebuilt_extension_builds_one(places, tmp_path):
    bare = dataclasses.replace(places, wheels=tmp_path / "nothing")
    by_name = {step.name: step for step in plan.steps(bare)}
    assert by_name["prebuilt"].left_out
    assert by_name["PyCUDA"].left_out
    assert by_name["build"].unless == "extension"
    assert by_name["build works"].given == "extension"


def test_the_toolkit_with_the_header_comes_first_on_the_path(tmp_path, monkeypatch):
    """nvcc on PATH may be a script in a folder without the toolkit's headers, where PyCUDA would look for them."""
    for folder, header in ((tmp_path / "scripts", False), (tmp_path / "cuda", True)):
        (folder / "bin").mkdir(parents=True)
        (folder / "bin/nvcc").touch(0o755)
        if header:
            (folder / "include").mkdir()
            (folder / "include/cuda.h").touch()
    monkeypatch.setenv("PATH", str(tmp_path / "scripts/bin"))
    monkeypatch.setattr(toolkit, "USUAL", tmp_path / "cuda")
    assert toolkit.path_with_toolkit("a:b") == f"{tmp_path / 'cuda/bin'}:a:b"
    monkeypatch.setattr(toolkit, "USUAL", tmp_path / "nowhere")
    assert toolkit.path_with_toolkit("a:b") == "a:b"


def test_limits_are_of_each_step(places):
    assert all(0 < step.seconds <= 240 for step in plan.steps(places))


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("scikit_build_core-0.11.5-py3-none-any.whl", "scikit-build-core"),
        ("ultralytics_opencv_headless-8.4.190-py3-none-any.whl", "ultralytics-opencv-headless"),
        ("siphash24-1.8-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "siphash24"),
        ("pycuda-2025.1.2.tar.gz", "pycuda"),
        ("Mako-1.3.10-py3-none-any.whl", "mako"),
    ],
)
def test_names_of_what_was_brought(file, name):
    assert canonical(file) == name


def test_what_is_to_be_fetched(places):
    assert names_in(places.wheels) == {EXTENSION, PYCUDA, "rich"}
    assert set(absent_from(places.wheels)) == set(WHEELS) - {"rich"}
    commands = fetching(places.wheels, "3.12")
    assert all(name in commands[0].split() for name in WHEELS)
    assert "BENCH_FREEZE_CUDA=ON" in commands[-1]
