"""The command lines of bench/trt.py, which is first run where an hour on a GPU is dear, are understood."""

import importlib.util
from pathlib import Path

import pytest

from bench_freeze import cli
from bench_freeze.commands.run_flags import study_values
from tests.builders import study

FILE = Path(__file__).parents[2] / "bench/trt.py"


@pytest.fixture
def bench():
    spec = importlib.util.spec_from_file_location("bench_trt", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("data", [None, Path("DATA")])
def test_the_study_is_one_that_the_command_takes(bench, data):
    parsed = cli._parser().parse_args([str(part) for part in bench.study_flags(data, Path("work"))])
    asked = study(**study_values(parsed))
    assert list(asked.deployment.engine) == ["ort", "trt"]
    assert asked.deployment.builds == 3
    assert (asked.data.weights is None) == (data is None)
