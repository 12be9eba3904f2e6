"""Recipes for real, on ten images: what trains when, and that company changes nothing."""

import pytest

from bench_freeze.artifact import ArtifactStore
from bench_freeze.data.source import open_target
from bench_freeze.data.subset import keep_images
from bench_freeze.finetune.arm import CHECKPOINT, Arm, load_tuned
from bench_freeze.finetune.training import fine_tune
from bench_freeze.spec import study_from

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


def train(folder, base, data, arms, on_epoch=lambda done, total: None, **changes):
    study = study_from({**VALUES, **changes}, "test")
    return [a for a, _ in fine_tune(study, arms, base, data, ArtifactStore(folder), on_epoch)]


def moved_layers(base, artifact):
    import torch

    before, after = base.model.state_dict(), load_tuned(artifact).model.state_dict()
    return {int(n.split(".")[1]) for n in before if n in after and not torch.equal(before[n].half(), after[n].half())}


def test_recipes_in_one_group_are_what_they_are_alone_and_after_a_cut(base, few, tmp_path):
    arms = [Arm(15, 0), Arm(15, 0, "lp_ft"), Arm(10, 0, "gradual")]
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

    from bench_freeze.finetune.head_init import with_new_head
    from bench_freeze.finetune.trainer import FreezeTrainer, overrides_for
    from bench_freeze.recipe import Stage

    trainer = FreezeTrainer(
        overrides_for(tmp_path, device="cpu", imgsz=64, lr0=0.01, optimizer="SGD"),
        data_set=few,
        build_model=lambda: with_new_head(base.model, base.class_names, few.class_names, "name_remap")[0],
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
