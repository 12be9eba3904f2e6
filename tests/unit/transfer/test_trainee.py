"""Readers start alike, losses are torch's, statistics are the mean over the images: nothing of a training is needed."""

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")


def layers(freeze=0, seed=0):
    """Three layers of a convolution and BatchNorm each, as a trainee has them."""
    from bench_freeze.transfer.trainee import Layers

    torch.manual_seed(seed)
    model = torch.nn.Sequential()
    for k, (before, after) in enumerate(((3, 4), (4, 5), (5, 6))):
        layer = torch.nn.Sequential(torch.nn.Conv2d(before, after, 3), torch.nn.BatchNorm2d(after, momentum=0.03))
        layer.f, layer.i = -1, k
        layer[1].running_mean.normal_()
        layer[1].running_var.uniform_(0.5, 2)
        model.append(layer)
    return Layers(SimpleNamespace(model=SimpleNamespace(model=model, save=[]), end=3), freeze)


@pytest.mark.parametrize("freeze", [0, 1, 2, 3])
def test_what_is_frozen_neither_trains_nor_counts(freeze):
    own = layers(freeze).train()
    for k, layer in enumerate(own.model):
        assert layer[1].training == (k >= freeze)
        assert all(parameter.requires_grad == (k >= freeze) for parameter in layer.parameters())
    before = {name: tensor.clone() for name, tensor in own.state_dict().items()}
    own(torch.randn(4, 3, 16, 16))
    moved = {name for name, tensor in own.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {int(name.split(".")[1]) for name in moved} == set(range(freeze, 3))


@pytest.mark.parametrize("freeze", [0, 2, 3])
def test_measured_statistics_are_the_mean_over_batches(freeze):
    own = layers(freeze)
    kept = {name: tensor.clone() for name, tensor in own.state_dict().items()}
    random = np.random.default_rng(0)
    batches = [random.random((count, 3, 16, 16), np.float32) for count in (4, 4, 3)]
    own.measure_statistics(iter(batches), "cpu")
    means = {k: [] for k in range(freeze, 3)}
    variances = {k: [] for k in range(freeze, 3)}
    reference = layers(freeze)
    for batch in batches:
        x = torch.as_tensor(batch)
        for k, layer in enumerate(reference.model):
            x = layer[0](x)
            if k >= freeze:
                means[k].append(x.mean(dim=(0, 2, 3)))
                variances[k].append(x.var(dim=(0, 2, 3)))
                x = torch.nn.functional.batch_norm(x, None, None, layer[1].weight, layer[1].bias, training=True)
            else:
                x = layer[1].eval()(x)
    for k, layer in enumerate(own.model):
        if k >= freeze:
            assert torch.allclose(layer[1].running_mean, torch.stack(means[k]).mean(dim=0), atol=1e-5)
            assert torch.allclose(layer[1].running_var, torch.stack(variances[k]).mean(dim=0), rtol=1e-4)
            assert layer[1].momentum == 0.03
        else:
            for name in ("running_mean", "running_var"):
                assert torch.equal(getattr(layer[1], name), kept[f"model.{k}.1.{name}"])


@pytest.mark.parametrize("like", [None, "detector"])
def test_random_weights_alone_get_statistics_before_they_train(like):
    from bench_freeze.dualhead.backbone import Backbone
    from bench_freeze.transfer.tune import start_of

    own = layers()
    for layer in own.model:
        layer[1].reset_running_stats()
    backbone = Backbone(own, 3, "random", "0" * 64, 1)
    images = np.random.default_rng(0).random((6, 3, 16, 16), np.float32)
    data = SimpleNamespace(seed=0, at_the_start=lambda: iter([images]))
    start = start_of(SimpleNamespace(like=like, backbone=lambda seed: backbone), data, "cpu")
    before, after = own.state_dict(), start.model.state_dict()
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert {name.split(".")[-1] for name in moved} <= {"running_mean", "running_var", "num_batches_tracked"}
    assert bool(moved) == (like is not None)
    if like is not None:
        with torch.no_grad():
            (*_, last) = start.model.eval()(torch.as_tensor(images))
        assert torch.allclose(last.mean(dim=(0, 2, 3)), torch.zeros(6), atol=1e-4)
        assert torch.allclose(last.std(dim=(0, 2, 3)), torch.ones(6), atol=0.02)


def test_readers_of_a_seed_start_alike_whatever_features_they_read():
    from bench_freeze.transfer.trainee import LinearReader

    random = np.random.default_rng(1)

    def reader(seed, channels=7):
        mean, deviation = (torch.as_tensor(random.random(channels, np.float32)) + 0.1 for _ in range(2))
        return LinearReader(mean, deviation, 5, seed).state_dict()

    one, two, other = reader(4), reader(4), reader(5)
    assert torch.equal(one["weights"], two["weights"])
    assert torch.equal(one["bias"], two["bias"])
    assert not torch.equal(one["mean"], two["mean"])
    assert not torch.equal(one["weights"], other["weights"])
    assert reader(4, 9)["weights"].shape == (9, 5)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 300.0])
def test_a_scale_is_the_source_s_own_and_no_channel_explodes(scale):
    from bench_freeze.transfer.trainee import LEAST_DEVIATION, scale_of

    random = np.random.default_rng(2)
    rows = random.normal(3, (1.0, 2.0, 1e-6, 0.0), (500, 4)) * scale
    mean, deviation = scale_of(torch.as_tensor(rows, dtype=torch.float32))
    own = rows.std(axis=0)
    least = LEAST_DEVIATION * np.sqrt(np.mean(own**2))
    assert np.allclose(mean, rows.mean(axis=0), rtol=1e-3)
    assert np.allclose(deviation, np.maximum(own, least), rtol=1e-2)
    _, flat = scale_of(torch.ones(5, 3))
    assert flat.tolist() == [1, 1, 1]


def test_the_loss_is_torch_s_and_what_is_not_scored_has_no_part_in_it():
    from bench_freeze.transfer.tune import cross_entropy

    random = np.random.default_rng(5)
    logits = torch.as_tensor(random.normal(size=(40, 6)))
    shares = torch.as_tensor(random.dirichlet(np.ones(6), 40))
    expected = torch.nn.functional.cross_entropy(logits, shares)
    assert cross_entropy(logits, shares).item() == pytest.approx(expected.item())
    half = shares.clone()
    half[20:] = 0
    expected = torch.nn.functional.cross_entropy(logits[:20], shares[:20])
    assert cross_entropy(logits, half).item() == pytest.approx(expected.item())
    assert cross_entropy(logits, torch.zeros_like(shares)).item() == 0
