"""Analyses in addition to the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .common import CommonOptions, flag

AnalysisSeeds = Literal["first", "all"]
ApProtocol = Literal["coco", "voc-all", "voc-11"]


@dataclass(frozen=True, kw_only=True)
class AnalysisOptions(CommonOptions):
    """Analyses in addition to the rows."""

    ladder: bool = flag(
        "analysis",
        "also score the graft ladder: base mAP with layers 0..k-1 tuned and the others original, for every k",
        False,
    )
    drift: bool = flag(
        "analysis",
        "also compare every layer with the base model's: weights, BatchNorm statistics, activations on both sets (CKA)",
        False,
    )
    breakdown: bool = flag(
        "analysis",
        "also score each head by object area, by objects per image and at every IoU from 0.10, with intervals",
        False,
    )
    protocols: tuple[ApProtocol, ...] = flag(
        "analysis",
        "also report AP of the target heads by coco, voc-all or voc-11 at every IoU from 0.10 to 0.95, by object size "
        "and by both, and compare pre-trainings at IoU 0.5, 0.7 and 0.9",
        (),
        "NAME[,NAME]",
    )
    features: bool = flag(
        "analysis",
        "also compare the features with the base model's: nearest neighbours, a linear probe, energy inside boxes",
        False,
    )
    recover: int = flag(
        "analysis",
        "also train base heads for this many epochs on the tuned features, and on the original ones as a control; half "
        "of the base set trains, the other half is scored. Shows whether the lost accuracy can be recovered from the "
        "features (0: off)",
        0,
    )
    analysis_seeds: AnalysisSeeds = flag(
        "analysis", "which seeds to analyse (also by the ladder): first or all", "first"
    )
