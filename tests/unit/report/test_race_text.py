"""A race in words: what stopped, when, why, on every form of the report."""

import pytest

from bench_freeze.report.assemble import view_of
from bench_freeze.report.html.page import report_page
from bench_freeze.report.race_text import race_lines, race_remarks
from bench_freeze.report.summary_text import summary
from bench_freeze.report.table import markdown
from tests.builders import original, results, row


def stopped(number, why):
    return {
        "arm": f"freeze {number}", "weights": None, "freeze": number, "recipe": "static", "seeds": [0, 1], "epoch": 7,
        "why": why, "reason": f"the reason of {number}", "target_map": [0.1, None],
    }  # fmt: skip


def race(*stops, **own):
    usual = {
        "budget": "40%", "unit": "image passes", "limit": 400.0, "grid": 1000.0, "spent": 390.0, "alpha": 0.05,
        "max_base_drop": None, "arms": ["freeze 22", *(stop["arm"] for stop in stops)], "finished": ["freeze 22"],
        "seeds": [0, 1], "asked_seeds": [0, 1, 2], "stopped": list(stops), "ended": "1 arm ran to the end.",
        "decisions": [{"epoch": 7, "seeds": [0, 1], "arms": 3, "stopped": [], "spent": 100.0}],
    }  # fmt: skip
    return usual | own


def study_with(found):
    return results(race=found, rows=[row(), row(seed=1)], originals=[original()])


BOTH = race(stopped(3, "worse"), stopped(5, "budget"))


def test_the_terminal_names_every_arm_that_stopped_by_reason():
    text = " ".join(" ".join(summary(view_of({"out": study_with(BOTH)}), 100)).split())
    assert "2 of 3 arms stopped in the race and have no rows" in text
    assert "1 shown to be worse (freeze 3 at epoch 7)" in text
    assert "1 for want of budget, not shown to be worse (freeze 5 at epoch 7)" in text


@pytest.mark.parametrize("form", ["page", "markdown", "lines"])
def test_every_reason_is_given_in_full(form):
    view = view_of({"out": study_with(BOTH)})
    text = {
        "page": lambda: report_page(view, {}),
        "markdown": lambda: markdown(view),
        "lines": lambda: "\n".join(race_lines(view.studies[0].results.race)),
    }[form]()
    for number in (3, 5):
        assert f"freeze {number} stopped after epoch 7 of seeds 0, 1: the reason of {number}" in text
    assert "39%" in text


def test_a_larger_budget_is_the_remedy_only_where_the_budget_stopped_an_arm():
    (remark,) = race_remarks(study_with(BOTH).race)
    assert "larger --budget" in remark.remedy
    (remark,) = race_remarks(study_with(race(stopped(3, "worse"))).race)
    assert not remark.remedy


def test_a_race_in_which_nothing_stopped_and_a_study_without_one_say_nothing():
    assert not list(race_remarks(study_with(race()).race))
    assert not list(race_remarks(None))
    assert race_lines(None) == []


def test_a_budget_of_time_is_told_in_seconds():
    found = race(stopped(3, "worse"), unit="seconds", limit=7200.0, spent=7000.4, grid=None, budget="2h")
    assert "Spent: 7000 of 7200 s." in race_lines(study_with(found).race)[0]


def decision(epoch, *seeds):
    return {"epoch": epoch, "seeds": list(seeds), "arms": 3, "stopped": [], "spent": 100.0}


@pytest.mark.parametrize(
    ("decisions", "said", "unsaid"),
    [
        ([decision(2, 4), decision(7, 4)], "After epochs 2, 7 of seed 4", "5%"),
        ([decision(7, 4), decision(7, 4, 1), decision(7, 4, 1, 9)], "compared after seeds 1, 9, paired", "epochs 7, 7"),
        ([decision(7, 0, 1)], "compared after seed 1, paired", "After epochs"),
    ],
)
def test_what_one_seed_and_several_can_show_is_told_apart(decisions, said, unsaid):
    text = race_lines(study_with(race(decisions=decisions, asked_seeds=[4, 1, 9])).race)[1]
    assert said in text
    assert unsaid not in text
