"""Features of real detectors gathered in one pass: equal models give equal features, boxes give the right means."""

import numpy as np
import pytest
import torch

from bench_freeze.analysis.features import compared_layers
from bench_freeze.analysis.numbers.gather import box_means, gather
from bench_freeze.analysis.numbers.labelled import LabelledImages
from bench_freeze.analysis.numbers.two_models import TwoModels

pytestmark = pytest.mark.slow


def labelled(count, seed=0):
    rng = np.random.default_rng(seed)
    corner = rng.random((2 * count, 2)) * 0.5
    return LabelledImages(
        images=rng.random((count, 3, 64, 64), dtype=np.float32),
        content_xyxy=np.tile([[0.0, 0.0, 1.0, 1.0]], (count, 1)),
        image=np.repeat(np.arange(count), 2),
        labels=np.tile([0, 1], count),
        boxes_xyxy=np.concatenate([corner, corner + 0.4], axis=1),
    )


def test_one_pass_gathers_what_each_batch_had(base, tuned_like):
    layers = compared_layers(base.layers)
    assert layers == (9, 15, 18, 21)
    tuned = tuned_like(15)
    seen = []
    found = gather(TwoModels(base.model, tuned, "cpu"), layers, [labelled(2), labelled(1, 1)], seen.append, maps=2)
    assert seen == [2, 1]
    assert found.image.tolist() == [0, 0, 1, 1, 2, 2]
    for side in (found.base, found.tuned):
        assert {layer: pooled.shape[0] for layer, pooled in side.pooled.items()} == dict.fromkeys(layers, 3)
        assert side.objects.shape == (6, sum(pooled.shape[1] for pooled in side.pooled.values()))
        assert {layer: len(maps) for layer, maps in side.maps.items()} == dict.fromkeys(layers, 2)
        assert all(0 < share < 1 for shares in side.energy.values() for share in shares)
    assert np.array_equal(found.base.pooled[9], found.tuned.pooled[9])
    assert not np.array_equal(found.base.pooled[15], found.tuned.pooled[15])
    assert found.base.energy[9] == found.tuned.energy[9]
    assert found.base.energy[21] != found.tuned.energy[21]


def test_a_box_mean_is_the_mean_of_the_cells_that_it_covers():
    features = torch.arange(2 * 3 * 8 * 8).float().reshape(2, 3, 8, 8)
    boxes = np.array([[0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 1.0, 1.0]])
    batch = LabelledImages(np.zeros((2, 3, 8, 8), np.float32), np.zeros((2, 4)), np.array([1, 0]), np.zeros(2), boxes)
    means = box_means(features, batch)
    assert means[0] == pytest.approx(features[1, :, 4:8, 2:6].mean(dim=(1, 2)))
    assert means[1] == pytest.approx(features[0].mean(dim=(1, 2)))
