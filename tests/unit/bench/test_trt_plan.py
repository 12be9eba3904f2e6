"""The command lines of bench/trt.py, first run where an hour on a GPU is dear, and how their outcomes are read."""

import json
import shutil
from functools import partial
from pathlib import Path

import msgspec
import pytest
from bench.gpu import trt_plan
from bench.gpu.dry_run import dry_run
from bench.gpu.runner import Runner
from bench.gpu.step import Ran
from bench.gpu.trt_readers import read_doctor, read_profile, read_rows
from tests.builders import latency, profile, study

from bench_freeze import cli
from bench_freeze.commands.run_flags import study_values
from bench_freeze.results.latency import Latencies
from bench_freeze.results.profile import decode_profile, encode_profile

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "bench/results/fruit9_precisions_320.json"


@pytest.fixture
def places(tmp_path):
    return trt_plan.Places(ROOT, tmp_path / "work", tmp_path / "out", Path("DATA"))


def by_name(places):
    return {step.name: step for step in trt_plan.steps(places)}


@pytest.mark.parametrize("data", [None, Path("DATA")])
def test_the_studies_are_ones_that_the_command_takes(places, data):
    places = trt_plan.Places(places.root, places.work, places.out, data)
    for name, engines, builds in (("study", ["ort", "trt"], 3), ("ort-trt", ["ort-trt"], 1)):
        command = by_name(places)[name].command
        asked = study(**study_values(cli._parser().parse_args([*command[3:]])))
        assert list(asked.deployment.engine) == engines
        assert (asked.deployment.builds, asked.training.device) == (builds, "cuda:0")
        assert (asked.data.weights is None) == (data is None)


def test_every_other_command_of_ours_is_one_that_it_takes(places):
    ours = [step for step in trt_plan.steps(places) if "bench_freeze" in step.command and "run" not in step.command]
    assert [step.name for step in ours] == ["doctor", "study's page", "profile", "power modes"]
    for step in ours:
        cli._parser().parse_args([*step.command[3:]])  # ends with a usage error where it is wrong


@pytest.mark.slow
def test_every_command_line_is_right(places):
    steps = trt_plan.steps(places)
    checked = dry_run(steps, ROOT)
    assert checked.problems == []
    assert len(checked.lines) == 2 * len(steps)


@pytest.mark.slow
def test_a_machine_without_tensorrt_says_so_and_goes_through_all_steps(places):
    """For real, but for the long ones: this is what a run leaves where nothing works."""
    chosen = [step for step in trt_plan.steps(places) if step.name not in ("tests/trt", "ort-trt")]
    runner = Runner(ROOT, places.out, places.work, 120, places.environment, tell=lambda line: None)
    found = {outcome.name: outcome for outcome in runner.run(chosen)}
    assert found["versions"].status == "ok"
    assert found["doctor"].why.startswith("TensorRT cannot run: ")
    assert found["study"].why.startswith("ended with 2: ")
    assert "cannot run on cuda:0 here" in found["study"].why
    assert found["study kept"].status == "failed"
    assert {found[name].why for name in ("study's page", "a plan")} == {"needs study kept"}
    assert found["profile"].why == "needs a plan"
    assert found["power modes"].why == "there is no nvpmodel: this is no Jetson"


def ran(status=0, output=""):
    return Ran(status, output, Path("none"))


def test_a_study_is_read_by_engine_and_precision(tmp_path):
    """Of a real study, that ended with a verdict left open."""
    shutil.copyfile(RESULTS, tmp_path / "results.json")
    reading = read_rows(tmp_path, ran(3))
    rows = json.loads(RESULTS.read_text())["rows"]
    kinds = dict.fromkeys(f"{row['engine']} {row['precision']}" for row in rows)
    assert [part.rsplit(" ", 4)[0] for part in reading.figures.split("; ")] == [*kinds]
    assert reading.why == "ended with 3"
    assert "samples_s" not in json.dumps(reading.data)
    only = next(row for row in rows if row["precision"] == "int8")
    assert (
        f"ort int8 {1e3 * only['latency']['model']['p50_s']:.2f} ms, mAP {only['target']['map']:.3f}" in reading.figures
    )


def test_a_profile_is_read_as_far_as_it_is_there(tmp_path):
    file = tmp_path / "profile.json"
    file.write_bytes(encode_profile(profile(latency=Latencies(model=latency((0.25,) * 9), pipeline=latency()))))
    whole = decode_profile(file.read_bytes())
    assert "p50 250.00 ms" in read_profile(file, ran()).figures
    file.write_bytes(
        encode_profile(msgspec.structs.replace(whole, latency=None, finished=False, failure="it broke off"))
    )
    assert read_profile(file, ran(3)).why == "ended with 3"
    assert read_profile(file, ran()).why == "it broke off"


@pytest.mark.parametrize(
    "read", [partial(read_rows, Path("nowhere")), partial(read_profile, Path("nowhere")), read_doctor]
)
def test_what_left_nothing_has_no_result(read):
    assert (read(ran()).has_result, read(ran(2)).why) == (False, "ended with 2")


def test_doctor_says_what_tensorrt_lacks():
    engines = {name: {"usable": name == "ort", "reason": "no driver"} for name in ("torch", "ort", "ort-trt", "trt")}
    found = {"engines": engines, "tensorrt": {"found": ["TensorRT 10.3"]}}
    reading = read_doctor(ran(output=f"a warning\n{json.dumps(found, indent=1)}\n"))
    assert (reading.figures, reading.why) == ("usable: ort; TensorRT 10.3", "TensorRT cannot run: no driver")
    engines["trt"]["usable"] = True
    assert read_doctor(ran(output=json.dumps(found))).why == ""
