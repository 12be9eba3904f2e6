"""The check from files to the exit status: planted regressions, refusals, bad input."""

import json

import pytest

from bench_freeze import cli
from bench_freeze.check.latency_change import FEWEST_RUNS
from tests.unit.check.check_files import edit, latency, write_results


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    """A baseline made of a run, as `baseline update` writes it."""
    folder = tmp_path_factory.mktemp("baseline")
    results = write_results(folder / "run")
    to = folder / "kept" / "baseline.json"
    assert cli.main(["baseline", "update", str(results), "--to", str(to), "--reason", "first"]) == 0
    return to


@pytest.fixture(scope="module")
def fleet(baseline, tmp_path_factory):
    """The same, with as many runs as a proof takes: of equal level, each with its own noise."""
    folder = tmp_path_factory.mktemp("fleet")
    to = folder / "baseline.json"
    for kept in baseline.parent.iterdir():
        (folder / kept.name).write_bytes(kept.read_bytes())
    for number in range(1, FEWEST_RUNS):
        run = write_results(folder / f"run{number}", seed=100 + number)
        assert cli.main(["baseline", "add", str(run), "--to", str(to)]) == 0
    return to


@pytest.fixture
def check(baseline, capsys, monkeypatch):
    """Run a check; its status and its json, or its error."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def run(current, *flags, against=baseline):
        capsys.readouterr()
        code = cli.main(["check", str(current), "--baseline", str(against), "--json", "-", *map(str, flags)])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else said.err

    return run


def statuses(outcome, status):
    return {(f["row"], f["rule"]) for f in outcome["findings"] if f["status"] == status}


def refused(result, *words):
    code, error = result
    assert code == 2
    assert isinstance(error, str), error
    assert error.startswith("bench-freeze: ")
    assert len(error.strip().splitlines()) == 1
    for word in words:
        assert word in error


def test_the_same_run_passes(check, tmp_path):
    code, outcome = check(write_results(tmp_path))
    assert code == 0
    assert {f["status"] for f in outcome["findings"]} == {"PASS"}
    assert len(outcome["findings"]) == 2 * (3 + 3 + 2 + 1) + (3 + 2 + 1)


def test_another_run_of_the_same_passes(check, tmp_path):
    assert check(write_results(tmp_path, seed=7))[0] == 0


def test_a_run_against_itself_is_unchanged_whatever_it_was_worth(check, tmp_path):
    """The same bytes: nothing to compare, though its latencies are invalid."""
    current = edit(write_results(tmp_path), set_latency(verdict="INVALID"))
    code, outcome = check(current, against=current)
    assert code == 0
    (model,) = [
        f for f in outcome["findings"] if (f["row"], f["rule"]) == ("freeze 22 branched ort fp32", "latency_model")
    ]
    assert (model["change"], model["basis"]) == (0.0, "the same file")


def test_the_same_file_run_by_another_engine_is_compared(check, tmp_path):
    def of_version(version):
        return lambda content: content["environment"].update(packages={"onnxruntime": version})

    old = edit(write_results(tmp_path / "old"), of_version("1.0"))
    new = edit(write_results(tmp_path / "new", slow=(15,)), of_version("1.1"))
    assert check(new, against=old)[0] == 3
    assert check(edit(new, of_version("1.0")), against=old)[0] == 0


def test_a_slower_row_of_one_run_hours_later_is_open_and_says_what_would_prove_it(check, tmp_path):
    code, outcome = check(write_results(tmp_path, seed=3, slow=(15,)))
    assert code == 3
    row = "freeze 15 branched ort fp32"
    assert statuses(outcome, "AMBIGUOUS") == {(row, "latency_model"), (row, "latency_pipeline")}
    (model,) = [f for f in outcome["findings"] if (f["row"], f["rule"]) == (row, "latency_model")]
    assert (
        "one baseline run shows too little of the variation between runs (at least 18 are needed)" in model["sentence"]
    )
    assert "baseline update --with-models" in model["remedy"]
    assert "baseline add" in model["remedy"]
    assert model["low"] is model["p_value"] is None


def test_a_slower_row_is_proven_against_enough_runs(check, fleet, tmp_path):
    code, outcome = check(write_results(tmp_path, seed=3, slow=(15,)), against=fleet)
    assert code == 1
    row = "freeze 15 branched ort fp32"
    assert statuses(outcome, "REGRESSION") == {(row, "latency_model"), (row, "latency_pipeline")}
    (model,) = [f for f in outcome["findings"] if (f["row"], f["rule"]) == (row, "latency_model")]
    assert model["low"] < 0.2 * model["reference"] < model["high"]
    assert model["change_share"] == pytest.approx(0.2, abs=0.02)
    assert model["low"] > model["limit"]
    assert "proven" in model["sentence"]


@pytest.mark.parametrize("runs", ["one", "many"])
def test_every_change_is_the_difference_of_its_two_numbers(check, baseline, fleet, tmp_path, runs):
    """In the metric's own unit, whether it was tested or not."""
    current = write_results(tmp_path, seed=3, slow=(15,), moved=(15, "base", {"shift": 0.25}))
    _, outcome = check(current, against=fleet if runs == "many" else baseline)
    compared = [f for f in outcome["findings"] if f["change"] is not None]
    assert len({f["rule"] for f in compared}) >= 5
    for f in compared:
        falls = not f["rule"].startswith(("latency", "size", "energy")) and "calibration" not in f["metric"]
        difference = (f["reference"] - f["current"]) * (1 if falls else -1)
        assert f["change"] == pytest.approx(difference, abs=1e-3 * abs(f["reference"])), f["sentence"]
        assert f["change_share"] == pytest.approx(difference / f["reference"], abs=1e-3), f["sentence"]


