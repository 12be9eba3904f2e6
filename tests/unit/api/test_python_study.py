"""The study from Python: the same options, words and sentences as on the command line."""

import shlex

import pytest

import bench_freeze
from bench_freeze import Study
from bench_freeze.cli import _parser
from bench_freeze.commands.run import plain_words
from bench_freeze.commands.run_flags import study_values
from bench_freeze.config.given import Layer
from bench_freeze.errors import InputError
from bench_freeze.report.reproduce import row_command
from bench_freeze.study.assembled import assembled
from tests.builders import results, row

OWN = {"model": "a.pt", "data": "fruit.yaml", "base": "b.json"}


def test_a_study_has_the_options_of_the_command():
    study = Study(**OWN, freeze=[22, 15], seed=3, device=0, preset="paper", project="p", name="n")
    values = study.values
    assert (values["weights"], values["target"], values["freeze"]) == (("a.pt",), "fruit.yaml", (22, 15))
    assert (values["seeds"], values["device"], values["out"]) == ((3,), "cuda:0", "p/n")
    assert values["construction"] == ("branched", "grafted", "plain")
    assert str(study.out) == "p/n"
    assert study == Study(weights="a.pt", target="fruit.yaml", base="b.json", freeze=(22, 15), seeds=3,
                          device="cuda:0", preset="paper", out="p/n")  # fmt: skip
    assert study != Study(**OWN)
    assert repr(Study(**OWN)) == "Study(model='a.pt', data='fruit.yaml', base='b.json')"


@pytest.mark.parametrize(
    "options",
    [
        OWN | {"freeze": [22, 15], "ladder": True, "augment": False, "train_args": {"box": 7.0, "cos_lr": True}},
        OWN | {"dynamic_batch": [1, 8, 32], "engine_batch": 8, "preset": "quick", "same_classes": ["a=b"]},
        {"epochs": 1, "lr0": None},
    ],
)
def test_the_command_of_a_study_means_the_same_study(options):
    study = Study(**options)
    parsed = _parser().parse_args(["run", *plain_words(study.command[2:])])
    again, _ = assembled([Layer("run", study_values(parsed), flags=True)], "run")
    assert again == study.checked


def test_a_row_of_a_study_is_made_again_by_its_own_command():
    """The report cuts the command down to a row, by the options' own names."""
    study = Study(**OWN, seed=[0, 1], freeze=[22, 15])
    command = row_command(results(command=shlex.join(study.command)), row(freeze=15, seed=1))
    words = ["run", *plain_words(shlex.split(command)[2:])]
    again, _ = assembled([Layer("run", study_values(_parser().parse_args(words)), flags=True)], "run")
    assert (again.training.freeze, again.training.seeds) == ((15,), (1,))
    assert again.data == study.checked.data


def test_a_file_and_options_beside_it(tmp_path):
    file = tmp_path / "s.toml"
    file.write_text('model = "a.pt"\ndata = "t.yaml"\nbase = "b.json"\nepochs = 3\nimgsz = 320\n')
    study = Study.from_toml(file, epochs=4)
    assert (study.values["epochs"], study.values["imgsz"]) == (4, 320)
    assert study.command == ["bench-freeze", "run", str(file), "--epochs", "4"]
    with pytest.raises(InputError, match="no such study file"):
        Study.from_toml(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"epoch": 3}, "Study: 'epoch' is not a key of a study; did you mean 'epochs'?"),
        ({"mosaic": 0.5}, "give it in train_args"),
        ({"resume": True}, "leave it out"),
        ({"engine": "tensorrt"}, "did you mean 'trt'?"),
        ({"preset": "fast"}, "presets are quick, paper, thorough"),
        ({"model": "a.pt", "weights": "b.pt"}, "two names of the same option"),
        ({"epochs": "many"}, "expected a whole number, got text"),
        ({"model": "a.pt"}, "--target and --base are missing"),
    ],
)
def test_what_cannot_be_is_the_command_lines_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence.replace("?", r"\?")):
        Study(**options)


def test_what_may_not_be_meant_is_a_warning():
    with pytest.warns(UserWarning, match="batch = 4 was taken as the engine's batch size"):
        assert Study(batch=4).values["batch"] == 4
    with pytest.warns(UserWarning, match="no base set was named: coco.yaml"):
        assert Study(model="a.pt", data="b.yaml").values["base"] == "coco.yaml"


def test_the_package_loads_nothing_until_it_is_asked():
    import subprocess
    import sys

    program = "import sys, bench_freeze\nprint(sorted(m for m in sys.modules if m.startswith('bench_freeze.')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert set(dir(bench_freeze)) == set(bench_freeze.__all__)
