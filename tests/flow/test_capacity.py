"""Arms of matched capacity: how many weights train, which, and that the others really rest."""

from itertools import product

import pytest
import torch
from tests.builders import training

from bench_freeze.artifact import ArtifactStore
from bench_freeze.data.source import open_target
from bench_freeze.data.subset import keep_images
from bench_freeze.errors import AuditError
from bench_freeze.finetune.arm import CHECKPOINT, Arm, load_tuned
from bench_freeze.finetune.audit import audit_resting, filters_of
from bench_freeze.finetune.capacity import choose_filters, hold, nearest_sum
from bench_freeze.finetune.head_init import with_new_head
from bench_freeze.finetune.training import fine_tune
from bench_freeze.results.recipe import Recipe

pytestmark = pytest.mark.slow

# A strong decay, which would move what has no gradient.
VALUES = {
    "epochs": 3, "imgsz": 64, "train_batch": 4, "lr0": 0.002, "match_capacity": [22],
    "train_args": {"close_mosaic": 1, "nbs": 4, "weight_decay": 0.1},
}  # fmt: skip


@pytest.fixture(scope="module")
def few(embedded_data):
    """Ten training images of the embedded target set."""
    return keep_images(open_target(embedded_data[1], None, None, "val")[0], range(10))


@pytest.fixture
def start(base, few):
    """The detector before a training."""
    torch.manual_seed(0)
    return with_new_head(base.model, base.class_names, few.class_names, "name_remap")[0]


def choose(start, base, freeze, depth, seed=0):
    return choose_filters(dict(start.named_parameters()), dict(base.model.named_parameters()), freeze, depth, seed)


def trainable(model, freeze):
    return sum(p.numel() for n, p in model.named_parameters() if int(n.split(".")[1]) >= freeze and ".dfl." not in n)


@pytest.mark.parametrize(("freeze", "depth"), [(15, 22), (10, 22), (10, 15), (0, 22)])
def test_as_many_weights_train_as_whole_filters_allow(base, few, start, freeze, depth):
    choice = choose(start, base, freeze, depth)
    resting = sum(start.get_parameter(name)[rows].numel() for name, rows in choice.resting.items())
    assert choice.wanted == trainable(start, depth)
    assert choice.trainable == trainable(start, freeze) - resting
    assert abs(choice.trainable - choice.wanted) <= 4  # of some hundred thousand
    assert 0 < choice.share < 1
    originals = dict(base.model.named_parameters())
    for name, rows in choice.resting.items():
        known = set(filters_of(originals[name]))
        count = sum(content in known for content in filters_of(start.get_parameter(name)))
        assert abs((count - int(rows.sum())) - choice.share * count) <= 1
        assert set(filters_of(start.get_parameter(name)[rows])) <= known
        if name.endswith("conv.weight"):  # a filter rests with its BatchNorm, or trains with it
            block = name.removesuffix("conv.weight")
            assert all(torch.equal(rows, choice.resting[f"{block}bn.{kind}"]) for kind in ("weight", "bias"))
    new = torch.tensor([name not in base.class_names for name in few.class_names])
    assert 0 < int(new.sum()) < len(new)
    for level in range(3):  # the rows of new classes
        rows = choice.resting.get(f"model.{base.layers.head}.cv3.{level}.2.weight", torch.zeros_like(new))
        assert not (rows & new).any()


def test_the_draw_follows_seed_and_name_and_a_smaller_share_is_part_of_a_larger(base, start):
    once, again, other = (choose(start, base, 10, 22, seed) for seed in (0, 0, 1))
    assert all(torch.equal(rows, again.resting[name]) for name, rows in once.resting.items())
    assert any(not torch.equal(rows, other.resting[name]) for name, rows in once.resting.items())
    larger = choose(start, base, 10, 15)
    assert larger.share > once.share
    surplus = sum(int((larger.resting[n] & ~once.resting[n]).sum()) for n in larger.resting if n in once.resting)
    assert surplus == 0


def test_the_nearest_sum_is_that_of_all_choices():
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        costs = torch.randint(0, 40, (7,), generator=generator).tolist()
        target = int(torch.randint(0, 200, (), generator=generator))
        sums = [sum(c for c, take in zip(costs, taken, strict=True) if take) for taken in product((0, 1), repeat=7)]
        found = sum(c for c, take in zip(costs, nearest_sum(costs, target), strict=True) if take)
        assert abs(found - target) == min(abs(s - target) for s in sums)


def train(folder, base, data, arms, on_epoch=lambda done, total: None, **changes):
    options = training(**{**VALUES, **changes})
    return [a for a, _ in fine_tune(options, arms, base, data, ArtifactStore(folder), on_epoch)]


