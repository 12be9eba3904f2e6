"""Numbers read from an evaluation's tensors: means over the entries that have ground truth.

The values are gathered in C order and averaged by `numpy.mean`, whose pairwise summation depends on that order. This
makes them equal to pycocotools' to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from .protocols import AP_MAX_DETECTIONS, STAT_NAMES

if TYPE_CHECKING:
    from .evaluation import Evaluation

_UNDEFINED = -1.0
_Value = TypeVar("_Value", str, int)


def average_precision(
    evaluation: Evaluation,
    *,
    iou_threshold: float | None = None,
    area: str = "all",
    max_detections: int = AP_MAX_DETECTIONS,
) -> float:
    """Mean precision over recalls and classes, at one IoU threshold or over all; -1 if undefined."""
    return _mean(_precision(evaluation, iou_threshold, area, max_detections))


def average_recall(evaluation: Evaluation, *, area: str = "all", max_detections: int = AP_MAX_DETECTIONS) -> float:
    """Mean over IoU thresholds and classes of the highest recall; -1 if undefined."""
    areas, maxima = _columns(evaluation, area, max_detections)
    return _mean(evaluation.recall[:, :, areas, :][..., maxima])


def twelve_numbers(evaluation: Evaluation) -> dict[str, float]:
    """COCO's twelve numbers. AP uses the best 100 detections, the others the evaluation's own three maxima."""
    first, second, third = _three_maxima(evaluation)
    values = (
        average_precision(evaluation),
        average_precision(evaluation, iou_threshold=0.5, max_detections=third),
        average_precision(evaluation, iou_threshold=0.75, max_detections=third),
        *(average_precision(evaluation, area=area, max_detections=third) for area in ("small", "medium", "large")),
        *(average_recall(evaluation, max_detections=maximum) for maximum in (first, second, third)),
        *(average_recall(evaluation, area=area, max_detections=third) for area in ("small", "medium", "large")),
    )
    return dict(zip(STAT_NAMES, values, strict=True))


def per_class(evaluation: Evaluation, *, iou_threshold: float | None = None) -> tuple[float | None, ...]:
    """[K] AP of each class over all areas; None for a class without ground truth."""
    precision = _precision(evaluation, iou_threshold, "all", AP_MAX_DETECTIONS)
    means = (_mean(precision[:, :, label]) for label in range(precision.shape[2]))
    return tuple(None if mean == _UNDEFINED else mean for mean in means)


def precision_by_iou(evaluation: Evaluation) -> dict[float, float]:
    """AP over all areas at each IoU threshold; -1 without ground truth."""
    precision = _precision(evaluation, None, "all", AP_MAX_DETECTIONS)
    thresholds = evaluation.iou_thresholds.tolist()
    return {threshold: _mean(values) for threshold, values in zip(thresholds, precision, strict=True)}


def summary_lines(evaluation: Evaluation) -> tuple[str, ...]:
    """The twelve numbers in the form of pycocotools' printed summary."""
    first, second, third = _three_maxima(evaluation)
    every_iou = f"{evaluation.iou_thresholds[0]:.2f}:{evaluation.iou_thresholds[-1]:.2f}"
    rows = (
        (every_iou, "all", AP_MAX_DETECTIONS),
        ("0.50", "all", third),
        ("0.75", "all", third),
        *((every_iou, area, third) for area in ("small", "medium", "large")),
        *((every_iou, "all", maximum) for maximum in (first, second, third)),
        *((every_iou, area, third) for area in ("small", "medium", "large")),
    )
    return tuple(
        f" {'Average Precision' if name.startswith('AP') else 'Average Recall':<18} ({name[:2]}) "
        f"@[ IoU={iou:<9} | area={area:>6} | maxDets={maximum:>3} ] = {value:0.3f}"
        for (iou, area, maximum), (name, value) in zip(rows, twelve_numbers(evaluation).items(), strict=True)
    )


def _precision(
    evaluation: Evaluation, iou_threshold: float | None, area: str, max_detections: int
) -> NDArray[np.float64]:
    """[T', R, K, 1, 1], with an empty axis if the evaluation has no such threshold, area range or maximum."""
    areas, maxima = _columns(evaluation, area, max_detections)
    precision = evaluation.precision[:, :, :, areas, :][..., maxima]
    return precision if iou_threshold is None else precision[evaluation.iou_thresholds == iou_threshold]


def _columns(evaluation: Evaluation, area: str, max_detections: int) -> tuple[slice, slice]:
    return _only(list(evaluation.area_ranges), area), _only(evaluation.max_detections, max_detections)


def _only(values: Sequence[_Value], wanted: _Value) -> slice:
    """The position of a value as a slice, which copies nothing; empty if the value is missing."""
    return slice(values.index(wanted), values.index(wanted) + values.count(wanted)) if wanted in values else slice(0)


def _three_maxima(evaluation: Evaluation) -> tuple[int, int, int]:
    """The evaluation's maxima by position, filled up with 0, which no evaluation has, if there are fewer."""
    first, second, third, *_ = (*evaluation.max_detections, 0, 0, 0)
    return first, second, third


def _mean(values: NDArray[np.float64]) -> float:
    defined = values[values > _UNDEFINED]
    return float(np.mean(defined)) if defined.size else _UNDEFINED
