"""The schema of model.json: how to run the model of a shipped folder as the study did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ..errors import InputError
from ..user_files import MAX_TEXT, read_file
from .quantities import Count, Fraction, Number, Seconds
from .version import check_version, plain_document

MODEL_JSON = "model.json"
BEST = "best"  # in the output folder of a run: the pick's own
SHIPPED_VERSION = 1
WHAT = "a folder that `bench-freeze ship` or a finished run wrote"

PlainName = Annotated[str, Meta(pattern=r"^(?!\.\.?$)[^/\x00\n]{1,255}(?!\n)$")]  # of a file in the folder


class BestThreshold(Struct, frozen=True, kw_only=True):
    """The score threshold at which a class has its highest F1, at IoU 0.50."""

    score: Annotated[Fraction, Meta(description="detections that score at least this are kept")]
    f1: Fraction
    precision: Fraction
    recall: Fraction


class ShippedHead(Struct, frozen=True, kw_only=True):
    """One output of the model; lists follow the order of its classes."""

    name: str
    kind: Annotated[str, Meta(description="raw: [B, 4 + C, A] for suppression; detections: [B, D, 6], selected")]
    class_names: list[str]
    category_ids: Annotated[
        list[int | str | None],
        Meta(description="category ids of the set that it was scored on; null for a class not in it"),
    ]
    thresholds: Annotated[
        list[BestThreshold | None], Meta(description="null for a class without boxes or detections in that set")
    ]
    threshold: Annotated[
        Fraction | None, Meta(description="one threshold for all classes, of the highest mean F1, in steps of 0.01")
    ]

    def __post_init__(self) -> None:
        if not len(self.class_names) == len(self.category_ids) == len(self.thresholds) > 0:
            raise ValueError(f"the {self.name} head has lists of different lengths")


class ShippedFile(Struct, frozen=True, kw_only=True):
    """A file of the folder."""

    file: PlainName
    sha256: str
    bytes: Count


class Selection(Struct, frozen=True, kw_only=True):
    """How detections are selected from a raw head, as in the study."""

    score_threshold: Fraction
    nms_iou_threshold: Fraction
    max_detections: Annotated[int, Meta(ge=1, le=1_000_000)]
    multi_label: bool = True


class Preprocessing(Struct, frozen=True, kw_only=True):
    """The preprocessing of an image."""

    color: str = "RGB"
    layout: str = "NCHW"
    type: str = "float32"
    range: tuple[float, float] = (0.0, 1.0)
    letterbox: str = "scaled to fit, centred, an odd pixel right or below; bilinear as OpenCV's INTER_LINEAR"
    fill: int = 114


class Numbers(Struct, frozen=True, kw_only=True):
    """The row's numbers: fractions of AP, seconds of one batch."""

    target_map: Fraction | None
    target_map50: Fraction | None
    target_test_map: Fraction | None
    base_map: Fraction | None
    base_map_original: Fraction | None
    model_p50_s: Seconds | None
    pipeline_p50_s: Seconds | None
    quoted: Annotated[
        Number | None, Meta(description="expected target mAP of the pick, mean over its seeds; null for other rows")
    ] = None


class Shipped(Struct, frozen=True, kw_only=True):
    """model.json. `files` are by role: onnx, plan, plan_side_car, tuned, base."""

    schema_version: int = SHIPPED_VERSION
    bench_freeze: str
    row: str
    is_pick: bool
    identity: Annotated[dict[str, Any], Meta(description="of the row, as in results.json")]
    graft_at: Annotated[Count | None, Meta(description="first layer that the heads do not share; null for one head")]
    head_branch: str | None
    files: dict[str, ShippedFile]
    heads: Annotated[list[ShippedHead], Meta(min_length=1, max_length=2)]
    imgsz: Annotated[int, Meta(ge=1, le=16_384)]
    batch: Annotated[int, Meta(ge=1, le=65_536, description="that the study ran it with")]
    selection: Selection
    preprocessing: Preprocessing = Preprocessing()
    numbers: Numbers
    study_sha256: Annotated[dict[str, str], Meta(description="of the data sets, by role")] = {}

    @property
    def engine(self) -> str:
        """The engine of the row."""
        return str(self.identity.get("engine", "ort"))


def read_shipped(folder: Path) -> Shipped:
    """The model.json of a folder. Raises InputError where it is missing or none of ours."""
    path = folder / MODEL_JSON
    content = read_file(path, MODEL_JSON, f"give {WHAT}", MAX_TEXT)
    head = plain_document(content, path, WHAT)
    check_version(head["schema_version"], SHIPPED_VERSION, path, "bench-freeze ship")
    try:
        return msgspec.json.decode(content, type=Shipped)
    except msgspec.MsgspecError as error:
        raise InputError(f"{path} is not a model.json of bench-freeze ({error}); give {WHAT}.") from None
