"""The decision: which arm, by which rule, how sure, and what is said of it."""

import dataclasses

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_freeze.conclusions import recommend
from bench_freeze.results.schema import decode, encode
from tests.unit.conclusions.decisions import Arm, study

SURE = {"error": 0.002}  # a target mAP that images know well
CHEAP, DEAR = {"latency_ms": 10.0, "megabytes": 10.0}, {"latency_ms": 20.0, "megabytes": 20.0}


def member(found, name):
    return next(m for m in found.pareto if m.name == name)


def test_a_loss_that_is_only_not_told_from_zero_is_no_tie():
    """The fault of the five-depth study: 0.485 stood in for 0.564 because the difference's interval had 0 in it."""
    cheap, dear = Arm(10, (0.52, 0.51, 0.42), **CHEAP), Arm(0, (0.55, 0.57, 0.56), **DEAR)
    found = recommend(study(cheap, dear))
    assert found.pick == "branched 0"
    assert found.ties == ["branched 10"]  # not told apart, which is said, and nothing more
    assert member(found, "branched 10").within_indifference is False
    assert "no cheaper one is shown to lose at most 0.01" in found.reason
    assert [answer.name for answer in found.answers] == ["branched 0"]


def test_a_cheaper_arm_that_is_shown_to_be_as_good_stands_in():
    cheap = Arm(10, (0.500, 0.501, 0.499), **CHEAP, **SURE)
    dear = Arm(0, (0.503, 0.504, 0.502), **DEAR, **SURE)
    found = recommend(study(cheap, dear))
    assert found.pick == "branched 10"
    assert "is the cheapest that is shown to lose at most 0.01 against it (0.0030 [" in found.reason
    assert "at 0.50 times its latency, 10.0 MB less" in found.reason
    assert [(a.kind, a.name) for a in found.answers] == [
        ("most accurate", "branched 0"), ("cheapest within the indifference", "branched 10"),
    ]  # fmt: skip
    best, cheapest = found.answers
    assert best.against_other.other == "branched 10"
    assert best.against_other.target == pytest.approx(0.003)
    assert best.against_other.latency_ratio.value == pytest.approx(2)
    assert best.against_other.latency_ratio.interval.low < 2 < best.against_other.latency_ratio.interval.high
    assert cheapest.against_other.bytes == -10_000_000
    assert cheapest.against_other.target == pytest.approx(-0.003)
    assert "10.0 MB less" in cheapest.against_other.sentence
    assert member(found, "branched 10").loss_interval.high <= 0.01
    assert recommend(study(cheap, dear, indifference=0.002)).pick == "branched 0"  # the same loss, another question


def test_arms_of_one_training_have_one_target_head():
    """Nothing is lost between them, whatever is known of the images."""
    arms = [
        Arm(10, (0.5,), "branched", **DEAR, error=None),
        Arm(10, (0.5,), "grafted", change=-0.001, **CHEAP, error=None),
    ]
    found = recommend(study(*arms))
    assert found.pick == "grafted 10"
    assert member(found, "grafted 10").loss == 0
    assert found.answers[0].name == "grafted 10"  # of equals the cheapest is the most accurate too
    assert len(found.answers) == 1


@pytest.mark.parametrize(
    ("options", "pick"),
    [({}, "branched 0"), ({"max_latency_ms": 15.0}, "branched 10"), ({"min_target_map": 0.99}, None),
     ({"max_latency_ms": 1.0}, None), ({"max_base_drop": 0.2}, "grafted 0")],
)  # fmt: skip
def test_constraints_hold(options, pick):
    arms = [
        Arm(10, (0.5, 0.5, 0.51), **CHEAP),
        Arm(0, (0.6, 0.6, 0.61), **DEAR),
        Arm(0, (0.6, 0.6, 0.61), "grafted", change=-0.1, change_error=0.001, **CHEAP),
    ]
    found = recommend(study(*arms, **options))
    assert found.pick == pick
    assert len(found.pareto) == 3
    if pick is None:
        assert found.reason.startswith("None of the 3 arms would lose at most 0.005 of base mAP")
        assert (found.answers, found.quoted, found.grade, found.support) == ([], None, None, None)
        assert not any(m.on_front for m in found.pareto)


