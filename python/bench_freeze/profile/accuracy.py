"""The accuracy of a profiled file: each head on its data set, scored as in `bench-freeze run`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..data.classes import ClassMap
from ..data.dataset import DetectionSet
from ..data.pairing import pair_with_head
from ..data.source import open_base
from ..deployment.accuracy import score
from ..deployment.pipeline import HeadDetections, merge
from ..engines.base import Head, HeadName, ModelCard
from ..errors import InputError
from ..evaluate.match_file import MatchFile
from ..kernels.nms_options import NmsOptions
from ..results.profile import SetAccuracy


@dataclass(frozen=True)
class AccuracyRequest:
    """The sets to score on, each a data yaml or a COCO json; None leaves one out."""

    target: Path | None = None
    target_images: Path | None = None
    base: Path | None = None
    base_images: Path | None = None
    split: str = "val"
    unmatched: Literal["error", "ignore"] = "error"


@dataclass(frozen=True)
class ScoredSet:
    """A data set, reduced to the scored classes, with its head."""

    role: HeadName
    head: Head
    data: DetectionSet
    classes: ClassMap


def read_sets(request: AccuracyRequest, card: ModelCard, note: Callable[[str], None]) -> list[ScoredSet]:
    """Read and check the requested sets. Raises InputError before anything is measured."""
    asked: list[tuple[HeadName, Path | None, Path | None]] = [
        ("target", request.target, request.target_images),
        ("base", request.base, request.base_images),
    ]
    sets = []
    for role, path, images in asked:
        if path is None:
            if images is not None:
                raise InputError(f"--{role}-images {images} belongs to --{role}, which is missing.")
            continue
        head = _head(card, role)
        note(f"read {role} set")
        data, classes = pair_with_head(
            head.class_names,
            open_base(path, images, request.split),
            unmatched=request.unmatched,
            head=f"the {head.name} head",
            where=str(path),
        )
        sets.append(ScoredSet(role, head, data, classes))
    return sets


def match_file_of(out: Path) -> Path:
    """The match file of a profile: beside it, under the same name."""
    return out.with_name(f"{out.name.removesuffix('.json')}.matches.zip")


def score_set(
    detections: dict[str, HeadDetections], scored: ScoredSet, options: NmsOptions, matches: MatchFile
) -> SetAccuracy:
    """Score one head on its set, alone and under the limit that both heads share; match data go into `matches`."""
    merged = None
    if {"base", "target"} <= detections.keys():
        base, target = merge(detections["base"], detections["target"], options.max_detections)
        merged = score({"base": base, "target": target}[scored.head.name], scored.classes, scored.data).accuracy
    return SetAccuracy(
        role=scored.role,
        head=scored.head.name,
        data=scored.data.name,
        data_sha256=scored.data.sha256,
        images=len(scored.data.images),
        alone=score(detections[scored.head.name], scored.classes, scored.data).kept_in(matches),
        merged=merged,
        left_out_classes=list(scored.classes.left_out_classes),
        left_out_categories=list(scored.classes.left_out_categories),
    )


def _head(card: ModelCard, role: HeadName) -> Head:
    """The head for a set. A model with one head is scored with it on either set."""
    named = {head.name: head for head in card.heads}
    if role in named:
        return named[role]
    if len(card.heads) == 1:
        return card.heads[0]
    raise InputError(f"the model has no {role} head, only {', '.join(named)}; leave --{role} out.")
