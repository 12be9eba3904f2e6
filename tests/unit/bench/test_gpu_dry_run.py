"""Command lines are checked before they are run: the plan's own, and mistakes of every kind."""

import sys
from pathlib import Path

import pytest
from bench.gpu import plan
from bench.gpu.dry_run import dry_run
from bench.gpu.step import Step, read_status

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def test_every_command_line_is_right(tmp_path):
    steps = plan.steps(plan.Places(ROOT, tmp_path / "wheels", tmp_path / "work"))
    checked = dry_run(steps, ROOT)
    of_nvcc = "equality, compiled" if "nvcc" in checked.absent else "-"
    assert [problem for problem in checked.problems if not problem.startswith(of_nvcc)] == []
    assert len(checked.lines) == 2 * len(steps)


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ((sys.executable, "-m", "bench.gpu.nvml", "--jsn", "x"), "there is no flag --jsn"),
        ((sys.executable, "-m", "bench.gpu.nothing", "--json", "x"), "there is no module bench.gpu.nothing"),
        ((sys.executable, "-m", "pytest", "--reqiure", "tests/cuda"), "there is no flag --reqiure"),
        ((sys.executable, "-m", "pytest", "tests/kuda"), "there is no file tests/kuda"),
        ((sys.executable, "bench/nothing.py"), "there is no file bench/nothing.py"),
        (("/no/such/program", "-x"), "there is no program /no/such/program"),
        (("compute-sanitizer", "--tool", "racechek", "made"), "compute-sanitizer has no tool racechek"),
        (("compute-sanitizer", "--error-code", "1", "made"), "compute-sanitizer has no --error-code"),
        (("compute-sanitizer", "--tool", "memcheck", "unmade"), "no step before it makes the program unmade"),
    ],
)
def test_a_command_line_that_is_wrong_is_found(command, problem):
    before = Step("before", (sys.executable, "-c", ""), 1, read_status, makes=(Path("made"),))
    checked = dry_run([before, Step("step", command, 1, read_status)], ROOT)
    assert checked.problems == [f"step: {problem}"]


def test_what_no_step_gives_is_found():
    checked = dry_run([Step("step", (sys.executable, "-c", ""), 1, read_status, needs=("it",), unless="that")], ROOT)
    assert [problem.partition(",")[0] for problem in checked.problems] == [
        "step: needs it",
        "step: is needless with that",
    ]
