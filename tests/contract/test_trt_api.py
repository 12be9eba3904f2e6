"""Every TensorRT name that the code uses exists in the real bindings. The names are read from the code itself.

The members of the family that are importable are checked in this process. The lean runtimes of TensorRT 10 and 11 share
a module name, so each is checked in a process of its own, from a folder of its own under build/trt-api:

    pip install --no-deps --target build/trt-api/10 'tensorrt-lean-cu12-bindings<11' 'tensorrt-lean-cu12-libs<11'
    pip install --no-deps --target build/trt-api/11 'tensorrt-lean-cu13-bindings>=11' 'tensorrt-lean-cu13-libs>=11'
"""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bench_freeze
from bench_freeze.engines.tensorrt_family import installed

PACKAGE = Path(bench_freeze.__file__).parent
LEAN = Path(__file__).parents[2] / "build" / "trt-api"
RUNNING = ("engines/trt_start.py", "engines/trt_runner.py")
BUILDING = ("export/builder.py",)
# How the code calls objects of TensorRT -> their class ("" is the module). `network` objects need none of the runtime.
RUN = {
    "trt.api": "",
    "mode": "TensorIOMode",
    "runtime": "Runtime",
    "self.api": "",
    "self._runner.api": "",
    "self.engine": "ICudaEngine",
    "runner.engine": "ICudaEngine",
    "self._runner.engine": "ICudaEngine",
    "self._context": "IExecutionContext",
}
BUILD = {
    "trt.api": "",
    "trt.api.BuilderFlag": "BuilderFlag",
    "trt.api.MemoryPoolType": "MemoryPoolType",
    "trt.api.NetworkDefinitionCreationFlag": "NetworkDefinitionCreationFlag",
    "trt.api.DeviceType": "DeviceType",
    "interface": "ILogger",
    "builder": "Builder",
    "config": "IBuilderConfig",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "error": "ParserError",
    "profile": "IOptimizationProfile",
    "images": "ITensor",
}
PROGRAM = """
import json, sys
import tensorrt_lean_bindings as module
missing = [
    f"{kind or 'module'}.{name}"
    for kind, name in json.load(sys.stdin)
    if not hasattr(getattr(module, kind) if kind else module, name)
]
print(json.dumps({"version": module.__version__, "missing": missing}))
"""


def used(files, classes):
    """(class, name) of every attribute that the code takes from an object of TensorRT."""
    found = {
        (classes[ast.unparse(node.value)], node.attr)
        for file in files
        for node in ast.walk(ast.parse((PACKAGE / file).read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in classes
    }
    return sorted(found)


def lacking(module, names):
    return [f"{kind}.{name}" for kind, name in names if not hasattr(getattr(module, kind) if kind else module, name)]


def test_the_names_are_found_in_the_code():
    run, build = used(RUNNING, RUN), used(BUILDING, BUILD)
    assert ("IExecutionContext", "execute_async_v3") in run
    assert ("IExecutionContext", "set_tensor_address") in run
    assert ("ICudaEngine", "get_tensor_profile_shape") in run
    assert ("Runtime", "deserialize_cuda_engine") in run
    assert ("IBuilderConfig", "set_compute_capability") in build
    assert ("OnnxParser", "get_error") in build
    assert len(run) > 15
    assert len(build) > 25


@pytest.mark.skipif(not installed(), reason="no TensorRT is installed")
def test_every_name_exists_in_what_is_installed():
    for trt in installed():
        assert not lacking(trt.api, used(RUNNING, RUN)), trt
        if trt.member.ahead_of_time:
            assert not lacking(trt.api, used(BUILDING, BUILD)), trt


@pytest.mark.parametrize("major", ["10", "11"])
def test_every_name_of_the_runtime_exists_in_the_lean_bindings(major):
    folder = LEAN / major
    if not folder.is_dir():
        pytest.skip(f"build/trt-api/{major} is not there: `make trt-api` fetches it")
    # OptimizationProfile and the parser are the builder's, which the lean runtime has not.
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(used(RUNNING, RUN)),
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["version"].startswith(f"{major}.")
    assert not found["missing"]
