"""However a command ends, it ends with a status of its own and a sentence."""

import errno
import os
import signal
import stat
import subprocess
import sys
import time

import pytest

from bench_freeze import cli
from bench_freeze.errors import AuditError, BenchFreezeError, InputError, MeasurementError
from bench_freeze.exit_status import MEANINGS, ExitStatus, exit_table
from bench_freeze.guard import guarded

WAITING = """
import sys, time
from bench_freeze.guard import guarded
def work():
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        for _ in range(20):
            time.sleep(0.02)  # cleaning up takes a while
        print("cleaned up", flush=True)
class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(1)  # as large libraries do when the interpreter ends
slow = Slow()
sys.exit(guarded(work, ["run"], ends_process=True))
"""


def ended(error, tmp_path, monkeypatch, arguments=("run", "x")):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def work():
        raise error

    return guarded(work, list(arguments))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AuditError("a"), 1),
        (InputError("a"), 2),
        (MeasurementError("a"), 3),
        (BenchFreezeError("a"), 70),
        (MemoryError(), 2),
        (OSError(errno.ENOSPC, "No space left on device"), 2),
        (OSError(errno.EROFS, "Read-only file system", "/x/y"), 2),
        (OSError(errno.EIO, "Input/output error", "/x/y"), 2),
        (FileNotFoundError(errno.ENOENT, "No such file", "/x/y"), 70),
        (RecursionError("maximum"), 70),
        (KeyError("x"), 70),
        (AssertionError(), 70),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_every_error_has_its_status_and_a_sentence(error, status, tmp_path, monkeypatch, capsys):
    assert ended(error, tmp_path, monkeypatch) == status
    said = capsys.readouterr().err
    assert said.startswith("bench-freeze: ")
    assert "Traceback" not in said
    assert bool(list(tmp_path.iterdir())) == (status == 70 and not isinstance(error, BenchFreezeError))


def test_an_interrupt_that_a_library_made_an_error_of_is_one(tmp_path, monkeypatch):
    error = RuntimeError("the callback failed")
    error.__context__ = KeyboardInterrupt()
    assert ended(error, tmp_path, monkeypatch) == 130


def test_the_report_is_whole_and_private(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    assert ended(KeyError("unforeseen"), tmp_path, monkeypatch, ["run", "a study.toml"]) == 70
    (report,) = tmp_path.iterdir()
    assert str(report) in capsys.readouterr().err
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text()
    for part in ("Traceback", "unforeseen", "bench-freeze run 'a study.toml'", "Python 3", "numpy", "Linux"):
        assert part in text
    assert "hunter2" not in text


def test_without_a_place_for_the_report_the_traceback_is_printed(tmp_path, monkeypatch, capsys):
    assert ended(KeyError("unforeseen"), tmp_path / "gone", monkeypatch) == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_documents_every_status(command, capsys):
    words = [command, "update"] if command == "baseline" else [command]
    with pytest.raises(SystemExit):
        cli.call([*words, "--help"])
    table = capsys.readouterr().out.partition("exit status:")[2]
    assert all(f"\n  {status.value:<3}  " in table for status in ExitStatus)


def test_the_table_has_a_commands_own_words():
    assert set(MEANINGS) == set(ExitStatus)
    assert "  1    a regression\n" in exit_table(failed="a regression")


@pytest.mark.parametrize("times", [1, 2, 5])
def test_several_ctrl_c_are_one_interrupt_after_which_the_work_cleans_up(times):
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    assert process.stdout.readline() == "cleaned up\n"
    time.sleep(0.2)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.count("\n") == 1
    assert "interrupted" in err


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("status", [0, 1])
def test_a_reader_that_leaves_changes_no_status(status, unbuffered):
    program = f"""
import sys
from bench_freeze.guard import guarded
def work():
    for _ in range(20_000): print("a line")
    return {status}
sys.exit(guarded(work, [], ends_process=True))"""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=write, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (status, "")


def test_a_full_disk_behind_standard_output_is_a_sentence():
    with open("/dev/full", "w") as full:  # noqa: PTH123
        command = [sys.executable, "-m", "bench_freeze", "report", "bench/results/fruit9_coco206_320.json"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert "disk is full" in done.stderr
    assert "Traceback" not in done.stderr


def test_closed_streams_are_no_error():
    command = f"{sys.executable} -m bench_freeze data nowhere.json >&- 2>&-"
    assert subprocess.run(["sh", "-c", command]).returncode == 2


def test_a_bug_is_reported_even_if_no_module_can_be_loaded_any_more():
    """As without a free file descriptor: the report is then printed, not written."""
    program = (
        "import builtins, sys\n"
        "from bench_freeze.crash_report import write_report\n"
        "load = builtins.__import__\n"
        "def full(name, *rest, **others):\n"
        "    if name in ('tempfile', 'platform', 'importlib.metadata'): raise OSError(24, 'Too many open files')\n"
        "    return load(name, *rest, **others)\n"
        "builtins.__import__ = full\n"
        "print(write_report(ValueError('a bug'), ['eval', '--gt', 'a b']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "No report could be written (Too many open files)" in done.stdout
    assert "command: bench-freeze eval --gt 'a b'" in done.stdout
    assert "ValueError: a bug" in done.stdout
