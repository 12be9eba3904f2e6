"""The fuzzers' targets with random bytes, under g++'s sanitizers: every compiler can do that much."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import HERE, ROOT, run

TARGETS = {"nms", "letterbox", "evaluator", "compare", "json"}


@pytest.mark.slow
def test_random_bytes_break_nothing(compiled: Callable[..., Path]) -> None:
    targets = [HERE / "fuzz" / f"{name}.cpp" for name in sorted(TARGETS)]
    kernels = [path for folder in ("cpu", "json") for path in sorted((ROOT / "csrc" / folder).glob("*.cpp"))]
    flags = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover", "-I", HERE / "fuzz")
    done = run(compiled("fuzz/blind.cpp", *flags, *targets, *kernels), 1, 3)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line.split() for line in done.stdout.splitlines()]
    counts = {name: (int(answered), int(refused)) for name, answered, refused in lines}
    assert set(counts) == TARGETS
    for name, (answered, refused) in counts.items():
        assert refused > 10, name
        assert answered > 10, name