def test_a_limit_of_a_row_lets_it_pass(check, tmp_path):
    rules = tmp_path / "check.toml"
    rules.write_text(
        "[[rows]]\nwhere = { freeze = 15 }\nlimits = { latency_model = '30%', latency_pipeline = 'off' }\n"
    )
    current = write_results(tmp_path, seed=3, slow=(15,))
    assert check(current, "--config", rules)[0] == 0
    assert check(current, "--config", rules, "--max-latency-increase", "5%")[0] == 3
    assert check(current, "--max-latency-increase", "0.5ms")[0] == 3
    assert check(current, "--max-latency-increase", "0.01s")[0] == 0


def test_a_slower_row_within_the_noise_is_ambiguous(check, tmp_path):
    current = write_results(tmp_path, seed=3, slow=(15,))
    code, outcome = check(current, "--max-latency-increase", "19.5%")
    assert code in (0, 3)
    assert not statuses(outcome, "REGRESSION")


@pytest.mark.parametrize("head", ["target", "base"])
def test_a_head_that_lost_accuracy_is_proven(check, tmp_path, head):
    code, outcome = check(write_results(tmp_path, moved=(15, head, {"shift": 0.25})))
    assert code == 1
    assert ("freeze 15 branched ort fp32", f"{head}_map") in statuses(outcome, "REGRESSION")
    assert all(row == "freeze 15 branched ort fp32" for row, _ in statuses(outcome, "REGRESSION"))


def test_one_class_that_is_lost_is_named(check, tmp_path):
    current = write_results(tmp_path, moved=(22, "base", {"lost_class": 1}))
    _, outcome = check(current, "--max-class-drop", "0.05")
    lost = [f for f in outcome["findings"] if f["rule"] == "base_class" and f["status"] == "REGRESSION"]
    assert [f["metric"] for f in lost] == ["base AP of class 1"]


def test_scores_that_fell_are_seen_though_map_is_equal(check, tmp_path):
    code, outcome = check(write_results(tmp_path, moved=(15, "target", {"score_factor": 0.28})))
    assert code == 1
    seen = {rule for _, rule in statuses(outcome, "REGRESSION")}
    assert "target_f1" in seen
    assert "target_map" not in seen


