"""Recipes for real, on ten images: what trains when, and that company changes nothing."""

from dataclasses import replace

import pytest
from tests.builders import training

from bench_freeze.artifact import ArtifactStore
from bench_freeze.data.source import open_base, open_target
from bench_freeze.data.subset import keep_images, relabelled
from bench_freeze.errors import InputError
from bench_freeze.finetune.arm import CHECKPOINT, Arm, load_tuned
from bench_freeze.finetune.training import fine_tune
from bench_freeze.results.recipe import Recipe

pytestmark = pytest.mark.slow

VALUES = {
    "epochs": 3, "imgsz": 64, "train_batch": 4, "optimizer": "AdamW", "lr0": 0.002,
    "train_args": {"close_mosaic": 1, "nbs": 4},
}  # fmt: skip


@pytest.fixture(scope="module")
def few(embedded_data):
    """Ten training images of the embedded target set."""
    training, _ = open_target(embedded_data[1], None, None, "val")
    return keep_images(training, range(10))


@pytest.fixture(scope="module")
def base_images(embedded_data, base):
    """Twenty base images in the classes of the base head."""
    from bench_freeze.data.classes import map_classes

    data = keep_images(open_base(embedded_data[2], None, "val"), range(20))
    pairs = map_classes(base.class_names, data.class_names, unmatched="ignore", head="", data="")
    return relabelled(data, pairs.head_to_data, base.class_names)


def train(folder, base, data, arms, on_epoch=lambda done, total: None, replay=None, **changes):
    options = training(**{**VALUES, **changes})
    return [a for a, _ in fine_tune(options, arms, base, data, ArtifactStore(folder), on_epoch, replay)]


def moved_layers(base, artifact):
    import torch

    before, after = base.model.state_dict(), load_tuned(artifact).model.state_dict()
    return {int(n.split(".")[1]) for n in before if n in after and not torch.equal(before[n].half(), after[n].half())}


def test_recipes_in_one_group_are_what_they_are_alone_and_after_a_cut(base, few, tmp_path):
    arms = [Arm(15, 0), Arm(15, 0, Recipe.named("lp_ft")), Arm(10, 0, Recipe.named("gradual"))]
    together = train(tmp_path / "together", base, few, arms)
    assert all("freeze 15 seed 0" in a.facts["shared_with"] for a in together[1:])
    assert [a.facts["recipe"]["stages"] for a in together] == [
        [[0, 15]],
        [[0, 22], [1, 15]],
        [[0, 22], [1, 15], [2, 10]],
    ]
    assert [min(moved_layers(base, a)) for a in together] == [15, 15, 12]  # 10 and 11 have no parameters
    assert len({a.sha256(CHECKPOINT) for a in together}) == 3

    def cut(done, total):
        if done == 3:
            raise KeyboardInterrupt

    for arm, other in zip(arms[1:], together[1:], strict=True):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "alone", base, few, [arm], cut)
        (alone,) = train(tmp_path / "alone", base, few, [arm])
        assert alone.sha256(CHECKPOINT) == other.sha256(CHECKPOINT)
        assert alone.facts["audit"] == other.facts["audit"]


def test_layers_learn_at_their_own_rates(base, few, tmp_path):
    from ultralytics.utils.torch_utils import unset_deterministic

    from bench_freeze.config.recipe import Stage
    from bench_freeze.finetune.head_init import with_new_head
    from bench_freeze.finetune.trainer import FreezeTrainer, overrides_for

    trainer = FreezeTrainer(
        overrides_for(tmp_path, device="cpu", imgsz=64, lr0=0.01, optimizer="SGD"),
        data_set=few,
        build_model=lambda: with_new_head(base.model, base.class_names, few.class_names, "name_remap"),
        frozen_bn="eval",
        stages=(Stage(0, 22), Stage(1, 10)),
        layer_decay=0.5,
    )
    try:
        trainer._setup_train()
        groups = trainer.optimizer.param_groups
        of = {id(p): group for group in groups for p in group["params"]}
        parameters = dict(trainer.model.named_parameters())
        assert len(of) == len(parameters)  # every parameter once
        head, neck = (of[id(parameters[f"model.{n}.conv.weight"])] for n in ("22.cv2.0.0", "21.cv1"))
        assert (head["initial_lr"], head["begins"]) == (0.01, 0)
        assert (neck["initial_lr"], neck["begins"]) == (0.005, 1)
        assert of[id(parameters["model.15.cv1.conv.weight"])]["initial_lr"] == 0.01 * 0.5**7
        assert trainer.effective_arguments()["lr0"] == 0.01
    finally:
        unset_deterministic()


