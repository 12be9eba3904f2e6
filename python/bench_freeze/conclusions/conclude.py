"""Compute the statistics of a study from its rows and their match data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..data.classes import normalized
from ..evaluate.evaluation import Evaluation
from ..results.schema import Accuracy, Results, Row
from ..results.study_statistics import ArmStatistics, Claim, ClassGroup, Statistics
from ..stats.equivalence import ALPHA, POWER
from .arms import ArmRows, arms_of, identity_of
from .by_protocol import protocol_statistics
from .comparing import NUMBERS, compare_pairs, pairs_of
from .cost import latency_of_rows
from .figures import Sample, Sampler, figure
from .gain import gain_over_scratch
from .limits import about_long_tail, about_outlying, detectable_of, limits_of, outlying_trainings

RESAMPLES = 2000  # for older results, which do not record it
MARGINS = (0.001, 0.005)
SAME_EPOCHS = (
    "Scratch arms trained for as many epochs as the others, so a gain over them includes what longer training would "
    "recover."
)


def conclude(
    results: Results,
    evaluations: Mapping[str, Evaluation],
    threads: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> Statistics | None:
    """The conclusions from all rows; None if no row has an original model.

    `evaluations` are match data by the entry names in the accuracies. Without them, or without resamples, intervals
    cover only seeds. Equal inputs give equal numbers for any number of `threads`.
    """
    arms = arms_of(results)
    if not arms:
        return None
    study = results.study
    margins = [float(margin) for margin in study.get("equivalence_margins", MARGINS)]
    resamples = int(study.get("resamples", RESAMPLES))
    permutations = resamples // 2
    sampler = Sampler(evaluations if resamples else {}, resamples, threads)
    compared = compare_pairs(pairs_of(arms), sampler, margins, permutations, threads, on_progress)
    comparisons = [entry.comparison for entry in compared]
    singles = {"target": arms[0].first.target, "base": arms[0].original.base}
    detectable = [
        found
        for data, accuracy in singles.items()
        for number in NUMBERS
        if (found := detectable_of(data, number, compared, _read(sampler, number, accuracy), margins)) is not None
    ]
    seeds = min(len(arm.seeds) for arm in arms)
    groups = _groups(results)
    outlying = outlying_trainings(arms)
    limits = limits_of(seeds, comparisons, detectable, margins)
    limits = [
        *about_outlying(outlying),
        *limits,
        *(text for data, accuracy in singles.items() for text in about_long_tail(data, sampler.evaluation(accuracy))),
    ]
    architectures: dict[str | None, str] = {p.name: p.architecture for p in results.pretrainings}
    gain = gain_over_scratch(arms, sampler, architectures, _images(results))
    return Statistics(
        alpha=ALPHA,
        power=POWER,
        resamples=resamples,
        permutations=permutations,
        margins=margins,
        seeds=seeds,
        arms=[made for arm in arms if (made := _arm(arm, sampler, groups[arm.first.weights])) is not None],
        comparisons=comparisons,
        detectable=detectable,
        limits=limits + ([SAME_EPOCHS] if gain is not None else []),
        gain=gain,
        protocols=protocol_statistics(arms, sampler, architectures, on_progress),
        outlying=outlying,
    )


def shared_classes(
    base_head: Sequence[str], target_head: Sequence[str], same: Sequence[str], base_set: Sequence[str]
) -> list[str]:
    """Classes of the base set that both heads know: with equal names, or paired by the user as TARGET=BASE."""
    known = {normalized(name) for name in target_head}
    known |= {normalized(pair.partition("=")[2]) for pair in same}
    names = {normalized(name) for name in base_head} & known
    return [name for name in base_set if normalized(name) in names]


def _groups(results: Results) -> dict[str | None, dict[str, list[str]]]:
    """The base set's classes in two groups, for each checkpoint; no groups if the heads share no class."""
    heads: dict[str | None, tuple[Sequence[str], Sequence[str]]]
    heads = {found.name: (found.classes, found.base.classes) for found in results.pretrainings}
    heads[None] = results.weights.get("classes", ()), results.data["base"].classes
    same = results.study.get("same_classes") or ()
    groups: dict[str | None, dict[str, list[str]]] = {}
    for weights, (head, names) in heads.items():
        shared = shared_classes(head, results.data["target"].classes, same, names)
        rest = [name for name in names if name not in shared]
        groups[weights] = {"shared": shared, "rest": rest} if shared else {}
    return groups


def _images(results: Results) -> int | None:
    training = results.data.get("training")
    return None if training is None else training.images


def _arm(arm: ArmRows, sampler: Sampler, groups: Mapping[str, Sequence[str]]) -> ArmStatistics | None:
    def over(read: Callable[[Row], Sample | None]) -> Claim | None:
        return _figure([read(row) for row in arm.rows.values()])

    before = sampler.map(arm.original.base)
    target, target_map50 = over(lambda row: sampler.map(row.target)), over(lambda row: sampler.map50(row.target))
    base, change = over(lambda row: sampler.map(row.base)), over(lambda row: _less(sampler.map(row.base), before))
    if target is None or target_map50 is None:
        return None
    latency, latency_interval = latency_of_rows(list(arm.rows.values()))
    return ArmStatistics(
        name=arm.name,
        training=arm.training,
        identity=identity_of(arm),
        seeds=arm.seeds,
        isolated=arm.keeps_base_by_construction,
        latency_p50_s=latency,
        latency_interval_s=latency_interval,
        bytes=max(row.artifact.bytes for row in arm.rows.values()),
        target=target,
        target_map50=target_map50,
        target_test=over(lambda row: _of(sampler, row.target_test)),
        base=base,
        base_change=change,
        base_merged=over(lambda row: _of(sampler, row.base_merged)),
        joint_limit=over(lambda row: _less(_of(sampler, row.base_merged), sampler.map(row.base))),
        target_joint_limit=over(lambda row: _less(_of(sampler, row.target_merged), sampler.map(row.target))),
        class_groups={} if arm.is_plain else _class_groups(arm, sampler, groups),
    )


def _class_groups(arm: ArmRows, sampler: Sampler, groups: Mapping[str, Sequence[str]]) -> dict[str, ClassGroup]:
    found = {}
    for group, classes in groups.items():
        before = sampler.map_of(arm.original.base, classes)
        alone = [sampler.map_of(row.base, classes) for row in arm.rows.values()]
        merged = [_of(sampler, row.base_merged, classes) for row in arm.rows.values()]
        base = _figure(alone)
        change = _figure([_less(sample, before) for sample in alone])
        if base is not None and change is not None:
            limit = _figure([_less(x, y) for x, y in zip(merged, alone, strict=True)])
            found[group] = ClassGroup(classes=list(classes), base=base, change=change, joint_limit=limit)
    return found


def _figure(samples: Sequence[Sample | None]) -> Claim | None:
    """The figure over all seeds; None if a row has no such number."""
    known = [sample for sample in samples if sample is not None]
    return figure(known) if known and len(known) == len(samples) else None


def _of(sampler: Sampler, accuracy: Accuracy | None, classes: Sequence[str] | None = None) -> Sample | None:
    if accuracy is None:
        return None
    return sampler.map(accuracy) if classes is None else sampler.map_of(accuracy, classes)


def _less(a: Sample | None, b: Sample | None) -> Sample | None:
    return None if a is None or b is None else a - b


def _read(sampler: Sampler, number: str, accuracy: Accuracy) -> Sample | None:
    return sampler.map(accuracy) if number == "map" else sampler.map50(accuracy)
