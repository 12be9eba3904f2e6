"""Target AP by protocol, IoU threshold and object size, and how far pre-trainings differ in it.

This answers the questions of Li et al., "An Analysis of Pre-Training on Object Detection" (arXiv 1904.05871), on your
own data. Both trainings of a difference have the same images and seed and are scored on the same images, so the
intervals are those of paired differences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from ..results.recipe import SCRATCH, is_given
from ..results.study_statistics import AtIou, ByProtocol, ProtocolAp, ProtocolStatistics, SourceDifference
from .arms import ArmRows, trainings_of
from .figures import Sample, Sampler, at_iou, figure

COMPARED = ("0.50", "0.70", "0.90")  # IoU thresholds; the paper's are 0.5, 0.7 and 0.9
ONLY_SOURCE = "pre-trained"  # the source's name in a study of one checkpoint

BySeed = Mapping[int, Mapping[str, Sample]]  # AP at each IoU threshold


@dataclass(frozen=True)
class SourcePair:
    """Two pre-trainings of one architecture, fine-tuned on the same images with the same freeze depth."""

    of: ArmRows
    over: ArmRows
    seeds: list[int]
    found: ByProtocol = field(default_factory=dict)

    def at(self, of: BySeed, over: BySeed) -> dict[str, AtIou]:
        """The differences at the IoU thresholds in COMPARED, if both have objects."""
        own: dict[str, AtIou] = {}
        for iou in COMPARED:
            if all(iou in side[seed] for side in (of, over) for seed in self.seeds):
                own[iou] = at_iou(figure([of[seed][iou] - over[seed][iou] for seed in self.seeds]))
        return own


def protocol_statistics(
    arms: Sequence[ArmRows],
    sampler: Sampler,
    architectures: Mapping[str | None, str],
    on_progress: Callable[[int, int], None] | None = None,
) -> ProtocolStatistics | None:
    """Every training's target AP, and the differences of pre-trainings; None if no row has AP by protocol.

    `architectures` maps names of checkpoints to their architectures.
    """
    trainings = [arm for arm in trainings_of(arms) if all(row.target.by_protocol for row in arm.rows.values())]
    kept = trainings[0].first.target.by_protocol if trainings else None
    if not kept:
        return None
    pairs = source_pairs(trainings, architectures)
    ap: dict[str, ByProtocol] = {arm.training: {} for arm in trainings}
    parts = [(protocol, size) for protocol, own in kept.items() for size in own.ap]
    for done, (protocol, size) in enumerate(parts):
        # One part at a time: in a large study, the resamples of all parts would take gigabytes.
        samples = {
            arm.training: {seed: sampler.of_size(row.target, protocol, size) for seed, row in arm.rows.items()}
            for arm in trainings
        }
        for training, by_seed in samples.items():
            if own := _means(by_seed):
                ap[training].setdefault(protocol, {})[size] = own
        for pair in pairs:
            if own := pair.at(samples[pair.of.training], samples[pair.over.training]):
                pair.found.setdefault(protocol, {})[size] = own
        if on_progress is not None:
            on_progress(done + 1, len(parts))
    return ProtocolStatistics(
        objects=next(iter(kept.values())).objects,
        trainings=[
            ProtocolAp(
                training=arm.training,
                source=source_of(arm),
                freeze=arm.first.freeze,
                recipe=arm.first.recipe,
                data_fraction=arm.first.data_fraction,
                seeds=arm.seeds,
                ap=ap[arm.training],
            )
            for arm in trainings
        ],
        differences=[
            SourceDifference(
                training=pair.of.training,
                over=pair.over.training,
                source=source_of(pair.of),
                over_source=source_of(pair.over),
                freeze=pair.of.first.freeze,
                recipe=pair.of.first.recipe,
                data_fraction=pair.of.first.data_fraction,
                seeds=pair.seeds,
                difference=pair.found,
            )
            for pair in pairs
        ],
    )


def source_of(arm: ArmRows) -> str:
    """The start of an arm's training: a checkpoint's name, or random weights."""
    if arm.first.recipe == SCRATCH.name:
        return SCRATCH.name
    return arm.first.weights or ONLY_SOURCE


def source_pairs(trainings: Sequence[ArmRows], architectures: Mapping[str | None, str]) -> list[SourcePair]:
    """Pairs of an earlier and a later checkpoint, and of each with random weights, which have no freeze depth."""

    def trained_alike(arm: ArmRows) -> tuple[object, ...]:
        return architectures.get(arm.first.weights), arm.first.data_fraction, arm.deployment

    def depth(arm: ArmRows) -> tuple[object, ...]:
        return arm.first.freeze, arm.first.recipe

    # A given checkpoint saw other images and epochs, so its difference would not be due to pre-training alone.
    own = [arm for arm in trainings if not is_given(arm.first.recipe)]
    pairs = []
    for one, other in combinations(own, 2):
        of, over = (other, one) if source_of(one) == SCRATCH.name else (one, other)
        is_comparable = depth(of) == depth(over) or source_of(over) == SCRATCH.name
        if source_of(of) != source_of(over) and trained_alike(of) == trained_alike(over) and is_comparable:
            seeds = [seed for seed in of.seeds if seed in over.rows]
            if seeds:
                pairs.append(SourcePair(of, over, seeds))
    return pairs


def _means(by_seed: BySeed) -> dict[str, AtIou]:
    """AP at every IoU threshold for which all seeds have a number."""
    own = list(by_seed.values())
    return {iou: at_iou(figure([each[iou] for each in own])) for iou in own[0] if all(iou in each for each in own)}
