"""Given checkpoints become arms: their depth, seed, recipe and models, or a sentence before any work."""

import re
from copy import deepcopy

import pytest
import torch

from bench_freeze.artifact import ArtifactStore
from bench_freeze.console import Step
from bench_freeze.demo.checkpoint import write_base_checkpoint
from bench_freeze.dualhead.checkpoint import load_checkpoint, save_checkpoint
from bench_freeze.errors import InputError
from bench_freeze.finetune.arm import CHECKPOINT, load_tuned
from bench_freeze.study.given import no_common_seed, read_given
from bench_freeze.study.weights import read_weights
from tests.builders import study

pytestmark = pytest.mark.slow

SILENT = Step(lambda done, total: None)
BOTH = ("branched", "grafted")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The demo's base checkpoint, and checkpoints as trainings of some depths leave them."""
    folder = tmp_path_factory.mktemp("given")
    base = load_checkpoint(write_base_checkpoint(folder / "base.pt"))

    def tuned(name, freeze, change=None, seed=0, **parts):
        model = deepcopy(base.model)
        torch.manual_seed(seed)
        with torch.no_grad():
            for layer in model.model[freeze:]:
                for label, parameter in layer.named_parameters():
                    if "dfl" not in label:
                        parameter.add_(0.02 * (1 + torch.rand_like(parameter)))
            if change is not None:
                change(model)
        file = folder / f"{name}.pt"
        file.parent.mkdir(exist_ok=True)
        save_checkpoint(file, model, half=True)
        if parts:
            torch.save({"model": model.half(), "ema": None} | parts, file)

    def drift(model):
        for k in (0, 3, 9):
            model.model[k].state_dict()[next(n for n in model.model[k].state_dict() if "running_mean" in n)].add_(0.25)

    tuned("22", 22)
    tuned("10", 10)
    tuned("again/10", 10, seed=1)
    tuned("drift", 10, drift)
    tuned("stranger", 0)
    said = {"epochs": 3, "seed": 7, "freeze": 14, "lr0": 0.01, "project": "/secret", "data": "/d", "x": float("nan")}
    tuned("said", 15, train_args=said)
    return folder


def asked(*tuned):
    return study(weights="base.pt", target="t.yaml", base="b.json", imgsz=64, engine="torch", tuned=tuned)


@pytest.fixture(scope="module")
def weights(folder):
    return read_weights(asked(), [str(folder / "base.pt")], SILENT)


@pytest.fixture
def read(folder, weights, tmp_path, monkeypatch):
    """Read checkpoints as a study with these classes of its target set does; its own arms."""
    monkeypatch.chdir(folder)

    def read(*tuned, names=weights[0].checkpoint.class_names):
        return read_given(asked(*tuned), weights, names, ArtifactStore(tmp_path / "artifacts"), SILENT)[None]

    return read


def test_depths_are_found_and_seeds_read(read):
    arms = read("22.pt", "said.pt", "10=10.pt")
    assert [(one.arm.freeze, one.arm.seed, one.arm.recipe.name) for one in arms] == [
        (22, 0, "given"), (14, 7, "given"), (10, 0, "given"),
    ]  # fmt: skip
    assert [one.facts.stated_freeze for one in arms] == [None, None, 10]
    assert arms[1].tuned.facts["effective"] == {"epochs": 3, "seed": 7, "freeze": 14, "lr0": 0.01}  # no path, no NaN
    assert [one.facts.arguments_from for one in arms] == [None, "the checkpoint's train_args", None]
    assert all(one.constructions(BOTH) == BOTH and one.leads and not one.remarks for one in arms)


def test_what_is_kept_is_the_files_model_to_the_bit(read, folder):
    (one,) = read("10.pt")
    assert one.tuned.sha256(CHECKPOINT) == load_checkpoint(folder / "10.pt").sha256  # the tool's own form
    (one,) = read("said.pt")
    ours, theirs = load_tuned(one.tuned).model.state_dict(), load_checkpoint(folder / "said.pt").model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_files_of_one_depth_are_arms_of_their_own_or_runs_where_seeds_are_stated(read):
    found = read("**/10.pt")
    assert [(one.arm.freeze, one.arm.recipe.name) for one in found] == [(10, f"given {n}") for n in _names(found)]
    assert len(set(_names(found))) == 2
    runs = read("10/0=10.pt", "10/3=again/10.pt")
    assert [(one.arm.seed, one.arm.recipe.name, one.leads) for one in runs] == [(0, "given", True), (3, "given", False)]


def _names(found):
    return [one.arm.recipe.name.partition(" ")[2] for one in found]


def test_drifted_statistics_leave_the_depth_and_no_branched_model(read):
    (one,) = read("drift.pt")
    assert one.arm.freeze == 10
    assert one.facts.drifted_layers == [0, 3, 9]
    assert one.constructions(BOTH) == ("grafted",)
    assert one.descends
    assert "statistics of frozen layers 0, 3, 9 are not the base's" in one.remarks[0]


def test_a_stranger_is_plain_unless_it_is_said_to_descend(read):
    (one,) = read("stranger.pt")
    assert (one.arm.freeze, one.constructions(BOTH), one.descends) == (0, ("plain",), False)
    assert "model.0.conv.weight differs" in one.remarks[0]
    (one,) = read("0=stranger.pt")
    assert one.constructions(BOTH) == BOTH
    assert not one.remarks


def test_a_stated_depth_may_be_shallower_and_that_is_said(read):
    (one,) = read("5=10.pt")
    assert one.arm.freeze == 5
    assert "freeze 5 was stated, though layers 0 to 11 are the base's" in one.remarks[0]


@pytest.mark.parametrize(
    ("tuned", "sentence"),
    [
        (["22=10.pt"], "10.pt was not fine-tuned with freeze 22: model.12.cv1.conv.weight is not the base's"),
        (["15=stranger.pt"], "no layer is equal"),
        (["99=10.pt"], "freeze = 99 is not possible"),
        (["base.pt"], "is the base checkpoint itself"),
        (["nowhere/*.pt"], "there is no such checkpoint"),
        (["nowhere.pt"], "there is no such checkpoint"),
        (["10.pt", "10=./10.pt"], "are the same checkpoint"),
        (["10/0=**/10.pt"], "matches 2 files, which cannot all be seed 0"),
    ],
)
def test_what_cannot_be_measured(read, tuned, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        read(*tuned)


def test_other_classes_than_the_target_sets(read, weights):
    own = weights[0].checkpoint.class_names
    with pytest.raises(InputError, match=rf"has {len(own)} classes .* and the target set 1 \(a\)"):
        read("10.pt", names=("a",))
    swapped = (*own[:-2], own[-1], own[-2])
    with pytest.raises(InputError, match=f"class {len(own) - 2} of 10.pt is '{own[-2]}'"):
        read("10.pt", names=swapped)
    assert read("10.pt", names=tuple(name.upper() for name in own))


def test_arms_without_a_common_seed_are_told(read):
    arms = read("22.pt", "said.pt")
    (sentence,) = no_common_seed(arms, (0,))
    assert sentence.startswith("freeze 14 given has seed 7 and the trained depths 0")
    assert no_common_seed(arms, (0, 7)) == []
    assert len(no_common_seed(arms, ())) == 1
