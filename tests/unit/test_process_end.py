"""The process of a command ends without the interpreter's cleanup; nothing that anybody waits for is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EVAL = ["eval", "--gt", "gt.json", "--dt", "dt.json", "--json"]
MISSING = ["eval", "--gt", "gt.json", "--dt", "nowhere.json"]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    box = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40]}
    truth = {"images": [{"id": 1}], "categories": [{"id": 1, "name": "pear"}]}
    (tmp_path / "gt.json").write_text(json.dumps(truth | {"annotations": [{"id": 1, "area": 1200, **box}]}))
    (tmp_path / "dt.json").write_text(json.dumps([box | {"score": 0.9}]))
    return tmp_path


def ended(folder: Path, words: list[str], at_end: str = "", before: str = "") -> subprocess.CompletedProcess[str]:
    """A process whose command executes `at_end` once it is done; `before` is executed first of all."""
    code = f"""
import sys
{before}
import bench_freeze.cli, bench_freeze.__main__ as entry
call = bench_freeze.cli.call
def with_end(arguments):
    status = call(arguments)
    exec({at_end!r}, globals())
    return status
bench_freeze.cli.call = with_end
sys.argv = ["bench-freeze", *{words!r}]
entry.process()
"""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, env=own, timeout=300
    )


@pytest.mark.parametrize(
    ("words", "status"), [(EVAL, 0), (MISSING, 2), (["eval", "--help"], 0), (["eval"], 2), (["--version"], 0)]
)
def test_the_status_is_the_command_s(files: Path, words: list[str], status: int) -> None:
    assert ended(files, words).returncode == status


def test_the_cleanup_is_left_out(files: Path) -> None:
    """An object of a module would say so if the interpreter deleted it."""
    says = "class Last:\n    def __del__(self): print('deleted')\nbench_freeze.last = Last()"
    done = ended(files, EVAL, at_end=says)
    assert done.returncode == 0
    assert json.loads(done.stdout)["stats"]["AP"] == pytest.approx(1)
    usual = ended(files, EVAL, at_end=says, before="import atexit; atexit.register(int)")
    assert "deleted" not in done.stdout
    assert usual.stdout.splitlines()[-1] == "deleted"


def test_long_output_arrives_through_a_pipe(files: Path) -> None:
    done = ended(files, EVAL, at_end="print('x' * 1_000_000); print('y' * 1_000_000, file=sys.stderr)")
    assert (len(done.stdout.splitlines()[-1]), len(done.stderr.strip())) == (1_000_000, 1_000_000)


def test_functions_of_libraries_and_threads_still_run(files: Path) -> None:
    late = "import atexit, threading, time; atexit.register(print, 'exit function')\n"
    late += "threading.Thread(target=lambda: (time.sleep(0.3), print('thread'))).start()"
    done = ended(files, EVAL, at_end=late)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-2:] == ["thread", "exit function"]


def test_functions_that_were_there_before_run_too(files: Path) -> None:
    """Such as a coverage tool's: the interpreter calls them last."""
    done = ended(files, MISSING, before="import atexit; atexit.register(print, 'first')")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (2, "first")


def test_a_stream_that_fails_does_not_take_the_other_with_it(files: Path) -> None:
    late = "import atexit, io\nclass Broken(io.StringIO):\n    def flush(self): raise RuntimeError\n"
    late += "atexit.register(lambda: (setattr(sys, 'stderr', Broken()), print('last words')))"
    done = ended(files, EVAL, at_end=late)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "last words")


def test_a_full_disk_is_reported(files: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    command = f'"{sys.executable}" -m bench_freeze {" ".join(EVAL)} > /dev/full'
    done = subprocess.run(["sh", "-c", command], cwd=files, capture_output=True, text=True)
    assert done.returncode == 2
    assert "disk is full" in done.stderr


@pytest.mark.parametrize("then", ["sys.exit(5)", "raise KeyError"])
def test_who_only_calls_main_keeps_their_own_end(files: Path, then: str) -> None:
    code = f"import sys; from bench_freeze.__main__ import main; sys.argv = ['x', *{EVAL!r}]; main(); {then}"
    done = subprocess.run([sys.executable, "-c", code], cwd=files, capture_output=True)
    assert done.returncode == (5 if "5" in then else 1)
