"""The layer map: which numbered layers a detector has, what reads what, where the neck and the head begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import InputError


@dataclass(frozen=True)
class Layer:
    """One numbered layer: `sources` are the layers it reads, as positions (-1 stands for the image)."""

    index: int
    kind: str
    sources: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class LayerMap:
    """The numbered layers of a detector, read from the model, never assumed."""

    layers: tuple[Layer, ...]
    backbone_end: int  # layers 0..backbone_end-1 are the backbone
    stride: int  # the largest

    @property
    def head(self) -> int:
        """Position of the Detect layer, the last one."""
        return len(self.layers) - 1

    def default_depths(self) -> tuple[int, ...]:
        """Head only; from the head's first input on; the whole neck: 22, 15, 10 for YOLOv8."""
        return tuple(sorted({self.head, self.layers[self.head].sources[0], self.backbone_end}, reverse=True))

    def check_depth(self, freeze: int, option: str = "freeze") -> None:
        """Raise InputError for a depth that this model does not have."""
        if not 0 <= freeze <= self.head:
            raise InputError(
                f"{option} = {freeze} is not possible: this model's layers are 0 to {self.head} and the head, layer "
                f"{self.head}, must train; use 0 to {self.head}."
            )

    def check_imgsz(self, imgsz: int) -> None:
        """Raise InputError for an image size that does not divide into this model's grid."""
        if imgsz % self.stride:
            raise InputError(
                f"imgsz = {imgsz} is no multiple of this model's stride {self.stride}; use "
                f"{max(1, round(imgsz / self.stride)) * self.stride}."
            )


def read_layer_map(model: Any) -> LayerMap:
    """The layer map of an Ultralytics detection model.

    Raises InputError when the model has no numbered layers that end in a Detect head.
    """
    from torch import nn
    from ultralytics.nn.modules.head import Detect

    modules = getattr(model, "model", None)
    if not isinstance(modules, nn.Sequential) or not len(modules) or type(modules[-1]).forward is not Detect.forward:
        found = (
            type(modules[-1]).__name__ if isinstance(modules, nn.Sequential) and len(modules) else type(model).__name__
        )
        raise InputError(
            f"the checkpoint is no detector: its last layer is {found}, not an Ultralytics Detect head; "
            "give a detection model such as yolov8n.pt."
        )
    layers = []
    for index, module in enumerate(modules):
        sources = module.f if isinstance(module.f, list | tuple) else [module.f]
        absolute = tuple(index + s if s < 0 else s for s in sources)
        layers.append(Layer(index, type(module).__name__, absolute, sum(p.numel() for p in module.parameters())))
    return LayerMap(tuple(layers), len(model.yaml["backbone"]), int(max(model.stride)))
