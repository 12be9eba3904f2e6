"""The differences that a data set can detect, and the claims that cannot be made, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..evaluate.evaluation import Evaluation
from ..evaluate.variation import images_of_classes
from ..results.study_statistics import Comparison, Detectable, Interval, OutlyingTraining
from ..stats.equivalence import detectable_difference, images_needed
from ..stats.estimate import Spread, over_seeds
from ..stats.outlying import outlying
from .arms import ArmRows, trainings_of
from .comparing import Compared, median_error
from .figures import Sample, image_error


def detectable_of(
    data: str, number: str, compared: Sequence[Compared], single: Sample | None, margins: Sequence[float]
) -> Detectable | None:
    """The detectable difference, from the median spread of the study's own paired differences on a data set.

    Without paired differences, from the spread of one model's number times sqrt(2), as for two independent models: an
    upper bound. Only the reason if the images do not vary; None without match data.
    """
    own = [
        entry
        for entry in compared
        if (entry.comparison.data, entry.comparison.number) == (data, number) and not entry.comparison.identical
    ]
    errors = [error for entry in own for error in entry.image_errors if error > 0]
    median = median_error(errors)
    if median is not None:
        error, images = median, own[0].images
        basis = f"median of {len(errors)} paired differences"
    else:
        alone = None if single is None else image_error(single)
        if single is None or single.drawn is None:
            return None
        if alone is None:
            return _nothing(data, number, single)
        error, images = math.sqrt(2) * alone, single.images
        basis = "one model's spread, as for two independent models: an upper bound"
    with_seeds = [entry.comparison for entry in own if len(entry.comparison.seeds) > 1]
    arms = [comparison.detectable for comparison in with_seeds if comparison.detectable is not None]
    return Detectable(
        data=data,
        number=number,
        images=images,
        between_models=detectable_difference([Spread(error, max(images - 1, 1))]),
        between_arms=float(np.median(arms)) if arms else None,
        seeds=max((len(comparison.seeds) for comparison in with_seeds), default=1),
        basis=basis,
        images_needed={f"{margin:g}": images_needed(error, images, margin) for margin in margins},
    )


def _nothing(data: str, number: str, single: Sample) -> Detectable:
    return Detectable(
        data=data,
        number=number,
        images=single.images,
        between_models=None,
        between_arms=None,
        seeds=1,
        basis="nothing",
        images_needed={},
        no_interval=single.silence,
    )


def limits_of(
    seeds: int, comparisons: Sequence[Comparison], detectable: Sequence[Detectable], margins: Sequence[float]
) -> list[str]:
    """Every limit of a study as a sentence."""
    has_images = any(c.difference.images is not None for c in comparisons)
    has_images = has_images or any(entry.between_models is not None for entry in detectable)
    is_silent = any(entry.no_interval is not None for entry in detectable)
    found = [_about_seeds(seeds, has_images)] if has_images or not is_silent else []
    found += [sentence for entry in detectable if (sentence := _about_data(entry, margins))]
    permutable = [c for c in comparisons if not c.identical and c.data != "base merged"]
    permutable = [c for c in permutable if c.difference.no_interval is None]
    unpermuted = [c for c in permutable if c.p_images is None]
    if unpermuted and len(unpermuted) < len(comparisons):
        found.append(f"{len(unpermuted)} comparisons have no permutation test, which only the first ones get.")
    return found


FEW_IMAGES = 5
LONG_TAIL = 0.25  # of the classes


def about_long_tail(data: str, evaluation: Evaluation | None) -> list[str]:
    """A warning if many classes are in few images: the measured coverage of intervals in that case."""
    if evaluation is None:
        return []
    images = images_of_classes(evaluation.truth)
    few = sum(0 < n < FEW_IMAGES for n in images)
    if not images or few < LONG_TAIL * sum(n > 0 for n in images):
        return []
    return [
        f"{few} of the {data} set's {sum(n > 0 for n in images)} classes have boxes in fewer than {FEW_IMAGES} images. "
        "On such sets (50 and 206 images, 80 classes) intervals of a difference covered the true value in 87 to 93 % "
        "of simulated cases instead of 95 % without a permutation test, and in 94 % or more with it. A model's "
        "own mAP was .03 to .05 higher than on all images (bias_corrected removes a third to two thirds of that)."
    ]


def outlying_trainings(arms: Sequence[ArmRows]) -> list[OutlyingTraining]:
    """Trainings whose target mAP is not explained by the other seeds of their arm and the spread of the study."""
    trainings = trainings_of(arms)
    values = [[row.target.map for row in arm.rows.values()] for arm in trainings]
    known = [[value for value in of_arm if value is not None] for of_arm in values]
    if any(len(a) != len(b) for a, b in zip(values, known, strict=True)):
        return []
    found = []
    for group, at in outlying(known):
        others = [value for other, value in enumerate(known[group]) if other != at]
        ends = over_seeds(others).interval() if len(others) > 1 else None
        found.append(
            OutlyingTraining(
                arm=trainings[group].training,
                seed=trainings[group].seeds[at],
                value=known[group][at],
                others=float(np.mean(others)),
                interval_of_others=None if ends is None else Interval(low=max(0.0, ends[0]), high=min(1.0, ends[1])),
            )
        )
    return found


def about_outlying(found: Sequence[OutlyingTraining]) -> list[str]:
    """Every outlying training by name."""
    sentences = []
    for entry in found:
        ends = entry.interval_of_others
        reach = "" if ends is None else f" [{ends.low:.3f}, {ends.high:.3f}]"
        sentences.append(
            f"Seed {entry.seed} of {entry.arm} is an outlying training: its target mAP is {entry.value:.3f}, that of "
            f"the other seeds {entry.others:.3f}{reach}. The arm's means and intervals include it; look at that "
            "training before you rely on either."
        )
    return sentences


def _about_seeds(seeds: int, has_images: bool) -> str:
    if not has_images:
        kind = "nothing" if seeds == 1 else f"the {seeds} trainings of each arm"
        return f"Without resamples of the images the intervals cover only {kind}, not the choice of images."
    if seeds == 1:
        return (
            "One seed: the intervals cover the choice of images, but not the variation between trainings; run at least "
            "three (--seeds 0,1,2)."
        )
    floor = 2 / 2**seeds
    few = f"; with {seeds} seeds a sign-flip test cannot fall below p = {floor:g}" if floor > 0.05 else ""
    return (
        f"{seeds} seeds: the intervals cover other trainings and other images, by Student's t with few degrees of "
        f"freedom, so they are wide{few}."
    )


def _about_data(entry: Detectable, margins: Sequence[float]) -> str | None:
    if entry.number != "map":
        return None
    if entry.between_models is None:
        return (
            None
            if entry.no_interval is None
            else (
                f"On the {_counted(entry.images, entry.data)} nothing can be distinguished: mAP has no interval and no "
                f"test ({entry.no_interval})."
            )
        )
    arms = f" (two arms of {entry.seeds} seeds: {entry.between_arms:.3f})" if entry.between_arms is not None else ""
    text = (
        f"The {_counted(entry.images, entry.data)} can distinguish two models whose mAP differs by "
        f"{entry.between_models:.3f} or more{arms}, in 80 % of cases at alpha 0.05 ({entry.basis})"
    )
    if entry.data != "base" or not margins:
        return text + "."
    needs = " and ".join(
        f"{entry.images_needed[f'{margin:g}']:,} for a margin of {margin:g}" for margin in sorted(margins)
    )
    return f"{text}; to show that such models are equivalent would take about {needs} images."


def _counted(images: int, data: str) -> str:
    return f"{images} {data} image{'' if images == 1 else 's'}"
