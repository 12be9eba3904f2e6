"""Statistics and analyses of a study in its report: means over seeds, intervals, the pick, drift."""

import json
from pathlib import Path

import msgspec
import pytest

from bench_freeze.report.assemble import view_of
from bench_freeze.report.figures.all import figures_of
from bench_freeze.report.formats import cell
from bench_freeze.report.html.page import report_page
from bench_freeze.report.html.plotly import plot_of
from bench_freeze.report.table import csv_table
from bench_freeze.results.schema import decode
from tests.builders import claim

REAL = Path(__file__).parents[3] / "bench" / "results" / "fruit9_coco206_320.json"


def arm(construction, freeze, seeds, target, change):
    return {
        "name": f"{construction} {freeze}", "training": f"freeze {freeze}", "seeds": seeds, "isolated": False,
        "identity": {"construction": construction, "freeze": freeze, "engine": "ort"}, "latency_p50_s": 0.015,
        "bytes": 16_000_000, "target": claim(target, 0.1), "target_map50": claim(target + 0.1, 0.1),
        "target_test": None, "base": claim(0.3, 0.02), "base_change": claim(change, 0.01), "base_merged": None,
        "joint_limit": None, "target_joint_limit": None,
    }  # fmt: skip


@pytest.fixture
def results():
    """A real study twice, as two seeds of every depth, and its plain models with one."""
    content = json.loads(REAL.read_text())
    again = [row | {"seed": 1} for row in content["rows"] if row["construction"] != "plain"]
    content["rows"] += again
    arms = [arm(c, f, [0, 1], 0.4 + f / 100, -0.1) for f in (22, 15, 10) for c in ("branched", "grafted")]
    arms += [arm("plain", f, [0], 0.5, -0.3) for f in (22, 15, 10)]
    content["statistics"] = {
        "alpha": 0.05, "power": 0.8, "resamples": 9, "permutations": 9, "margins": [], "seeds": 2, "arms": arms,
        "comparisons": [], "detectable": [], "limits": ["nothing can be claimed"],
    }  # fmt: skip
    content["recommendation"] = {
        "pick": "grafted 15", "identity": {"construction": "grafted", "freeze": 15, "engine": "ort"},
        "reason": "It is <the> best.", "ties": ["branched 15"], "pareto": [], "selected_on": "val", "final": None,
        "constraints": {},
    }  # fmt: skip
    return decode(json.dumps(content).encode())


def test_arms_of_several_seeds_are_rows_with_intervals(results):
    view = view_of({"study": results})
    means = view.models("mean")
    assert [row.identity["seed"] for row in means] == ["mean of 2"] * 6
    assert means[0].name == f"{means[0].identity['construction']} {means[0].identity['freeze']}"
    target = next(column for column in view.columns if column.key == "target_map")
    assert cell(means[0], target) == "0.6200 [0.5200, 0.7200]"
    seed = view.rows[view.rows.index(means[0]) + 1]
    assert (seed.identity["seed"], seed.value("target_map").has_interval) == ("0", False)
    assert len({row.name for row in view.rows}) == len(view.rows) == 1 + 15 + 6
    assert "branched,22,mean of 2" in csv_table(view)


def test_an_arm_of_one_seed_has_its_interval_in_its_row(results):
    plain = next(row for row in view_of({"study": results}).rows if row.identity["construction"] == "plain")
    assert plain.kind == "model"
    assert (plain.value("target_map").low, plain.value("target_map").high) == pytest.approx((0.4, 0.6))
    assert plain.value("model_p50").value is not None


def test_the_pick_is_marked_and_told(results):
    view = view_of({"study": results})
    row = next(row for row in view.rows if row.id in view.picked)
    assert (row.kind, row.identity["construction"], row.identity["freeze"]) == ("mean", "grafted", "15")
    page = report_page(view, {})
    assert ">Freeze 15, grafted: target " in page
    assert "It is &lt;the&gt; best." in page
    assert "Limit: nothing can be claimed" in page
    tradeoff = next(f for f in figures_of(view) if f.key == "tradeoff")
    assert tradeoff.series[-1].labels == [row.name]


def test_without_statistics_nothing_is_recommended(results):
    results.statistics = results.recommendation = None
    view = view_of({"study": results})
    assert view.picked == ()
    assert view.models("mean") == []
    assert "ecommend" not in report_page(view, {}).partition("<script>")[0]


def test_intervals_are_drawn_around_the_means(results):
    view = view_of({"study": results})
    depth = plot_of(next(f for f in figures_of(view) if f.key == "depth"))
    base = next(trace for trace in depth["data"] if trace["name"] == "base, grafted")
    assert base["error_y"]["array"] == pytest.approx([0.02] * 3)
    target = next(trace for trace in depth["data"] if trace["name"] == "target")
    assert target["error_y"]["array"] == pytest.approx([0.1] * 3)
    assert "low" in depth["table"]["columns"]


def test_curves_and_samples_are_of_single_seeds(results):
    figures = {figure.key: figure for figure in figures_of(view_of({"study": results}))}
    assert not any("mean" in series.name for series in figures["iou-base"].series)
    assert len(figures["latency"].series[0].x) == 1 + 15


def test_a_ratio_is_the_one_that_was_timed_together_else_medians_divided(results):
    from bench_freeze.report.marks import DIVIDED, TOGETHER
    from bench_freeze.results.latency import Ratio

    original = results.originals[0].latency.model.p50_s
    row = next(row for row in view_of({"study": results}).rows if row.kind == "model")
    assert row.value("ratio").value == pytest.approx(row.record.latency.model.p50_s / original)
    assert row.value("ratio").note == DIVIDED
    kept = Ratio(value=1.37, low=1.3, high=1.4, rounds=40, reference="original")
    for k, record in enumerate(results.rows):
        model = msgspec.structs.replace(record.latency.model, ratio_to_original=kept)
        results.rows[k] = msgspec.structs.replace(record, latency=msgspec.structs.replace(record.latency, model=model))
    row = next(row for row in view_of({"study": results}).rows if row.kind == "model")
    assert (row.value("ratio").value, row.value("ratio").low, row.value("ratio").note) == (1.37, 1.3, TOGETHER)
