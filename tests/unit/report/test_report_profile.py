"""The accuracy of a profile in every form of the report."""

import csv
import io
import itertools
import json
from pathlib import Path

import pytest

from bench_freeze import cli
from bench_freeze.report.documents import read_documents
from bench_freeze.report.figures.all import figures_of
from bench_freeze.report.table import csv_table, markdown, plain_table
from bench_freeze.results.profile import encode_profile
from tests import builders

REAL = Path(__file__).parents[3] / "bench" / "results" / "fruit9_coco206_320.json"
STUDY = json.loads(REAL.read_text())


def accuracy(value):
    return STUDY["rows"][0]["base"] | {"map": value, "map50": None if value is None else value + 0.1}


def scored(role, value, merged=None, head=None, images=12):
    return {
        "role": role, "head": head or role, "data": f"the {role} set", "data_sha256": "d", "images": images,
        "alone": accuracy(value), "merged": None if merged is None else accuracy(merged),
    }  # fmt: skip


def write_profile(path, sets, *, timed=True):
    latency = STUDY["rows"][0]["latency"]["model"] | {"verdict": "VALID"}
    made = builders.profile(latency={"model": latency, "pipeline": None} if timed else None, accuracy=sets)
    path.write_bytes(encode_profile(made))
    return path


CASES = {
    "base": [scored("base", 0.2279)],
    "target": [scored("target", 0.4321)],
    "both": [scored("target", 0.4321, 0.4311), scored("base", 0.2279, 0.2269)],
    "one head on either": [scored("base", 0.2279, head="target", images=1)],
    "nothing to measure": [scored("base", None), scored("target", 0.4321)],
    "none": [],
}


@pytest.mark.parametrize(("case", "with_study", "timed"), list(itertools.product(CASES, (True, False), (True, False))))
def test_what_a_profile_scored_is_in_every_form(tmp_path, case, with_study, timed):
    sets = CASES[case]
    path = write_profile(tmp_path / "board.profile.json", sets, timed=timed)
    view = read_documents([*([REAL] if with_study else []), path]).view
    row = view.rows[-1]
    expected = {}
    for entry in sets:
        names = {"target": ("target_map", "target_map50"), "base": ("base_map", None)}[entry["role"]]
        expected[names[0]] = entry["alone"]["map"]
        if names[1]:
            expected[names[1]] = entry["alone"]["map50"]
        if entry["role"] == "base" and entry["merged"]:
            expected["merged_base"] = entry["merged"]["map"]
    expected = {key: value for key, value in expected.items() if value is not None}
    keys = ("target_map", "target_map50", "base_map", "merged_base", "change", "target_test")
    assert {key: row.value(key).value for key in keys if row.value(key).value is not None} == expected
    table = list(csv.DictReader(io.StringIO(csv_table(view))))[-1]
    assert {key: float(table[key]) for key in keys if table.get(key)} == expected
    for form in (plain_table(view), markdown(view)):
        for value in expected.values():
            assert f"{value:.4f}" in form
        for entry in sets:
            on = f"{entry['head']} head on {entry['data']}, {entry['images']} image"
            assert (on in form) == (entry["alone"]["map"] is not None)


def test_the_command_shows_it_on_the_terminal_and_on_the_page(tmp_path, capsys):
    path = write_profile(tmp_path / "board.profile.json", CASES["both"])
    assert cli.main(["report", str(REAL), str(path)]) == 0
    assert "head on the target set, 12 images" in " ".join(capsys.readouterr().out.split())
    assert cli.main(["report", str(REAL), str(path), "--verbose"]) == 0
    printed = capsys.readouterr().out
    page = tmp_path / "page.html"
    assert cli.main(["report", str(REAL), str(path), "--html", str(page)]) == 0
    for form in (printed, page.read_text()):
        for value in ("0.4321", "0.2279", "0.2269"):
            assert value in form
        assert "Accuracy of board: target head on the target set, 12 images; base head on the base set" in form


def test_power_modes_are_a_plot_of_energy_against_latency(tmp_path):
    latency = STUDY["rows"][0]["latency"]["model"] | {"verdict": "VALID"}
    energy = dict.fromkeys(("joules_per_call_above_idle", "idle_watts", "window_s"), 1.0)
    energy |= {"calls": 9, "windows_j": [], "method": "rails"}
    modes = [
        {"name": name, "number": i, "latency": latency | {"p50_s": p50_s}, "on_front": front}
        | {"energy": energy | {"joules_per_call": joules}}
        for i, (name, p50_s, joules, front) in enumerate(
            [("MAXN", 0.010, 0.4, True), ("SLOW", 0.030, 0.2, True), ("WORSE", 0.031, 0.3, False)]
        )
    ]
    refused = {"name": "50W", "number": 3, "missing": "it needs a restart"}
    made = builders.profile(power_modes=[*modes, refused])
    path = tmp_path / "board.profile.json"
    path.write_bytes(encode_profile(made))
    (figure,) = [f for f in figures_of(read_documents([path]).view) if f.key == "power-modes"]
    points, front = figure.series
    assert (points.labels, points.x, points.y) == (["MAXN", "SLOW", "WORSE"], [10.0, 30.0, 31.0], [0.4, 0.2, 0.3])
    assert front.labels == ["MAXN", "SLOW"]
    assert figure.says == "The least energy per call is 0.2 J, in SLOW at 30.00 ms."
