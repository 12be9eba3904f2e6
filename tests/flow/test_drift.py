"""Drift of real detectors: exact where layers are equal, and the planted change is found where it was planted."""

import numpy as np
import pytest
import torch

from bench_freeze.analysis.numbers.drift import activation_drift, positions, tensor_drift
from bench_freeze.analysis.numbers.two_models import TwoModels

pytestmark = pytest.mark.slow

IMAGES = np.random.default_rng(0).random((3, 3, 64, 64), dtype=np.float32)


def on(base, tuned):
    return activation_drift(TwoModels(base, tuned, "cpu"), [IMAGES[:2], IMAGES[2:]], lambda images: None)


def test_a_model_has_not_drifted_from_itself(base):
    for tensors in tensor_drift(base.model, base.model):
        for shift in (tensors.weights, tensors.bn_mean, tensors.bn_var):
            assert shift is None or (shift.cosine, shift.relative_l2) == (1.0, 0.0)
    activations = on(base.model, base.model)
    assert len(activations) == base.layers.head
    for layer in activations:
        assert layer.is_identical
        assert (layer.cka, layer.shift.cosine, layer.shift.relative_l2) == (1.0, 1.0, 0.0)


def test_layers_are_exact_up_to_the_freeze_depth_and_no_further(base, tuned_like):
    tuned = tuned_like(12)
    identical = [layer.is_identical for layer in on(base.model, tuned)]
    assert identical == [k < 12 for k in range(base.layers.head)]
    moved = [t.weights is not None and t.weights.relative_l2 > 0 for t in tensor_drift(base.model, tuned)]
    assert moved == [k in (12, 15, 16, 18, 19, 21) for k in range(base.layers.head)]


def test_one_planted_layer_is_found_in_tensors_and_in_everything_that_reads_it(base, tuned_like):
    tuned = tuned_like(22)
    with torch.no_grad():
        tuned.model[16].conv.weight[0] += 0.5
        tuned.model[16].bn.running_mean += 0.1
    drift = tensor_drift(base.model, tuned)
    assert [k for k, t in enumerate(drift) if t.weights and t.weights.relative_l2] == [16]
    assert [k for k, t in enumerate(drift) if t.bn_mean and t.bn_mean.relative_l2] == [16]
    assert not any(t.bn_var and t.bn_var.relative_l2 for t in drift)
    activations = on(base.model, tuned)
    assert [k for k, layer in enumerate(activations) if not layer.is_identical] == [16, 17, 18, 19, 20, 21]
    assert activations[16].cka < 1
    assert activations[16].shift.relative_l2 > 0


def test_positions_are_spread_over_the_whole_map():
    grid = torch.arange(40 * 40).float().reshape(1, 1, 40, 40).expand(2, 3, 40, 40)
    rows = positions(grid)
    assert rows.shape == (2 * 13 * 13, 3)
    y, x = np.divmod(rows[:169, 0], 40)
    assert (y.min(), y.max(), x.min(), x.max()) == (1, 37, 1, 37)
    assert positions(torch.zeros(1, 5, 4, 7)).shape == (28, 5)
