"""The schema of a study's inputs: data sets, checkpoints, and checks of models against their checkpoints."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from .quantities import Count, Number
from .take_over import TakeOver


class DataFacts(Struct, frozen=True, kw_only=True):
    """One data set as it was read."""

    name: str
    sha256: str
    images: Count
    boxes: Count
    crowd_boxes: Count
    classes: list[str]
    counts: dict[str, Count]
    notes: list[str]
    left_out_classes: list[str] = []
    left_out_categories: list[str] = []
    category_ids: Annotated[
        list[int | str], Meta(description="category ids of the classes in a COCO file; empty in older files")
    ] = []


class BaseOutput(Struct, frozen=True, kw_only=True):
    """Check of a model that keeps the original's base output. In torch it must be equal to the last bit, or there is no
    row."""

    images: Annotated[Count, Meta(description="real images of both sets on which it was compared")]
    box_px: Annotated[
        Number | None, Meta(description="largest difference of the exported fp32 model; null without one")
    ]
    score: Annotated[Number | None, Meta(description="the largest difference of scores")]


class Pretraining(Struct, frozen=True, kw_only=True):
    """One checkpoint of a study of several, and the base set as its head is scored on it."""

    name: Annotated[str, Meta(description="as in `weights` of rows and originals; unique")]
    file: Annotated[str, Meta(description="as given")]
    sha256: str
    architecture: Annotated[
        str,
        Meta(
            description="hash of the architecture with random weights; checkpoints with equal ones share scratch arms"
        ),
    ]
    classes: list[str]
    precision: str
    backbone_end: Count
    stride: Count
    layers: list[dict[str, Any]]
    base: Annotated[DataFacts, Meta(description="without classes if the head shares none with the base set")]
    taken: Annotated[
        TakeOver | None,
        Meta(
            description="for a model of another task: which tensors its backbone gave; its classes are the detector's"
        ),
    ] = None


class GivenCheckpoint(Struct, frozen=True, kw_only=True):
    """Where a row's checkpoint comes from if it was given (`--tuned`) instead of trained, and what its weights show."""

    file: Annotated[str, Meta(description="as given")]
    sha256: Annotated[
        str, Meta(description="hash of that file; `artifact.weights_sha256` is that of the weights read from it")
    ]
    precision: str
    stated_freeze: Annotated[
        Count | None, Meta(description="the depth that the user stated; null: found from its weights")
    ]
    equal_layers: Annotated[
        Count, Meta(description="N for which layers 0..N-1 have the base's parameters, bit for bit")
    ]
    more_equal: Annotated[bool, Meta(description="the stated depth is shallower than the layers that are equal")] = (
        False
    )
    compared_as: Annotated[str, Meta(description="fp16 if either file is stored in float16, else fp32")]
    drifted_layers: Annotated[
        list[Count], Meta(description="frozen layers whose BatchNorm statistics differ from the base's")
    ] = []
    rounded: Annotated[
        bool,
        Meta(description="frozen layers use the base's float32 weights, which equal the file's as float16"),
    ] = False
    left_out: Annotated[
        dict[str, str], Meta(description="constructions that are impossible for it, each with the reason")
    ] = {}
    arguments_from: Annotated[
        str | None, Meta(description="where `train.effective` was read; null: the file does not record its training")
    ] = None


class PresetFacts(Struct, frozen=True, kw_only=True):
    """The preset that a study started from."""

    name: str
    kept: Annotated[dict[str, Any], Meta(description="options that the preset set, with their values")]
    replaced: Annotated[list[str], Meta(description="options of the preset that were overridden")]


def preset_sentence(preset: PresetFacts) -> str:
    """The settings of a preset, and those that were overridden."""
    kept = ", ".join(f"{name} {_words(value)}" for name, value in preset.kept.items()) or "nothing"
    other = f"; overridden: {', '.join(preset.replaced)}" if preset.replaced else ""
    return f"Preset {preset.name} set {kept}{other}."


def _words(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value).lower()
