"""The demo's base checkpoint, and its model as Ultralytics loads it."""

from copy import deepcopy

import pytest

from bench_freeze.demo.checkpoint import write_base_checkpoint


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    return write_base_checkpoint(tmp_path_factory.mktemp("weights") / "base.pt")


@pytest.fixture(scope="session")
def original(weights):
    """The model as Ultralytics' own loader gives it."""
    from ultralytics.nn import tasks

    return tasks.load_checkpoint(str(weights))[0]


@pytest.fixture
def model(original):
    return deepcopy(original)
