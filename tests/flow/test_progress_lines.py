"""What a log shows of a whole study: every step with its number, the last of which is how many there are."""

import re

import pytest

pytestmark = pytest.mark.slow


def test_the_steps_of_a_study_are_counted(finished):
    said = finished[2].stderr.splitlines()
    steps = [re.match(r"(\d+)/(\d+) .* (kept|[\d.]+ s)$", text) for text in said]
    numbers = [(int(found[1]), int(found[2])) for found in steps if found]
    total = numbers[-1][1]
    assert [number for number, _ in numbers] == list(range(total - len(numbers) + 1, total + 1))
    assert {of for _, of in numbers} == {total}
    before = [text for text in said if re.fullmatch(r"(make|read) [\w ]+ [\d.]+ s", text)]
    assert len(before) == total - len(numbers)


def test_the_curves_of_a_study_are_kept(finished):
    for row in finished[1]["rows"]:
        curves = row["train"]["curves"]
        assert len(curves["learning_rate"]) == 1
        assert set(curves["losses"]) >= {"box_loss", "cls_loss", "dfl_loss"}
        assert curves["held_out"] is None
