"""Work in processes gives what work here gives, whatever becomes of them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench_freeze.data import many_files
from bench_freeze.data.file_workers import FileWorkers
from bench_freeze.data.images import inspect_image, inspect_images
from tests import image_files as made


@pytest.fixture
def files(tmp_path):
    paths = []
    for i, (name, content) in enumerate([*made.jpegs(), *made.pngs()]):
        paths.append(tmp_path / f"{i:03}_{name}")
        paths[-1].write_bytes(content)
    return [*paths, tmp_path / "absent.jpg"]


def parts_of(files, size=7):
    return [files[i : i + size] for i in range(0, len(files), size)]


def children():
    return {child.pid for child in psutil.Process().children()}


def test_processes_find_what_this_process_finds(files):
    before = children()
    found = [result for part in FileWorkers(inspect_image).over(parts_of(files)) for result in part]
    assert found == [inspect_image(file) for file in files]
    assert children() == before


def test_many_images_are_checked_by_processes(files, monkeypatch):
    monkeypatch.setattr(many_files, "WORTH_PROCESSES_S", 0.0)
    monkeypatch.setattr(many_files, "SLOW_S", 10.0)
    monkeypatch.setattr(many_files, "_MEASURED_PARTS", 1)
    monkeypatch.setattr(many_files, "usable_cores", lambda: 2)  # a worker of the tests may have one
    started = []

    class Watched(FileWorkers):
        def over(self, parts):
            started.append(len(parts))
            return super().over(parts)

    monkeypatch.setattr(many_files, "FileWorkers", Watched)
    expected = [inspect_image(file) for file in files]
    assert inspect_images(files) == expected
    assert started


def test_an_error_of_the_work_comes_through():
    with pytest.raises(FileNotFoundError):
        list(FileWorkers(os.stat).over([["/"], ["/no/such/file"]]))


def test_a_worker_that_is_killed_costs_time_only(files, monkeypatch):
    process = FileWorkers._process
    monkeypatch.setattr(FileWorkers, "_process", lambda self: killed(process(self)))
    found = [result for part in FileWorkers(inspect_image).over(parts_of(files)) for result in part]
    assert found == [inspect_image(file) for file in files]


def killed(process):
    process.kill()
    process.wait()
    return process


def test_where_no_process_can_be_started_the_work_is_done_here(files, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    found = [result for part in FileWorkers(inspect_image).over(parts_of(files)) for result in part]
    assert found == [inspect_image(file) for file in files]


def test_nothing_runs_on_once_the_results_are_not_wanted(files):
    before = children()
    results = FileWorkers(inspect_image).over(parts_of(files, 1))
    next(results)
    results.close()
    assert children() == before


def test_workers_end_with_a_caller_that_is_killed(tmp_path):
    program = tmp_path / "caller.py"  # without a guard around its main part, as scripts are
    program.write_text(
        "import os, time\nfrom bench_freeze.data.file_workers import FileWorkers\n"
        "workers = FileWorkers(os.path.basename)\nresults = workers.over([['a']] * 10_000)\nnext(results)\n"
        "print(*[process.pid for process in workers._started], flush=True)\ntime.sleep(60)\n"
    )
    caller = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
    assert caller.stdout is not None
    workers = list(map(int, caller.stdout.readline().split()))
    assert workers
    os.kill(caller.pid, signal.SIGKILL)
    caller.wait()
    end = time.monotonic() + 30
    while any(map(psutil.pid_exists, workers)):
        assert time.monotonic() < end, "a worker runs on"
        time.sleep(0.05)
