"""The shown base set, and the base heads of all checkpoints combined into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..data.classes import ClassMap, map_classes
from ..data.dataset import DetectionSet
from ..study.inputs import Inputs
from .kept import Heads, KeptModel


@dataclass(frozen=True)
class BaseHeads:
    """The classes of all heads, concatenated: labels of a later checkpoint's head follow those of the earlier ones."""

    data: DetectionSet
    class_names: tuple[str, ...]
    classes: ClassMap  # of all of them in `data`
    begins: Mapping[str | None, int]  # first class of each checkpoint's head
    same_images: frozenset[str | None]  # checkpoints that were scored on these very images

    def of(self, model: KeptModel) -> KeptModel:
        """A model with the labels of its base head shifted; detections on other images are left out."""
        weights = model.record.weights
        found = {
            role: self._moved(heads, self.begins[weights])
            for role, heads in model.found.items()
            if role != "base" or weights in self.same_images
        }
        return replace(model, found=found)

    def known(self, weights: str | None) -> NDArray[np.bool_]:
        """[K] whether a checkpoint's head has the category; missing the others is not counted against it."""
        begin = self.begins[weights]
        end = min((other for other in self.begins.values() if other > begin), default=len(self.class_names))
        known = np.zeros(len(self.data.class_names), np.bool_)
        categories = self.classes.head_to_data[begin:end]
        known[categories[categories >= 0]] = True
        return known

    @staticmethod
    def _moved(heads: Heads, begin: int) -> Heads:
        return {
            head: replace(found, labels=found.labels + np.int32(begin)) if head == "base" and begin else found
            for head, found in heads.items()
        }


def base_heads(every: Sequence[Inputs]) -> BaseHeads:
    """The heads of all checkpoints, on the base set of the checkpoint that has most of its categories."""
    widest = max(every, key=lambda inputs: len(inputs.base_set.class_names)).base_set
    names = [inputs.base.class_names for inputs in every]
    ends = np.cumsum([len(own) for own in names]).tolist()
    pairs = [
        map_classes(own, widest.class_names, unmatched="ignore", head=inputs.weights.head, data=widest.name)
        for inputs, own in zip(every, names, strict=True)
    ]
    shown = [image.sha256 for image in widest.images]
    return BaseHeads(
        data=widest,
        class_names=tuple(name for own in names for name in own),
        classes=ClassMap(np.concatenate([pair.head_to_data for pair in pairs]), (), ()),
        begins={inputs.name: end - len(own) for inputs, own, end in zip(every, names, ends, strict=True)},
        same_images=frozenset(
            inputs.name for inputs in every if [image.sha256 for image in inputs.base_set.images] == shown
        ),
    )
