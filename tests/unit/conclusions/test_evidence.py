"""The grade of the evidence: that of its weakest criterion, in words, with what would raise it."""

import dataclasses

import msgspec
import pytest

from bench_freeze.conclusions import recommend
from bench_freeze.conclusions.evidence import Facts, grade_of
from tests import builders
from tests.unit.conclusions.decisions import Arm, study
from tests.unit.conclusions.test_conclusions import Problem, make_results

STRONG = Facts(
    seeds=5, images=500, split="val", epochs=30, support=0.9, silence=None, choices=3, has_test=True, doubtful=()
)


@pytest.mark.parametrize(
    ("change", "grade", "reason", "step"),
    [
        ({}, "strong", None, None),
        ({"seeds": 4}, "moderate", "4 seeds an arm (moderate).",
         "Train 1 more seed of each arm, such as --seeds 0,1,2,3,4."),
        ({"seeds": 2}, "weak", "2 seeds an arm (weak).", "Train 1 more seed of each arm, such as --seeds 0,1,2."),
        ({"seeds": 1}, "weak", "One seed: the variation between trainings is not known (weak).",
         "Train 2 more seeds of each arm, such as --seeds 0,1,2."),
        ({"images": 499}, "moderate", "499 images in val (moderate).", "Label 1 more image for val: 500 in all."),
        ({"images": 55}, "weak", "55 images in val (weak).", "Label 45 more images for val: 100 in all."),
        ({"epochs": 29}, "moderate", "29 epochs: the order of arms may change with longer training (moderate).",
         "Train longer: --epochs 30 or more."),
        ({"epochs": 1}, "weak", "1 epoch: the order of arms may change with longer training (weak).",
         "Train longer: --epochs 6 or more."),
        ({"epochs": None}, "strong", None, None),
        ({"seeds": 1, "given": True}, "weak", "One seed: the variation between trainings is not known (weak).",
         "Train 2 more seeds of each arm and give all of them: --tuned 22/0=a.pt,22/1=b.pt."),
        ({"epochs": 1, "given": True}, "weak", "1 epoch: the order of arms may change with longer training (weak).",
         "Give checkpoints of 6 epochs or more."),
        ({"support": 0.89}, "moderate",
         "branched 10 is the pick in 89 % of resamples over images and trainings (moderate).",
         "More seeds and more images in val make the order of the arms more certain."),
        ({"support": 0.59}, "weak", "branched 10 is the pick in 59 % of resamples over images and trainings (weak).",
         "More seeds and more images in val make the order of the arms more certain."),
        ({"support": None, "silence": "one image"}, "weak",
         "How often branched 10 would be picked again is not known: one image (weak).", None),
        ({"choices": 1, "support": None}, "strong",
         "branched 10 is the only arm that meets the constraints: nothing was compared (strong).", None),
        ({"doubtful": ("branched 15",)}, "moderate", "The latency of branched 15 is not VALID (moderate).",
         "Measure the latency of branched 15 again on a quiet machine: --retime."),
        ({"doubtful": tuple("abcde")}, "moderate", "The latencies of 5 arms are not VALID (moderate).",
         "Measure the latency of 5 arms again on a quiet machine: --retime."),
        ({"doubtful": None}, "moderate", "Latency was not measured for every arm (moderate).",
         "Measure latency (--latency-samples 200): cost is the size of the file."),
        ({"has_test": False}, "moderate", "No test split: choice and number come from val (moderate).",
         "Add a test split to the data yaml (test: FOLDER): the quoted number is then independent of the choice."),
    ],
)  # fmt: skip
def test_each_criterion(change, grade, reason, step):
    facts = dataclasses.replace(STRONG, **change)
    found, reasons, steps = grade_of(facts, "branched 10", "images and trainings")
    assert found == grade
    if reason is not None:
        assert reason in reasons
    assert steps == ([] if step is None else [step])
    if grade != "strong":
        assert reasons[0] == reason  # the weakest first


def test_one_seed_or_a_few_epochs_are_weak_in_words():
    sure = {"error": 0.001}
    arms = [Arm(10, (0.5,) * 5, **sure), Arm(0, (0.7,) * 5, **sure)]
    found = recommend(study(*arms, images=1000, epochs=3))
    assert found.grade == "weak"
    assert found.grade_reasons[0].startswith("3 epochs")
    single = recommend(
        study(*(dataclasses.replace(arm, target=arm.target[:1]) for arm in arms), images=1000, epochs=100)
    )
    assert single.grade == "weak"
    assert single.grade_reasons[0].startswith("One seed")


def test_verdicts_of_the_rows_count():
    import msgspec

    from bench_freeze.conclusions import conclude

    results = make_results(Problem(), seeds=(0,))
    for at, row in enumerate(results.rows):
        verdict = "AMBIGUOUS" if (row.freeze, row.construction) == (15, "branched") else "VALID"
        model = msgspec.structs.replace(row.latency.model, verdict=verdict)
        results.rows[at] = msgspec.structs.replace(row, latency=msgspec.structs.replace(row.latency, model=model))
    results.statistics = conclude(results, {})
    found = recommend(results)
    assert "The latency of branched 15 is not VALID (moderate)." in found.grade_reasons
    assert found.answers[0].latency_ratio.value == pytest.approx(found.answers[0].latency_p50_s / 0.008)


@pytest.mark.parametrize("missing", [False, True])
def test_a_latency_that_is_invalid_is_not_called_unmeasured(missing):
    results = builders.committed("fruit9_depths_seeds_320")

    def changed(row):
        if (row.construction, row.freeze) != ("branched", 10):
            return row
        latency = msgspec.structs.replace(row.latency.model, verdict="INVALID")
        latencies = msgspec.structs.replace(row.latency, model=None if missing else latency)
        return msgspec.structs.replace(row, latency=latencies)

    arms = [
        msgspec.structs.replace(arm, latency_p50_s=None, latency_interval_s=None) if arm.name == "branched 10" else arm
        for arm in results.statistics.arms
    ]
    statistics = msgspec.structs.replace(results.statistics, arms=arms)
    found = recommend(msgspec.structs.replace(results, rows=list(map(changed, results.rows)), statistics=statistics))
    said = " ".join([*found.grade_reasons, *found.notes])
    assert ("not measured for every arm" in said) == missing
    assert ("branched 10 is INVALID: cost is the size of the file." in said) == (not missing)
    assert any("--retime" in step for step in found.next_steps) == (not missing)
    assert any("--latency-samples" in step for step in found.next_steps) == missing
