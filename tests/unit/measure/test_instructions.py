"""The counter of instructions, where this machine has one; elsewhere the reason why not is said."""

import errno
import platform

import pytest

from bench_freeze.measure import instructions
from bench_freeze.measure.instructions import Instructions


def work(rounds):
    total = 0
    for k in range(rounds):
        total += k * k
    return total


def test_a_count_follows_the_work_or_a_sentence_says_why_there_is_none():
    with Instructions() as counter:
        if counter.reason is not None:
            assert counter.read() is None
            assert counter.reason[0].islower()
            pytest.skip(counter.reason)
        marks = [counter.read()]
        for rounds in (100_000, 200_000):
            work(rounds)
            marks.append(counter.read())
    assert (marks[2] - marks[1]) / (marks[1] - marks[0]) == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "the kernel does not let this user count instructions (permission denied; "),
        (errno.EPERM, "the kernel does not let this user"),
        (errno.ENOENT, "this machine has no counter of instructions"),
        (errno.EOPNOTSUPP, "this machine has no counter"),
        (errno.EMFILE, "instructions cannot be counted (too many open files)"),
    ],
)
def test_every_refusal_is_a_sentence(number, said):
    assert instructions._why(number).startswith(said)


def test_other_processors_are_said(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with Instructions() as counter:
        assert counter.reason == "instructions are not counted on riscv64"
        assert counter.read() is None
