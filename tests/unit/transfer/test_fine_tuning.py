"""The recipe of fine-tunings: rates rise and fall as stated, and options that cannot be meant are sentences."""

import argparse
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench_freeze.commands.transfer import add_transfer
from bench_freeze.errors import InputError
from bench_freeze.transfer.fine_tuning import SCHEDULES, WARM_UP, FineTuning
from bench_freeze.transfer.request import TransferRequest
from bench_freeze.transfer.sources import check_depths


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 9, 10, 195, 1000])
def test_a_rate_rises_evenly_to_its_peak_and_falls_without_reaching_zero(schedule, steps):
    tuning = FineTuning((0,), schedule=schedule)
    factors = np.array([tuning.factor(step, steps) for step in range(steps)])
    rising = round(WARM_UP * steps)
    assert factors.max() == 1
    assert np.allclose(factors[:rising], np.arange(1, rising + 1) / max(rising, 1))
    assert (np.diff(factors[rising:]) < 0).all()
    assert (factors > 0).all()  # no step is wasted
    assert tuning.factor(steps, steps) == pytest.approx(0)
    middle = rising + (steps - rising) / 2
    if middle == int(middle):
        assert tuning.factor(int(middle), steps) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"depths": ()}, "--freeze is empty"),
        ({"depths": (-1,)}, "--freeze -1"),
        ({"depths": (9, 0, 9)}, "names 9 twice"),
        ({"epochs": 0}, "--epochs 0: give 1"),
        ({"epochs": -3}, "--epochs -3"),
        ({"batch": 0}, "--train-batch 0"),
        ({"lr0": 0.0}, "--lr0 0 is not a learning rate"),
        ({"lr0": float("nan")}, "--lr0 nan"),
        ({"lr0": float("inf")}, "--lr0 inf"),
        ({"lr0": 2.0}, "--lr0 2"),
        ({"schedule": "step"}, "give cosine or linear"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(options, text):
    with pytest.raises(InputError, match=text):
        FineTuning(**{"depths": (0,)} | options)


def test_every_option_is_among_the_settings_that_name_a_training():
    changes = [{}, {"epochs": 3}, {"lr0": 0.01}, {"schedule": "linear"}, {"batch": 5}]
    found = [FineTuning((0,), **own).settings() for own in changes]
    assert all(one != other for k, one in enumerate(found) for other in found[:k])
    assert FineTuning((0,)).settings() == FineTuning((9, 0)).settings()  # a depth is named beside them


def request(imgsz=128, depths=(0,)):
    return TransferRequest(
        weights=("a.pt",), out=Path("out"), classify=Path("set"), imgsz=imgsz, tuning=FineTuning(depths)
    )


def sources(*ends):
    return [
        SimpleNamespace(name=f"source {k}", layers_of=SimpleNamespace(end=end, stride=32)) for k, end in enumerate(ends)
    ]


@pytest.mark.parametrize("ends", [(11, 10), (10, 11), (9,), (11, 11, 10)])
def test_depths_reach_from_none_to_all_layers_of_the_shallowest_source(ends):
    for depth in range(15):
        asked = request(depths=(0, depth) if depth else (0,))
        if depth <= min(ends):
            check_depths(sources(*ends), asked)
            continue
        name = f"source {ends.index(min(ends))}"
        text = f"--freeze {depth}: the backbone of {name} has layers 0 to {min(ends) - 1} only; give 0 to {min(ends)} "
        with pytest.raises(InputError, match=text):
            check_depths(sources(*ends), asked)


def test_pictures_of_one_position_are_refused():
    with pytest.raises(InputError, match="--imgsz 32 leaves one position of the last map of source 0.*give 64"):
        check_depths(sources(11), request(imgsz=32))
    check_depths(sources(11), request(imgsz=64))


def test_a_fine_tuning_needs_a_task_for_it():
    with pytest.raises(InputError, match="--freeze fine-tunes for --classify and --segment"):
        TransferRequest(weights=("a.pt",), out=Path("out"), look=Path("x.yaml"), tuning=FineTuning((0,)))


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--epochs", "5"], "--epochs belongs to fine-tuning; add --freeze"),
        (["--lr0", "0.1"], "--lr0 belongs to fine-tuning"),
        (["--schedule", "linear"], "--schedule belongs to fine-tuning"),
        (["--train-batch", "4"], "--train-batch belongs to fine-tuning"),
        (["--freeze", "9,x"], "--freeze 9,x: give whole numbers"),
        (["--freeze", ""], "--freeze is empty"),
        (["--freeze", "0", "--lr0", "-1"], "--lr0 -1 is not a learning rate"),
    ],
)
def test_flags_that_do_not_fit_are_refused_before_anything_is_read(flags, text):
    parser = argparse.ArgumentParser()
    add_transfer(parser.add_subparsers())
    parsed = parser.parse_args(["transfer", "--weights", "gone.pt", "--classify", "gone", *flags])
    with pytest.raises(InputError, match=text):
        parsed.call(parsed, [])
