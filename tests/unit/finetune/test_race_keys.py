"""A race looks where it decides; the keys of trainings without one are what they were."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from bench_freeze.finetune.held_out import HeldOut
from tests.builders import training

CLASSES = SimpleNamespace(left_out_classes=(), left_out_categories=())
HELD_OUT = HeldOut(SimpleNamespace(sha256="t"), 10, None, CLASSES, SimpleNamespace(key=lambda: {}), "one2many")
MODEL = SimpleNamespace(model=[SimpleNamespace()])


def key(held_out, options):
    return dict(held_out.key(options, MODEL))


def test_a_study_without_a_race_has_no_word_of_one_in_its_keys():
    assert key(HELD_OUT, training(val_every=1)).keys() == {
        "every", "patience", "keep", "target_sha256", "base_sha256", "left_out", "settings",
    }  # fmt: skip


def test_a_race_with_looks_of_its_own_differs_and_one_beside_val_every_does_not():
    alone = training(budget="40%", epochs=8)
    assert key(replace(HELD_OUT, at=(2, 8)), alone)["at"] == [2, 8]
    assert key(HELD_OUT, training(val_every=1)) == key(HELD_OUT, training(val_every=1, budget="40%"))


@pytest.mark.parametrize("epochs", [1, 5, 8])
def test_looks_are_before_the_first_epoch_where_a_race_decides_and_after_the_last(epochs):
    own = replace(HELD_OUT, at=(2, 3, epochs))
    found = {epoch for epoch in range(epochs + 1) if own.is_due(training(budget="40%", epochs=epochs), epoch)}
    assert found == {0, epochs} | ({2, 3} & set(range(epochs + 1)))
    every = {epoch for epoch in range(epochs + 1) if HELD_OUT.is_due(training(val_every=1, epochs=epochs), epoch)}
    assert every == set(range(epochs + 1))
