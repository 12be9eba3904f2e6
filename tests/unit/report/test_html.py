"""The page without a browser: what is in the file, and what is not."""

import base64
import hashlib
import re
from pathlib import Path

import msgspec
import pytest

from bench_freeze.report.assemble import view_of
from bench_freeze.report.figures.all import figures_of
from bench_freeze.report.html import page as html
from bench_freeze.report.html.page import report_page, to_json
from bench_freeze.report.html.plotly import plain, plot_of
from bench_freeze.results.schema import decode
from tests.browser.studies import decided
from tests.builders import committed

RESULTS = Path(__file__).parents[3] / "bench" / "results"


@pytest.fixture
def results():
    return decode((RESULTS / "fruit9_precisions_320.json").read_bytes())


def test_the_plotting_library_is_the_one_that_was_published():
    folder = html.FOLDER / "vendor"
    digest = hashlib.sha256((folder / html.PLOTLY).read_bytes()).hexdigest()
    assert digest in (folder / "README.md").read_text()


def test_the_page_names_every_script_that_may_run(results):
    text = report_page(view_of({"study": results}), {})
    policy = re.search('http-equiv="Content-Security-Policy" content="([^"]*)"', text).group(1)
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 4
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"&#39;sha256-{digest}&#39;" in policy
    assert "default-src &#39;none&#39;" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]


def test_json_cannot_end_its_element():
    hostile = "</script><!--\u2028"
    assert "<" not in to_json(hostile)
    assert "\u2028" not in to_json(hostile)


def test_plotly_reads_no_markup_of_ours():
    assert plain("<b>a</b> & b") == "&lt;b&gt;a&lt;/b&gt; &amp; b"


def test_a_plot_without_data_is_absent(results):
    keys = [figure.key for figure in figures_of(view_of({"study": results}))]
    assert "ladder" not in keys
    assert "throughput" not in keys
    assert "data-size" not in keys
    assert "stages" in keys
    results.rows, results.originals = [], []
    assert figures_of(view_of({"study": results})) == []
    assert "<figure" not in report_page(view_of({"study": results}), {})


def test_stages_add_up_to_the_median(results):
    figure = next(f for f in figures_of(view_of({"study": results})) if f.key == "stages")
    row = results.rows[0].latency.pipeline
    position = figure.series[0].x.index(next(x for x in figure.series[0].x if x.startswith("branched")))
    assert sum(series.y[position] for series in figure.series) == pytest.approx(1e3 * row.p50_s, rel=0.02)


def test_boxes_are_order_statistics(results):
    figure = next(f for f in figures_of(view_of({"study": results})) if f.key == "latency")
    ordered = sorted(results.originals[0].latency.model.samples_s)
    box = figure.series[0].boxes[0]
    n = len(ordered)
    assert box.median == 1e3 * ordered[-(-50 * n // 100) - 1]
    assert box.high == 1e3 * ordered[-(-95 * n // 100) - 1]
    assert box.low <= box.first <= box.median <= box.third <= box.high


def test_the_front_is_what_the_results_hold():
    """The page computes none: what they put on it is ringed, what breaks a constraint is grey and never ringed."""
    results = decided()
    figure = next(f for f in figures_of(view_of({"study": results})) if f.key == "tradeoff")
    members = results.recommendation.pareto
    by_name = {series.name: list(series.labels) for series in figure.series}
    assert sorted(by_name["on the front"]) == sorted(m.name for m in members if m.on_front)
    assert sorted(by_name["breaks a constraint"]) == sorted(m.name for m in members if m.breaks)
    assert not set(by_name["on the front"]) & set(by_name["breaks a constraint"])
    assert by_name["recommended"] == [results.recommendation.pick]
    grey = next(s for s in plot_of(figure)["data"] if s["name"] == "breaks a constraint")
    assert grey["marker"]["color"] == "#858a91"


def test_an_older_file_has_no_front():
    results = committed("fruit9_depths_seeds_320")
    found = msgspec.structs.replace(results.recommendation, indifference=None, answers=[], grade=None)
    results.recommendation = found
    figure = next(f for f in figures_of(view_of({"study": results})) if f.key == "tradeoff")
    assert "on the front" not in [series.name for series in figure.series]
    assert "older version" in figure.notes


def test_a_plot_is_a_table(results):
    for figure in figures_of(view_of({"study": results})):
        table = plot_of(figure)["table"]
        for group, series in zip(table["groups"], figure.series, strict=True):
            assert len(group["rows"]) == len(series.x)
            assert all(len(row) == len(table["columns"]) - 1 for row in group["rows"])
