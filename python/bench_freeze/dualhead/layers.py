"""The layer map: a detector's numbered layers, which layers they read, and where the neck and the head begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from torch.nn import Module

HEADS = ("Detect", "v10Detect")
# The purpose of unsupported heads, by class. The first match counts, so subclasses come before Detect.
TASKS = {
    "OBB": "for oriented boxes (task obb)",
    "Pose": "for keypoints (task pose)",
    "YOLOEDetect": "for classes named by text prompts (YOLOE)",
    "WorldDetect": "for classes named by text prompts (YOLO-World)",
    "Segment": "for masks (task segment)",
    "Classify": "for whole images (task classify)",
    "RTDETRDecoder": "that is a transformer decoder (RT-DETR)",
    "SemanticSegment": "for pixels (task semantic)",
    "Depth": "for depth maps (task depth)",
    "Detect": "that is a subclass of Detect",
}
_GIVE_ANOTHER = "give a detection model such as yolov8n.pt."
_REBUILD = "give a checkpoint whose layers are numbered as Ultralytics numbers them."


@dataclass(frozen=True)
class Layer:
    """One numbered layer; `sources` are the positions of the layers that it reads (-1 is the image)."""

    index: int
    kind: str
    sources: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class LayerMap:
    """The numbered layers of a detector, read from the model rather than assumed."""

    layers: tuple[Layer, ...]
    backbone_end: int  # layers 0..backbone_end-1 are the backbone
    stride: int  # the largest

    @property
    def head(self) -> int:
        """The position of the Detect layer, which is the last."""
        return len(self.layers) - 1

    def default_depths(self) -> tuple[int, ...]:
        """Depths at which the head trains; all from its first input on; neck and head: 22, 15, 10 for YOLOv8."""
        return tuple(sorted({self.head, self.layers[self.head].sources[0], self.backbone_end}, reverse=True))

    def check_depth(self, freeze: int, option: str = "freeze") -> None:
        """Raise InputError for a freeze depth that is not possible for this model."""
        if not 0 <= freeze <= self.head:
            raise InputError(
                f"{option} = {freeze} is not possible: this model's layers are 0 to {self.head} and the head, layer "
                f"{self.head}, must train; use 0 to {self.head}."
            )

    def check_imgsz(self, imgsz: int) -> None:
        """Raise InputError for an image size that is not a multiple of this model's stride."""
        if imgsz % self.stride:
            raise InputError(
                f"imgsz = {imgsz} is not a multiple of this model's stride {self.stride}; use "
                f"{max(1, round(imgsz / self.stride)) * self.stride}."
            )


def read_layer_map(model: Module) -> LayerMap:
    """Read the layer map of an Ultralytics detection model.

    Raises InputError for a model that is not a detector with numbered layers and one of the HEADS, or whose layer
    numbers are inconsistent.
    """
    from torch import nn

    modules = getattr(model, "model", None)
    if not isinstance(modules, nn.Sequential) or not len(modules):
        raise InputError(f"it holds a {type(model).__name__} without numbered layers, not a detector; {_GIVE_ANOTHER}")
    _check_head(modules[-1])
    check_numbers(model)
    layers = []
    for index, module in enumerate(modules):
        absolute = tuple(index + s if s < 0 else s for s in _reads(module))
        layers.append(Layer(index, type(module).__name__, absolute, sum(p.numel() for p in module.parameters())))
    return LayerMap(tuple(layers), len(model.yaml["backbone"]), int(max(model.stride)))


def _check_head(head: Module) -> None:
    """Check the head's exact class: subclasses of Detect return more than boxes and scores."""
    from ultralytics.nn.modules import head as known

    if type(head) in (getattr(known, name) for name in HEADS):
        return
    name = type(head).__name__
    tasks = [task for kind, task in TASKS.items() if isinstance(head, getattr(known, kind, ()))]
    task = tasks[0] if tasks else "of another kind"
    raise InputError(
        f"there is no detector in it that can be tuned here: its last layer is {name}, a head {task}; the supported "
        f"heads are {' and '.join(HEADS)}. {_GIVE_ANOTHER[0].upper()}{_GIVE_ANOTHER[1:]}"
    )


def check_numbers(model: Module) -> None:
    """Check layer numbers and sources, which determine how layers run, and that the yaml lists as many layers."""
    count, kept = len(model.model), set(getattr(model, "save", ()))
    for position, module in enumerate(model.model):
        where = f"layer {position} ({type(module).__name__})"
        if not hasattr(module, "f") or not hasattr(module, "i"):
            raise InputError(f"{where} says neither its number nor what it reads (attributes i and f); {_REBUILD}")
        if module.i != position:
            raise InputError(f"{where} says that it is layer {module.i}; {_REBUILD}")
        for source in _reads(module):
            behind = position + source if source < 0 else source
            if not (0 <= behind < position or (position == 0 and source == -1)):
                raise InputError(f"{where} reads layer {behind}, which does not come before it; {_REBUILD}")
            if source != -1 and behind not in kept:
                raise InputError(f"{where} reads layer {behind}, which the model does not keep (its save); {_REBUILD}")
    yaml = getattr(model, "yaml", None)
    try:
        listed = len(yaml["backbone"]) + len(yaml["head"])  # type: ignore[index]
    except (TypeError, KeyError):
        raise InputError(
            f"the model has no yaml with a backbone and a head, which says where the neck begins; {_REBUILD}"
        ) from None
    if listed != count:
        raise InputError(
            f"the model has {count} layers and its yaml lists {listed}, so where the neck begins is not known; "
            f"{_REBUILD}"
        )


def _reads(module: Module) -> list[int]:
    return list(module.f) if isinstance(module.f, list | tuple) else [module.f]
