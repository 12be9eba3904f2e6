"""Work over many files: the same results in one thread and in several, and what is raised comes through."""

import threading
import time

import pytest

from bench_freeze.data.many_files import SLOW_S, over_files


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 200])
def test_results_are_in_order(slow, count):
    def work(item):
        time.sleep(4 * SLOW_S if slow else 0)
        return item * item

    assert list(over_files(work, range(count))) == [k * k for k in range(count)]


def test_quick_files_stay_in_this_thread_and_slow_ones_do_not():
    threads = {True: set(), False: set()}
    for slow in threads:

        def work(_, slow=slow):
            time.sleep(4 * SLOW_S if slow else 0)
            threads[slow].add(threading.get_ident())

        list(over_files(work, range(200)))
    assert threads[False] == {threading.get_ident()}
    assert len(threads[True]) > 1


@pytest.mark.parametrize("slow", [False, True])
def test_an_error_comes_through_and_nothing_is_read_on(slow):
    seen = []

    def work(item):
        seen.append(item)
        time.sleep(4 * SLOW_S if slow else 0)
        if item == 40:
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(over_files(work, range(5000)))
    assert len(seen) < 1000
