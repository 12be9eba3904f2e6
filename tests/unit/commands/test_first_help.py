"""Help that fits a screen, presets that are recorded, and nothing downloaded unasked."""

import json
from pathlib import Path

import pytest

import bench_freeze.flow
from bench_freeze import cli
from bench_freeze.commands.run import plain_words
from bench_freeze.config.first import FIRST
from bench_freeze.config.given import Layer
from bench_freeze.config.presets import PRESETS
from bench_freeze.config.study import fields
from bench_freeze.data import shipped
from bench_freeze.data.yolo_yaml import read_yolo_yaml
from bench_freeze.errors import InputError
from bench_freeze.report.asked import asked
from bench_freeze.results.schema import decode, encode
from bench_freeze.study import inputs
from bench_freeze.study.assembled import assembled, preset_facts
from bench_freeze.text import ask
from tests.builders import results


@pytest.mark.parametrize("columns", ["40", "80", "300"])
def test_the_help_of_run_fits_a_screen(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit) as end:
        cli.main(["run", "--help"])
    assert end.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    flags = [line for line in lines if line.startswith("  --")]
    assert len(flags) == len(FIRST) == 12
    assert sum(line.startswith("  bench-freeze ") for line in lines) >= 2


def test_what_the_help_shows_are_options_with_their_defaults(capsys):
    with pytest.raises(SystemExit):
        cli.main(["run", "-h"])
    text = capsys.readouterr().out
    assert set(FIRST) <= {option.name for option in fields()}
    for option in fields():
        if option.name in ("epochs", "imgsz", "train_batch", "device"):
            assert f"(default: {option.default})" in text


def test_examples_of_the_help_are_commands(capsys):
    from bench_freeze.commands.first_help import _EXAMPLES

    for line in _EXAMPLES.splitlines():
        words = line.partition("   ")[0].split() if not line.startswith("  ") else line.strip().split("   ")[0].split()
        if words[:1] == ["bench-freeze"]:
            assert cli._parser().parse_args([words[1], *plain_words(words[2:])])


@pytest.mark.parametrize("preset", list(PRESETS))
def test_a_preset_sets_what_it_says_and_what_is_given_wins(preset):
    own = {"weights": "a.pt", "target": "t.yaml", "base": "b.json"}
    study, _ = assembled([Layer("run", own | {"preset": preset}, flags=True)], "run")
    values = study.values()
    assert {name: values[name] for name in PRESETS[preset]} == PRESETS[preset]
    name = next(iter(PRESETS[preset]))
    given = {"epochs": 3, "freeze": (7,)}[name]
    for layers in (
        [Layer("run", own | {"preset": preset, name: given}, flags=True)],
        [Layer("s.toml", own | {"preset": preset}), Layer("run", {name: given}, flags=True)],
        [Layer("s.toml", own | {"preset": preset, name: given})],
    ):
        study, _ = assembled(layers, "run")
        assert study.values()[name] == given
        facts = preset_facts(study)
        assert facts.replaced == [name]
        assert set(facts.kept) == set(PRESETS[preset]) - {name}
    study, _ = assembled([Layer("s.toml", own | {name: given}), Layer("run", {"preset": preset}, flags=True)], "run")
    assert study.values()[name] == PRESETS[preset][name]


def test_a_preset_leaves_the_embedded_images_as_they_are():
    study, _ = assembled([Layer("run", {"preset": "quick"}, flags=True)], "run")
    assert (study.deployment.imgsz, study.training.epochs) == (160, PRESETS["quick"]["epochs"])
    study, _ = assembled([Layer("run", {"preset": "quick", "imgsz": 320}, flags=True)], "run")
    assert study.deployment.imgsz == 320


def test_what_a_preset_set_is_recorded_and_shown():
    study, _ = assembled([Layer("run", {"preset": "quick", "epochs": 3}, flags=True)], "run")
    made = results(preset=preset_facts(study))
    assert decode(encode(made)).preset == decode(encode(made)).preset
    assert json.loads(encode(made))["preset"]["kept"]["resamples"] == 500
    assert "Preset quick set " in asked(made)
    assert "; overridden: epochs, imgsz." in asked(made)


def test_a_preset_is_said_before_the_work(capsys, monkeypatch):
    def run(study, console, command):
        raise KeyboardInterrupt

    monkeypatch.setattr(bench_freeze.flow, "run", run)
    assert cli.main(["--preset", "paper", "--batch", "2"]) == 130
    error = capsys.readouterr().err
    assert "note: Preset paper set freeze 22,15,10, construction branched,grafted,plain" in error
    assert "note: --batch 2 was taken as the engine's batch size" in error


@pytest.fixture
def nothing_here(tmp_path, monkeypatch):
    """Ultralytics keeps its data sets in an empty folder, and what it would download is noted."""
    utils = pytest.importorskip("ultralytics.data.utils")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(utils, "DATASETS_DIR", tmp_path / "datasets")
    fetched = []
    real = utils.check_det_dataset

    def check(dataset, autodownload=True, split=""):
        if autodownload:
            fetched.append(dataset)
            raise OSError("no network")
        return real(dataset, autodownload=False)

    monkeypatch.setattr(utils, "check_det_dataset", check)
    return fetched


def test_nothing_is_downloaded_unasked(nothing_here, capsys, monkeypatch):
    with pytest.raises(InputError, match=r"coco.yaml is not on this machine \(20.* GB\)"):
        read_yolo_yaml(Path("coco.yaml"))
    asked_for = []

    def answers(said):
        def answer(question):
            asked_for.append(question)
            return said

        return answer

    with pytest.raises(InputError, match=r"nothing is downloaded unasked \(20.* GB\); add --yes"):
        shipped.fetch(Path("coco.yaml"), answers(False))
    assert "Let Ultralytics download it now (20" in asked_for[0]
    assert nothing_here == []
    with pytest.raises(InputError, match="could not fetch"):
        shipped.fetch(Path("coco8.yaml"), answers(True))
    assert nothing_here == ["coco8.yaml"]
    assert cli.main(["data", "coco.yaml"]) == 2
    assert "nothing is downloaded unasked" in capsys.readouterr().err
    assert cli.main(["data", "coco.yaml", "--yes"]) == 2
    assert nothing_here == ["coco8.yaml", "coco.yaml"]


@pytest.mark.parametrize(
    ("typed", "agrees"), [("y\n", True), ("Yes\n", True), ("\n", False), ("no\n", False), ("", False)]
)
def test_a_terminal_is_asked_and_nothing_else(typed, agrees, capsys, monkeypatch):
    import io
    import sys

    terminal = io.StringIO(typed)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    assert ask.agreed("Now?") is False  # standard error is no terminal
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert ask.agreed("Download?") is agrees
    assert "Download? [y/N] " in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", None)
    assert ask.agreed("Now?") is False


def test_a_study_asks_for_its_sets_once_and_obeys_yes(nothing_here):
    study, notes = assembled([Layer("run", {"model": "a.pt", "data": "coco8.yaml", "yes": True}, flags=True)], "run")
    assert study.data.base == "coco.yaml"
    assert "no base set was named: coco.yaml" in notes[0]
    with pytest.raises(InputError, match="could not fetch"):
        inputs._fetch(study.data, Path("coco8.yaml"), Path("coco.yaml"))
    assert nothing_here == ["coco8.yaml"]
    study, _ = assembled([Layer("run", {"model": "a.pt", "data": "t.yaml"}, flags=True)], "run")
    with pytest.raises(InputError, match="t.yaml"):  # what is missing is said before anything is asked
        inputs._fetch(study.data, Path("t.yaml"), Path("coco.yaml"))
