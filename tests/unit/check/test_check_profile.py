"""Accuracy of profiles is checked as that of runs: from match data beside them, or what is missing is said."""

import itertools
import json

import msgspec
import pytest

from bench_freeze import cli
from bench_freeze.evaluate import evaluate
from bench_freeze.evaluate.match_file import MatchFile
from bench_freeze.profile.accuracy import match_file_of
from bench_freeze.results.profile import SetAccuracy
from tests.unit.check.check_files import WORKLOAD, detections, edit, scored
from tests.unit.check.test_check_rerun import profile

ACCURACY = ("map", "f1", "calibration")
LATENCY_OFF = ("--max-latency-increase", "off")


def write(path, *heads, sha="d", seed=0, **how):
    """A profile with these heads scored, detections changed by `how`, and its match file."""
    matches = MatchFile()
    kept = scored(matches, **how)
    sets = [
        SetAccuracy(role=head, head=head, data="set", data_sha256=sha, images=60, alone=kept, merged=None)
        for head in heads
    ]
    facts = matches.write(match_file_of(path)) if heads else None
    return profile(path, seed, accuracy=msgspec.to_builtins(sets), matches=facts)


@pytest.fixture
def check(capsys, monkeypatch):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def run(current, baseline, *flags):
        capsys.readouterr()
        code = cli.main(["check", str(current), "--baseline", str(baseline), "--json", "-", *LATENCY_OFF, *flags])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else said.err

    return run


def rules_of(outcome, status):
    return {f["rule"] for f in outcome["findings"] if f["status"] == status}


@pytest.mark.parametrize("heads", [("base",), ("target",), ("target", "base")], ids="+".join)
def test_a_worse_profile_is_found_and_an_equal_one_passes(check, tmp_path, heads):
    old, same = write(tmp_path / "old.json", *heads), write(tmp_path / "same.json", *heads, seed=1)
    worse = write(tmp_path / "worse.json", *heads, shift=0.1)
    code, outcome = check(same, old, "--max-map-drop", "0.001")
    assert code == 0
    assert {f"{head}_{kind}" for head in heads for kind in ACCURACY} | {"size"} == rules_of(outcome, "PASS")
    assert outcome["summary"].startswith("no regression")
    assert "not checked" not in outcome["summary"]
    code, outcome = check(worse, old, "--max-map-drop", "0.001")
    assert code == 1
    assert {f"{head}_map" for head in heads} <= rules_of(outcome, "REGRESSION")
    (found,) = [f for f in outcome["findings"] if f["rule"] == f"{heads[0]}_map"]
    before, after = (evaluate(WORKLOAD.truth, detections(**how)).ap() for how in ({}, {"shift": 0.1}))
    assert (found["reference"], found["current"]) == (pytest.approx(before), pytest.approx(after))
    assert 0.001 < found["low"] < found["change"] < found["high"]
    assert check(worse, old)[0] == 1  # by the default limits too


def test_a_baseline_made_of_a_profile_keeps_its_match_data(check, tmp_path, capsys):
    old = write(tmp_path / "run" / "old.json", "base") if (tmp_path / "run").mkdir() is None else None
    to = tmp_path / "baseline.json"
    assert cli.main(["baseline", "update", str(old), "--to", str(to), "--reason", "first"]) == 0
    assert "baseline.matches.zip" in capsys.readouterr().out
    assert check(write(tmp_path / "same.json", "base"), to, "--max-map-drop", "0.001")[0] == 0
    assert check(write(tmp_path / "worse.json", "base", shift=0.1), to)[0] == 1


def remove_matches(path):
    match_file_of(path).unlink()


def forget_matches(path):
    """As profiles were written before they kept any."""

    def change(content):
        del content["matches"]
        for entry in content["accuracy"]:
            del entry["alone"]["matches"]

    edit(path, change)


def forget_accuracy(path):
    edit(path, lambda content: content.update(accuracy=[], matches=None))


MISSING = {
    remove_matches: "cannot be read",
    forget_matches: "no match data for the base head",
    forget_accuracy: "has no accuracy for the base head",
}


