"""`check` with models at hand: real files, real processes, real time; what is missing or damaged is said."""

import json

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from bench_freeze import cli
from bench_freeze.check.models import kept_folder
from bench_freeze.files import file_sha256
from bench_freeze.interleaved.job import ImageFile, Job, PairJob
from bench_freeze.interleaved.worker import time_round
from bench_freeze.profile.images import pattern_records
from tests.unit.check.check_files import edit
from tests.unit.check.test_check_rerun import profile
from tests.unit.engines.onnx_models import card, write

pytestmark = pytest.mark.slow

LIMIT = ("--max-latency-increase", "30%", "--max-size-increase", "off")


def model(path, convolutions, label=""):
    """A detector that convolves its image so many times; `label` makes other bytes of it."""
    write(path, card())
    made = onnx.load(path)
    graph = made.graph
    weights = np.random.default_rng(0).normal(0, 0.2, (3, 3, 5, 5)).astype(np.float32)
    graph.initializer.append(numpy_helper.from_array(weights, "w"))
    name = graph.node[0].input[0]
    for k in range(convolutions):
        graph.node.insert(k, helper.make_node("Conv", [name, "w"], [f"c{k}"], pads=[2] * 4))
        name = f"c{k}"
    graph.node[convolutions].input[0] = name
    graph.doc_string = label
    onnx.save(made, path)
    return path


def run_of(file, level=0.005):
    """A profile that says it ran this file, beside it."""
    facts = {"file": file.name, "sha256": file_sha256(file), "bytes": file.stat().st_size, "heads": ["base"]}
    return profile(file.with_suffix(".json"), level=level, model=facts | {"imgsz": 64, "batch": 1})


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs of an old model, of one that does the same work, and of one that does twice as much."""
    found = {}
    for name, convolutions in {"old": 60, "same": 60, "slow": 120}.items():
        folder = tmp_path_factory.mktemp(name)
        found[name] = run_of(model(folder / "m.onnx", convolutions, name), 0.005 if name != "same" else 0.009)
    return found


@pytest.fixture
def baseline(runs, tmp_path):
    """The old run as a baseline with its model, made on another machine."""
    to = tmp_path / "baseline.json"
    old = tmp_path / "elsewhere.json"
    old.write_bytes(runs["old"].read_bytes())
    edit(old, lambda content: content["environment"].update(cpu="another"))
    given = ("--with-models", "--models", str(runs["old"].parent))
    assert cli.main(["baseline", "update", str(old), "--to", str(to), "--reason", "first", *given]) == 0
    return to


@pytest.fixture
def check(baseline, capsys, monkeypatch):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def run(current, *flags):
        capsys.readouterr()
        code = cli.main(["check", str(current), "--baseline", str(baseline), "--json", "-", *LIMIT, *map(str, flags)])
        said = capsys.readouterr()
        return code, json.loads(said.out)["findings"] if said.out else said.err

    return run


def test_an_equal_model_passes_and_a_slower_one_is_proven(check, runs):
    """Whatever was measured before, on whatever machine."""
    code, (same, *_) = check(runs["same"])
    assert (code, same["status"]) == (0, "PASS")
    assert len(same["rounds"]) >= 7
    assert same["basis"] == f"{len(same['rounds'])} rounds side by side, processor time"
    code, (slow, *_) = check(runs["slow"])
    assert (code, slow["status"]) == (1, "REGRESSION")
    assert slow["change_share"] > 0.5
    assert slow["low"] > slow["limit"]


def test_the_models_are_kept_by_content_and_go_with_the_next_update(baseline, runs):
    (kept,) = kept_folder(baseline).iterdir()
    assert kept.stem == file_sha256(kept) == file_sha256(runs["old"].with_name("m.onnx"))
    assert json.loads(baseline.read_text())["models"] == [kept.stem]
    update = ["baseline", "update", str(runs["same"]), "--to", str(baseline), "--reason", "next"]
    assert cli.main([*update, "--with-models"]) == 0
    assert [file.stem for file in kept_folder(baseline).iterdir()] == json.loads(baseline.read_text())["models"]
    assert not kept.exists()
    assert cli.main(update) == 0
    assert list(kept_folder(baseline).iterdir()) == []


def test_a_model_that_is_missing_is_asked_for(check, baseline, runs, tmp_path):
    (kept,) = kept_folder(baseline).iterdir()
    elsewhere = tmp_path / "restored"
    elsewhere.mkdir()
    kept.rename(elsewhere / "any name.onnx")
    code, said = check(runs["same"])
    assert code == 2
    assert "restore that folder" in said
    assert check(runs["same"], "--models", elsewhere)[0] == 0
    (elsewhere / "any name.onnx").rename(kept)
    kept.write_bytes(b"something else")
    code, said = check(runs["same"])
    assert code == 2
    assert "does not have the content that its name states" in said


def test_no_time_means_the_runs_as_they_are(check, runs, capsys):
    code, said = check(runs["same"], "--max-minutes", "0")
    assert code == 2  # another machine, and nothing timed here
    assert "another device class" in said[0]["sentence"]
    assert check(runs["same"], "--max-minutes", "-1")[0] == 2


def test_with_models_says_what_it_cannot_find(runs, tmp_path, capsys):
    alone = tmp_path / "alone.json"
    alone.write_bytes(runs["old"].read_bytes())
    to = tmp_path / "b.json"
    assert cli.main(["baseline", "update", str(alone), "--to", str(to), "--reason", "r", "--with-models"]) == 2
    assert "give its folder with --models" in capsys.readouterr().err
    assert not to.exists()


def test_a_pair_that_fails_leaves_the_others_their_round(runs, tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    good = str(runs["old"].with_name("m.onnx"))
    images = [ImageFile(path=str(r.path), width=r.width, height=r.height) for r in pattern_records(tmp_path, 4)]

    def pair(number, current):
        return PairJob(
            number=number, baseline=good, current=current, engine="ort", device="cpu", threads=1, batch=1,
            scopes=["model", "pipeline"],
        )  # fmt: skip

    job = Job(
        pairs=[pair(0, str(tmp_path / "broken.onnx")), pair(1, good)], images=images, options={}, seed=3, clock="wall"
    )
    answers = {(answer.number, answer.scope): answer for answer in time_round(job)}
    assert set(answers) == {(n, scope) for n in (0, 1) for scope in ("model", "pipeline")}
    assert all("broken.onnx" in answers[0, scope].error for scope in ("model", "pipeline"))
    assert all(answers[1, scope].baseline_s > 0 < answers[1, scope].current_s for scope in ("model", "pipeline"))
