"""The schema of what a study was given: its data sets, and its checkpoints where they are several."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct


class DataFacts(Struct, frozen=True, kw_only=True):
    """One data set as it was read."""

    name: str
    sha256: str
    images: int
    boxes: int
    crowd_boxes: int
    classes: list[str]
    counts: dict[str, int]
    notes: list[str]
    left_out_classes: list[str] = []
    left_out_categories: list[str] = []


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
    backbone_end: int
    stride: int
    layers: list[dict[str, Any]]
    base: Annotated[DataFacts, Meta(description="without classes where the head shares none with the base set")]
