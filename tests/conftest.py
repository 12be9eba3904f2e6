"""What tests of every kind share."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

with suppress(ImportError):  # a board that runs tests/trt has no hypothesis
    from hypothesis import settings

    settings.register_profile("bench-freeze", deadline=None)  # no test asserts a time
    settings.load_profile("bench-freeze")


# Started in this order, the longest first: what is left for the end is short.
FIRST = ("flow", "contract", "csrc", "packaging", "ptx", "browser")


def pytest_configure(config):
    """Each of several workers has cores of its own: trainings that share cores wait for each other at every step."""
    worker, workers = os.environ.get("PYTEST_XDIST_WORKER"), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if worker is not None and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        own = cores[int(worker.removeprefix("gw")) % len(cores) :: workers]
        os.sched_setaffinity(0, own)
        os.environ["OMP_NUM_THREADS"] = str(len(own))  # of the programs that the tests start


def pytest_collection_modifyitems(items):
    folders = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: folders.get(item.path.relative_to(TESTS).parts[0], len(FIRST)))


def pytest_addoption(parser):
    parser.addoption("--keep", metavar="DIR", help="keep the pictures that the browser tests take of reports")


@pytest.fixture(scope="session", autouse=True)
def file_cache_of_the_tests(tmp_path_factory):
    """Facts about files are kept in a folder of the tests, also by the commands that they start."""
    before = os.environ.get("BENCH_FREEZE_CACHE")
    os.environ["BENCH_FREEZE_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["BENCH_FREEZE_CACHE"]
    else:
        os.environ["BENCH_FREEZE_CACHE"] = before


@pytest.fixture(scope="session")
def bench_freeze_data() -> Path:
    """The folder of real data that BENCH_FREEZE_DATA names; tests that need it are skipped without it."""
    name = os.environ.get("BENCH_FREEZE_DATA")
    if not name:
        pytest.skip("BENCH_FREEZE_DATA is not set: it names the folder of real test data")
    folder = Path(name)
    # A folder that was named and is not there is a mistake, which a skip would hide.
    assert folder.is_dir(), f"BENCH_FREEZE_DATA names {folder}, which is not a folder"
    return folder
