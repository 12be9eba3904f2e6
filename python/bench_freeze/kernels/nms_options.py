"""How suppression selects from a head's raw output: one value for every back end."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from ..errors import InputError
from .arrays import check_positive

BoxFormat = Literal["cxcywh", "xyxy"]
LARGEST_FLOAT32 = (2 - 2**-23) * 2.0**127


@dataclass(frozen=True)
class NmsOptions:
    """The keywords of `bench_freeze.nms`, explained there; the defaults are the usual ones for quoting accuracy.

    Raises InputError for one that makes no sense.
    """

    score_threshold: float = 0.001
    iou_threshold: float = 0.7
    max_detections: int = 300
    max_candidates: int = 30_000
    multi_label: bool = True
    class_agnostic: bool = False
    box_format: BoxFormat = "cxcywh"

    def __post_init__(self) -> None:
        if not 0 <= self.iou_threshold <= 1:
            raise InputError(f"iou_threshold is {self.iou_threshold}: give a number from 0 to 1")
        if not abs(self.score_threshold) <= LARGEST_FLOAT32:
            raise InputError(f"score_threshold is {self.score_threshold}: give a finite number such as 0.001")
        check_positive("max_detections", self.max_detections)
        check_positive("max_candidates", self.max_candidates)
        if self.box_format not in ("cxcywh", "xyxy"):
            raise InputError(f"box_format is {self.box_format!r}: give 'cxcywh' or 'xyxy'")

    def key(self) -> dict[str, Any]:
        """What results depend on, as plain values: the four that have always been in keys, others where they differ."""
        return {
            field.name: value
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default or field.name in _ALWAYS_IN_KEYS
        }


_ALWAYS_IN_KEYS = frozenset({"score_threshold", "iou_threshold", "max_detections", "multi_label"})
DEFAULTS = NmsOptions()
