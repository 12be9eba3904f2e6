"""The meaning of the terms and numbers in a report."""

from __future__ import annotations

from .columns import VERDICT
from .view import View

TERMS = (
    ("original", "The base model as given, on the same engine: the reference of every row."),
    ("branched", "Frozen layers shared, both tails side by side: the base head answers exactly as before."),
    ("grafted", "The original head on the fine-tuned neck: what the features forgot."),
    ("plain", "The fine-tuned detector alone: its old classes are gone."),
    ("AP", "Average precision of a class: the area under its precision-recall curve, sampled at 101 recalls."),
    ("mAP", "Mean of AP over classes and over IoU 0.50 to 0.95 in steps of 0.05; mAP50: at IoU 0.50 alone."),
    ("IoU", "Intersection over union of two boxes: 1 where they are the same, 0 where they do not touch."),
    ("arm", "A model of the study over its seeds: everything that identifies a row except the seed."),
    (
        "interval",
        "95 % confidence intervals, in brackets. For an accuracy they cover other images and, with several seeds, "
        "other trainings. On few images a model's own mAP is biased upwards, and so is its interval, which is for "
        "sets of this many images; differences between two models on the same images are not.",
    ),
    ("bounds", "The brackets of a percentile: by order statistics, and wider where samples are autocorrelated."),
    ("p50, p99", "The time that 50 % or 99 % of the calls did not exceed; p99 needs at least 662 samples."),
    ("VALID", "No reason was found to distrust the latency."),
    ("AMBIGUOUS", "Other processes, drift, steps or too few samples: do not rely on it without another run."),
    ("INVALID", "Throttling, an impossible clock, or many rejected samples: do not use the number."),
    ("UNJUDGED", "Not timed, or measured by a version that gave no verdicts."),
    ("F1", "Harmonic mean of precision and recall: 2 hits / (detections + annotated boxes), here of one image."),
    ("graft ladder", "Every model between the original and the fine-tuned one, layer after layer."),
    ("scratch", "A training from random weights with nothing frozen, with which pre-training is compared."),
    ("gain", "AP of a pre-trained training minus that of scratch, on the same images and seeds."),
    ("Pareto front", "The models that no other beats in every compared number at once."),
)


def glossary(view: View) -> list[tuple[str, str]]:
    """Terms with their meanings, the table's columns first."""
    columns = [(c.heading, c.words) for c in view.columns if c != VERDICT and c.key not in ("freeze", "construction")]
    return [*columns, *TERMS]
