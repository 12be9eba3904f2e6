"""Every form of an outcome says the same; baselines keep their history; the examples are valid."""

import io
import json
import shlex
from pathlib import Path

import pytest
import yaml
from junitparser import Error, Failure, JUnitXml

from bench_freeze import cli
from bench_freeze.check import render
from bench_freeze.check.finding import Finding, outcome_of
from bench_freeze.check.limits import make_rules
from bench_freeze.check.metric import METRICS
from bench_freeze.check.row_names import spoken
from bench_freeze.check.words import HEADINGS, cells
from bench_freeze.config.study import read_toml, study_from
from bench_freeze.results.identity import RowKey
from tests.unit.check.check_files import edit, write_results

EXAMPLES = Path(__file__).parents[3] / "examples"


def key(**changes):
    values = {
        "freeze": 15, "seed": 0, "recipe": "static", "data_fraction": 1.0, "weights": None, "engine": "ort",
        "precision": "fp32", "construction": "branched", "imgsz": 320, "batch": 1, "device": "cpu",
    }  # fmt: skip
    return RowKey(**values | changes)


def finding(status, **changes):
    values = {
        "rule": "latency_model", "row": "freeze 15 branched ort fp32", "key": key(),
        "metric": "model latency p50", "unit": "s",
        "status": status, "sentence": f"a sentence of {status} | <b>", "reference": 0.005, "current": 0.006,
        "change": 0.001, "low": 0.0008, "high": 0.0012, "limit": 0.00025, "limit_text": "5%", "p_value": 1e-6,
        "remedy": "" if status == "PASS" else f"what to do about {status} <i>",
    }  # fmt: skip
    return Finding(**values | changes)


@pytest.fixture
def outcome():
    exact = {
        "rule": "size",
        "metric": "file size",
        "unit": "bytes",
        "reference": 12e6,
        "current": 12e6,
        "change": 0,
        "low": 0,
        "high": 0,
    }
    nothing = dict.fromkeys(("reference", "current", "change", "low", "high", "limit", "p_value"))
    return outcome_of(
        [finding("PASS", **exact), finding("AMBIGUOUS", **nothing), finding("REGRESSION")], ["a note"], "new", "old"
    )


def test_cells_have_units_and_signs():
    assert cells(finding("REGRESSION")) == (
        *("freeze 15 branched ort fp32", "model latency p50", "5.000 ms", "6.000 ms", "+1.000 ms", "+20.00%"),
        *("+0.800 ms .. +1.200 ms", "5%", "REGRESSION"),
    )
    better = finding("PASS", unit="AP", reference=0.5, current=0.51, change=-0.01, low=-0.02, high=0.0)
    assert cells(better)[4:7] == ("-0.0100", "-2.00%", "-0.0200 .. 0.0000")
    assert cells(finding("PASS", unit="J", reference=2.0, change=0.5))[4] == "+0.5 J"


def test_every_metric_has_words():
    assert len({metric.words for metric in METRICS.values()}) == len(METRICS)


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([], 0), (["PASS"], 0), (["PASS", "REGRESSION"], 1), (["AMBIGUOUS"], 3), (["INVALID", "PASS"], 3),
        (["REFUSED"], 2), (["REGRESSION", "AMBIGUOUS", "INVALID"], 1), (["REGRESSION", "REFUSED", "AMBIGUOUS"], 2),
    ],
)  # fmt: skip
def test_two_outranks_one_outranks_three(statuses, code):
    assert outcome_of([finding(status) for status in statuses], [], "", "").exit_code == code


