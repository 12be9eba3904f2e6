"""Score thresholds with the best F1 for each class, from the match data that a study kept."""

from __future__ import annotations

import numpy as np

from ..data.classes import normalized
from ..evaluate.curves import BestF1
from ..evaluate.evaluation import Evaluation
from ..evaluate.head_curves import SCORES, head_curves
from ..results.inputs import DataFacts
from ..results.shipped import BestThreshold, ShippedHead


def shipped_head(
    name: str, kind: str, class_names: tuple[str, ...], data: DataFacts, evaluation: Evaluation | None
) -> ShippedHead:
    """A head with its measurements on its own data set; categories and thresholds are matched to classes by name."""
    ids = dict(zip(map(normalized, data.classes), data.category_ids, strict=False))
    best: dict[str, BestThreshold] = {}
    if evaluation is not None:
        found = zip(evaluation.class_names, evaluation.best_f1(), strict=True)
        best = {normalized(own): _kept(one) for own, one in found if one is not None}
    return ShippedHead(
        name=name,
        kind=kind,
        class_names=list(class_names),
        category_ids=[ids.get(normalized(own)) for own in class_names],
        thresholds=[best.get(normalized(own)) for own in class_names],
        threshold=None if evaluation is None else _one_for_all(evaluation),
    )


def _kept(best: BestF1) -> BestThreshold:
    return BestThreshold(score=best.score, f1=best.f1, precision=best.precision, recall=best.recall)


def _one_for_all(evaluation: Evaluation) -> float | None:
    """The threshold with the highest mean F1 over classes with annotated boxes; on a tie, the highest threshold."""
    curves = head_curves(evaluation)
    if curves is None:
        return None
    best = len(SCORES) - 1 - int(np.argmax(curves.f1[::-1]))
    return float(SCORES[best])
