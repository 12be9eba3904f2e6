"""tests/cuda, run by Python over the extension, on the PTX machine: nothing faked between them but the GPU.

Left out: `test_native.py`, whose program test_kernels.py runs; batches and canvases of real size, which take minutes
(one runs); and, by themselves, the tests that ask for torch's own CUDA tensors: those need a driver. About 95 s of
processor time in all, most of it on the machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .barriers import barrier_site
from .build import DeviceCode
from .conftest import FAULT
from .extension import host_objects, package, run_tests

pytestmark = pytest.mark.slow

NMS, LETTERBOX = "tests/cuda/test_nms_cuda.py", "tests/cuda/test_letterbox_cuda.py"
REAL_SIZE = "test_every_batch_size[float16-2]"
LARGE = (
    *(f"{NMS}::test_every_batch_size[{dtype}-{n}]" for dtype in ("float32", "float16") for n in (1, 2, 3, 16, 64)),
    *(f"{LETTERBOX}::test_equal_to_the_cpu[size{size}-640]" for size in range(6)),
)


@pytest.fixture(scope="session")
def built(
    machine: list[Path], device: Callable[[str], DeviceCode], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """built(architecture) is the folder of the package."""
    folder = tmp_path_factory.mktemp("extension")
    host = host_objects(folder / "host")

    def build(architecture: str) -> Path:
        made = folder / architecture
        return made if made.exists() else package(made, [*host, *device(architecture).objects, *machine])

    return build


@pytest.mark.parametrize(
    ("architecture", "left_in", "disturbed"),
    [
        ("compute_75", REAL_SIZE, {"PTX_SEED": 1}),
        ("compute_90", "none", {"PTX_SEED": 2}),
        ("compute_90", "none", {"PTX_SEED": 3, "PTX_PREEMPT": 50, "PTX_LATE": 1}),
    ],
)
def test_the_python_tests_of_the_cuda_back_end(
    built: Callable[[str], Path], architecture: str, left_in: str, disturbed: dict[str, int]
) -> None:
    left_out = [f"--deselect={test}" for test in LARGE if not test.endswith(left_in)]
    done = run_tests(built(architecture), "--ignore=tests/cuda/test_native.py", *left_out, "tests/cuda", **disturbed)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|skipped)", done.stdout)}
    assert counts["passed"] > 60
    without_torch = re.findall(r"^SKIPPED \[(\d+)\] .*this torch has no CUDA$", done.stdout, re.MULTILINE)
    assert counts["skipped"] == sum(map(int, without_torch))
    launches = re.search(r"ptx: (\d+) launches", done.stderr)
    assert launches
    assert int(launches[1]) > 100


def test_a_fault_on_the_device_fails_the_tests(built: Callable[[str], Path]) -> None:
    """Without a barrier the same tests end with the machine's status, whatever pytest says."""
    done = run_tests(
        built("compute_90"),
        "tests/cuda/test_match_cuda.py",
        "-k",
        "test_equals_the_cpu_back_end",
        PTX_WITHOUT_BARRIER=barrier_site("core/match.h", 0),
    )
    assert done.returncode == FAULT, done.stdout[-2000:]
    assert "race" in done.stderr
