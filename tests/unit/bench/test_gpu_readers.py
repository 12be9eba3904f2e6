"""What the outputs of programs on a GPU are read as: recorded texts of pytest and compute-sanitizer."""

from pathlib import Path

import pytest
from bench.gpu.step import Ran, read_equality, read_pytest, read_sanitizer

# As in the documentation of compute-sanitizer, 2025.3.
CLEAN = "========= COMPUTE-SANITIZER\nequal\n========= ERROR SUMMARY: 0 errors\n"
CLEAN_RACES = (
    "========= COMPUTE-SANITIZER\nequal\n========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)\n"
)
OUT_OF_BOUNDS = """\
========= COMPUTE-SANITIZER
========= Invalid __global__ write of size 4 bytes
=========     at scan_kernel(NmsTask)+0x110
========= ERROR SUMMARY: 1 error
"""
RACES = """\
========= COMPUTE-SANITIZER
========= Warning: Race reported between Write access and Read access
equal
========= RACECHECK SUMMARY: 2 hazards displayed (1 error, 1 warning)
"""
WITHOUT_DEVICE = "========= COMPUTE-SANITIZER\n========= Error: Device not supported\n"


def ran(status, output):
    return Ran(status, output, Path("none"))


@pytest.mark.parametrize(
    ("status", "output", "has_result", "why"),
    [
        (0, CLEAN, True, ""),
        (0, CLEAN_RACES, True, ""),
        (1, OUT_OF_BOUNDS, True, "ERROR SUMMARY: 1 error"),
        (0, OUT_OF_BOUNDS, True, "ERROR SUMMARY: 1 error"),
        (1, RACES, True, "RACECHECK SUMMARY: 2 hazards displayed (1 error, 1 warning)"),
        (0, RACES, True, "RACECHECK SUMMARY: 2 hazards displayed (1 error, 1 warning)"),
        (0, WITHOUT_DEVICE, False, "compute-sanitizer gave no summary"),
        (0, CLEAN.replace("equal\n", ""), False, "it said nothing"),
        (1, CLEAN.replace("equal", "DIFFERENT: replay 2 of a graph: count"), True, "ERROR SUMMARY: 0 errors"),
    ],
)
def test_sanitizer(status, output, has_result, why):
    reading = read_sanitizer(ran(status, output))
    assert (reading.has_result, reading.why) == (has_result, why)


@pytest.mark.parametrize(
    ("status", "output", "why"),
    [
        (0, "equal\n", ""),
        (1, "DIFFERENT: large float16 head: count\n", "DIFFERENT: large float16 head: count"),
        (3, "CUDA finds no GPU\n", "ended with 3"),
        (0, "", "it said nothing"),
        (0, "unequal\n", "it said nothing"),
    ],
)
def test_equality(status, output, why):
    assert read_equality(ran(status, output)).why == why


@pytest.mark.parametrize(
    ("status", "output", "figures", "why"),
    [
        (0, "....\n77 passed in 12.34s\n", "77 passed", ""),
        (0, "70 passed, 7 skipped in 12.34s\n", "70 passed, 7 skipped", ""),
        (0, "===== 77 passed, 2 warnings in 12.34s (0:00:12) =====\n", "77 passed, 2 warnings", ""),
        (1, "1 failed, 76 passed in 9.00s\n", "1 failed, 76 passed", "pytest ended with 1"),
        (0, "77 skipped in 0.10s\n", "", "no test passed"),
        (5, "77 deselected in 0.10s\n", "77 deselected", "pytest ended with 5"),
        (4, "ERROR: usage\n", "", "pytest ended with 4"),
        (-11, "", "", "pytest ended with -11"),
    ],
)
def test_pytest(status, output, figures, why):
    reading = read_pytest(ran(status, output))
    assert (reading.figures, reading.why) == (figures, why)
