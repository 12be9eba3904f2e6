"""What the page calls a study whose checkpoints were trained elsewhere."""

import msgspec
import pytest

from bench_freeze.conclusions import recommend
from bench_freeze.report.asked import asked, title
from bench_freeze.results.inputs import GivenCheckpoint
from tests import builders


def marked_as_given(results, freezes):
    """The same study, with the trainings of these depths trained elsewhere."""

    def given(row):
        where = GivenCheckpoint(
            file=f"{row.freeze}.pt", sha256=f"{row.freeze}", precision="fp32", stated_freeze=None,
            equal_layers=row.freeze, compared_as="fp32",
        )  # fmt: skip
        return msgspec.structs.replace(row, train=msgspec.structs.replace(row.train, given=where))

    rows = [given(row) if row.freeze in freezes else row for row in results.rows]
    return msgspec.structs.replace(results, rows=rows)


@pytest.fixture(scope="module")
def trained():
    return builders.committed("fruit9_depths_seeds_320")


def test_a_study_of_given_checkpoints_claims_no_training(trained):
    depths = {row.freeze for row in trained.rows}
    given = marked_as_given(trained, depths)
    name = trained.data["training"].name
    assert f"fine-tuned on {name}" in title(trained)
    assert name not in title(given)
    assert "fine-tuned elsewhere:" in title(given)
    assert "Fine-tune" not in asked(given)
    steps = recommend(given).next_steps
    assert not [step for step in steps if "--seeds" in step or "--epochs" in step]
    assert any("--tuned" in step for step in steps)


def test_one_trained_arm_makes_it_a_study_that_trains(trained):
    deepest = min(row.freeze for row in trained.rows)
    mixed = marked_as_given(trained, {row.freeze for row in trained.rows} - {deepest})
    assert f"fine-tuned on {trained.data['training'].name}" in title(mixed)
    assert "Fine-tune" in asked(mixed)
    assert "Also measure" in asked(mixed)
    assert any("--seeds" in step for step in recommend(mixed).next_steps)