def test_what_breaks_a_constraint_is_shown_and_never_on_the_front():
    """The other fault of that page: a model whose base mAP had fallen to a seventh stood on the front."""
    kept, lost = Arm(0, (0.5, 0.5, 0.51), **DEAR), Arm(0, (0.5, 0.5, 0.51), "grafted", change=-0.266, **CHEAP)
    found = recommend(study(kept, lost))
    assert [m.name for m in found.pareto if m.on_front] == ["branched 0"]
    broken = member(found, "grafted 0")
    assert broken.breaks == ["It loses 0.2660 of base mAP; at most 0.005 is allowed."]
    assert broken.within_indifference is None


def test_the_front_is_of_three_things():
    arms = [
        Arm(22, (0.4,), latency_ms=10), Arm(15, (0.5,), latency_ms=12), Arm(10, (0.45,), latency_ms=14),  # beaten by 15
        Arm(6, (0.45,), latency_ms=9, change=-0.004, change_error=0.001),
    ]  # fmt: skip
    found = recommend(study(*arms))
    assert {m.name for m in found.pareto if m.on_front} == {"branched 22", "branched 15", "branched 6"}


def test_latencies_that_cannot_be_told_apart_decide_nothing():
    """A tier is led by its fastest; within it the smaller file is the cheaper. Pairs alone would make a circle."""
    a = Arm(22, (0.5,), latency_ms=10.0, latency_half=0.05, megabytes=3)
    b = Arm(15, (0.5,), latency_ms=10.8, latency_half=0.05, megabytes=2)  # not told from a, nor from c
    c = Arm(10, (0.5,), latency_ms=11.6, latency_half=0.05, megabytes=1)  # told from a
    arms = [dataclasses.replace(arm, error=0.0) for arm in (a, b, c)]
    found = recommend(study(*arms))
    assert found.pick == "branched 15"
    assert [m.name for m in found.pareto if m.on_front] == ["branched 15"]
    unknown = [dataclasses.replace(arm, latency_half=None) for arm in arms]  # too short to have bounds
    assert recommend(study(*unknown)).pick == "branched 10"


def test_without_latency_the_file_is_the_cost():
    arms = [
        Arm(10, (0.5,), latency_ms=None, megabytes=1, error=0.0),
        Arm(0, (0.5,), latency_ms=1.0, megabytes=2, error=0.0),
    ]
    found = recommend(study(*arms))
    assert found.pick == "branched 10"
    assert "cost is the size of the file" in found.notes[0]
    assert any("--latency-samples" in step for step in found.next_steps)
    limited = recommend(study(*arms, max_latency_ms=100.0))
    assert limited.pick == "branched 0"  # a latency that nobody measured keeps to no limit
    assert "was not measured" in member(limited, "branched 10").breaks[0]


def test_arms_without_a_base_mAP_are_shown_and_not_picked():
    plain = Arm(0, (0.7,), "plain", change=None, **CHEAP)
    found = recommend(study(plain, Arm(10, (0.5,), **DEAR)))
    assert found.pick == "branched 10"
    assert "no base mAP" in member(found, "plain 0").breaks[0]
    alone = recommend(study(plain, Arm(10, (0.5,), "plain", change=None)))
    assert alone.pick == "plain 0"  # where no arm has one, the base task plays no part in the choice
    assert "No arm has a base mAP" in alone.notes[0]
    assert recommend(study(plain, max_base_drop=0.01)).pick is None  # unless it was asked for


