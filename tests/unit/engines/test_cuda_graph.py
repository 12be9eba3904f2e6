"""The driver's calls that are made through ctypes, checked by a compiler against NVIDIA's own header."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bench_freeze.engines import cuda_device, cuda_graph

# Each call's type as ctypes passes it: pointers, an int for the mode, an unsigned long long for the flags.
PROGRAM = """
#include <cuda.h>
#include <type_traits>
#define SHOW(name) #name
#define EXPANDED(name) SHOW(name)
constexpr bool same(const char* a, const char* b) { return *a == *b && (*a == 0 || same(a + 1, b + 1)); }
static_assert(same(EXPANDED(cuStreamBeginCapture), "cuStreamBeginCapture_v2"), "");
static_assert(std::is_same<decltype(&cuStreamBeginCapture), CUresult (*)(CUstream, CUstreamCaptureMode)>::value, "");
static_assert(std::is_same<decltype(&cuStreamEndCapture), CUresult (*)(CUstream, CUgraph*)>::value, "");
static_assert(std::is_same<decltype(&cuGraphInstantiateWithFlags),
                           CUresult (*)(CUgraphExec*, CUgraph, unsigned long long)>::value, "");
static_assert(std::is_same<decltype(&cuGraphLaunch), CUresult (*)(CUgraphExec, CUstream)>::value, "");
static_assert(std::is_same<decltype(&cuGraphExecDestroy), CUresult (*)(CUgraphExec)>::value, "");
static_assert(std::is_same<decltype(&cuGraphDestroy), CUresult (*)(CUgraph)>::value, "");
static_assert(std::is_same<decltype(&cuDeviceGet), CUresult (*)(CUdevice*, int)>::value, "");
static_assert(std::is_same<decltype(&cuDevicePrimaryCtxRetain), CUresult (*)(CUcontext*, CUdevice)>::value, "");
static_assert(same(EXPANDED(cuDevicePrimaryCtxRelease), "cuDevicePrimaryCtxRelease_v2"), "");
static_assert(std::is_same<decltype(&cuDevicePrimaryCtxRelease), CUresult (*)(CUdevice)>::value, "");
static_assert(same(EXPANDED(cuCtxPushCurrent), "cuCtxPushCurrent_v2"), "");
static_assert(std::is_same<decltype(&cuCtxPushCurrent), CUresult (*)(CUcontext)>::value, "");
static_assert(same(EXPANDED(cuCtxPopCurrent), "cuCtxPopCurrent_v2"), "");
static_assert(std::is_same<decltype(&cuCtxPopCurrent), CUresult (*)(CUcontext*)>::value, "");
static_assert(std::is_pointer<CUcontext>::value && sizeof(CUdevice) == sizeof(int), "");
static_assert(CU_STREAM_CAPTURE_MODE_RELAXED == RELAXED && sizeof(CUstreamCaptureMode) == sizeof(int), "");
static_assert(std::is_pointer<CUstream>::value && std::is_pointer<CUgraph>::value, "");
"""


def test_every_call_has_the_type_that_it_is_called_with(tmp_path):
    nvcc, compiler = shutil.which("nvcc"), shutil.which("g++")
    places = [Path(nvcc).resolve().parents[1] / "include"] if nvcc else []
    folder = next((f for f in (*places, Path("/usr/local/cuda/include")) if (f / "cuda.h").is_file()), None)
    if folder is None or compiler is None:
        pytest.skip("cuda.h or g++ is not there: the header comes with the CUDA toolkit")
    (tmp_path / "calls.cpp").write_text(PROGRAM)
    command = [compiler, "-std=c++17", "-fsyntax-only", f"-DRELAXED={cuda_graph._RELAXED}", "-I", str(folder)]
    done = subprocess.run([*command, str(tmp_path / "calls.cpp")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for module in (cuda_graph, cuda_device):
        assert all(name in PROGRAM for name in module.CALLS)
        used = re.findall(r'_call\(\s*"(\w+)"', Path(module.__file__).read_text())
        assert set(used) == set(module.CALLS)
