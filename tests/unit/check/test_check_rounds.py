"""Adding rounds until all is decided: who is asked, when it ends, and what a failure leaves behind."""

import math
from types import SimpleNamespace

import numpy as np

from bench_freeze.check.limits import Limit
from bench_freeze.check.rounds import Budget, add_rounds
from bench_freeze.check.side_by_side import SideBySide

LIMIT = Limit(0.05, True)


class Scripted:
    """A source that times rows "a", "b" ... by factors, and takes a minute a round."""

    label, only_doubtful = "scripted", False

    def __init__(self, factors, clock, noise=0.0):
        self.factors, self.clock, self.asked = factors, clock, []
        self.noise = np.random.default_rng(0).normal(0, noise, 100_000).tolist()

    def can_time(self, pair):
        return True

    def round(self, asked):
        self.clock.now += 60
        self.asked.append({(wanted.pair, scope) for wanted in asked for scope in wanted.scopes})
        found = {}
        for key in self.asked[-1]:
            factor = self.factors[key]
            is_sentence = callable(factor) and isinstance(factor(len(self.asked)), str)
            found[key] = factor(len(self.asked)) if is_sentence else (0.01, 0.01 * self.factor(factor))
        return found

    def factor(self, factor):
        return (1.0 if callable(factor) else factor) * math.exp(self.noise.pop())


def add(factors, minutes=1000.0, alpha=0.001, noise=0.0):
    clock = SimpleNamespace(now=0.0)
    source = Scripted(factors, clock, noise)
    changes = {key: SideBySide(LIMIT) for key in factors}
    pairs = {row: row for row, _ in factors}
    failed = add_rounds(changes, pairs, source, Budget(minutes, alpha, 0.05, lambda: clock.now), lambda text: None)
    return changes, failed, source


def test_rows_leave_when_they_are_decided():
    changes, failed, source = add({("a", "model"): 1.0, ("a", "pipeline"): 1.2, ("b", "model"): 1.0})
    assert failed == {}
    assert {key: len(change.rounds) for key, change in changes.items()} == {
        ("a", "model"): 7, ("a", "pipeline"): 13, ("b", "model"): 7
    }  # fmt: skip
    assert source.asked[0] == set(changes)
    assert source.asked[-1] == {("a", "pipeline")}
    assert changes["a", "pipeline"].p_value() <= 0.001


def test_time_ends_it_before_a_round_that_would_not_fit():
    changes, failed, source = add({("a", "model"): 1.05}, minutes=5.5, noise=0.02)
    assert (len(source.asked), failed) == (5, {})
    assert not changes["a", "model"].is_decided(0.001, 0.05)


def test_a_row_that_fails_keeps_its_rounds_and_the_others_go_on():
    def dies(number):
        return "the GPU is gone" if number == 3 else None

    changes, failed, _ = add({("a", "model"): dies, ("b", "model"): 1.2})
    assert failed == {("a", "model"): "the GPU is gone"}
    assert len(changes["a", "model"].rounds) == 2
    assert len(changes["b", "model"].rounds) == 13


def test_a_change_at_its_limit_stays_open_and_one_beyond_it_is_seldom_missed():
    """200 rows each, at most 100 rounds: right at the limit neither is proven too often, and 10 % is."""
    at_limit, _, _ = add({(k, "model"): 1.05 for k in range(200)}, minutes=100, noise=0.03)
    assert sum(change.p_value() <= 0.02 for change in at_limit.values()) <= 4 + 5
    beyond, _, _ = add({(k, "model"): 1.10 for k in range(200)}, minutes=100, noise=0.03)
    assert sum(change.p_value() <= 0.001 for change in beyond.values()) >= 190
    assert sum(change.within.p_value <= 0.05 for change in beyond.values()) == 0
