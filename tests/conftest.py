"""What tests of every kind share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_addoption(parser):
    parser.addoption("--keep", metavar="DIR", help="keep the pictures that the browser tests take of reports")


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
