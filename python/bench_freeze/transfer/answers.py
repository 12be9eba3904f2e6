"""The five questions of "An Analysis of Pre-Training on Object Detection" (arXiv 1904.05871), as far as measured.

Every figure is a detector minus a classifier, where both are among the sources. A verdict says whether these data show
what the paper found, by the sign of the difference and the adjusted p-value. A difference can count as shown only if
its interval includes seeds, except for the direction between features, which does not depend on seeds.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from ..results.answers import Answer, AnswerFigure, AnswerVerdict
from ..results.estimated import Compared, Estimated
from ..results.transfer import Classification, Segmentation, Transfer
from .crops import CROWDED, SMALL
from .look import QUARTERS_ALIKE, SPREAD
from .statistics import ALPHA

DETECTION = (
    "Is a detector the better start for detection on a small set, most of all where boxes have to fit tightly?",
    "VOC 2007 mAP at IoU 0.5 / 0.7: 84.6 / 76.3 after ImageNet classification, 86.8 / 80.7 after COCO and 86.8 / 81.1 "
    "after OpenImages detection.",
)
SEGMENTATION = (
    "Does detection pre-training help segmentation, another task that depends on location?",
    "About 3 % more on VOC 2012 than after classification.",
)
CLASSIFICATION = (
    "What does it cost in the classification of whole images?",
    "About 8 % less on Caltech-256 by frozen features.",
)
FEATURES = (
    "Are images that a detector finds similar also similar to a classifier, and less so the other way round?",
    "Yes, by nearest neighbours.",
)
NEURONS = (
    "Do a detector's neurons look at whole objects and a classifier's at parts, so that detectors classify worse where "
    "an object is small or not alone?",
    "Yes, by its pictures of activations and by the images that detectors misclassify.",
)


Tasks = Mapping[str, str]


def answers(transfer: Transfer) -> list[Answer]:
    """All five answers, in the paper's order; an answer without figures says what would measure it."""
    tasks = {source.name: source.task for source in transfer.sources}
    files = shlex.quote(",".join(source.file or source.name for source in transfer.sources))
    measured = [
        (SEGMENTATION, _segmentation(transfer, tasks), "--segment"),
        (CLASSIFICATION, _classification(transfer, tasks), "--classify"),
        (FEATURES, _features(transfer, tasks), "--classify with --side-by-side"),
        (NEURONS, _neurons(transfer, tasks), "--look and --crops"),
    ]
    paired = {"detect", "classify"} <= set(tasks.values())
    found = [
        Answer(
            question=DETECTION[0],
            published=DETECTION[1],
            figures=[],
            not_measured="no detector is trained here; this is measured by bench-freeze run --freeze 9,0 "
            f"--data-fractions 0.1,0.25,1 --seeds 0,1,2 --breakdown --weights {files} --target YAML",
        )
    ]
    for (question, published), figures, flags in measured:
        every = list(figures)
        why = f"add {flags}" if paired else "the sources do not include both a detector and a classifier"
        found.append(Answer(question=question, published=published, figures=every, not_measured=None if every else why))
    return found


def _segmentation(transfer: Transfer, tasks: Tasks) -> Iterator[AnswerFigure]:
    if transfer.segmentation is not None:
        yield from _of_tables(transfer.segmentation, tasks, f"mean IoU on {transfer.segmentation.data}", 1)


def _classification(transfer: Transfer, tasks: Tasks) -> Iterator[AnswerFigure]:
    if transfer.classification is not None:
        yield from _of_tables(transfer.classification, tasks, f"top-1 on {transfer.classification.data}", -1)


def _of_tables(found: Classification | Segmentation, tasks: Tasks, what: str, expected: int) -> Iterator[AnswerFigure]:
    """The figures on the largest share: fine-tuned at each depth, then frozen, each with its name."""
    (frozen, _, unchanged), *of_depths = found.tables()
    for words, comparisons in (*((own, pairs) for own, _, pairs in of_depths), (frozen, unchanged)):
        yield from _figures(_largest_share(comparisons), tasks, f"{what}, {words}", expected)


def _features(transfer: Transfer, tasks: Tasks) -> Iterator[AnswerFigure]:
    for pair in transfer.side_by_side.pairs if transfer.side_by_side is not None else ():
        kinds = tasks[pair.a], tasks[pair.b]
        if pair.direction is None or sorted(kinds) != ["classify", "detect"]:
            continue
        turned = kinds[0] == "classify"
        yield AnswerFigure(
            what="similar to the detector and then to the classifier, minus the converse",
            detector=pair.b if turned else pair.a,
            classifier=pair.a if turned else pair.b,
            difference=_turned(pair.direction) if turned else pair.direction,
            p=pair.direction_p,
            verdict=_verdict(
                pair.direction,
                None if pair.direction_p is None else pair.direction_p <= ALPHA,  # it does not depend on seeds
                -1 if turned else 1,
            ),
        )


def _neurons(transfer: Transfer, tasks: Tasks) -> Iterator[AnswerFigure]:
    if transfer.look is not None:
        for measure in (SPREAD, QUARTERS_ALIKE):
            yield from _figures(transfer.look.comparisons.get(measure, []), tasks, measure, 1)
    if transfer.crops is not None:
        for measure in (SMALL, CROWDED):
            yield from _figures(transfer.crops.losses.get(measure, []), tasks, f"top-1 lost by {measure}", 1)


def _largest_share(comparisons: Sequence[Compared]) -> list[Compared]:
    most = max((pair.data_fraction for pair in comparisons), default=1.0)
    return [pair for pair in comparisons if pair.data_fraction == most]


def _figures(comparisons: Sequence[Compared], tasks: Tasks, what: str, expected: int) -> Iterator[AnswerFigure]:
    """Differences of detectors minus classifiers; `expected` is the sign of the paper's finding."""
    for pair in comparisons:
        kinds = tasks[pair.a], tasks[pair.b]
        if sorted(kinds) != ["classify", "detect"]:
            continue
        turned = kinds[0] == "detect"  # a difference is b minus a
        yield AnswerFigure(
            what=what,
            detector=pair.a if turned else pair.b,
            classifier=pair.b if turned else pair.a,
            difference=_turned(pair.difference) if turned else pair.difference,
            p=pair.p,
            verdict=_verdict(pair.difference, pair.shown, -expected if turned else expected),
        )


def _turned(found: Estimated) -> Estimated:
    """The same difference with the opposite sign."""
    low = None if found.high is None else 0.0 - found.high
    return replace(found, value=0.0 - found.value, low=low, high=None if found.low is None else 0.0 - found.low)


def _verdict(found: Estimated, shown: bool | None, expected: int) -> AnswerVerdict:
    if not shown:
        return "not shown by these data"
    return "shown by these data" if found.value * expected > 0 else "the opposite is shown by these data"
