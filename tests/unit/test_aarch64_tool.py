"""What runs the tests for aarch64 says what it lacks, finds fused instructions, and skips nothing that is ours."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.aarch64.__main__ import main
from tests.aarch64.extension import fused_instructions

ROOT = Path(__file__).parents[2]
# Lines of objdump of a kernel compiled with contraction, and without.
FUSED = """
0000000000000000 <_ZN12bench_freeze3iouEv>:
 1044:	fmul	d1, d2, d0
 1048:	fmadd	d0, d1, d2, d3
 104c:	fnmsub	s0, s1, s2, s3
 1050:	fmla	v0.4s, v1.4s, v2.4s
 1054:	b.ne	1044 <_ZN12bench_freeze7fmaddedEv>  // b.any
"""
PLAIN = " 1044:	fmul	d1, d2, d0\n 1048:	fadd	d0, d1, d3\n 104c:	fmax	d0, d1, d3\n"
TESTS = {
    "test_needs.py": "import no_such_framework\ndef test_it(): pass\n",
    "test_inside.py": "def test_it():\n    from no_such_framework.nn import Module\n",
    "test_passes.py": "def test_it(): pass\n",
    "test_ours.py": "def test_it():\n    import bench_freeze.no_such_module\n",
    "test_fails.py": "def test_it(): raise ImportError('no_such_framework')\n",
}


def test_fused_instructions_are_found():
    assert fused_instructions(FUSED) == ["fmadd", "fnmsub", "fmla"]
    assert fused_instructions(PLAIN) == []


@pytest.mark.parametrize(("required", "status"), [(None, 0), ("1", 1)])
def test_what_is_missing_is_said(tmp_path, monkeypatch, capsys, required, status):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["tests.aarch64", "--work", str(tmp_path / "work")])
    monkeypatch.delenv("REQUIRE_AARCH64", raising=False)
    if required:
        monkeypatch.setenv("REQUIRE_AARCH64", required)
    assert main() == status
    assert "skipped: qemu-aarch64-static is not installed; on Debian: sudo apt-get install" in capsys.readouterr().out


def test_only_packages_of_others_may_be_absent(tmp_path):
    for name, text in TESTS.items():
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "tests.aarch64.light", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-c", "/dev/null", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    counted = done.stdout.splitlines()[-1]
    assert all(part in counted for part in ("2 failed", "1 passed", "2 skipped")), done.stdout
    assert "needs no_such_framework" in done.stdout
    assert "test_ours.py" in done.stdout.partition("short test summary")[2]