def test_a_layer_that_should_have_trained_and_did_not_is_an_error(base, few):
    from bench_freeze.errors import AuditError
    from bench_freeze.finetune.audit import audit_trained
    from bench_freeze.finetune.head_init import with_new_head

    model, _ = with_new_head(base.model, base.class_names, few.class_names, "name_remap")
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for name, parameter in model.named_parameters():
        if not name.startswith("model.18.") and name != "model.22.cv2.0.0.bn.bias":
            parameter.data.add_(1)
    with pytest.raises(AuditError, match=r"layer\(s\) 18 should have trained"):
        audit_trained(before, model, 10)
    assert audit_trained(before, model, 19).still == ["model.22.cv2.0.0.bn.bias"]


def base_features(model, images):
    """What the head reads, in eval mode."""
    import torch

    from bench_freeze.finetune.replay_distill import head_inputs

    with torch.no_grad():
        return head_inputs(model, 0, images, {})


def distance_to_base(base, artifact, data):
    import torch

    from bench_freeze.data.loader import load_batch

    images = torch.from_numpy(load_batch(data.images, 0, 64).images)
    pairs = zip(base_features(base.model, images), base_features(load_tuned(artifact).model, images), strict=True)
    return sum(float((a - b).square().sum() / a.square().sum()) for a, b in pairs)


