"""Numbers of models with their resamples, and the figures computed from them: one number per seed, with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..evaluate.bootstrap import excess_of_few_images, resampled_ap
from ..evaluate.evaluation import Evaluation
from ..evaluate.protocols import protocol_of
from ..evaluate.variation import is_kept_zero, silence, varying_images
from ..results.schema import Accuracy
from ..results.study_statistics import AtIou, Claim, Interval
from ..stats.estimate import Estimate, Spread, over_both, over_images, over_seeds

RESAMPLING_SEED = 0


@dataclass(frozen=True)
class Sample:
    """One number of one model on one data set, or a difference of two."""

    value: float
    drawn: NDArray[np.float64] | None  # [B] on resampled images, None without match data
    images: int
    varying: int  # images that the number can vary over, as `varying_images` counts
    matches: str | None = None  # the match data of one model's number
    is_kept_zero: bool = False  # a difference that is 0 on every resample, because the two follow each other
    is_absolute: bool = False  # a model's own number, in [0, 1]
    excess: float | None = None  # of an absolute number: its estimated upward bias due to few images

    def __sub__(self, other: Sample) -> Sample:
        images, varying = max(self.images, other.images), min(self.varying, other.varying)
        value = self.value - other.value
        are_identical = self.matches is not None and self.matches == other.matches
        are_identical = are_identical or (self.is_kept_zero and other.is_kept_zero)
        if self.drawn is None or other.drawn is None:
            return Sample(value, None, images, varying, is_kept_zero=are_identical and value == 0)
        drawn = self.drawn - other.drawn
        kept_zero = is_kept_zero(drawn, are_identical, self.drawn, other.drawn)
        return Sample(value, drawn, images, varying, is_kept_zero=kept_zero)

    @property
    def silence(self) -> str | None:
        """Why its resamples do not allow a statement about other images; None if they do, or without resamples."""
        if self.drawn is None:
            return None
        return silence(self.varying, self.drawn, is_kept_zero=self.is_kept_zero)


@dataclass(frozen=True)
class Drawn:
    """One evaluation on resampled images; NaN for resamples without ground truth."""

    ap: NDArray[np.float64]  # [B, K], mean over the thresholds
    ap50: NDArray[np.float64]  # [B, K]
    by_iou: Mapping[str, NDArray[np.float64]]  # [B] at each threshold, mean over the classes
    excess: NDArray[np.float64]  # [K], of the mean over the thresholds
    excess50: NDArray[np.float64]  # [K]


class Sampler:
    """Numbers of accuracies by name. Each evaluation is resampled once, all on the same draws."""

    def __init__(self, evaluations: Mapping[str, Evaluation], resamples: int, threads: int) -> None:
        self.evaluations = evaluations
        self._resamples = resamples
        self._threads = threads
        self._drawn: dict[str, Drawn] = {}

    def map(self, accuracy: Accuracy) -> Sample | None:
        """mAP; None if there was nothing to measure."""
        return self._sample(accuracy, accuracy.map, lambda drawn: (drawn.ap, drawn.excess), None)

    def map50(self, accuracy: Accuracy) -> Sample | None:
        """mAP at IoU 0.5; None if there was nothing to measure."""
        return self._sample(accuracy, accuracy.map50, lambda drawn: (drawn.ap50, drawn.excess50), None)

    def map_of(self, accuracy: Accuracy, classes: Collection[str]) -> Sample | None:
        """mAP of some classes; None if none of them has ground truth."""
        found = [entry.ap for name, entry in accuracy.per_class.items() if name in classes and entry.ap is not None]
        value = float(np.mean(found)) if found else None
        return self._sample(accuracy, value, lambda drawn: (drawn.ap, drawn.excess), classes)

    def by_iou(self, accuracy: Accuracy) -> dict[str, Sample]:
        """Mean AP over the classes at each IoU threshold: from 0.50, or from 0.10 with a breakdown."""
        parts = accuracy.breakdown
        low = {} if parts is None else {iou: at.value for iou, at in parts.by_iou.items()}
        drawn = {} if parts is None else self._drawn_by_iou(parts.low_matches)
        drawn = {**drawn, **self._drawn_by_iou(accuracy.matches)}
        evaluation = self.evaluation(accuracy)
        images = 0 if evaluation is None else evaluation.counts.images
        varying = 0 if evaluation is None else varying_images(evaluation.truth)
        return {
            iou: Sample(value, drawn.get(iou), images, varying, accuracy.matches)
            for iou, value in {**low, **accuracy.ap_by_iou}.items()
            if value is not None
        }

    def of_size(self, accuracy: Accuracy, protocol: str, size: str) -> dict[str, Sample]:
        """AP by a protocol at each IoU threshold, of objects of one size; drawn anew at every call."""
        own = (accuracy.by_protocol or {}).get(protocol)
        if own is None:
            return {}
        kept, images, varying = self.evaluations.get(own.matches), 0, 0
        drawn: dict[str, NDArray[np.float64]] = {}
        if kept is not None:
            evaluation = replace(kept, protocol=protocol_of(protocol)).of_size(size)
            ap = resampled_ap(self._resamples, evaluation, RESAMPLING_SEED, self._threads)
            drawn = {f"{iou:.2f}": _mean_of_classes(ap[:, :, t]) for t, iou in enumerate(evaluation.iou_thresholds)}
            images = evaluation.counts.images
            varying = varying_images(evaluation.truth, area=evaluation.area_ranges["all"])
        return {
            iou: Sample(value, drawn.get(iou), images, varying, own.matches, is_absolute=True)
            for iou, value in own.ap.get(size, {}).items()
            if value is not None
        }

    def evaluation(self, accuracy: Accuracy) -> Evaluation | None:
        """The match data of an accuracy, if kept."""
        return None if accuracy.matches is None else self.evaluations.get(accuracy.matches)

    def _sample(
        self,
        accuracy: Accuracy,
        value: float | None,
        read: Callable[[Drawn], tuple[NDArray[np.float64], NDArray[np.float64]]],
        classes: Collection[str] | None,
    ) -> Sample | None:
        if value is None:
            return None
        evaluation = self.evaluation(accuracy)
        if evaluation is None or accuracy.matches is None:
            return Sample(value, None, 0, 0, accuracy.matches, is_absolute=True)
        drawn, excess = read(self._resampled(accuracy.matches, evaluation))
        names = evaluation.class_names
        columns = [k for k, name in enumerate(names) if classes is None or name in classes]
        varying = varying_images(evaluation.truth, columns)
        known = excess[columns][np.isfinite(excess[columns])] if excess.size else excess
        return Sample(
            value,
            _mean_of_classes(drawn[:, columns]),
            evaluation.counts.images,
            varying,
            accuracy.matches,
            is_absolute=True,
            excess=float(known.mean()) if known.size else None,
        )

    def _drawn_by_iou(self, matches: str | None) -> Mapping[str, NDArray[np.float64]]:
        evaluation = None if matches is None else self.evaluations.get(matches)
        return {} if matches is None or evaluation is None else self._resampled(matches, evaluation).by_iou

    def _resampled(self, matches: str, evaluation: Evaluation) -> Drawn:
        if matches not in self._drawn:
            ap = resampled_ap(self._resamples, evaluation, RESAMPLING_SEED, self._threads)
            excess = excess_of_few_images(evaluation, RESAMPLING_SEED, self._threads)
            at_50 = np.abs(evaluation.iou_thresholds - 0.5) < 1e-6
            self._drawn[matches] = Drawn(
                ap=ap.mean(axis=2),
                ap50=ap[:, :, at_50].mean(axis=2) if at_50.any() else np.empty((len(ap), 0)),
                by_iou={f"{iou:.2f}": _mean_of_classes(ap[:, :, t]) for t, iou in enumerate(evaluation.iou_thresholds)},
                excess=excess.mean(axis=1),
                excess50=excess[:, at_50].mean(axis=1) if at_50.any() else np.empty(0),
            )
        return self._drawn[matches]


def figure(samples: Sequence[Sample], swap_error: float = 0.0) -> Claim:
    """One number from one sample per seed (at least one).

    `swap_error` is the standard error of a difference from swapping results image by image; the larger error counts. If
    many classes have few images, bootstrap intervals of a difference are too narrow, because a bootstrap can only
    include or omit the same few images (bench/accuracy_coverage.py measures by how much).

    If resamples exist but do not vary, claims have no interval: one over seeds alone would only describe these images.
    """
    values = [sample.value for sample in samples]
    is_absolute = all(sample.is_absolute for sample in samples)
    excess = [sample.excess for sample in samples if sample.excess is not None]
    seeds = over_seeds(values) if len(values) > 1 else None
    reason, images = _over_images(samples)
    if images and 0 < images.spreads[0].standard_error < swap_error:
        images = Estimate(images.value, (Spread(swap_error, images.spreads[0].degrees),))
    claim = over_both(seeds, images) if seeds and images else seeds or images
    if reason is None and claim is not None and claim.half_width(0.95) == 0 and not _is_kept_zero(samples):
        reason = "all trainings give the same number, and nothing else was varied"
    covers = {(True, True): "images and trainings", (True, False): "images", (False, True): "trainings"}
    return Claim(
        value=float(np.mean(values)),
        per_seed=values,
        sd=float(np.std(values, ddof=1)) if seeds else None,
        images=_interval(images, is_absolute),
        seeds=_interval(seeds, is_absolute)
        if seeds and (seeds.half_width(0.95) > 0 or _is_kept_zero(samples))
        else None,
        interval=_interval(claim, is_absolute) if reason is None else None,
        covers=covers.get((images is not None, seeds is not None), "nothing") if reason is None else "nothing",
        image_error=images.spreads[0].standard_error if images else None,
        image_degrees=images.spreads[0].degrees if images else None,
        seed_error=seeds.spreads[0].standard_error if seeds else None,
        no_interval=reason,
        common_image_error=_common_error(samples) if reason is None else None,
        bias_corrected=min(1.0, max(0.0, float(np.mean(values) - np.mean(excess))))
        if is_absolute and reason is None and len(excess) == len(samples)
        else None,
    )


def at_iou(claim: Claim) -> AtIou:
    """The claim for one of many IoU thresholds, without the parts of its interval."""
    return AtIou(value=claim.value, interval=claim.interval, covers=claim.covers, no_interval=claim.no_interval)


def estimate_of(figure: Claim) -> Estimate | None:
    """The estimate behind a figure's interval; None if it has none."""
    if figure.no_interval is not None:
        return None
    spreads = []
    if figure.image_error is not None and figure.image_degrees is not None:
        spreads.append(Spread(figure.image_error, figure.image_degrees))
    if figure.seed_error is not None:
        spreads.append(Spread(figure.seed_error, len(figure.per_seed) - 1))
    return Estimate(figure.value, tuple(spreads)) if spreads else None