def test_a_larger_file_is_exact(check, tmp_path):
    def grow(content):
        content["rows"][0]["artifact"]["bytes"] = 12_130_000

    code, outcome = check(edit(write_results(tmp_path), grow))
    assert code == 1
    assert statuses(outcome, "REGRESSION") == {("freeze 22 branched ort fp32", "size")}
    assert check(tmp_path / "results.json", "--max-size-increase", "2%")[0] == 0


def set_latency(**changes):
    def change(content):
        content["rows"][0]["latency"]["model"].update(changes)

    return change


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"verdict": "INVALID", "reasons": ["the GPU was throttled"]}, "INVALID"),
        ({"verdict": "AMBIGUOUS", "reasons": ["other processes"]}, "AMBIGUOUS"),
        ({"samples_s": [], "n": 0}, "INVALID"),
        ({"samples_s": [0.005] * 8}, "INVALID"),
    ],
)
def test_an_unreliable_latency_is_no_verdict(check, tmp_path, changes, status):
    code, outcome = check(edit(write_results(tmp_path, seed=1), set_latency(**changes)))
    assert code == 3
    assert statuses(outcome, status) == {("freeze 22 branched ort fp32", "latency_model")}


def test_a_proven_regression_outranks_an_unreliable_latency_and_missing_data_both(check, tmp_path):
    current = edit(write_results(tmp_path, seed=3), set_latency(verdict="INVALID"))
    assert check(current)[0] == 3
    edit(current, lambda content: content["rows"][1]["artifact"].update(bytes=13_000_000))
    assert check(current)[0] == 1
    edit(current, lambda content: content["originals"].clear())
    code, outcome = check(current)
    assert code == 2
    assert statuses(outcome, "REGRESSION")


@pytest.mark.parametrize("value", [-0.001, 0.0])
def test_a_duration_that_cannot_be(check, tmp_path, value):
    refused(check(edit(write_results(tmp_path), set_latency(samples_s=[0.005, value]))), "freeze 22")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "fast"])
def test_a_duration_that_is_no_number(check, tmp_path, value):
    says = "not a complete json file" if isinstance(value, float) else "does not fit its schema"  # json knows no NaN
    refused(check(edit(write_results(tmp_path), set_latency(samples_s=[0.005, value]))), says)


def test_rows_without_a_partner(check, tmp_path):
    current = edit(write_results(tmp_path), lambda content: content["rows"][1].update(precision="int8"))
    code, outcome = check(current)
    assert code == 2
    told = [f["sentence"] for f in outcome["findings"] if f["status"] == "REFUSED"]
    assert any("precision is int8 there, fp32 in the baseline" in sentence for sentence in told)
    assert any("baseline update" in sentence for sentence in told)
    assert check(current, "--ignore-unmatched")[0] == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["rows"][0].update(data_sha256="e" * 64), "the data are not the same"),
        (lambda c: c["rows"][0].update(protocol="voc-all"), "protocol voc-all"),
        (lambda c: c["environment"].update(cpu="another"), "another device class"),
    ],
)
def test_rows_that_must_not_be_compared(check, tmp_path, change, words):
    code, outcome = check(edit(write_results(tmp_path, seed=1), change))
    assert code == 2
    assert any(words in f["sentence"] for f in outcome["findings"] if f["status"] == "REFUSED")


