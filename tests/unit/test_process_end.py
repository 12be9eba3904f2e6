"""The process of a command ends without the interpreter's cleanup; nothing that anybody waits for is lost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EVAL = "import sys; from bench_freeze.__main__ import main; sys.argv = ['bench-freeze', 'eval', '--gt', 'gt.json'"
FINE = EVAL + ", '--dt', 'dt.json', '--json']; "
WRONG = EVAL + ", '--dt', 'nowhere.json']; "


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Ground truth of 3,000 classes, so that the json is longer than a pipe holds."""
    box = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40]}
    truth = {
        "images": [{"id": 1}],
        "categories": [{"id": number, "name": f"class {number}"} for number in range(1, 3001)],
        "annotations": [{"id": 1, "area": 1200, **box}],
    }
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    (tmp_path / "dt.json").write_text(json.dumps([box | {"score": 0.9}]))
    return tmp_path


def ended(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120)


def test_the_whole_result_and_the_status_arrive(files: Path) -> None:
    done = ended(FINE + "sys.exit(main())", files)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["stats"]["AP"] == pytest.approx(1)


def test_a_failure_keeps_its_status(files: Path) -> None:
    done = ended(WRONG + "sys.exit(main())", files)
    assert done.returncode == 2
    assert "nowhere.json" in done.stderr


def test_the_cleanup_is_left_out(files: Path) -> None:
    """An object of a module would say so if the interpreter deleted it."""
    last = "import bench_freeze as b\nclass Last:\n    def __del__(self): print('deleted')\n"
    for code, is_deleted in (
        (f"{last}b.last = Last()", True),
        (f"{FINE}status = main()\n{last}b.last = Last()", False),
    ):
        assert ("deleted" in ended(code, files).stdout) == is_deleted


def test_functions_of_libraries_and_threads_still_run(files: Path) -> None:
    wait = "import atexit, threading, time; atexit.register(print, 'exit function')\n"
    thread = "threading.Thread(target=lambda: (time.sleep(0.3), print('thread'))).start()\n"
    done = ended(f"{FINE}status = main()\n{wait}{thread}sys.exit(status)", files)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-2:] == ["thread", "exit function"]


def test_functions_that_were_there_before_run_too(files: Path) -> None:
    """Such as a coverage tool's: the interpreter calls them last."""
    done = ended(f"import atexit; atexit.register(print, 'first')\n{WRONG}sys.exit(main())", files)
    assert done.returncode == 2
    assert done.stdout.splitlines()[-1] == "first"


def test_a_full_disk_is_reported(files: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    done = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m bench_freeze eval --gt gt.json --dt dt.json > /dev/full'],
        cwd=files, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert "disk is full" in done.stderr
