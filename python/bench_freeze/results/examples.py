"""The schema of examples.json: example images of a study with the models' detections, kept beside the results.

Each image is stored once, scaled down. Boxes are left, top, width and height in pixels of the full image.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from ..text.json_text import encoded
from .sealing import SEAL_MEANING

EXAMPLES_VERSION = 1
EXAMPLES = "examples.json"

State = Literal["hit", "false", "unscored", "truth", "crowd"]


class ExampleBox(Struct, frozen=True, array_like=True):
    """One box: a detection (true, false, or of a head that is not scored on this set) or an annotation."""

    label: Annotated[
        int, Meta(description="index into the head's classes for a detection, into the set's for an annotation")
    ]
    left: float
    top: float
    width: float
    height: float
    score: float | None
    state: State


class Found(Struct, frozen=True, kw_only=True):
    """One model's detections on one image; `missed` are indices into the image's `truth`."""

    heads: dict[str, list[ExampleBox]]
    missed: list[int]


class ExampleImage(Struct, frozen=True, kw_only=True):
    """One image, shown for the reasons in `why`."""

    role: Annotated[Literal["target", "base"], Meta(description="the data set that it belongs to")]
    file: str
    width: int
    height: int
    picture: Annotated[str, Meta(description="data URI of a small copy")]
    truth: list[ExampleBox]
    why: list[str]
    suggest: Annotated[list[int], Meta(description="one to three models to show first, as indices into `models`")]
    found: Annotated[dict[str, Found], Meta(description="by position in `models`")]


class ExampleModel(Struct, frozen=True, kw_only=True):
    """A model whose detections were kept. `rows` are indices into results.rows; -1-i means results.originals[i]."""

    rows: list[int]


class Examples(Struct, kw_only=True):
    """The example images of one study."""

    schema_version: int = EXAMPLES_VERSION
    data_sha256: Annotated[dict[str, str], Meta(description="of the sets, to check that they belong to the results")]
    deployed: Annotated[list[str], Meta(description="weights and file of every row, for the same check")]
    score_threshold: float
    iou_threshold: float
    classes: dict[str, list[str]]
    head_classes: dict[str, list[str]]
    models: list[ExampleModel]
    images: list[ExampleImage]
    sha256: Annotated[str | None, Meta(description=SEAL_MEANING)] = None


def encode_examples(examples: Examples) -> bytes:
    """The file."""
    return encoded(examples)


def decode_examples(content: bytes) -> Examples:
    """The inverse; raises msgspec.ValidationError or DecodeError."""
    return msgspec.json.decode(content, type=Examples)
