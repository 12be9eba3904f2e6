"""What is held out of a training split: which images, how many, and what must not go missing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_freeze.data.dataset import DetectionSet, GroundTruth, ImageRecord, content_sha256
from bench_freeze.data.held_out import MOST_OF_A_CLASS, SHARE, hold_out
from bench_freeze.errors import InputError

CLASSES = ("a", "b", "c")


def data_of(shown, files=None):
    """A data set of images that show these classes; images of one file are copies."""
    files = range(len(shown)) if files is None else files
    images = tuple(
        ImageRecord(k + 1, Path(f"{k}.jpg"), 100, 100, sha256=f"{file:064d}") for k, file in enumerate(files)
    )
    rows = [(k, label) for k, labels in enumerate(shown) for label in sorted(labels)]
    index = np.array([k for k, _ in rows], np.int32)
    count = len(rows)
    truth = GroundTruth(
        image_ids=np.arange(1, len(images) + 1),
        category_ids=np.arange(1, 4),
        class_names=CLASSES,
        image_index=index,
        labels=np.array([label for _, label in rows], np.int32),
        boxes_xywh=np.tile([1.0, 1.0, 10.0, 10.0], (count, 1)),
        area=np.full(count, 100.0),
        is_crowd=np.zeros(count, np.bool_),
        annotation_ids=np.arange(1, count + 1),
    )
    return DetectionSet("train", images, truth, content_sha256(images, truth), {}, ())


images = st.lists(st.sets(st.integers(0, 2)), min_size=10, max_size=80)


@settings(max_examples=60, deadline=None)
@given(images, st.integers(0, 5), st.randoms(use_true_random=False))
def test_what_is_held_out_is_a_fair_part_whatever_the_order(shown, seed, random):
    files = [k // 2 if random.random() < 0.2 else 1000 + k for k in range(len(shown))]
    shown = [shown[files.index(file)] for file in files]  # copies show the same
    data = data_of(shown, files)
    try:
        seen, held = hold_out(data, seed)
    except InputError:
        return
    ids = [image.image_id for image in held.images]
    assert sorted([*ids, *(image.image_id for image in seen.images)]) == list(range(1, len(shown) + 1))
    assert 1 <= len(ids) <= round(SHARE * len(shown))
    assert len(held.ground_truth)
    assert {i.sha256 for i in seen.images}.isdisjoint(i.sha256 for i in held.images)
    for label in range(3):
        all_of = sum(label in labels for labels in shown)
        out = sum(label in shown[k - 1] for k in ids)
        assert out <= MOST_OF_A_CLASS * all_of
    order = list(range(len(shown)))
    random.shuffle(order)
    again = hold_out(data_of([shown[k] for k in order], [files[k] for k in order]), seed)[1]
    assert sorted(i.sha256 for i in again.images) == sorted(i.sha256 for i in held.images)


def test_a_usual_set_gives_a_tenth_with_every_class_and_seeds_differ():
    rng = np.random.default_rng(0)
    shown = [set(rng.choice(3, p=[0.6, 0.3, 0.1], size=2)) for _ in range(200)]
    parts = [hold_out(data_of(shown), seed)[1] for seed in (0, 1)]
    assert [len(part.images) for part in parts] == [20, 20]
    assert all(set(part.ground_truth.labels) == {0, 1, 2} for part in parts)
    assert parts[0].sha256 != parts[1].sha256


@pytest.mark.parametrize("shown", [[{0}] * 4, [set()] * 40, [{0, 1, 2}] * 4 + [set()] * 30, []])
def test_a_set_too_small_for_it_is_a_sentence(shown):
    with pytest.raises(InputError, match=r"train: none of its \d+ training images with a box can be held out"):
        hold_out(data_of(shown), 0)


def test_crowds_alone_are_nothing_to_score():
    data = data_of([{0}] * 50)
    crowds = replace(data.ground_truth, is_crowd=np.ones(50, np.bool_))
    with pytest.raises(InputError, match="with a box can be held out"):
        hold_out(replace(data, ground_truth=crowds), 0)
