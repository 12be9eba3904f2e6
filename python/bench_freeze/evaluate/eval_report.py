"""What `bench-freeze eval` does: two COCO files in, the twelve numbers out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..data.coco import read_instances, read_results
from ..data.dataset import DetectionTable, GroundTruth
from ..kernels.results_ahead import ResultsAhead
from ..text import terminal
from .evaluate import evaluate
from .evaluation import Evaluation
from .protocols import SIZES, Protocol, rules_of
from .summarize import summary_lines


@dataclass(frozen=True)
class ApAt:
    """AP at IoU thresholds, by their names; -1 without ground truth."""

    by_iou: Mapping[str, float] = field(default_factory=dict)
    by_size: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # threshold, then size


@dataclass(frozen=True)
class EvalReport:
    """An evaluation of one results file, and what it was made from."""

    evaluation: Evaluation
    stats: dict[str, float]  # the twelve numbers, or those of another protocol
    seconds: float  # from opening the files to the numbers
    images: int
    categories: int
    detections: int  # scored rows
    ignored_detections: int  # rows with categories that the ground truth does not have
    notes: tuple[str, ...] = ()  # sentences about entries that were left out or read in an unusual form
    head: str | None = None  # the head of the model that was run, with its classes and its unpaired categories
    left_out_classes: tuple[str, ...] = ()
    left_out_categories: tuple[str, ...] = ()
    ap_at: ApAt = field(default_factory=ApAt)  # at the requested thresholds

    def summary(self) -> str:
        """The twelve lines that pycocotools prints, or one line per number by another protocol; then the notes."""
        if self.evaluation.is_coco:
            lines = list(summary_lines(self.evaluation))
        else:
            lines = [f" {name:<5} ({self.evaluation.protocol}) = {v:0.5f}" for name, v in self.stats.items()]
        for iou, value in self.ap_at.by_iou.items():
            sizes = ", ".join(f"{size} {own:0.5f}" for size, own in self.ap_at.by_size.get(iou, {}).items())
            lines.append(f" AP at IoU {iou} = {value:0.5f}" + (f" ({sizes})" if sizes else ""))
        return terminal.lines([*lines, *(f"note: {note}" for note in self.notes)])

    def to_dict(self) -> dict[str, object]:
        """The report as JSON types; numbers are not rounded."""
        of_model: dict[str, object] = {}
        if self.head is not None:
            of_model = {
                "head": self.head,
                "left_out_classes": list(self.left_out_classes),
                "left_out_categories": list(self.left_out_categories),
            }
        return {
            "stats": self.stats,
            "seconds": self.seconds,
            "protocol": self.evaluation.protocol,
            "images": self.images,
            "categories": self.categories,
            "detections": self.detections,
            "ignored_detections": self.ignored_detections,
            "counts": asdict(self.evaluation.counts),
            "notes": list(self.notes),
            **of_model,
            **({"ap_by_iou": dict(self.ap_at.by_iou)} if self.ap_at.by_iou else {}),
            **({"ap_by_iou_and_size": self.ap_at.by_size} if self.ap_at.by_size else {}),
        }


def ap_at(
    ground_truth: GroundTruth, detections: DetectionTable, ious: Sequence[float], protocol: Protocol, threads: int = 1
) -> ApAt:
    """AP by a protocol at each of the given IoU thresholds; empty without any.

    COCO's and VOC's protocols also give AP for COCO's three sizes; Ultralytics' protocol has no sizes.
    """
    if not ious:
        return ApAt()
    rules = rules_of(protocol)
    ranges = {**rules.area_ranges, **SIZES} if rules.knows_sizes else rules.area_ranges
    found = evaluate(
        ground_truth, detections, protocol=protocol, iou_thresholds=ious, area_ranges=ranges, threads=threads
    )
    names = {iou: f"{iou:g}" if len(f"{iou:g}") > 4 else f"{iou:.2f}" for iou in found.ap_by_iou()}
    by_size = {size: found.of_size(size).ap_by_iou() for size in found.area_ranges if size != "all"}
    return ApAt(
        by_iou={names[iou]: value for iou, value in found.ap_by_iou().items()},
        by_size={
            names[iou]: {size: values[iou] for size, values in by_size.items()} for iou in (names if by_size else ())
        },
    )


def evaluate_files(
    gt: Path,
    dt: Path,
    *,
    protocol: Protocol = "coco",
    threads: int = 1,
    ious: Sequence[float] = (),
    ahead: ResultsAhead | None = None,
) -> EvalReport:
    """Score a COCO results file against a COCO instances file; `ious` are further thresholds to report AP at.

    `ahead`, if given, has begun to read the results.

    Raises InputError if a file cannot be read, or if the files contradict each other.
    """
    start = time.perf_counter() if ahead is None else ahead.began
    instances = read_instances(gt)
    ground_truth = instances.ground_truth
    results = read_results(dt, ground_truth, threads=threads, ahead=ahead)
    evaluation = evaluate(ground_truth, results.detections, protocol=protocol, threads=threads)
    stats = evaluation.stats()
    return EvalReport(
        evaluation=evaluation,
        stats=stats,
        seconds=time.perf_counter() - start,
        images=len(ground_truth.image_ids),
        categories=len(ground_truth.category_ids),
        detections=len(results.detections),
        ignored_detections=results.ignored_detections,
        ap_at=ap_at(ground_truth, results.detections, ious, protocol, threads),
        notes=(*(f"{gt}: {note}" for note in instances.notes), *(f"{dt}: {note}" for note in results.notes)),
    )
