"""Latencies that were timed in rounds with the original are compared by their ratios; others by what was measured."""

import msgspec
import pytest

from bench_freeze.conclusions import conclude, recommend
from bench_freeze.conclusions.cost import ratio_to_original
from bench_freeze.results.latency import Ratio
from tests.unit.conclusions.test_conclusions import Problem, make_results


def timed_together(results, ratios, verdicts=None):
    """With the ratio of each freeze depth in every row; the medians stay as they were measured."""
    for at, row in enumerate(results.rows):
        value = ratios[row.freeze]
        ratio = None if value is None else Ratio(
            value=value, low=0.99 * value, high=1.01 * value, rounds=20, reference="original"
        )  # fmt: skip
        model = msgspec.structs.replace(
            row.latency.model, ratio_to_original=ratio, verdict=(verdicts or {}).get((row.freeze, row.seed), "VALID")
        )
        results.rows[at] = msgspec.structs.replace(row, latency=msgspec.structs.replace(row.latency, model=model))
    return results


@pytest.fixture(scope="module")
def problem():
    return Problem()


def test_a_drift_between_rows_does_not_make_a_model_cheap(problem):
    """By the medians 22 is the fastest; timed together it takes twice as long as 10. Any loss is allowed."""
    results = make_results(problem, seeds=(0,), indifference=1.0)
    results.rows = [row for row in results.rows if row.construction == "branched"]
    results.statistics = conclude(results, problem.matches.evaluations())
    assert recommend(results).pick == "branched 22"
    results.weights["layers"] = [{"index": 22}]
    timed_together(results, {22: 2.0, 15: 1.5, 10: 1.0})
    found = recommend(results)
    assert found.pick == "branched 10"
    assert found.answers[-1].latency_ratio.value == 1.0
    assert found.answers[-1].latency_ratio.interval.low == pytest.approx(0.99)
    by_name = {member.name: member.latency_ratio.value for member in found.pareto}
    assert by_name == {"branched 22": 2.0, "branched 15": 1.5, "branched 10": 1.0}
    assert found.answers[0].over_head_only.latency_ratio.value == pytest.approx(
        by_name[found.answers[0].name] / by_name["branched 22"]
    )


def test_where_one_arm_was_timed_alone_all_go_by_their_medians(problem):
    results = make_results(problem, seeds=(0,), indifference=1.0)
    results.rows = [row for row in results.rows if row.construction == "branched"]
    results.statistics = conclude(results, problem.matches.evaluations())
    timed_together(results, {22: 2.0, 15: 1.5, 10: None})
    assert recommend(results).pick == "branched 22"


def test_an_invalid_run_has_no_say(problem):
    results = make_results(problem)
    timed_together(results, {22: 2.0, 15: 1.5, 10: 1.0}, {(15, 1): "INVALID"})
    rows = [row for row in results.rows if (row.freeze, row.construction) == (15, "branched")]
    ratio, together = ratio_to_original(rows, results.originals[0])
    assert (ratio.value, together) == (1.5, True)
    rows[1] = msgspec.structs.replace(rows[1], latency=msgspec.structs.replace(rows[1].latency, model=None))
    assert ratio_to_original(rows, results.originals[0])[1]  # what was not measured at all neither
    divided, together = ratio_to_original(
        [row for row in make_results(problem).rows if (row.freeze, row.construction) == (15, "branched")],
        results.originals[0],
    )
    assert not together
    assert divided.value == pytest.approx(0.012 / 0.008)
    assert divided.interval.low < divided.value < divided.interval.high
