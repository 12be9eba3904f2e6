"""The gain of pre-training over random weights, by share of the training images and by IoU threshold.

This answers the questions of Li et al., "An Analysis of Pre-Training on Object Detection" (arXiv 1904.05871), on your
own data. Both trainings of a gain have the same images and seed (and epochs, unless `scratch_epochs` differs) and are
scored on the same images, so the intervals are those of paired differences. A gain is an absolute difference of AP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..results.identity import DEPLOYMENT
from ..results.recipe import SCRATCH, STATIC, is_given
from ..results.study_statistics import Claim, Gain, GainOverScratch, GainTrend
from .arms import ArmRows, trainings_of
from .figures import Sample, Sampler, at_iou, figure

LOW, HIGH = "0.50", "0.75"


@dataclass(frozen=True)
class ScratchPair:
    """A pre-trained training and its counterpart from random weights, with the differences for each common seed."""

    name: str
    arm: ArmRows
    scratch: ArmRows
    by_seed: Mapping[int, Mapping[str, Sample]]  # "map", "map50" and IoU thresholds

    @property
    def share(self) -> float:
        return self.arm.first.data_fraction

    def figure(self, number: str) -> Claim | None:
        """The gain in one number; None if a seed lacks it."""
        found = [own[number] for own in self.by_seed.values() if number in own]
        return figure(found) if found and len(found) == len(self.by_seed) else None


def gain_over_scratch(
    arms: Sequence[ArmRows],
    sampler: Sampler,
    architectures: Mapping[str | None, str],
    training_images: int | None,
) -> GainOverScratch | None:
    """The gain of each training over the scratch arm with the same architecture, share and deployment; None without
    one.

    `architectures` maps names of checkpoints to architectures; `training_images` is the size of the training split.
    """
    pairs = _pairs(arms, sampler, architectures)
    gains = [gain for pair in pairs if (gain := _gain(pair, training_images)) is not None]
    return GainOverScratch(gains=gains, trends=_trends(pairs)) if gains else None


def _pairs(arms: Sequence[ArmRows], sampler: Sampler, architectures: Mapping[str | None, str]) -> list[ScratchPair]:
    trainings = trainings_of(arms)
    varying = [k for k, _ in enumerate(DEPLOYMENT) if len({arm.deployment[k] for arm in trainings}) > 1]

    def beside(arm: ArmRows) -> tuple[object, ...]:
        """The parts that both trainings of a gain share."""
        return architectures.get(arm.first.weights), arm.first.data_fraction, arm.deployment

    scratch = {beside(arm): arm for arm in trainings if arm.first.recipe == SCRATCH.name}
    found = []
    for arm in trainings:
        other = scratch.get(beside(arm))
        # A given checkpoint saw other images and epochs, so its gain would not be due to pre-training alone.
        if arm.first.recipe == SCRATCH.name or other is None or is_given(arm.first.recipe):
            continue
        seeds = [seed for seed in arm.seeds if seed in other.rows]
        if seeds:
            by_seed = {seed: _differences(arm, other, seed, sampler) for seed in seeds}
            found.append(ScratchPair(_name(arm, varying), arm, other, by_seed))
    return found


def _differences(arm: ArmRows, scratch: ArmRows, seed: int, sampler: Sampler) -> dict[str, Sample]:
    own, other = (_numbers(side, seed, sampler) for side in (arm, scratch))
    return {number: own[number] - other[number] for number in own if number in other}


def _numbers(arm: ArmRows, seed: int, sampler: Sampler) -> dict[str, Sample]:
    target = arm.rows[seed].target
    means = {"map": sampler.map(target), "map50": sampler.map50(target)}
    return {number: sample for number, sample in means.items() if sample is not None} | sampler.by_iou(target)


def _gain(pair: ScratchPair, training_images: int | None) -> Gain | None:
    row = pair.arm.first
    whole, at_50 = pair.figure("map"), pair.figure("map50")
    if whole is None or at_50 is None:
        return None
    numbers = sorted({number for own in pair.by_seed.values() for number in own} - {"map", "map50"})
    by_iou = {iou: found for iou in numbers if (found := pair.figure(iou)) is not None}
    steeper = [own[HIGH] - own[LOW] for own in pair.by_seed.values() if HIGH in own and LOW in own]
    return Gain(
        name=pair.name,
        training=pair.arm.training,
        scratch=pair.scratch.training,
        weights=row.weights,
        freeze=row.freeze,
        recipe=row.recipe,
        data_fraction=row.data_fraction,
        training_images=None if training_images is None else max(1, round(row.data_fraction * training_images)),
        seeds=list(pair.by_seed),
        map=whole,
        map50=at_50,
        by_iou={iou: at_iou(found) for iou, found in by_iou.items()},
        high_less_low=figure(steeper) if len(steeper) == len(pair.by_seed) else None,
    )


def _trends(pairs: Sequence[ScratchPair]) -> list[GainTrend]:
    """The gain on the smallest share minus that on the largest, of every training that has both."""
    trends = []
    for name in dict.fromkeys(pair.name for pair in pairs):
        own = sorted((pair for pair in pairs if pair.name == name), key=lambda pair: pair.share)
        least, most = own[0], own[-1]
        shrinks = {number: _shrinks(least, most, number) for number in ("map", "map50")}
        if least.share < most.share and shrinks["map"] is not None and shrinks["map50"] is not None:
            trends.append(
                GainTrend(name=name, least=least.share, most=most.share, map=shrinks["map"], map50=shrinks["map50"])
            )
    return trends


def _shrinks(least: ScratchPair, most: ScratchPair, number: str) -> Claim | None:
    seeds = [seed for seed, own in least.by_seed.items() if number in own and number in most.by_seed.get(seed, {})]
    return figure([least.by_seed[seed][number] - most.by_seed[seed][number] for seed in seeds]) if seeds else None


def _name(arm: ArmRows, varying: Sequence[int]) -> str:
    """The training without its share of the images."""
    row = arm.first
    parts = [row.weights, f"freeze {row.freeze}", None if row.recipe == STATIC.name else row.recipe]
    return " ".join([*filter(None, parts), *(str(arm.deployment[k]) for k in varying)])