def test_accuracy_alone_is_compared_across_machines(check, tmp_path):
    current = edit(write_results(tmp_path), lambda content: content["environment"].update(cpu="another"))
    assert check(current, "--max-latency-increase", "off", "--max-energy-increase", "off")[0] == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.update(schema_version=2), ("schema version 2", "newer")),
        (lambda c: c.update(schema_version=0), ("schema_version 0", "whole number from 1")),
        (lambda c: c.pop("schema_version"), ("no schema_version",)),
        (lambda c: c.update(finished=False), ("unfinished run",)),
        (lambda c: c["settings"].update(score_threshold=0.01), ("score_threshold is 0.01",)),
        (lambda c: c["rows"][0].pop("freeze"), ("freeze",)),
        (lambda c: c["rows"].append(c["rows"][0]), ("two rows of freeze 22",)),
        (lambda c: c.update(matches=None), ("no match file",)),
        (lambda c: c["rows"][0]["base"].update(matches="gone"), ("no match data",)),
        (lambda c: c["matches"].update(sha256="0"), ("is not the match file",)),
        (lambda c: c["matches"].update(file="gone.zip"), ("gone.zip", "cannot be read")),
    ],
)
def test_files_that_cannot_be_compared(check, tmp_path, change, words):
    refused(check(edit(write_results(tmp_path), change)), *words)


def test_a_file_that_is_cut_off(check, tmp_path):
    current = write_results(tmp_path)
    current.write_text(current.read_text()[:3000])
    refused(check(current), "not a complete json file")
    refused(check(tmp_path / "gone.json"), "gone.json cannot be read")
    refused(check(write_results(tmp_path), against=tmp_path), "cannot be read")


def test_a_baseline_without_its_match_file(check, baseline, tmp_path):
    alone = tmp_path / "alone.json"
    alone.write_bytes(baseline.read_bytes())
    current = write_results(tmp_path)
    refused(check(current, against=alone), "baseline.matches.zip", "cannot be read")
    off = ["--max-map-drop", "off", "--max-f1-drop", "off", "--max-calibration-increase", "off"]
    assert check(current, *off, against=alone)[0] == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[limits]\ntarget_mpa = 1", "did you mean 'target_map'"),
        ("[limts]\nsize = 1", "did you mean 'limits'"),
        ("[limits]\nsize = -1", "size = -1"),
        ("[limits]\nsize = 'five'", "size = five"),
        ("[limits]\nsize = true", "size = True"),
        ("[[rows]]\nwhere = { freze = 1 }\nlimits = { size = 1 }", "did you mean 'freeze'"),
        ("[[rows]]\nlimits = { size = 1 }", "rule 1 has no where"),
        ("[rows]\na = 1", "rows is not a list"),
        ("limits = 3", "limits is not a table"),
        ("limits =", "is not a TOML file"),
    ],
)
def test_rules_that_are_wrong(check, tmp_path, text, words):
    rules = tmp_path / "check.toml"
    rules.write_text(text)
    refused(check(write_results(tmp_path), "--config", rules), "check.toml", words)


def test_a_flag_that_is_wrong(check, tmp_path):
    refused(check(write_results(tmp_path), "--max-map-drop", "much"), "--max-map-drop = much")
    refused(check(write_results(tmp_path), "--config", tmp_path / "gone.toml"), "gone.toml")


def test_what_was_asked_for_must_be_there(check, tmp_path):
    code, outcome = check(write_results(tmp_path), "--max-energy-increase", "5%")
    assert code == 2
    assert any("energy" in f["sentence"] for f in outcome["findings"] if f["status"] == "REFUSED")
    code, outcome = check(write_results(tmp_path))
    assert code == 0
    assert outcome["notes"] == ["energy per call is in neither run and was not compared"]


def test_a_latency_that_only_the_baseline_has(check, tmp_path):
    current = edit(write_results(tmp_path, seed=1), lambda c: c["rows"][0]["latency"].update(model=None))
    code, outcome = check(current)
    assert code == 2
    assert statuses(outcome, "REFUSED") == {("freeze 22 branched ort fp32", "latency_model")}


def test_samples_of_older_files_are_judged_here(check, tmp_path):
    drifting = [s * (1 + i / 400) for i, s in enumerate(latency(1)["samples_s"])]
    current = edit(write_results(tmp_path, seed=1), set_latency(verdict=None, samples_s=drifting))
    code, outcome = check(current)
    assert code == 3
    assert any("drifted" in f["sentence"] for f in outcome["findings"])