@pytest.mark.parametrize(
    "arms",
    [
        [Arm(10, (0.5,), error=None), Arm(0, (0.6,), error=None, **DEAR)],
        [Arm(10, (0.5, 0.5), silence="one image"), Arm(0, (0.6, 0.6), silence="one image", **DEAR)],
    ],
)
def test_where_nothing_was_varied_the_best_value_wins_and_nothing_is_claimed(arms):
    found = recommend(study(*arms))
    assert found.pick == "branched 0"
    assert found.support is None
    assert (found.quoted.source, found.quoted.optimism, found.quoted.interval) == ("as measured", None, None)
    assert found.quoted.no_interval
    assert found.ties == []
    assert found.grade == "weak"
    assert any("is not known" in reason for reason in found.grade_reasons)


def test_one_arm():
    found = recommend(study(Arm(10, (0.5, 0.52, 0.51))))
    assert found.pick == "branched 10"
    assert found.support == 1
    assert "the only one" in found.reason
    assert (found.quoted.value, found.quoted.source) == (pytest.approx(0.51), "as measured")
    assert found.quoted.interval == recommend(study(Arm(10, (0.5, 0.52, 0.51)))).pareto[0].target.interval
    assert recommend(msgspec.structs.replace(study(Arm(10, (0.5,))), statistics=None)) is None


def test_an_arm_of_one_seed_among_several_is_not_shown_to_be_as_good():
    """Its comparison covers the images alone, however narrow it is."""
    lonely = Arm(10, (0.5,), seeds=(1,), **CHEAP, error=0.0001)
    full = Arm(0, (0.501, 0.502, 0.503), **DEAR, error=0.0001)
    found = recommend(study(lonely, full))
    assert found.pick == "branched 0"
    assert member(found, "branched 10").loss_interval is None
    assert any("One seed only" in note for note in found.notes)
    assert found.grade == "weak"


def test_arms_that_were_not_compared_count_as_unrelated():
    cheap = Arm(10, (0.500, 0.501, 0.499), **CHEAP, **SURE)
    dear = Arm(0, (0.501, 0.502, 0.500), **DEAR, **SURE)
    assert recommend(study(cheap, dear)).pick == "branched 10"
    found = recommend(study(cheap, dear, compared=False))
    assert found.pick == "branched 10"
    paired, apart = (
        member(recommend(study(cheap, dear, compared=c)), "branched 10").loss_interval for c in (True, False)
    )
    assert apart.high - apart.low > paired.high - paired.low


def test_the_number_quoted_owes_nothing_to_the_choice():
    equal = [Arm(freeze, (0.5 + 0.01 * (freeze == 3),), error=0.02) for freeze in range(8)]
    found = recommend(study(*equal))
    assert found.quoted.source == "bias-corrected"
    assert found.quoted.measured == pytest.approx(0.51)
    # The highest of 8 that differ by chance alone is too high by E[max of 8 normals] = 1.42 of a standard deviation,
    # here of what is not common to them.
    assert found.quoted.optimism == pytest.approx(1.42 * 0.02 * np.sqrt(1 - 0.8), rel=0.1)
    assert found.quoted.value == pytest.approx(0.51 - found.quoted.optimism)
    assert found.quoted.interval.low < found.quoted.value < found.quoted.interval.high
    assert found.quoted.covers == "images"
    ahead = recommend(study(Arm(0, (0.9,), error=0.02), *equal[1:]))
    assert ahead.quoted.optimism == pytest.approx(0, abs=1e-3)  # nothing else could have been chosen
    tested = recommend(study(*(dataclasses.replace(arm, test=(0.45,)) for arm in equal)))
    assert (tested.quoted.source, tested.quoted.value) == ("test split", 0.45)
    assert tested.quoted.interval == tested.final.interval
    assert tested.quoted.measured == pytest.approx(0.51)


def test_support_is_the_share_of_resamples():
    even = recommend(study(Arm(0, (0.5,)), Arm(10, (0.5 + 1e-9,))))
    assert even.support == pytest.approx(0.5, abs=0.03)
    sure = recommend(study(Arm(0, (0.7,)), Arm(10, (0.5,))))
    assert sure.support == 1
    assert sum(m.support for m in even.pareto) == pytest.approx(1)
    limit = recommend(study(Arm(0, (0.7,), change=-0.004, change_error=0.01), Arm(10, (0.5,))))
    assert 0.4 < limit.support < 0.7  # that it keeps to the limit is hardly known, and counts
    assert any("interval reaches a loss" in note for note in limit.notes)


