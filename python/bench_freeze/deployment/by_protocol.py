"""AP of one head by several protocols, at every IoU threshold and for every object size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..data.dataset import DetectionTable, GroundTruth
from ..evaluate import Evaluation, evaluate
from ..evaluate.breakdown import IOU_THRESHOLDS
from ..evaluate.match_file import MatchFile
from ..evaluate.protocols import AP_MAX_DETECTIONS, AREA_RANGES, Protocol, rules_of
from ..results.schema import ApBySize


def evaluate_by_protocol(
    truth: GroundTruth, detections: DetectionTable, protocols: Sequence[Protocol]
) -> dict[str, Evaluation]:
    """One evaluation per protocol, at IOU_THRESHOLDS and COCO's sizes; protocols with one rule share its matching."""
    by_rule: dict[str, Evaluation] = {}
    found: dict[str, Evaluation] = {}
    for protocol in protocols:
        rule = rules_of(protocol).rule
        if rule not in by_rule:
            by_rule[rule] = evaluate(
                truth,
                detections,
                protocol=protocol,
                iou_thresholds=IOU_THRESHOLDS,
                area_ranges=AREA_RANGES,
                max_detections=(AP_MAX_DETECTIONS,),
            )
        found[protocol] = replace(by_rule[rule], protocol=protocol)
    return found


def kept_by_protocol(evaluations: Mapping[str, Evaluation], matches: MatchFile) -> dict[str, ApBySize]:
    """Add the matches of each rule to `matches`; return the AP by protocol, with the names of the matches."""
    names: dict[str, str] = {}
    found = {}
    for protocol, evaluation in evaluations.items():
        rule = evaluation.lattice.rule
        if rule not in names:
            names[rule] = matches.add(evaluation)
        sizes = {size: evaluation.of_size(size) for size in evaluation.area_ranges}
        found[protocol] = ApBySize(
            ap={size: _by_iou(own) for size, own in sizes.items()},
            objects={size: int(own.ground_truth_count.sum()) for size, own in sizes.items()},
            matches=names[rule],
        )
    return found


def _by_iou(evaluation: Evaluation) -> dict[str, float | None]:
    return {f"{iou:.2f}": None if ap < 0 else ap for iou, ap in evaluation.ap_by_iou().items()}
