"""What bench/busy_rows.py counts: pairs whose order matters, the ones that are wrong, and rounds put together."""

import importlib.util
from pathlib import Path

import pytest

from bench_freeze.deployment.together import ScopeRounds, TimedTogether

FILE = Path(__file__).parents[2] / "bench/busy_rows.py"
TRUE = {"original": 1.0, "a": 1.04, "b": 1.2, "c": 1.5}


@pytest.fixture
def bench():
    spec = importlib.util.spec_from_file_location("bench_busy_rows", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pairs_closer_than_five_percent_have_no_order(bench):
    assert set(bench.apart(TRUE)) == {("c", "b"), ("c", "a"), ("c", "original"), ("b", "a"), ("b", "original")}
    assert bench.wrong_pairs({"original": 1.0, "a": 0.9, "b": 1.2, "c": 1.5}, TRUE) == []
    assert bench.wrong_pairs({"original": 1.0, "a": 1.3, "b": 1.2, "c": 1.2}, TRUE) == [
        "c below b",
        "c below a",
        "b below a",
    ]


def test_rounds_of_several_measurements_are_put_together(bench):
    def part(*ratios):
        scope = ScopeRounds(
            seconds=tuple((ratio, ratio) for ratio in ratios), reference_s=((1.0, 1.0),) * len(ratios), states=({},)
        )
        return {"a": TimedTogether(model=scope, pipeline=scope, reference="original", group=("original", "a"), seed=0)}

    found = bench.pooled([part(1.1, 1.2), part(1.3, 1.4, 1.5)])
    assert (found["model"]["a"]["ratio"], found["pipeline"]["a"]["rounds"]) == (1.3, 5)


def test_a_folder_without_models_is_refused(bench, tmp_path):
    with pytest.raises(SystemExit, match="needs the original"):
        bench.models_of(tmp_path)