@pytest.mark.parametrize(("missing", "which"), list(itertools.product(MISSING, ("old", "new", "both"))))
def test_what_cannot_be_checked_is_refused_where_it_was_asked_for(check, tmp_path, missing, which):
    """And said, where nobody named a limit."""
    files = {name: write(tmp_path / f"{name}.json", "base") for name in ("old", "new")}
    for name, path in files.items():
        if which in (name, "both"):
            missing(path)
    words = "neither profile has any" if (missing, which) == (forget_accuracy, "both") else MISSING[missing]
    code, outcome = check(files["new"], files["old"])
    assert code == 0
    assert outcome["summary"].endswith("; accuracy not checked")
    (note,) = [note for note in outcome["notes"] if note.startswith("accuracy not checked: ")]
    assert words in note
    rules = tmp_path / "check.toml"
    for asked in (
        ("--max-map-drop", "0.001"),
        ("--max-f1-drop", "1%"),
        ("--max-calibration-increase", "0.1"),
        ("--max-class-drop", "0.1"),
        ("--config", str(rules)),
    ):
        for text in (
            "[limits]\nbase_map = 0.1",
            "[[rows]]\nwhere = { construction = 'profile' }\nlimits = { base_map = 0.1 }",
        ):
            rules.write_text(text)
            code, outcome = check(files["new"], files["old"], *asked)
            assert code == 2, asked
            said = outcome if isinstance(outcome, str) else " ".join(f["sentence"] for f in outcome["findings"])
            assert words in said
    off = ["--max-map-drop", "off", "--max-f1-drop", "off", "--max-calibration-increase", "off"]
    code, outcome = check(files["new"], files["old"], *off)
    assert (code, [n for n in outcome["notes"] if "accuracy" in n]) == (0, [])


def test_a_match_file_of_something_else_is_refused_always(check, tmp_path):
    old, new = write(tmp_path / "old.json", "base"), write(tmp_path / "new.json", "base")
    match_file_of(new).write_bytes(match_file_of(write(tmp_path / "other.json", "base", shift=0.1)).read_bytes())
    code, error = check(new, old)
    assert code == 2
    assert "is not the match file" in error


def test_a_flag_may_be_of_a_profile_of_one_head_and_a_rule_may_not(check, tmp_path):
    old, new = write(tmp_path / "old.json", "base"), write(tmp_path / "new.json", "base")
    assert check(new, old, "--max-map-drop", "0.01")[0] == 0
    rules = tmp_path / "check.toml"
    rules.write_text("[limits]\ntarget_map = 0.01")
    code, outcome = check(new, old, "--config", str(rules))
    assert code == 2
    assert rules_of(outcome, "REFUSED") == {"target_map"}
    assert any("make both with --target" in f["sentence"] for f in outcome["findings"])
    more = write(tmp_path / "more.json", "base", "target")
    assert check(new, more, "--max-map-drop", "0.01")[0] == 2
    code, outcome = check(new, more)
    assert code == 0
    assert any("the current run has no accuracy for the target head" in note for note in outcome["notes"])


def test_profiles_of_other_data_are_not_compared(check, tmp_path):
    old, new = write(tmp_path / "old.json", "base"), write(tmp_path / "new.json", "base", sha="e")
    code, outcome = check(new, old)
    assert code == 2
    assert rules_of(outcome, "REFUSED") == {f"base_{kind}" for kind in ACCURACY}
    assert all("not the same data" in f["sentence"] for f in outcome["findings"] if f["status"] == "REFUSED")


@pytest.mark.parametrize(
    ("out", "file"),
    [("A.json", "A.matches.zip"), ("m.profile.json", "m.profile.matches.zip"), ("A.profile", "A.profile.matches.zip"),
     ("A", "A.matches.zip")],
)  # fmt: skip
def test_the_match_file_is_named_after_the_profile(tmp_path, out, file):
    assert match_file_of(tmp_path / out) == tmp_path / file
