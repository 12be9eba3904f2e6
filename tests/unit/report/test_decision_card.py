"""One number, said twice on the card of a decision, is one number."""

import re

import pytest

from bench_freeze.conclusions import recommend
from bench_freeze.report.assemble import view_of
from tests import builders

STUDIES = ("fruit9_capacity_320", "fruit9_depths_seeds_320", "fruit9_precisions_320")  # those with a pick


@pytest.mark.parametrize("name", STUDIES)
def test_the_share_of_resamples_is_that_of_the_grade(name):
    results = builders.committed(name)
    results.recommendation = found = recommend(results)
    decision = view_of({"study": results}).studies[0].decision
    assert decision is not None
    (graded,) = re.findall(r"is the pick in (\d+) % of resamples", " ".join(found.grade_reasons)) or [None]
    shares = {answer.name: dict(answer.facts).get("picked in") for answer in decision.answers}
    assert found.pick in shares
    assert shares[found.pick] == (None if graded is None else f"{graded} % of the resamples")
    assert all(share is None for arm, share in shares.items() if arm != found.pick)