def test_what_depth_gives_over_the_head_alone():
    arms = [Arm(22, (0.4, 0.41, 0.39), **CHEAP), Arm(15, (0.5, 0.52, 0.51), **DEAR)]
    trade = recommend(study(*arms)).answers[0].over_head_only
    assert trade.other == "branched 22"
    assert trade.target == pytest.approx(0.11)
    assert trade.target_interval.low < 0.11 < trade.target_interval.high
    assert trade.base == 0
    assert "base mAP the same" in trade.sentence
    assert recommend(study(*arms, max_latency_ms=15)).answers[0].over_head_only is None  # it is that one


def test_it_survives_the_disk():
    results = study(Arm(10, (0.5, 0.51, 0.52)), Arm(0, (0.51, 0.52, 0.53), **DEAR))
    results.recommendation = recommend(results)
    assert decode(encode(results)) == results


values = st.floats(0.05, 0.95)
arms_of_a_study = st.lists(
    st.builds(
        Arm,
        freeze=st.integers(0, 6),
        target=st.tuples(values, values) | st.tuples(values),
        construction=st.sampled_from(["branched", "grafted"]),
        change=st.sampled_from([0.0, -0.002, -0.004, -0.1]) | st.none(),
        change_error=st.sampled_from([0.0, 0.003]),
        latency_ms=st.floats(5, 30),
        latency_half=st.sampled_from([None, 0.001, 0.01, 0.1]),
        megabytes=st.sampled_from([5.0, 6.0, 7.0]),
        error=st.sampled_from([None, 0.0, 0.001, 0.02]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda arm: (arm.freeze, arm.construction),
)


def one_head_of_each(arms):
    """Arms of one training have one target head."""
    heads = {}
    return [
        dataclasses.replace(arm, target=(first := heads.setdefault(arm.freeze, arm)).target, error=first.error)
        for arm in arms
    ]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    arms=arms_of_a_study, order=st.randoms(use_true_random=False), limit=st.sampled_from([None, 12.0]), data=st.data()
)
def test_what_holds_for_every_study(arms, order, limit, data):
    arms = one_head_of_each(arms)
    least = data.draw(st.sampled_from([None, 0.5]))
    options = {"max_latency_ms": limit, "min_target_map": least}
    found = recommend(study(*arms, **options))
    allowed = [m for m in found.pareto if not m.breaks]
    assert (found.pick is None) == (not allowed)
    assert len(found.pareto) == len(arms)
    assert not any(m.on_front and m.breaks for m in found.pareto)
    assert any(m.on_front for m in found.pareto) == bool(allowed)
    if not allowed:
        return
    pick, best = member(found, found.pick), found.answers[0]
    assert not pick.breaks
    assert member(found, best.name).on_front
    assert member(found, best.name).target.value == max(m.target.value for m in allowed)
    assert pick.within_indifference or pick.name == best.name
    assert (
        found.quoted.interval is None or found.quoted.interval.low <= found.quoted.value <= found.quoted.interval.high
    )
    shuffled = list(arms)
    order.shuffle(shuffled)
    assert recommend(study(*shuffled, **options)).pick == found.pick
    costs = []
    for indifference in (0.0, 0.005, 0.02, 1.0):
        chosen = recommend(study(*arms, **options, indifference=indifference))
        assert chosen.answers[0].name == best.name
        costs.append(ranks(chosen)[chosen.pick])
    assert costs == sorted(costs, reverse=True)


def ranks(found):
    from bench_freeze.conclusions.cost import Cost, ranks_of

    costs = [Cost(m.latency_p50_s, m.latency_interval_s, m.bytes) for m in found.pareto]
    return dict(zip([m.name for m in found.pareto], ranks_of(costs, timed=True), strict=True))
