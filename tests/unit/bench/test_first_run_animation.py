"""The animation of a first run: what is cut and how fast it plays, and that its last line says so."""

from itertools import pairwise

import pytest
from bench.first_run_animation import IDLE_S, Event, as_cast, clock, closing_line, read_cast, shortened
from hypothesis import given
from hypothesis import strategies as st

waits = st.lists(st.floats(0, 100), min_size=1, max_size=50)


def events_after(given_waits):
    now, made = 0.0, []
    for number, wait in enumerate(given_waits):
        now += wait
        made.append(Event(now, str(number)))
    return made


@given(waits, st.floats(1, 60))
def test_it_ends_in_time_keeps_all_output_and_its_order(given_waits, seconds):
    events = events_after(given_waits)
    shown, factor = shortened(events, seconds)
    assert [event.text for event in shown] == [event.text for event in events]
    assert shown[-1].at_s <= seconds + 1e-6
    assert factor >= 1
    for (a, b), wait in zip(pairwise([Event(0.0, ""), *shown]), given_waits, strict=True):
        assert (b.at_s - a.at_s) * factor == pytest.approx(min(wait, IDLE_S), abs=1e-6)


def test_a_recording_is_read_back():
    events = [Event(0.5, "$ a\r\n"), Event(1.25, "\x1b[1mé\x1b[0m")]
    header, found = read_cast(as_cast({"width": 90, "height": 20, "env": {"HOME": "/home/a"}}, events))
    assert found == events
    assert header == {"version": 2, "width": 90, "height": 20}  # nothing of the machine is kept


def test_what_a_user_types_is_no_output():
    assert read_cast('{"version": 2}\n[0.1, "i", "x"]\n[0.2, "o", "y"]\n')[1] == [Event(0.2, "y")]


def test_the_last_line_says_how_long_it_took():
    assert clock(185.4) == "3:05"
    assert "took 3:05 on this machine; shown 6.2 times as fast" in closing_line(185.4, 6.18)
