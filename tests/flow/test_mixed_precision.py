"""Trainings in mixed precision, here on a CPU: the same rules as on a GPU, without Ultralytics' check of float16."""

import pytest
from tests.builders import training

from bench_freeze.artifact import ArtifactStore
from bench_freeze.config.recipe import Stage
from bench_freeze.data.source import open_target
from bench_freeze.data.subset import keep_images
from bench_freeze.finetune.arm import CHECKPOINT, Arm
from bench_freeze.finetune.training import fine_tune

pytestmark = pytest.mark.slow

VALUES = {"epochs": 1, "imgsz": 64, "train_batch": 4, "optimizer": "AdamW", "lr0": 0.002}
ARMS = [Arm(22, 0), Arm(10, 0)]


@pytest.fixture(scope="module")
def few(embedded_data):
    """Eight training images of the embedded target set."""
    split, _ = open_target(embedded_data[1], None, None, "val")
    return keep_images(split, range(8))


@pytest.fixture(autouse=True)
def no_check(monkeypatch):
    """Ultralytics' check downloads a model."""
    from ultralytics.engine import trainer

    def check_amp(model):
        raise AssertionError("mixed precision was checked by Ultralytics")

    monkeypatch.setattr(trainer, "check_amp", check_amp)


def trained(folder, base, few, **changes):
    options = training(**{**VALUES, **changes})
    return [artifact for artifact, _ in fine_tune(options, ARMS, base, few, ArtifactStore(folder), lambda d, t: None)]


def test_bf16_in_lockstep_is_bf16_alone_and_the_row_says_so(base, few, tmp_path):
    mixed = {"train_args": {"amp": "bf16"}}
    together = trained(tmp_path / "together", base, few, **mixed)
    apart = trained(tmp_path / "apart", base, few, share=False, **mixed)
    exact = trained(tmp_path / "exact", base, few)
    assert [a.sha256(CHECKPOINT) for a in together] == [a.sha256(CHECKPOINT) for a in apart]
    assert {a.sha256(CHECKPOINT) for a in together}.isdisjoint(a.sha256(CHECKPOINT) for a in exact)
    for artifact, amp in ((together[0], "bf16"), (exact[0], False)):
        assert artifact.facts["effective"]["amp"] == amp
        assert "amp" not in artifact.facts["changed"]


def test_float16_trains_with_a_scaler(base, few, tmp_path):
    import torch
    from ultralytics.utils.torch_utils import unset_deterministic

    from bench_freeze.finetune.arm import requested_arguments
    from bench_freeze.finetune.data_order import DataOrder
    from bench_freeze.finetune.head_init import with_new_head
    from bench_freeze.finetune.loop import train_in_lockstep
    from bench_freeze.finetune.trainee import Trainee
    from bench_freeze.finetune.trainer import FreezeTrainer, overrides_for

    asked = requested_arguments(training(**VALUES), Arm(22, 0)) | {"amp": "fp16", "warmup_epochs": 0, "nbs": 4}
    trainer = FreezeTrainer(
        overrides_for(tmp_path, device="cpu", **asked),
        data_set=few,
        build_model=lambda: with_new_head(base.model, base.class_names, few.class_names, "name_remap"),
        frozen_bn="eval",
    )
    try:
        trainee = Trainee("arm", trainer, (Stage(0, 22),))
        trainer.scaler.scale(torch.zeros(()))  # makes its scale, 65536, with which the first steps overflow
        trainer.scaler.update(8.0)
        train_in_lockstep([trainee], DataOrder(trainer), start=0, epochs=1, at_border=lambda done: None)
    finally:
        unset_deterministic()
    assert trainer.scaler.is_enabled()
    assert trainer.scaler.get_scale() > 1
    assert trainee.state()["scaler"]["scale"] == trainer.scaler.get_scale()
    assert trainer.effective_arguments()["amp"] == "fp16"
    head = trainee.detector.model[-1]
    assert all(parameter.dtype == torch.float32 for parameter in head.parameters())
    moved = [n for n, p in trainee.detector.named_parameters() if not torch.equal(p.detach(), trainee.start[n])]
    assert moved
    assert all(name.startswith("model.22.") for name in moved)
