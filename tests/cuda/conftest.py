"""Tests that need a GPU. REQUIRE_CUDA=1 turns a missing one into a failure, so that they cannot vanish silently."""

from __future__ import annotations

import os

import pytest

from bench_freeze.kernels.device_array import cuda_unavailable_reason


def skip_or_fail(reason: str) -> None:
    if os.environ.get("REQUIRE_CUDA") == "1":
        pytest.fail(f"REQUIRE_CUDA=1, and {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def gpu() -> int:
    """The GPU to use."""
    reason = cuda_unavailable_reason()
    if reason:
        skip_or_fail(reason)
    return 0
