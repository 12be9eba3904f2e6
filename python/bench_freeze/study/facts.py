"""The inputs of a study as the results record them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..config.study import Study
from ..data.classes import ClassMap
from ..data.dataset import DetectionSet
from ..results.inputs import DataFacts, Pretraining
from .inputs import Inputs


def study_facts(study: Study) -> dict[str, object]:
    """The study by its fields; a single checkpoint is not in a list, as in files from before several were possible."""
    values = study.values()
    if study.data.weights is not None and len(study.data.weights) == 1:
        values["weights"] = study.data.weights[0]
    return values


def data_facts(inputs: Inputs) -> dict[str, DataFacts]:
    """Facts about the data sets, by role."""
    sets = {"training": inputs.training, "target": inputs.target, "target_test": inputs.test, "replay": inputs.replay}
    known = {role: _set_facts(data) for role, data in sets.items() if data is not None}
    in_order = ("training", "target", "base", "target_test", "replay")
    known["base"] = _base_facts(inputs)
    return {role: known[role] for role in in_order if role in known}


def weights_facts(inputs: Inputs) -> dict[str, Any]:
    """Facts about a checkpoint: hash, classes, precision, layer map."""
    layers = inputs.base.layers
    return {
        "sha256": inputs.base.sha256,
        "classes": list(inputs.base.class_names),
        "precision": "fp16" if inputs.base.half else "fp32",
        "backbone_end": layers.backbone_end,
        "stride": layers.stride,
        "layers": [asdict(layer) for layer in layers.layers],
    }


def pretrainings(every: Sequence[Inputs]) -> list[Pretraining]:
    """Every checkpoint of a study of several; empty for a study of one, whose facts are recorded elsewhere."""
    return [
        Pretraining(
            name=inputs.name,
            file=inputs.weights.given,
            architecture=inputs.base.architecture,
            base=_base_facts(inputs),
            taken=inputs.base.taken,
            **weights_facts(inputs),
        )
        for inputs in every
        if inputs.name is not None
    ]


def _base_facts(inputs: Inputs) -> DataFacts:
    return _set_facts(inputs.base_set, inputs.base_classes)


def _set_facts(data: DetectionSet, classes: ClassMap | None = None) -> DataFacts:
    return DataFacts(
        name=data.name,
        sha256=data.sha256,
        images=len(data.images),
        boxes=len(data.ground_truth),
        crowd_boxes=int(data.ground_truth.is_crowd.sum()),
        classes=list(data.class_names),
        counts=data.counts,
        notes=list(data.notes),
        left_out_classes=list(classes.left_out_classes) if classes is not None else [],
        left_out_categories=list(classes.left_out_categories) if classes is not None else [],
        category_ids=list(data.ground_truth.category_keys or data.ground_truth.category_ids.tolist()),
    )