@pytest.mark.parametrize("optimizer", ["AdamW", "SGD", "MuSGD"])
def test_what_rests_is_the_base_and_the_rest_trains_in_any_company(base, few, start, tmp_path, optimizer):
    arms = [Arm(22, 0), Arm(10, 0), Arm(10, 0, Recipe.named("matched_22")), Arm(15, 0, Recipe.named("matched_22"))]
    static, deep, matched, half = train(tmp_path / "together", base, few, arms, optimizer=optimizer)
    assert len({a.sha256(CHECKPOINT) for a in (static, deep, matched, half)}) == 4
    before, originals = dict(start.named_parameters()), dict(base.model.named_parameters())
    for artifact, freeze in ((matched, 10), (half, 15)):
        choice = choose(start, base, freeze, 22)
        after = dict(load_tuned(artifact).model.named_parameters())
        moved = 0
        for name, rows in choice.resting.items():
            assert torch.equal(after[name][rows].half(), before[name][rows].half())
            kept = originals[name][~rows] if originals[name].shape == rows.shape else before[name][~rows]
            moved += int((after[name][~rows].half() != kept.half()).sum())
        assert moved > 0
        facts = artifact.facts
        assert facts["effective"]["trainable_parameters"] == choice.trainable
        assert facts["audit"]["resting_parameters"] == trainable(start, freeze) - choice.trainable
        assert facts["recipe"]["matched_depth"] == 22
        assert facts["recipe"]["share"] == choice.share
        assert facts["recipe"]["wanted_parameters"] == static.facts["effective"]["trainable_parameters"]
    assert "resting_parameters" not in deep.facts["audit"]

    def cut(done, total):
        if done == 3:
            raise KeyboardInterrupt

    alone = tmp_path / "alone"
    with pytest.raises(KeyboardInterrupt):
        train(alone, base, few, arms[2:3], cut, optimizer=optimizer)
    (resumed,) = train(alone, base, few, arms[2:3], optimizer=optimizer)
    assert resumed.sha256(CHECKPOINT) == matched.sha256(CHECKPOINT)


@pytest.mark.parametrize("kind", ["SGD", "AdamW", "Adam", "MuSGD", "RMSprop"])
def test_gradients_and_moments_of_what_rests_are_zero_under_any_optimizer(kind):
    from ultralytics.optim import MuSGD

    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3, bias=False), torch.nn.BatchNorm2d(6))
    parameters = dict(layers.named_parameters())
    settings = {"lr": 0.01, "weight_decay": 0.1} | ({"momentum": 0.9} if kind in ("SGD", "MuSGD") else {})
    if kind == "MuSGD":
        group = {"params": [parameters["0.weight"]], "use_muon": True, **settings}
        optimizer = MuSGD([group, {"params": [parameters["1.weight"], parameters["1.bias"]], **settings}])
    else:
        optimizer = getattr(torch.optim, kind)(parameters.values(), **settings)
    rows = torch.tensor([True, False, False, True, False, False])
    before = {name: p.detach().clone() for name, p in parameters.items()}
    hold(optimizer, parameters, dict.fromkeys(parameters, rows))
    for _ in range(3):
        optimizer.zero_grad()
        layers(torch.rand(2, 3, 8, 8)).exp().sum().backward()
        assert all(not p.grad[rows].any() and p.grad[~rows].any() for p in parameters.values())
        optimizer.step()
    for name, parameter in parameters.items():
        assert torch.equal(parameter[rows], before[name][rows])
        assert not torch.isclose(parameter[~rows], before[name][~rows], rtol=0, atol=1e-6).any()
        moments = [m for m in optimizer.state[parameter].values() if m.shape == parameter.shape]
        assert moments
        assert all(not m[rows].any() and m[~rows].all() for m in moments)


def test_a_filter_that_moved_though_it_should_rest_is_an_error(base, start):
    choice = choose(start, base, 15, 22)
    before = {name: p.detach().clone() for name, p in start.named_parameters()}
    checked = audit_resting(base.model, before, start, choice.resting, half=base.half)
    assert checked == trainable(start, 15) - choice.trainable
    name, rows = next((n, r) for n, r in choice.resting.items() if n.endswith("conv.weight"))
    with torch.no_grad():
        start.get_parameter(name)[~rows] += 1
    audit_resting(base.model, before, start, choice.resting, half=base.half)
    with torch.no_grad():
        start.get_parameter(name)[int(rows.nonzero()[0]), 0] += 0.01
    with pytest.raises(AuditError, match=name.replace(".", r"\.")):
        audit_resting(base.model, before, start, choice.resting, half=base.half)


def test_a_whole_layer_at_rest_is_no_layer_that_failed_to_train(base, few, start):
    from bench_freeze.finetune.audit import audit_trained

    before = {name: p.detach().clone() for name, p in start.named_parameters()}
    resting = {
        n: torch.ones(len(p), dtype=torch.bool) for n, p in start.named_parameters() if n.startswith("model.18.")
    }
    with torch.no_grad():
        for name, parameter in start.named_parameters():
            if not name.startswith("model.18."):
                parameter.add_(1)
    assert audit_trained(before, start, 15, resting).still == []
    with pytest.raises(AuditError, match=r"layer\(s\) 18"):
        audit_trained(before, start, 15)
