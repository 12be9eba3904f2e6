"""Hostile names in results: every form of a check and of a baseline, through the command line."""

import dataclasses
import json
import os
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench_freeze.text.visible import cell, visible
from tests.hostile import (
    HOSTILE,
    NAMES,
    SCHEMA_WORDS,
    blocks,
    check_json,
    check_log,
    is_shown,
    parser,
    poisoned,
    said,
    words,
)
from tests.unit.check import check_files
from tests.workloads import make_workload

REAL = Path(__file__).parents[2] / "bench" / "results" / "fruit9_depths_seeds_320.json"

GROUPS = [list(NAMES.values())[i : i + 8] for i in range(0, len(NAMES), 8)]


def write_hostile(folder, names, **changes):
    """Results whose classes have these names, and whose texts all hold the first."""
    workload = make_workload(images=60, classes=len(names), truth_rows=300, rows=900, seed=8)
    truth = dataclasses.replace(workload.truth, class_names=tuple(f"{name}{k}" for k, name in enumerate(names)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check_files, "WORKLOAD", dataclasses.replace(workload, truth=truth))
        path = check_files.write_results(folder, **changes)
    content = json.loads(path.read_text())
    path.write_text(json.dumps(poisoned(content, names[0], (*SCHEMA_WORDS, "file", "matches"))))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("names", GROUPS, ids=lambda names: names[0][:12].encode("unicode_escape").decode())
def test_a_check_shows_names_and_obeys_none(tmp_path, monkeypatch, names):
    old, new = (
        write_hostile(tmp_path / "old", names),
        write_hostile(tmp_path / "new", names, seed=3, slow=(15,), moved=(22, "base", {"shift": 0.2})),
    )
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    files = {form: tmp_path / f"check.{form}" for form in ("json", "markdown", "junit")}
    flags = [part for form, file in files.items() for part in (f"--{form}", str(file))]
    status, out, error = said("check", new, "--baseline", old, "--max-class-drop", "0.5", "--all", *flags)
    assert (status, error) == (1, "")
    check_log(out)
    for name in names:
        assert is_shown(name, out)
    check_markdown(files["markdown"].read_text(), names)
    assert summary.read_text() == files["markdown"].read_text()
    tree = ElementTree.fromstring(files["junit"].read_bytes())
    told = {case.get("name"): case.get("classname") for case in tree.iter("testcase")}
    assert all(visible(names[0]) in title for title in told.values())
    assert {f"target AP of {visible(f'{name}{k}')}" for k, name in enumerate(names)} <= set(told)
    status, printed, _ = said("check", new, "--baseline", old, "--max-class-drop", "0.5", "--json", "-")
    assert status == 1
    check_json(printed)
    assert json.loads(printed) == json.loads(files["json"].read_text())
    assert {f"target AP of {name}{k}" for k, name in enumerate(names)} <= {
        finding["metric"] for finding in json.loads(printed)["findings"]
    }


def check_markdown(text, names):
    check_log(text)
    found = blocks(text)
    inline = {kind for _, _, kinds in found for kind in kinds}
    assert inline == {"strong_open", "strong_close"}
    assert [tag for kind, tag, _ in found if kind == "heading_open"] == ["h3"]
    html = [token.content.split(">")[0] for token in parser.parse(text) if token.type == "html_block"]
    assert html == ["<details", "</details"]
    for name in names:
        assert cell(name)[:30].strip() in words(text)


def test_a_baseline_keeps_a_hostile_reason_and_shows_it(tmp_path):
    results, to = check_files.write_results(tmp_path), tmp_path / "baseline.json"
    reason = "".join(NAMES.values())
    status, out, _ = said("baseline", "update", results, "--to", to, "--reason", reason)
    assert status == 0
    check_log(out)
    assert json.loads(to.read_text())["history"][0]["reason"] == reason.strip()


FILE_NAMES = ("colour", "newline", "github, old", "override", "html", "formula")


def hostile_folders(folder):
    """Folders of hostile names; every second one's bytes are no UTF-8."""
    for number, name in enumerate(FILE_NAMES):
        text = HOSTILE[name].replace("/", "").encode()
        path = Path(os.fsdecode(os.fsencode(folder) + b"/" + text + b"\xff" * (number % 2)))
        path.mkdir()
        yield path


@pytest.mark.slow
def test_names_of_files_reach_no_output_as_they_are(tmp_path):
    results = check_files.write_results(tmp_path / "results")
    for folder in hostile_folders(tmp_path):
        for file in (results, results.with_name("matches.zip"), REAL):
            shutil.copy(file, folder)
        path, study, junit, told = folder / results.name, folder / REAL.name, folder / "check.xml", folder / "b.json"
        written = [part for form in ("html", "markdown", "csv") for part in (f"--{form}", folder / f"report.{form}")]
        for expected, *arguments in (
            (0, "report", study, *written),
            (0, "report", study, path.with_name(REAL.name)),
            (0, "check", path, "--baseline", path, "--junit", junit),
            (0, "baseline", "update", path, "--to", told, "--reason", "r"),
            (2, "check", path, "--baseline", folder / "missing"),
            (2, "report", folder / "missing"),
            (2, "report", study, "--no-such-flag", folder),
            (2, "eval", "--gt", folder / "missing", "--dt", folder / "missing"),
            (2, "data", folder / "missing.yaml"),
            (2, "doctor", folder / "missing.pt"),
            (2, "run", folder / "missing.toml"),
        ):
            status, out, error = said(*arguments)
            assert status == expected, error
            check_log(out)
            check_log(error)
            assert expected == 0 or "--no-such-flag" in arguments or error.count("\n") == 1  # a sentence is one line
        ElementTree.fromstring(junit.read_bytes())
        json.loads(told.read_bytes())
