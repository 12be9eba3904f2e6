"""The schema of what a study was given: its data sets, its checkpoints, and how a model was compared with its own."""

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
        list[int | str], Meta(description="of the classes, as the file of a COCO set has them; empty in older files")
    ] = []


class BaseOutput(Struct, frozen=True, kw_only=True):
    """The base output of a model that keeps the original's: in torch equal to the last bit, or there is no row."""

    images: Annotated[Count, Meta(description="real images of both sets on which it was compared")]
    box_px: Annotated[
        Number | None, Meta(description="largest difference of the exported fp32 model; null without one")
    ]
    score: Annotated[Number | None, Meta(description="the same of scores")]


class Pretraining(Struct, frozen=True, kw_only=True):
    """One checkpoint of a study of several, and the base set as its head is scored on it."""

    name: Annotated[str, Meta(description="as in `weights` of rows and originals; unique")]
    file: Annotated[str, Meta(description="as it was given")]
    sha256: str
    architecture: Annotated[
        str, Meta(description="hash of what a model with random weights is built from: equal ones share scratch arms")
    ]
    classes: list[str]
    precision: str
    backbone_end: Count
    stride: Count
    layers: list[dict[str, Any]]
    base: Annotated[DataFacts, Meta(description="without classes where the head shares none with the base set")]
    taken: Annotated[
        TakeOver | None,
        Meta(description="of a model of another task: which tensors its backbone gave; its classes are the detector's"),
    ] = None


class GivenCheckpoint(Struct, frozen=True, kw_only=True):
    """Where a row's checkpoint comes from when it was given (`--tuned`), not trained, and what its bits say."""

    file: Annotated[str, Meta(description="as it was given")]
    sha256: Annotated[str, Meta(description="of that file; `artifact.weights_sha256` is of what was read from it")]
    precision: str
    stated_freeze: Annotated[Count | None, Meta(description="the depth that the user stated; null: found by its bits")]
    equal_layers: Annotated[Count, Meta(description="layers 0..N-1 have the base's parameters, bit for bit")]
    more_equal: Annotated[bool, Meta(description="the stated depth is shallower than what is equal")] = False
    compared_as: Annotated[str, Meta(description="fp16 where one of the two files holds no more digits, else fp32")]
    drifted_layers: Annotated[
        list[Count], Meta(description="frozen layers whose BatchNorm statistics are not the base's")
    ] = []
    rounded: Annotated[
        bool,
        Meta(description="in the frozen layers the base's digits are used for the file's, which equal them as float16"),
    ] = False
    left_out: Annotated[
        dict[str, str], Meta(description="constructions that it cannot have, each with the reason")
    ] = {}
    arguments_from: Annotated[
        str | None, Meta(description="where `train.effective` was read; null: the file says nothing about its training")
    ] = None


class PresetFacts(Struct, frozen=True, kw_only=True):
    """The preset that a study started from."""

    name: str
    kept: Annotated[dict[str, Any], Meta(description="options that the preset set, with their values")]
    replaced: Annotated[list[str], Meta(description="options of the preset that were overridden")]


def preset_sentence(preset: PresetFacts) -> str:
    """What a preset set, and what of it was given otherwise."""
    kept = ", ".join(f"{name} {_words(value)}" for name, value in preset.kept.items()) or "nothing"
    other = f"; overridden: {', '.join(preset.replaced)}" if preset.replaced else ""
    return f"Preset {preset.name} set {kept}{other}."


def _words(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value).lower()
