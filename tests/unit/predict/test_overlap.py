"""Three stages at once: order, bounds, errors of every stage, and what is written when something ends it."""

import threading

import pytest

from bench_freeze.predict.overlap import AHEAD, overlapped


def run(items, work=lambda item: item, write=None, stop=None):
    written = []
    busy = overlapped(iter(items), work, write or written.append, stop or threading.Event())
    return written, busy


@pytest.mark.parametrize("count", [0, 1, 3, 50])
def test_everything_in_order(count):
    written, busy = run(range(count), lambda item: item * 2)
    assert written == [2 * k for k in range(count)]
    assert 0 <= busy.share <= 1


def test_each_stage_has_a_thread_of_its_own_and_working_the_callers():
    seen = {}

    def items():
        seen["read"] = threading.current_thread().name
        yield 1

    def work(item):
        seen["work"] = threading.current_thread().name

    overlapped(items(), work, lambda _: seen.update(write=threading.current_thread().name), threading.Event())
    assert seen["work"] == threading.current_thread().name
    assert len(set(seen.values())) == 3


def test_reading_is_ahead_by_what_the_queue_holds_and_no_more():
    read, started, most = [], threading.Event(), []

    def items():
        for k in range(50):
            read.append(k)
            if len(read) > AHEAD:
                started.set()
            yield k

    def work(item):
        started.wait(10)  # a slow engine: the reader has filled the queue by now
        most.append(len(read) - item)

    overlapped(items(), work, lambda _: None, threading.Event())
    assert max(most) <= AHEAD + 2  # in the queue, in the reader's hand, in the engine
    assert max(most) > 1


@pytest.mark.parametrize("stage", ["read", "work", "write"])
@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_the_first_error_is_raised_and_what_was_worked_on_is_written(stage, error):
    written = []

    def failing(name, item):
        if stage == name and item == 7:
            raise error
        return item

    with pytest.raises(type(error)):
        overlapped(
            (failing("read", k) for k in range(100)),
            lambda item: failing("work", item),
            lambda item: written.append(failing("write", item)),
            threading.Event(),
        )
    assert written == list(range(7))
    assert {thread.name for thread in threading.enumerate()} & {"reading", "writing"} == set()


def test_a_stop_finishes_what_was_read():
    stop, worked = threading.Event(), []

    def work(item):
        worked.append(item)
        if item == 5:
            stop.set()
        return item

    written, _ = run(range(1000), work, stop=stop)
    assert written == worked
    assert 6 <= len(written) <= 6 + AHEAD + 1
