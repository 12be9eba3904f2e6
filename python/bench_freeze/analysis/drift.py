"""Drift of an arm: every layer of the tuned detector compared with the base model's, on base and target images."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from ..console import Step
from ..data.dataset import DetectionSet
from ..errors import AuditError
from ..finetune.arm import load_tuned
from ..results.analysis import ActivationShift, LayerDrift
from .numbers.layer_drift import ActivationDrift, LayerComparison
from .trained import Trained


class Drift(Struct, frozen=True):
    """What the artifact keeps."""

    layers: list[LayerComparison]


def measure_drift(trained: Trained) -> list[LayerDrift]:
    """Weights, BatchNorm statistics and activations of every layer below the head.

    Raises AuditError if a frozen layer differs from the base model's in any bit of its tensors or its output.
    """
    inputs = trained.inputs
    key = trained.key() | {"data_sha256": [inputs.base_set.sha256, inputs.target.sha256]}

    def build(_: Path, step: Step) -> Drift:
        return Drift(_compare(trained, step))

    kept = trained.kept_step(f"compare layers of {trained.name}", "drift", key, build)
    return [_layer(found, trained) for found in kept.value(Drift).layers]


def _compare(trained: Trained, step: Step) -> list[LayerComparison]:
    from .numbers.drift import activation_drift, tensor_drift
    from .numbers.two_models import TwoModels

    base, tuned = trained.inputs.base.model, load_tuned(trained.tuned).model
    lockstep = TwoModels(base, tuned, trained.options.device)
    sets = (trained.inputs.base_set, trained.inputs.target)
    total, seen = sum(len(data.images) for data in sets), 0

    def on_batch(images: int) -> None:
        nonlocal seen
        seen += images
        step(seen, total)

    def on(data: DetectionSet) -> list[ActivationDrift]:
        return activation_drift(lockstep, (batch.images for batch in trained.batches(data.images)), on_batch)

    compared = []
    for layer, (tensors, on_base, on_target) in enumerate(
        zip(tensor_drift(base, tuned), *(on(data) for data in sets), strict=True)
    ):
        found = LayerComparison(
            layer=layer,
            weights=tensors.weights,
            bn_mean=tensors.bn_mean,
            bn_var=tensors.bn_var,
            base=on_base,
            target=on_target,
        )
        if layer < trained.exact_up_to and not found.is_same:
            raise AuditError(
                f"layer {layer} of {trained.name} was frozen, and its tensors or its output differ from the base "
                "model's; please report it with your versions of torch and ultralytics."
            )
        compared.append(found)
    return compared


def _layer(found: LayerComparison, trained: Trained) -> LayerDrift:
    layer = trained.inputs.base.layers.layers[found.layer]
    return LayerDrift(
        layer=layer.index,
        kind=layer.kind,
        frozen=layer.index < trained.arm.freeze,
        weights=found.weights,
        bn_mean=found.bn_mean,
        bn_var=found.bn_var,
        base=_activations(found.base),
        target=_activations(found.target),
    )


def _activations(found: ActivationDrift) -> ActivationShift:
    return ActivationShift(cka=found.cka, cosine=found.shift.cosine, relative_l2=found.shift.relative_l2)
