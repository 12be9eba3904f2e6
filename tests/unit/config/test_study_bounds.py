"""A study's values are bounded: absurd ones are a sentence before any work, from a file and from flags alike."""

import json

import pytest

from bench_freeze import cli
from bench_freeze.check.rerun import Rerun
from bench_freeze.config.bounds import LONGEST_TEXT
from bench_freeze.config.study import fields, read_toml, study_from
from bench_freeze.data.classes import names_by_number
from bench_freeze.engines.model_card import batch_problem
from bench_freeze.errors import InputError
from tests.builders import study

NUMBERS = [field.name for field in fields() if str(field.type).startswith(("int", "float", "tuple[int", "tuple[float"))]
TEXTS = [field.name for field in fields() if str(field.type).startswith(("str", "tuple[str"))]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "value", ["10" + "0" * 30, "9" * 4000, "9" * 5000, "-" + "9" * 400, "nan", "inf", "-inf", "1e300"]
)
def test_no_number_is_without_bounds(tmp_path, name, value):
    file = tmp_path / "study.toml"
    file.write_text(f"{name} = {value}\n")
    with pytest.raises(InputError) as refused:
        study_from(read_toml(file), "study.toml")
    assert len(str(refused.value)) < 1500


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", ["a\0b", "a" * (LONGEST_TEXT + 1)])
def test_no_text_is_without_bounds(tmp_path, name, value):
    file = tmp_path / "study.toml"
    file.write_text(f"{name} = {json.dumps(value)}\n")
    with pytest.raises(InputError):
        study_from(read_toml(file), "study.toml")


def test_an_empty_out_is_refused_as_a_key_and_as_a_flag(tmp_path, capsys):
    (tmp_path / "s.toml").write_text('out = ""\n')
    for words in (["run", str(tmp_path / "s.toml")], ["run", "--out", ""]):
        assert cli.main(words) == 2
        assert "out is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line", ["x = 2020-01-01", "x = nan", 'x = "a\\u0000b"', "x = [[1e300]]", "x = {y = 07:32:00}", f"x = {'9' * 400}"]
)
def test_training_arguments_are_plain_values(tmp_path, line):
    file = tmp_path / "s.toml"
    file.write_text(f"[train_args]\n{line}\n")
    with pytest.raises(InputError, match="train_args"):
        study_from(read_toml(file), "s.toml")


def test_what_is_usual_is_within_the_bounds():
    study(seeds=(2**32 - 1,), imgsz=1280, batch=64, epochs=1000, train_args={"a": [0.5, None, {"b": True}]})
    assert batch_problem(128, 640) is None
    assert batch_problem(None, 1280) is None
    assert "pixels a batch" in batch_problem(65_536, 64)


@pytest.mark.parametrize(
    "names", [{0: 1 << 20_000}, {1 << 20_000: "a"}, ["\ud800"], {"0": "a\udcff"}, {"9" * 5000: "a"}]
)
def test_class_names_can_be_written_out(names):
    with pytest.raises(InputError):
        names_by_number(names, "x")


@pytest.mark.parametrize("command", ["run '{which} {out}", "", "{which} {out}\0"])
def test_a_command_that_no_shell_reads_is_refused(command):
    with pytest.raises(InputError):
        Rerun(command)
