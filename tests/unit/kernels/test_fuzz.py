"""The entry points bear anything: the short form of bench/robustness/native.py."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from bench.robustness.sanitized import ROOT, TARGETS, Unavailable, build_extension, build_fuzzers, run_copy

PROGRAM = Path(__file__).with_name("fuzz_extension.py")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_crashes(seed: int) -> None:
    done = subprocess.run([sys.executable, PROGRAM, str(seed), "3"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_nothing_crashes_under_sanitizers(tmp_path: Path) -> None:
    try:
        environment, _ = build_extension(tmp_path)
    except Unavailable as reason:
        pytest.skip(str(reason))
    done = run_copy(tmp_path, environment, [PROGRAM, 5, 6])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_libfuzzer_finds_nothing(tmp_path: Path) -> None:
    """As many inputs as take a second; that they get somewhere is seen by the code that they reach."""
    try:
        programs, _ = build_fuzzers(tmp_path)
    except Unavailable as reason:
        pytest.skip(str(reason))
    for target in TARGETS:
        (tmp_path / f"corpus-{target}").mkdir()
        dictionary = f"-dict={ROOT / 'tests/csrc/fuzz/json.dict'}" if target == "json" else "-use_value_profile=0"
        done = subprocess.run(
            [programs[target], tmp_path / f"corpus-{target}", "-runs=8000", "-seed=1", "-timeout=5", dictionary],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        answered, refused = map(int, re.findall(r"^answered (\d+) refused (\d+)$", done.stderr, re.MULTILINE)[-1])
        assert answered + refused >= 8000
        assert refused > 100
        assert answered > 100 or target == "json"
        assert max(map(int, re.findall(r" cov: (\d+) ", done.stderr))) > 90