def image_error(sample: Sample) -> float | None:
    """The standard error over images of one seed's number; None if the resamples do not vary."""
    if sample.drawn is None or sample.silence is not None:
        return None
    return over_images(sample.value, sample.drawn, sample.images).spreads[0].standard_error


def _over_images(samples: Sequence[Sample]) -> tuple[str | None, Estimate | None]:
    """The resamples of the mean over seeds: all seeds use the same draws, so resamples are averaged one by one.

    Includes the reason if they do not vary.
    """
    drawn = [sample.drawn for sample in samples if sample.drawn is not None]
    if len(drawn) < len(samples):
        return None, None
    value, mean = float(np.mean([sample.value for sample in samples])), np.mean(drawn, axis=0)
    reason = silence(samples[0].varying, mean, is_kept_zero=_is_kept_zero(samples))
    return reason, None if reason is not None else over_images(value, mean, samples[0].images)


def _common_error(samples: Sequence[Sample]) -> float | None:
    """The standard error over images that all trainings share.

    With a variance c common to n trainings and a variance i of each one, single numbers have variance c + i and their
    mean c + i / n.
    """
    n = len(samples)
    drawn = [sample.drawn for sample in samples if sample.drawn is not None]
    if n < 2 or len(drawn) < n:
        return None
    together = np.array(drawn)[:, np.all(np.isfinite(drawn), axis=0)]
    if together.shape[1] < 2:
        return None
    single, mean = np.var(together, axis=1, ddof=1).mean(), np.var(together.mean(axis=0), ddof=1)
    return math.sqrt(max(0.0, (n * mean - single) / (n - 1)))


def _is_kept_zero(samples: Sequence[Sample]) -> bool:
    return all(sample.is_kept_zero for sample in samples)


def _interval(estimate: Estimate | None, is_absolute: bool = False) -> Interval | None:
    """Clip the interval of an AP to its range; leave that of a difference unchanged."""
    if estimate is None:
        return None
    low, high = estimate.interval()
    return Interval(low=max(low, 0.0), high=min(high, 1.0)) if is_absolute else Interval(low=low, high=high)


def _mean_of_classes(ap: NDArray[np.float64]) -> NDArray[np.float64]:
    """[B] means of [B, K] over the classes that each resample has."""
    count = np.isfinite(ap).sum(axis=1)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = np.where(count, np.nansum(ap, axis=1), np.nan) / count
    return mean
