"""`bench-freeze ship`: which row, which files, whole or not at all, and what model.json says of them."""

import msgspec
import pytest

from bench_freeze.cli import main
from bench_freeze.evaluate.match_file import load_matches
from bench_freeze.files import file_sha256, is_partial
from bench_freeze.results.shipped import read_shipped
from tests.unit.shipping.studies import keep, model_json, study


def ship(*arguments):
    return main(["ship", *map(str, arguments)])


def test_the_pick_by_default_with_verified_copies(tmp_path, capsys):
    results = study(tmp_path)
    assert ship(tmp_path) == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "best")]
    assert sorted(path.name for path in (tmp_path / "best").iterdir()) == [
        "README.md", "model.json", "model.onnx", "tuned.pt",
    ]  # fmt: skip
    row, shipped = results.rows[0], read_shipped(tmp_path / "best")
    assert file_sha256(tmp_path / "best/model.onnx") == row.artifact.onnx_sha256 == shipped.files["onnx"].sha256
    assert file_sha256(tmp_path / "best/tuned.pt") == row.artifact.weights_sha256 == shipped.files["tuned"].sha256
    assert shipped.is_pick
    assert (shipped.identity["construction"], shipped.identity["freeze"]) == ("branched", 22)


def test_thresholds_and_categories_go_to_classes_by_name(tmp_path):
    results = study(tmp_path)
    ship(tmp_path)
    heads = {head.name: head for head in read_shipped(tmp_path / "best").heads}
    assert list(heads) == ["base", "target"]  # as the file has them
    assert heads["base"].class_names == ["cat", "dog"]
    assert heads["base"].category_ids == [17, 18]
    evaluations = load_matches(tmp_path / "matches.zip")
    for name, accuracy in (("base", results.rows[0].base), ("target", results.rows[0].target)):
        evaluation = evaluations[accuracy.matches]
        best = dict(zip(evaluation.class_names, evaluation.best_f1(), strict=True))
        for own, found in zip(heads[name].class_names, heads[name].thresholds, strict=True):
            assert (found.score, found.f1) == (best[own].score, best[own].f1)


def test_every_row_by_its_name_whatever_its_case(tmp_path):
    results = study(tmp_path)
    for position, name in enumerate(("branched 22", "Grafted  22", "branched_10", "GRAFTED 10")):
        assert ship(tmp_path, "--row", name, "--to", tmp_path / f"to{position}") == 0
        files = read_shipped(tmp_path / f"to{position}").files
        assert files["onnx"].sha256 == results.rows[position].artifact.onnx_sha256
    assert ship(tmp_path, "--row", "grafted 10") == 0
    assert not read_shipped(tmp_path / "shipped/grafted_10_seed0_ort_fp32").is_pick


def test_of_several_seeds_the_first_and_the_readme_says_so(tmp_path):
    results = study(tmp_path, seeds=(3, 5))
    assert ship(tmp_path) == 0
    assert read_shipped(tmp_path / "best").files["tuned"].sha256 == results.rows[0].artifact.weights_sha256
    assert ship(tmp_path, "--row", "branched 22 seed 5", "--to", tmp_path / "other") == 0
    assert model_json(tmp_path / "other")["identity"]["seed"] == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--row", "branched 21"), "did you mean 'branched 22'"),
        (("--row", "original"), "the original model"),
        (("--to", "there"), "exists already"),
        (("--to", "file"), "exists already"),
        (("--to", "file/below"), "cannot be written"),
    ],
)
def test_what_cannot_be_is_a_sentence(tmp_path, capsys, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    study(tmp_path / "out")
    (tmp_path / "there").mkdir()
    (tmp_path / "file").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    assert ship("out", *arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert sorted(path for path in tmp_path.rglob("*") if path.name != ".lock") == before
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("what", ["empty", "unfinished", "no pick"])
def test_a_study_without_an_answer_is_a_sentence(tmp_path, capsys, what):
    if what == "empty":
        tmp_path.mkdir(exist_ok=True)
    else:
        study(tmp_path, finished=what != "unfinished", pick=None if what == "no pick" else {"freeze": 22})
    assert ship(tmp_path) == 2
    words = {"empty": "has no results.json", "unfinished": "did not finish", "no pick": "recommends no model"}[what]
    assert words in capsys.readouterr().err
    assert not (tmp_path / "best").exists()


@pytest.mark.parametrize("name", ["onnx_file", "weights_file", "matches"])
@pytest.mark.parametrize("how", ["changed", "gone"])
def test_a_file_that_is_not_what_was_measured_leaves_nothing(tmp_path, capsys, name, how):
    results = study(tmp_path)
    path = tmp_path / ("matches.zip" if name == "matches" else getattr(results.rows[0].artifact, name))
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert ship(tmp_path) == 2
    assert str(path) in capsys.readouterr().err
    assert not (tmp_path / "best").exists()
    assert not [path for path in tmp_path.iterdir() if is_partial(path)]


def test_results_that_do_not_name_their_files_ask_for_the_command(tmp_path, capsys):
    results = study(tmp_path)
    for k, row in enumerate(results.rows):
        old = msgspec.structs.replace(row.artifact, weights_file=None, onnx_file=None)
        results.rows[k] = msgspec.structs.replace(row, artifact=old)
    keep(tmp_path, results)
    assert ship(tmp_path) == 2
    assert "run the study's command again" in capsys.readouterr().err


def test_the_picks_folder_is_replaced_and_what_a_user_put_there_stays(tmp_path):
    results = study(tmp_path)
    assert ship(tmp_path) == 0
    (tmp_path / "best/notes.txt").write_text("mine")
    (tmp_path / "best/runs").mkdir()
    (tmp_path / "best/runs/picture.jpg").write_text("mine")
    results.recommendation = msgspec.structs.replace(
        results.recommendation, pick="grafted 10", identity={"freeze": 10, "construction": "grafted"}
    )
    keep(tmp_path, results)
    assert ship(tmp_path) == 0
    assert read_shipped(tmp_path / "best").row == "grafted 10"
    assert (tmp_path / "best/notes.txt").read_text() == "mine"
    assert (tmp_path / "best/runs/picture.jpg").read_text() == "mine"
    assert not [path for path in tmp_path.iterdir() if is_partial(path)]


def test_a_folder_of_the_user_in_the_picks_place_stays(tmp_path, capsys):
    study(tmp_path)
    (tmp_path / "best").mkdir()
    (tmp_path / "best/mine").write_text("mine")
    assert ship(tmp_path) == 2
    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "best").iterdir()] == ["mine"]


def test_a_plan_goes_with_its_side_car_and_its_onnx(tmp_path):
    results = study(tmp_path)
    plan = tmp_path / "artifacts/plan-1/model.plan"
    plan.parent.mkdir()
    plan.write_bytes(b"plan")
    plan.with_name("model.plan.json").write_text("{}")
    files = {"plan_file": str(plan.relative_to(tmp_path)), "plan_sha256": file_sha256(plan)}
    row = results.rows[0]
    results.rows[0] = msgspec.structs.replace(row, artifact=msgspec.structs.replace(row.artifact, **files))
    keep(tmp_path, results)
    assert ship(tmp_path) == 0
    assert read_shipped(tmp_path / "best").files.keys() == {"onnx", "plan", "plan_side_car", "tuned"}
    assert (tmp_path / "best/model.plan").read_bytes() == b"plan"
    assert (tmp_path / "best/model.plan.json").read_text() == "{}"
    plan.with_name("model.plan.json").unlink()
    assert ship(tmp_path, "--to", tmp_path / "other") == 2
    assert not (tmp_path / "other").exists()
