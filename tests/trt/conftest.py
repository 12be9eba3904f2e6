"""Tests that need TensorRT, PyCUDA and a GPU. REQUIRE_TRT=1 turns a missing one into a failure: they cannot vanish."""

from __future__ import annotations

import os

import pytest

from bench_freeze.engines.availability import availability
from bench_freeze.kernels.device_array import cuda_unavailable_reason
from tests.contract.conftest import (  # noqa: F401 - the real dual-head ONNX files of the contract tests
    convert_dual,
    embedded_base_folder,
    embedded_files,
    export_dual,
    real_images,
)


@pytest.fixture
def kernels() -> None:
    """The extension has its CUDA back end; REQUIRE_CUDA=1 makes a build without it a failure."""
    reason = cuda_unavailable_reason()
    if reason and os.environ.get("REQUIRE_CUDA") == "1":
        pytest.fail(f"REQUIRE_CUDA=1, and {reason}")
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def trt() -> None:
    """TensorRT runs here."""
    answer = availability("trt", "cuda:0")
    if answer.usable:
        return
    if os.environ.get("REQUIRE_TRT") == "1":
        pytest.fail(f"REQUIRE_TRT=1, and {answer.reason}")
    pytest.skip(answer.reason)