def test_text_and_markdown_have_the_same_cells(outcome):
    plain, marked = render.plain_text(outcome, everything=True), render.markdown(outcome)
    for found in spoken(outcome).findings:
        for cell in cells(found):
            assert cell in plain
            assert cell in marked
    assert plain.startswith("Slower: freeze 15, branched, +20 % [16, 24], limit 5 %; 1 without a verdict\n")
    assert marked.startswith("### Slower: freeze 15, branched, +20 % \\[16, 24\\], limit 5 %; 1 without a verdict\n")
    assert "a sentence of REGRESSION \\| &lt;b&gt;" in marked
    assert "<details><summary>All 3 comparisons: 1 regression, 1 ambiguous, 1 pass</summary>" in marked
    rows = [line for line in marked.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {len(HEADINGS) + 1}


def test_only_what_failed_or_is_open_stands_outside_of_the_fold(outcome):
    seen, folded = render.markdown(outcome).split("<details>")
    assert "AMBIGUOUS" in seen
    assert "file size" not in seen
    assert "file size" in folded
    assert "a note" in folded
    assert seen.count("\n  - what to do about ") == 2
    assert "<i>" not in seen


@pytest.mark.slow
def test_a_long_table_leaves_room_for_the_rest_of_a_comment():
    many = [finding("PASS", key=key(freeze=k), row=f"freeze {k}") for k in range(2000)]
    text = render.markdown(outcome_of([*many, finding("REGRESSION", key=key(seed=1))], [], "new", "old"))
    assert len(text) < 60_000
    kept = sum(line.startswith("| freeze ") for line in text.splitlines())
    assert f"{2001 - kept} more are in the json form." in text


@pytest.mark.parametrize("width", [80, 170])
def test_the_table_fits_the_terminal(outcome, width):
    from rich.console import Console

    console = Console(width=width, record=True, file=io.StringIO())
    console.print(render.terminal_table(outcome, width, everything=True))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    assert "REGRESSION" in text
    assert "+20.00%" in text
    assert ("95 % bounds" in text.splitlines()[2]) == (width == 170)


def test_what_passed_is_told_by_its_nearest_to_the_limit():
    passed = [finding("PASS", key=key(seed=k), change=k * 1e-5) for k in range(3)]
    outcome = outcome_of([*passed, finding("REGRESSION", key=key(seed=7))], [], "", "")
    assert [found.row for found in render.shown(spoken(outcome))] == ["seed 2 (worst of 3)"]
    assert len(render.shown(outcome, everything=True)) == 4
    text = render.plain_text(outcome)
    assert "  REGRESSION: a sentence of REGRESSION" in text
    assert "seed 0" not in text
    assert "seed 0" in render.plain_text(outcome, everything=True)
    assert "seed 0" in render.markdown(outcome)


def test_junit_is_what_ci_systems_read(outcome, tmp_path):
    file = tmp_path / "check.xml"
    file.write_bytes(render.junit_xml(outcome))
    (suite,) = JUnitXml.fromfile(str(file))
    assert (suite.tests, suite.failures, suite.errors) == (3, 1, 1)
    kinds = [[type(result) for result in case.result] for case in suite]
    assert kinds == [[], [Error], [Failure]]
    assert next(iter(suite)).classname == "bench-freeze.freeze 15 branched ort fp32"


def test_everything_is_written_where_it_was_asked_for(tmp_path, monkeypatch, capsys):
    results = write_results(tmp_path)
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    names = {form: tmp_path / f"check.{form}" for form in ("json", "markdown", "junit")}
    flags = [part for form, name in names.items() for part in (f"--{form}", str(name))]
    assert cli.main(["check", str(results), "--baseline", str(results), *flags]) == 0
    assert "No regression: " in capsys.readouterr().out
    assert summary.read_text() == "before\n" + names["markdown"].read_text()
    assert json.loads(names["json"].read_text())["exit_code"] == 0
    assert JUnitXml.fromfile(str(names["junit"])).tests == len(json.loads(names["json"].read_text())["findings"])
    assert cli.main(["check", str(results), "--baseline", str(results), "--json", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_a_baseline_keeps_its_reasons(tmp_path, capsys):
    first, second = write_results(tmp_path / "a"), write_results(tmp_path / "b", seed=4, slow=(15,))
    to = tmp_path / "kept" / "baseline.json"

    def update(results, reason="because"):
        return cli.main(["baseline", "update", str(results), "--to", str(to), "--reason", reason])

    assert update(first, "first numbers") == 0
    size = to.stat().st_size
    assert update(second, "a larger backbone") == 0
    assert [entry["reason"] for entry in json.loads(to.read_text())["history"]] == [
        "first numbers",
        "a larger backbone",
    ]
    assert abs(to.stat().st_size - size) < 1000
    assert "update 2: a larger backbone" in capsys.readouterr().out
    assert cli.main(["check", str(second), "--baseline", str(to)]) == 0
    assert cli.main(["check", str(first), "--baseline", str(to)]) == 0  # faster is no regression
    assert update(to) == 0  # a baseline can be copied
    assert update(first, " ") == 2
    assert update(edit(first, lambda content: content.update(finished=False))) == 2
    to.write_bytes(second.read_bytes())
    assert update(second) == 2
    assert "would be overwritten" in capsys.readouterr().err


def test_samples_are_rounded_to_what_a_clock_knows(tmp_path):
    results, to = write_results(tmp_path / "a"), tmp_path / "baseline.json"
    assert cli.main(["baseline", "update", str(results), "--to", str(to), "--reason", "r"]) == 0
    exact = json.loads(results.read_text())["rows"][0]["latency"]["model"]["samples_s"]
    kept = json.loads(to.read_text())["rows"][1]["latency"]["model"]["samples_s"]
    assert kept == pytest.approx(exact, rel=1e-4)
    assert max(len(str(sample)) for sample in kept) < 12


def test_the_example_rules_are_valid():
    rules = make_rules({}, EXAMPLES / "check.toml")
    assert str(rules.common["latency_pipeline"]) == "8%"
    assert rules.common["energy"] is None
    assert len(rules.special) == 2


def commands(value):
    """Every command line of a workflow that calls the tool, whole scripts taken apart into lines."""
    if isinstance(value, dict):
        return [found for part in value.values() for found in commands(part)]
    if isinstance(value, list):
        return [found for part in value for found in commands(part)]
    lines = value.splitlines() if isinstance(value, str) else []
    return [line.partition("||")[0].strip() for line in lines if line.strip().startswith("bench-freeze ")]


@pytest.mark.parametrize(
    ("name", "called"),
    [("github-actions.yml", ["run", "baseline"]), ("gitlab-ci.yml", ["run", "check", "report"])],
)
def test_the_example_workflows_parse_and_their_commands_too(name, called):
    found = [shlex.split(command) for command in commands(yaml.safe_load((EXAMPLES / name).read_text()))]
    assert [command[1] for command in found] == called
    for command in found:
        cli._parser().parse_args(command[1:])
        assert {word for word in command if word.endswith(".toml")} <= {"study.toml", "check.toml"}


def test_the_example_study_is_one():
    study = study_from(read_toml(EXAMPLES / "study.toml"), "study.toml")
    assert (study.training.freeze, study.deployment.engine, study.deployment.construction) == (
        (22, 15, 10),
        ("ort",),
        ("branched",),
    )
