"""The linear decoder: its problem is scikit-learn's, its cells a slow loop's, its labels lie where they belong."""

import numpy as np
import pytest

from bench_freeze.data.letterbox import Letterbox

torch = pytest.importorskip("torch")


def test_its_minimum_is_scikit_learn_s():
    linear_model = pytest.importorskip("sklearn.linear_model")
    from bench_freeze.transfer.decoder import PENALTY, fit_decoder

    random = np.random.default_rng(0)
    level = random.normal(size=(3, 5, 4, 4)).astype(np.float32) * 3 + 1
    labels = (level[:, 0] + random.normal(size=(3, 4, 4)) > 1).astype(int) + (level[:, 1] > 3)
    shares = np.eye(3, dtype=np.float32)[labels].transpose(0, 3, 1, 2)
    shares[0, :, 0] = 0  # cells without a scored pixel
    found = fit_decoder([level], shares)
    rows = level.transpose(0, 2, 3, 1).reshape(-1, 5)
    kept = shares.sum(axis=1).ravel() > 0
    scaled = (rows[kept] - rows[kept].mean(axis=0)) / rows[kept].std(axis=0)
    peer = linear_model.LogisticRegression(C=1 / (PENALTY * kept.sum()), max_iter=5000, tol=1e-8)
    peer.fit(scaled, labels.ravel()[kept])
    ours = (scaled @ found.weights.numpy() + found.bias.numpy()).argmax(axis=1)
    assert np.mean(ours == peer.predict(scaled)) > 0.97
    weights = found.weights.numpy()
    assert np.allclose(
        weights - weights.mean(axis=1, keepdims=True), peer.coef_.T, atol=0.05 * np.abs(peer.coef_).max()
    )


@pytest.mark.parametrize("size", [(96, 64), (33, 80), (20, 20)])
def test_cells_hold_the_pixels_whose_centres_lie_in_them(size):
    from bench_freeze.transfer.decoder import class_shares

    random = np.random.default_rng(1)
    width, height = size
    mask = random.choice(np.array([0, 1, 2, 255], np.uint8), (height, width))
    placement = Letterbox.fit(width, height, 64)
    found = class_shares(mask, placement, 3, 8)
    expected = np.zeros((3, 8, 8))
    for y in range(height):
        for x in range(width):
            if mask[y, x] < 3:
                row = placement.top + (y + 0.5) * placement.resized_height / height
                column = placement.left + (x + 0.5) * placement.resized_width / width
                expected[mask[y, x], int(row // 8), int(column // 8)] += 1
    one = placement.resized_height / height * placement.resized_width / width / 64
    assert np.allclose(found, expected * one, atol=1e-5)


def test_labels_come_back_to_the_pixels_of_the_image():
    """A feature that says left or right on the canvas: the image's two halves get two labels."""
    from bench_freeze.transfer.decoder import fit_decoder

    placement = Letterbox.fit(90, 50, 64)
    level = np.zeros((1, 2, 8, 8), np.float32)
    level[:, 0, :, 4:] = 1
    shares = np.zeros((1, 2, 8, 8), np.float32)
    shares[:, 0, :, :4] = shares[:, 1, :, 4:] = 1
    labels = fit_decoder([level, level[..., ::2, ::2]], shares).labels([level, level[..., ::2, ::2]], placement)
    assert labels.shape == (50, 90)
    assert (labels[:, :38] == 0).all()
    assert (labels[:, 52:] == 1).all()
