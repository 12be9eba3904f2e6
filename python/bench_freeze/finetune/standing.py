"""The standing of an arm, finished or still training: its scores on held-out images, and the time spent so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from ..artifact import ArtifactStore
from ..results.training_curves import HeldOutCurve, HeldOutPoint
from .arm import KIND
from .group import Member
from .progress import ProgressStore


@dataclass(frozen=True)
class Standing:
    """An arm's points by epoch, and the seconds spent on its training and its looks."""

    points: Mapping[int, HeldOutPoint]
    seconds: float


def standing_of(member: Member, store: ArtifactStore, progress: ProgressStore) -> Standing | None:
    """The standing of a member from its artifact or its progress; None if there is neither, or no looks."""
    found = store.find(KIND, member.inputs)
    if found is not None:
        if "held_out" not in found.facts:
            return None
        curve = msgspec.convert(found.facts["held_out"], HeldOutCurve)
        seconds = msgspec.convert(found.facts["seconds"], float)
        return Standing({point.epoch: point for point in curve.points}, seconds + curve.seconds)
    paused = progress.load(member.key)
    if paused is None or (course := paused.trainee["course"]) is None:
        return None
    points = msgspec.convert(course["points"], list[HeldOutPoint])
    return Standing({point.epoch: point for point in points}, paused.trainee["seconds"] + course["seconds"])
