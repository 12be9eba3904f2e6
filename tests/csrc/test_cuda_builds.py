"""What can be known of the CUDA back end without a GPU.

It compiles for every machine it is meant for, without a warning; its code rounds as the CPU's does; its arithmetic
fits; a build without nvcc says so.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import CPU_SOURCES, INCLUDES, ROOT, run

KERNELS = sorted((ROOT / "csrc/cuda").glob("*.cu"))
HEADERS = sorted(
    file.relative_to(ROOT / "csrc")
    for file in [*ROOT.glob("csrc/*.h"), *ROOT.glob("csrc/core/*.h"), *ROOT.glob("csrc/cuda/*.h")]
)
NVCC_FLAGS = ["-std=c++17", "-O3", "--fmad=false", "-Werror", "all-warnings"]
HOST_FLAGS = ["-Xcompiler=-Wall,-Wextra,-Werror,-ffp-contract=off"]


@pytest.fixture(scope="module")
def nvcc() -> str:
    found = shutil.which("nvcc")
    if found is None:
        pytest.skip("nvcc is not on PATH")
    return found


@pytest.fixture(scope="module")
def architectures(nvcc: str) -> list[str]:
    """Compute capabilities from 7.5 on that this nvcc knows, such as 90."""
    known = re.findall(r"compute_(\d+)$", run(nvcc, "--list-gpu-arch").stdout, re.MULTILINE)
    assert known, "nvcc --list-gpu-arch names none"
    return [number for number in known if int(number) >= 75]


def test_arithmetic_of_grids_and_workspaces(compiled: Callable[..., Path]) -> None:
    done = run(compiled("arithmetic.cpp", "-fsanitize=undefined", "-fno-sanitize-recover"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "right\n"


@pytest.mark.parametrize(
    ("gpu", "built", "answer"),
    [
        (75, (80, 86, 90), "refused 8.0, 8.6 and 9.0"),  # a T4: older than all of the build
        (75, (75, 80, 90), "runs 7.5, 8.0 and 9.0"),
        (86, (80,), "runs 8.0"),  # machine code of an earlier minor version
        (80, (86,), "refused 8.6"),  # not of a later one
        (89, (80, 90), "runs 8.0 and 9.0"),
        (121, (80, 90), "runs 8.0 and 9.0"),  # by the newest one's PTX
        (100, (80, 120), "refused 8.0 and 12.0"),  # PTX serves later GPUs, not earlier ones
        (90, (), "refused "),
    ],
)
def test_which_gpus_run_a_build(compiled: Callable[..., Path], gpu: int, built: tuple[int, ...], answer: str) -> None:
    done = run(compiled("architectures.cpp"), gpu, *built)
    assert done.stdout.rstrip("\n") == answer


def test_a_build_without_nvcc_says_so(compiled: Callable[..., Path]) -> None:
    done = run(compiled("unavailable.cpp", ROOT / "csrc/cuda/score_unavailable.cpp"))
    assert done.returncode == 0, done.stderr
    assert "built without CUDA" in done.stdout
    assert "nvcc on PATH" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda file: file.name)
def test_compiles_for_every_architecture(kernel: Path, nvcc: str, architectures: list[str], tmp_path: Path) -> None:
    targets = [f"-gencode=arch=compute_{number},code=sm_{number}" for number in architectures]
    done = run(
        nvcc, *NVCC_FLAGS, *HOST_FLAGS, "--threads=0", *targets, *INCLUDES, "-c", kernel, "-o", tmp_path / "kernel.o"
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stderr == ""


def unfaithful_instructions(ptx: str) -> list[str]:
    """A sum or product without `.rn` is one that the assembler may fuse with the next."""
    return re.findall(
        r"\b(?:(?:add|sub|mul)\.(?:ftz\.)?f\d+|fma\.\S+|mad\.r\S+|div\.full\S*|\w+\.approx\S*|\S+\.ftz\S*)", ptx
    )


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [file for file in KERNELS if file.name != "device.cu"], ids=lambda file: file.name)
def test_device_code_rounds_as_the_cpu_does(kernel: Path, nvcc: str, architectures: list[str], tmp_path: Path) -> None:
    """No fused multiply-add, no approximate division or root, no flushing of the smallest numbers."""
    ptx = tmp_path / "kernel.ptx"

    def translate(number: str, *flags: str) -> str:
        done = run(nvcc, *NVCC_FLAGS, *flags, f"-arch=compute_{number}", *INCLUDES, "--ptx", kernel, "-o", ptx)
        assert done.returncode == 0, done.stderr[-4000:]
        return ptx.read_text()

    for number in (architectures[0], architectures[-1]):
        text = translate(number)
        assert "div.rn.f" in text  # this looks at the code that divides
        assert unfaithful_instructions(text) == []
    for fault in ("--fmad=true", "--prec-div=false", "--ftz=true"):
        flags = [flag for flag in NVCC_FLAGS if not fault.startswith(flag.split("=")[0])]
        done = run(nvcc, *flags, fault, "-arch=compute_90", *INCLUDES, "--ptx", kernel, "-o", ptx)
        assert done.returncode == 0, done.stderr[-4000:]
        assert unfaithful_instructions(ptx.read_text()) != [], fault


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["g++", "nvcc"])
def test_each_header_compiles_alone(compiler: str, tmp_path: Path) -> None:
    """Twice over, too: nothing in it is defined again."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not on PATH")
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror"] if compiler == "g++" else NVCC_FLAGS[:1] + NVCC_FLAGS[3:]
    wrong = {}
    for header in HEADERS:
        if compiler == "g++" and "cuda_runtime" in (ROOT / "csrc" / header).read_text():
            continue
        source = tmp_path / ("alone.cpp" if compiler == "g++" else "alone.cu")
        source.write_text(f'#include "{header}"\n#include "{header}"\n')
        done = run(compiler, *flags, *INCLUDES, "-c", source, "-o", tmp_path / "alone.o")
        if done.returncode != 0 or done.stderr:
            wrong[str(header)] = done.stderr[-1000:]
    assert wrong == {}


@pytest.mark.slow
def test_core_includes_no_cuda_python_or_torch_header() -> None:
    for file in (ROOT / "csrc/core").glob("*.h"):
        included = re.findall(r"#include\s+[<\"]([^>\"]+)", file.read_text())
        assert [name for name in included if re.match(r"cuda|cub|Python|nanobind|torch|ATen", name)] == []


@pytest.mark.slow
def test_the_gpu_tests_compile(nvcc: str, architectures: list[str], tmp_path: Path) -> None:
    """The program that tests/cuda runs on a GPU: it must not be found broken there."""
    program = tmp_path / "equality"
    target = f"-arch=sm_{architectures[-1]}"
    sources = [ROOT / "tests/cuda/equality.cu", *KERNELS, *CPU_SOURCES]
    done = run(nvcc, *NVCC_FLAGS, *HOST_FLAGS, target, *INCLUDES, *sources, "-o", program)
    assert done.returncode == 0, done.stderr[-4000:]
    assert run(program, "quick").returncode in (0, 3)  # equal, or no GPU
