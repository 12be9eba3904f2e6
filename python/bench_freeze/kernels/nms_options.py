"""How suppression selects from a head's raw output: one value for every back end."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from ..errors import InputError
from .values import flag, real_number, whole_number

BoxFormat = Literal["cxcywh", "xyxy"]
LARGEST_FLOAT32 = (2 - 2**-23) * 2.0**127
_MOST_DETECTIONS = 2**31 - 1  # counts have 32 bits


@dataclass(frozen=True)
class NmsOptions:
    """The keywords of `bench_freeze.nms`, explained there; the defaults are the usual ones for quoting accuracy.

    Raises InputError for an invalid value.
    """

    score_threshold: float = 0.001
    iou_threshold: float = 0.7
    max_detections: int = 300
    max_candidates: int = 30_000
    multi_label: bool = True
    class_agnostic: bool = False
    box_format: BoxFormat = "cxcywh"

    def __post_init__(self) -> None:
        low, high, example = -LARGEST_FLOAT32, LARGEST_FLOAT32, "a finite number such as 0.001"
        checked = {
            "score_threshold": real_number("score_threshold", self.score_threshold, low, high, example),
            "iou_threshold": real_number("iou_threshold", self.iou_threshold, 0, 1, "a number from 0 to 1"),
            "max_detections": whole_number("max_detections", self.max_detections, high=_MOST_DETECTIONS),
            "max_candidates": whole_number("max_candidates", self.max_candidates),
            "multi_label": flag("multi_label", self.multi_label),
            "class_agnostic": flag("class_agnostic", self.class_agnostic),
        }
        for name, value in checked.items():  # plain Python numbers, whatever was given
            object.__setattr__(self, name, value)
        if not isinstance(self.box_format, str) or self.box_format not in ("cxcywh", "xyxy"):
            raise InputError(f"box_format is {self.box_format!r}: give 'cxcywh' or 'xyxy'")

    def key(self) -> dict[str, object]:
        """The options as plain values for keys: the original four always, later ones only if not at their default."""
        return {
            field.name: value
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default or field.name in _ALWAYS_IN_KEYS
        }


_ALWAYS_IN_KEYS = frozenset({"score_threshold", "iou_threshold", "max_detections", "multi_label"})
DEFAULTS = NmsOptions()
