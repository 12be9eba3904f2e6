"""Drift of an arm: every layer of the tuned detector against the base's, on base and on target images."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from ..console import Step
from ..data.dataset import DetectionSet
from ..errors import AuditError
from ..files import Facts
from ..finetune.arm import load_tuned
from ..results.analysis import ActivationShift, LayerDrift, Shift
from .trained import Trained


def measure_drift(trained: Trained) -> list[LayerDrift]:
    """Weights, BatchNorm statistics and activations of every layer below the head.

    Raises AuditError when a frozen layer is not exactly the base's, in its tensors or in its output.
    """
    inputs = trained.inputs
    key = trained.key() | {"data_sha256": [inputs.base_set.sha256, inputs.target.sha256]}

    def build(_: Path, step: Step) -> dict[str, object]:
        return {"layers": _compare(trained, step)}

    kept = trained.kept_step(f"compare layers of {trained.name}", "drift", key, build)
    return [_layer(facts, trained) for facts in kept.facts["layers"]]


def _compare(trained: Trained, step: Step) -> list[dict[str, object]]:
    from .numbers.drift import ActivationDrift, activation_drift, tensor_drift
    from .numbers.two_models import TwoModels

    base, tuned = trained.inputs.base.model, load_tuned(trained.tuned).model
    lockstep = TwoModels(base, tuned, trained.study.device)
    sets = (trained.inputs.base_set, trained.inputs.target)
    total, seen = sum(len(data.images) for data in sets), 0

    def on_batch(images: int) -> None:
        nonlocal seen
        seen += images
        step(seen, total)

    def on(data: DetectionSet) -> list[ActivationDrift]:
        return activation_drift(lockstep, (batch.images for batch in trained.batches(data.images)), on_batch)

    facts = []
    for layer, (tensors, on_base, on_target) in enumerate(
        zip(tensor_drift(base, tuned), *(on(data) for data in sets), strict=True)
    ):
        moved = [shift for shift in asdict(tensors).values() if shift is not None and shift["relative_l2"] != 0]
        if layer < trained.exact_up_to and (moved or not (on_base.is_identical and on_target.is_identical)):
            raise AuditError(
                f"layer {layer} of {trained.name} was frozen, and its tensors or its output differ from the base "
                "model's; please report it with your versions of torch and ultralytics."
            )
        facts.append({"layer": layer, **asdict(tensors), "base": asdict(on_base), "target": asdict(on_target)})
    return facts


def _layer(facts: Facts, trained: Trained) -> LayerDrift:
    layer = trained.inputs.base.layers.layers[facts["layer"]]
    tensors = {name: None if facts[name] is None else Shift(**facts[name]) for name in ("weights", "bn_mean", "bn_var")}
    return LayerDrift(
        layer=layer.index,
        kind=layer.kind,
        frozen=layer.index < trained.arm.freeze,
        **tensors,
        base=ActivationShift(cka=facts["base"]["cka"], **facts["base"]["shift"]),
        target=ActivationShift(cka=facts["target"]["cka"], **facts["target"]["shift"]),
    )
