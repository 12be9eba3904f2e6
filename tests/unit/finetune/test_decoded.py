"""Training images that are decoded once: the same pixels from memory, disk and forks; nothing where no room is."""

import errno
import multiprocessing
import os
import pickle
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench_freeze.data.dataset import ImageRecord
from bench_freeze.finetune.decoded import DecodedImages, Room, decoded_images, room_for, shared_between_trainings

SIZES = [(4, 6), (64, 33), (1, 1), (7, 5)]
BYTES = sum(height * width * 3 for height, width in SIZES)


def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]


@pytest.fixture(params=["memory", "disk"])
def decoded(request, tmp_path):
    return DecodedImages(SIZES, Room(request.param, BYTES), tmp_path)


def test_what_was_kept_is_found_and_nothing_else(decoded, tmp_path):
    images = pictures()
    for number in (2, 0, 3):
        assert decoded.find(number) is None
        decoded.keep(number, images[number])
    for number in (0, 2, 3):
        np.testing.assert_array_equal(decoded.find(number), images[number])
    assert decoded.find(1) is None
    assert list(tmp_path.iterdir()) == []  # a file that nobody can leave behind


def test_whoever_changes_what_was_found_changes_no_kept_pixel(decoded):
    """Augmentations work in place."""
    image = pictures()[1]
    decoded.keep(1, image)
    found = decoded.find(1)
    found[:] = 0
    np.testing.assert_array_equal(decoded.find(1), image)


def test_an_image_of_another_size_is_not_kept(decoded):
    decoded.keep(0, np.zeros((6, 4, 3), np.uint8))
    assert decoded.find(0) is None


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork")
def test_what_a_fork_decoded_all_have(decoded):
    images = pictures()
    context = multiprocessing.get_context("fork")
    for number in range(len(SIZES)):
        worker = context.Process(target=decoded.keep, args=(number, images[number]))
        worker.start()
        worker.join()
        assert worker.exitcode == 0
    for number, image in enumerate(images):
        np.testing.assert_array_equal(decoded.find(number), image)


def test_a_pickled_copy_keeps_and_finds_nothing(decoded):
    copy = pickle.loads(pickle.dumps(decoded))
    copy.keep(0, pictures()[0])
    assert copy.find(0) is None


@pytest.mark.parametrize(
    ("memory", "disk", "where"),
    [
        (4 * BYTES, 0, "memory"),
        (4 * BYTES - 4, 4 * BYTES, "disk"),
        (None, 4 * BYTES, "disk"),
        (4 * BYTES - 4, 4 * BYTES - 4, None),
    ],
)
def test_a_quarter_of_what_is_free_may_be_filled(tmp_path, memory, disk, where):
    room = room_for(SIZES, tmp_path, 0, lambda: memory, lambda folder: disk)
    assert (room.where, room.n_bytes) == (where, BYTES)
    assert ("decoded once" in room.in_words) == (where is not None)
    nowhere = DecodedImages(SIZES, Room(None, BYTES), tmp_path)
    nowhere.keep(0, pictures()[0])
    assert nowhere.find(0) is None


def test_a_disk_that_filled_up_meanwhile_costs_the_keeping_only(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    decoded = DecodedImages(SIZES, Room("disk", BYTES), tmp_path)
    decoded.keep(0, pictures()[0])
    assert decoded.find(0) is None


def test_workers_that_are_no_forks_share_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda: "spawn")
    assert room_for(SIZES, tmp_path, 2, lambda: 10**9).where is None
    assert room_for(SIZES, tmp_path, 0, lambda: 10**9).where == "memory"


def some(*numbers):
    """A set with some of the pictures, whose sizes are such that none is resized."""
    return SimpleNamespace(
        images=[
            ImageRecord(n, Path(f"{n}.png"), width, height, f"sha {n}") for n in numbers for height, width in [SIZES[n]]
        ]
    )


def at_most_64(data, folder):
    return decoded_images(data, 64, folder, 0)


def test_trainings_on_overlapping_images_find_what_another_one_decoded(tmp_path):
    """As the seeds of a race: each holds out others."""
    picture = np.full((64, 33, 3), 7, np.uint8)
    with shared_between_trainings():
        at_most_64(some(0, 1), tmp_path).keep(1, picture)
        found = at_most_64(some(3, 1, 2), tmp_path)
        np.testing.assert_array_equal(found.find(1), picture)
        assert found.find(0) is None
        assert decoded_images(some(1), 32, tmp_path, 0).find(0) is None  # at another size it is another picture
        renamed = SimpleNamespace(images=[replace(some(1).images[0], sha256="edited")])
        assert at_most_64(renamed, tmp_path).find(0) is None
    assert at_most_64(some(1), tmp_path).find(0) is None


def test_a_training_by_itself_leaves_nothing_to_the_next(tmp_path):
    at_most_64(some(1), tmp_path).keep(0, np.full((64, 33, 3), 7, np.uint8))
    assert at_most_64(some(1), tmp_path).find(0) is None
