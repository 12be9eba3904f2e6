"""Views: they lie in the image and on the canvas, masks go with pixels, and a seed alone decides them."""

import numpy as np
import pytest
from PIL import Image

from bench_freeze.data.dataset import ImageRecord
from bench_freeze.data.loader import load_batches
from bench_freeze.transfer.augment import LEAST_AREA, SHAPE, ZOOM, random_crop, random_zoom
from bench_freeze.transfer.training_images import TrainingImages

SIZES = [(128, 128), (97, 41), (30, 200), (3, 2), (1, 1), (640, 480)]


def views(draw, width, height, size, count=60):
    return [draw(width, height, size, np.random.default_rng([7, k])) for k in range(count)]


@pytest.mark.parametrize("draw", [random_crop, random_zoom])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_view_lies_in_its_image_and_on_its_canvas(draw, width, height):
    found = views(draw, width, height, 96)
    for view in found:
        at = view.placement
        assert 0 <= view.left <= width - at.width
        assert 0 <= view.top <= height - at.height
        assert 0 <= at.left <= 96 - at.resized_width
        assert 0 <= at.top <= 96 - at.resized_height
        assert view.part(np.zeros((height, width), np.uint8)).shape == (at.height, at.width)
    assert 15 < sum(view.mirrored for view in found) < 45


def test_crops_and_zooms_are_as_large_as_they_say():
    crops = views(random_crop, 640, 480, 96, 300)
    areas = np.array([view.placement.width * view.placement.height / (640 * 480) for view in crops])
    shapes = np.array([view.placement.width / view.placement.height / (640 / 480) for view in crops])
    assert LEAST_AREA * 0.98 < areas.min() < 0.3
    assert areas.max() > 0.85
    assert 1 / SHAPE * 0.98 < shapes.min() < 0.85
    assert SHAPE * 1.02 > shapes.max() > 1.15
    zooms = np.array(
        [v.placement.resized_width / 96 * 640 / v.placement.width for v in views(random_zoom, 640, 480, 96, 300)]
    )
    assert 1 / ZOOM * 0.98 < zooms.min() < 0.6
    assert ZOOM * 1.02 > zooms.max() > 1.7
    assert 0.4 < np.mean(zooms > 1) < 0.6


@pytest.mark.parametrize("draw", [random_crop, random_zoom])
def test_a_mask_s_shares_are_the_brightness_of_its_pixels(draw):
    """Class 1 is white: the cells of a canvas are as bright as the class's share of them, wherever a view lies."""
    pytest.importorskip("torch")
    from bench_freeze.transfer.decoder import class_shares

    mask = np.zeros((150, 210), np.uint8)
    mask[20:90, 30:80] = mask[100:, 150:] = 1
    image = np.repeat(mask[..., None] * 255, 3, axis=2)
    for view in views(draw, 210, 150, 128, 12):
        canvas = np.empty((3, 128, 128), np.float32)
        view.draw(image, canvas)
        shares = class_shares(view.part(mask), view.placement, 2, 16)
        bright = canvas.reshape(3, 16, 8, 16, 8).mean(axis=(0, 2, 4))
        inside = shares.sum(axis=0) > 0.97  # all of the cell is image; its border is grey
        assert inside.sum() > 20
        off = np.abs(bright - shares[1])[inside]
        assert off.mean() < 0.05
        assert off.max() < 0.3


@pytest.fixture
def images(tmp_path):
    """Nine images of random colours and sizes."""
    random = np.random.default_rng(3)
    records = []
    for k in range(9):
        height, width = random.integers(20, 60, 2)
        path = tmp_path / f"{k}.png"
        Image.fromarray(random.integers(0, 255, (height, width, 3), np.uint8)).save(path)
        records.append(ImageRecord(k, path, int(width), int(height), str(k)))
    return records


def shown(images, rows, *, seed=0, epoch=0, batch=4, workers=2):
    """By image, what an epoch shows of it, and the sizes of its batches."""

    def target(k, view):
        return np.full((1, 1, 1), k, np.float32)

    data = TrainingImages(images, np.array(rows), random_crop, target, seed, 32, batch, workers)
    batches = list(data.epoch(epoch))
    assert len(batches) == data.steps
    by_image = {int(k): own for pixels, targets in batches for own, k in zip(pixels, targets.ravel(), strict=True)}
    return by_image, [len(pixels) for pixels, _ in batches], [int(k) for _, t in batches for k in t.ravel()]


@pytest.mark.parametrize(("rows", "batch", "sizes"), [(9, 4, [3, 3, 3]), (9, 16, [9]), (5, 4, [3, 2]), (4, 1, [1] * 4)])
def test_an_epoch_shows_every_image_of_the_share_once_in_even_batches(images, rows, batch, sizes):
    by_image, found, order = shown(images, range(rows), batch=batch)
    assert sorted(order) == list(range(rows))
    assert found == sizes
    assert all(own.min() >= 0 and own.max() <= 1 for own in by_image.values())


def test_what_is_shown_follows_from_seed_epoch_and_image_alone(images):
    first, _, order = shown(images, range(9))
    again, _, same_order = shown(images, range(9), batch=2, workers=1)
    part, _, _ = shown(images, [1, 4, 7])
    assert order == same_order
    for k, pixels in first.items():
        assert np.array_equal(pixels, again[k])
    for k, pixels in part.items():  # a smaller share sees its images as a larger one does
        assert np.array_equal(pixels, first[k])
    for other in ({"seed": 1}, {"epoch": 1}):
        differs, _, other_order = shown(images, range(9), **other)
        assert other_order != order
        assert sum(not np.array_equal(pixels, differs[k]) for k, pixels in first.items()) >= 8


def test_a_training_is_scaled_by_images_as_scored_and_as_its_first_epoch_shows_them(images):
    def target(k, view):
        return np.zeros((1, 1, 1), np.float32)

    data = TrainingImages(images, np.array([0, 2, 5, 7]), random_crop, target, 1, 32, 3, 1)
    found = np.concatenate(list(data.at_the_start()))
    whole = np.concatenate([own.images for own in load_batches([images[k] for k in (0, 2, 5, 7)], imgsz=32, batch=3)])
    assert np.array_equal(found[:4], whole)
    assert np.array_equal(found[4:], np.concatenate([pixels for pixels, _ in data.epoch(0)]))