def test_distillation_keeps_the_features_nearer_and_replay_is_repeatable(base, few, base_images, tmp_path):
    replayed = Recipe("replay", 0.5)
    arms = [Arm(15, 0), Arm(15, 0, Recipe.named("distill")), Arm(15, 0, replayed), Arm(22, 0, replayed), Arm(22, 0)]
    changes = {"replay": base_images, "distill_weight": 100.0}
    found = train(tmp_path / "together", base, few, arms, **changes)
    static, distilled, replayed, head_replayed, head = found
    assert distance_to_base(base, distilled, few) < distance_to_base(base, static, few)
    assert replayed.sha256(CHECKPOINT) != static.sha256(CHECKPOINT)
    assert replayed.facts["recipe"]["memory_images"] == 10
    assert head_replayed.sha256(CHECKPOINT) == head.sha256(CHECKPOINT)  # nothing that the base head reads can move
    for artifact in (distilled, replayed):
        assert min(moved_layers(base, artifact)) == 15
        losses = artifact.path("epochs.csv").read_text().splitlines()
        name = f"train/{artifact.facts['recipe']['name'].partition('_')[0]}_loss"
        assert float(losses[1].split(",")[losses[0].split(",").index(name)]) > 0
    first = [r.split(",") for r in distilled.path("epochs.csv").read_text().splitlines()]
    assert float(first[1][first[0].index("train/distill_loss")]) < 0.5
    # Company and cuts change nothing here either: the replayed images of a step follow from seed, epoch and step.
    alone = tmp_path / "alone"

    def cut(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(alone, base, few, arms[2:3], cut, **changes)
    assert train(alone, base, few, arms[2:3], **changes)[0].sha256(CHECKPOINT) == replayed.sha256(CHECKPOINT)


def test_replay_lowers_the_original_heads_loss_on_base_images(base, few, base_images, tmp_path):
    """Measured with the frozen head on the tuned features, as the recipe promises, against the static arm."""
    import torch

    from bench_freeze.data.loader import load_batch
    from bench_freeze.finetune.replay_distill import head_inputs

    static, replayed = train(
        tmp_path, base, few, [Arm(10, 0), Arm(10, 0, Recipe.named("replay_1"))], replay=base_images, epochs=6, lr0=0.01
    )
    images = torch.from_numpy(load_batch(base_images.images, 0, 64).images)
    with torch.no_grad():
        wanted = base.model.model[-1](head_inputs(base.model, 0, images, {}))[0]
        found = [
            base.model.model[-1](head_inputs(load_tuned(artifact).model, 0, images, {}))[0]
            for artifact in (static, replayed)
        ]
    far, near = (float((output[:, 4:] - wanted[:, 4:]).abs().mean()) for output in found)
    assert near < far


def test_interpolation_needs_no_training_and_its_ends_are_known(base, few, tmp_path):
    import torch

    from bench_freeze.finetune.interpolation import blend, interpolated

    (static,) = train(tmp_path, base, few, [Arm(15, 0)])
    tuned = load_tuned(static).model
    ends = [blend(base.model, tuned, alpha, 15).state_dict() for alpha in (0.0, 1.0)]
    for name, tensor in tuned.state_dict().items():
        assert torch.equal(ends[1][name], tensor)
        assert torch.equal(ends[0][name], tensor if name.startswith("model.22.") else base.model.state_dict()[name])

    store = ArtifactStore(tmp_path)
    for how in ("reestimate", "interpolate"):
        options = training(**VALUES, interpolate=[0.5], interpolate_bn=how)
        arm = Arm(15, 0, Recipe.named("interpolate_0.5"))
        artifact, made = interpolated(options, arm, arm.alpha, static, base, few, store)
        assert made
        assert not interpolated(options, arm, arm.alpha, static, base, few, store)[1]
        model = load_tuned(artifact).model
        weight = "model.21.cv1.conv.weight"
        half = (base.model.state_dict()[weight] + tuned.state_dict()[weight]) / 2
        assert torch.allclose(model.state_dict()[weight], half, atol=1e-3)
        assert min(moved_layers(base, artifact)) == 15
        statistics = model.state_dict()["model.21.cv1.bn.running_mean"]
        ends_statistics = [m.state_dict()["model.21.cv1.bn.running_mean"] for m in (base.model, tuned)]
        assert torch.allclose(statistics, sum(ends_statistics) / 2, atol=1e-3) == (how == "interpolate")


def test_a_model_from_scratch_and_one_on_fewer_images(base, few, tmp_path):
    (scratch,) = train(tmp_path, base, few, [Arm(0, 0, Recipe.named("scratch"))])
    assert 0 in moved_layers(base, scratch)
    assert scratch.facts["head_start"]["copied_tensors"] == 0
    (less,) = train(tmp_path, base, keep_images(few, range(5)), [Arm(22, 0, data_fraction=0.5)])
    assert less.facts["audit"]["trained"] > 0


def test_a_rate_is_searched_on_training_images_alone(base, few, tmp_path):
    from bench_freeze.finetune.lr_search import search_rates

    options = training(**{**VALUES, "epochs": 10, "lr0": 1.0, "lr_search": 6})
    arms = [Arm(22, 0), Arm(15, 0)]
    found, new = search_rates(options, arms, base, few, ArtifactStore(tmp_path), lambda done, total: None)
    assert new
    for search, arm in zip(found, arms, strict=True):
        assert search.arm == arm
        assert (search.epochs, search.images, search.held_out) == (2, 8, 2)
        rates = [rate for rate, _ in search.candidates]
        assert rates == [0.0316, 0.1, 0.316, 1.0]  # none above 1
        assert search.chosen == min((c for c in search.candidates if c[1] is not None), key=lambda c: c[1])[0]  # type: ignore[return-value]
        assert search.facts()["candidates"][0]["lr0"] == 0.0316
    assert found[0].candidates != found[1].candidates
    assert search_rates(options, arms, base, few, ArtifactStore(tmp_path), lambda done, total: None) == (found, False)


def test_a_rate_that_broke_the_training_is_not_chosen():
    from bench_freeze.finetune.lr_search import candidate_rates, choose

    assert candidate_rates(0.01, 4) == (0.001, 0.00316, 0.01, 0.0316)
    arm, budget = Arm(22, 0), {"epochs": 1, "images": 8, "held_out": 2}
    losses = {replace(arm, lr0=0.01): 3.0, replace(arm, lr0=0.1): 2.0}
    assert choose(arm, (0.01, 0.1, 1.0), losses, **budget).chosen == 0.1
    assert choose(arm, (0.01, 0.1, 1.0), losses, **budget).candidates[2] == (1.0, None)
    with pytest.raises(InputError, match="lower --lr0"):
        choose(arm, (0.01,), {}, **budget)
