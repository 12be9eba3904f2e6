"""The five questions: the sign is a detector less a classifier whichever came first, and a verdict needs a claim."""

import pytest
from msgspec.structs import replace

from bench_freeze.report.transfer_text import answer_lines
from bench_freeze.results.estimated import Compared, Estimated
from bench_freeze.transfer.answers import answers
from tests.transfers import a_transfer, with_fine_tuned

SHOWN, OPPOSITE, NOT_SHOWN = (
    "shown by these data",
    "the opposite is shown by these data",
    "not shown by these data",
)


def difference(value, shown, *, names=("one", "two"), share=1.0):
    found = Estimated(value=value, low=value - 0.02, high=value + 0.05, covers="images and seeds")
    return Compared(a=names[0], b=names[1], data_fraction=share, difference=found, p=0.01, shown=shown)


def transfer_of(comparisons, tasks):
    found = a_transfer()
    found.sources = [replace(source, task=task) for source, task in zip(found.sources, tasks, strict=True)]
    found.segmentation = replace(found.segmentation, comparisons=comparisons)
    found.classification = replace(found.classification, comparisons=comparisons)
    return found


@pytest.mark.parametrize(
    ("value", "shown", "segments", "classifies"),
    [
        (0.1, True, SHOWN, OPPOSITE),
        (-0.1, True, OPPOSITE, SHOWN),
        (0.1, False, NOT_SHOWN, NOT_SHOWN),
        (0.1, None, NOT_SHOWN, NOT_SHOWN),  # one seed
    ],
)
def test_a_detector_that_segments_better_and_classifies_worse_is_what_the_paper_found(
    value, shown, segments, classifies
):
    found = answers(transfer_of([difference(value, shown)], ("classify", "detect")))  # two less one: detector first
    assert [own.figures[0].verdict for own in found[1:3]] == [segments, classifies]
    turned = answers(transfer_of([difference(-value, shown)], ("detect", "classify")))
    assert [own.figures[0].verdict for own in turned[1:3]] == [segments, classifies]
    first, second = found[1].figures[0], turned[1].figures[0]
    assert (first.detector, first.classifier) == ("two", "one")
    assert (second.detector, second.classifier) == ("one", "two")
    assert first.difference.value == second.difference.value == value
    assert second.difference.low == pytest.approx(value - 0.05)  # the ends change places
    assert second.difference.high == pytest.approx(value + 0.02)


def test_only_the_largest_share_answers():
    pairs = [difference(0.3, True, share=0.1), difference(0.1, True, share=0.5)]
    found = answers(transfer_of(pairs, ("classify", "detect")))
    assert [own.difference.value for own in found[1].figures] == [0.1]


def test_fine_tuned_rows_answer_first_and_frozen_ones_under_their_own_name():
    found = with_fine_tuned(transfer_of([difference(0.1, True)], ("classify", "detect")))
    deeper, whole = found.classification.tuned_depths
    found.classification = replace(
        found.classification,
        tuned_depths=[
            replace(deeper, comparisons=[difference(0.3, True, share=0.1), difference(-0.2, True)]),
            replace(whole, comparisons=[difference(-0.3, False)]),
        ],
    )
    figures = answers(found)[2].figures
    assert [(own.what.split(", ", 1)[1], own.difference.value, own.verdict) for own in figures] == [
        ("fine-tuned, freeze 9", -0.2, SHOWN),
        ("fine-tuned, freeze 0", -0.3, NOT_SHOWN),
        ("frozen", 0.1, OPPOSITE),
    ]


@pytest.mark.parametrize("tasks", [("detect", "detect"), ("detect", "random"), ("classify", "segment")])
def test_without_a_detector_beside_a_classifier_nothing_is_answered(tasks):
    found = answers(transfer_of([difference(0.1, True)], tasks))
    assert len(found) == 5
    assert [own.figures for own in found] == [[]] * 5
    for own in found[1:]:
        assert own.not_measured == "the sources do not include both a detector and a classifier"
        assert answer_lines(own) == [f"not measured here: {own.not_measured}."]


def test_detection_says_which_command_measures_it():
    (first, *_) = answers(a_transfer(first="my file", second="b"))
    assert "bench-freeze run" in first.not_measured
    assert "'my file,b'" in first.not_measured


def test_the_direction_between_features_is_tested_over_images():
    found = transfer_of([], ("classify", "detect"))
    direction = Estimated(value=0.04, low=0.01, high=0.06, covers="images")
    (pair,) = found.side_by_side.pairs
    found.side_by_side = replace(found.side_by_side, pairs=[replace(pair, direction=direction, direction_p=0.01)])
    (figure,) = answers(found)[3].figures
    assert (figure.difference.value, figure.difference.low, figure.difference.high) == (-0.04, -0.06, -0.01)
    assert figure.verdict == OPPOSITE
    found.sources = [replace(own, task=task) for own, task in zip(found.sources, ("detect", "classify"), strict=True)]
    (figure,) = answers(found)[3].figures
    assert (figure.difference.value, figure.verdict) == (0.04, SHOWN)
