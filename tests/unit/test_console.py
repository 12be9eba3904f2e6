"""What a user sees of a long step: on a terminal, and in a log."""

import io
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console as RichConsole

from bench_freeze import console as module
from bench_freeze import progress
from bench_freeze.console import Console
from bench_freeze.pace import Pace, Work
from bench_freeze.progress import Status, duration


class Clock:
    """Stands for the module `time`."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


def log_of(reports, most_s):
    """The moments at which a log gets a line, of (seconds since the last report, units done of 1000)."""
    clock, said = Clock(), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "time", clock)
        patch.setattr(progress, "time", clock)
        log = module._Log(Status("x"), lambda text: said.append((clock.now, text)))
        done = 0
        for wait, more in reports:
            end = clock.now + wait
            while clock.now + most_s < end:  # the thread that watches over a step that reports nothing
                clock.now += most_s
                log.beat()
            clock.now, done = end, done + more
            log.show(done, 1000)
    return said


@given(st.lists(st.tuples(st.floats(0.001, 60), st.integers(0, 30)), min_size=1, max_size=40))
def test_a_log_is_neither_silent_nor_full(reports):
    said = [1000.0, *(moment for moment, _ in log_of(reports, most_s=1.0))]
    gaps = [b - a for a, b in pairwise(said)]
    assert all(gap >= module.LOG_APART_S - 1e-9 for gap in gaps)
    end = 1000.0 + sum(wait for wait, _ in reports)
    assert all(gap <= module.LOG_EVERY_S + 1.0 for gap in [*gaps, end - said[-1]])


def test_a_log_tells_of_every_twentieth():
    said = log_of([(3.0, 10)] * 99, most_s=1.0)  # 1 % every 3 s
    assert len(said) >= 19
    assert said[-1][1].startswith("x: 9")


def test_the_time_left_is_that_of_the_pace_since_the_first_report():
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "time", clock)
        status = Status("fine-tune", "3/9")
        clock.now += 50  # to begin took long
        status.set(60, 100)  # what an earlier run did
        assert status.left_s() is None
        clock.now += 10
        status.set(70, 100)
        assert status.left_s() == pytest.approx(30)
        assert status.sentence() == "3/9 fine-tune: 70% (70 of 100), 1:00 gone, 0:30 left"


def test_the_time_left_in_all_is_said_of_a_run_whose_work_is_known():
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "time", clock)
        pace = Pace()
        pace.expect({"train": 200, "run": 10})
        status = Status("fine-tune", "3/9", work=Work("train", 100), pace=pace)
        assert status.sentence() == "3/9 fine-tune: 0:00 gone"  # nothing is known yet
        status.set(0, 100)
        clock.now += 10
        status.set(10, 100)
        assert status.sentence().endswith("0:10 gone, 1:30 left, over 3:10 left in all")
        pace.done(Work("run", 5), 2.0)
        assert status.sentence().endswith("1:30 left, about 3:12 left in all")


@pytest.mark.parametrize(
    ("arms", "said"), [(0, []), (1, ["a 0"]), (2, ["a 0", "a 1"]), (20, ["a 0", "a 1", "and 18 more"])]
)
def test_a_line_has_the_details_of_two_and_how_many_more_there_are(arms, said):
    status = Status("fine-tune", "3/9", details=[f"a {k}" for k in range(arms)])
    assert status.sentence().split("; ") == ["3/9 fine-tune: 0:00 gone", *said]


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (65, "1:05"), (3599.6, "1:00:00"), (7322, "2:02:02")])
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_steps_are_numbered_once_their_number_is_known(capsys):
    console = Console(plain=True)
    with console.step("first"):
        pass
    console.expect(1)
    for title in ("second", "one more than was expected"):
        with console.step(title) as step:
            step.kept = True
    said = capsys.readouterr().err.splitlines()
    assert [text.split()[0] for text in said] == ["first", "2/2", "3/3"]
    assert said[1].endswith(" kept")


def test_a_step_that_reports_nothing_is_heard_of_and_its_watch_ends(capsys, monkeypatch):
    monkeypatch.setattr(module, "LOG_EVERY_S", 0.01)
    monkeypatch.setattr(module, "BEAT_S", 0.01)
    heard = threading.Event()
    console = Console(plain=True)
    real = console.note

    def note(text):
        real(text)
        heard.set()

    monkeypatch.setattr(console, "note", note)

    def interrupted():
        assert heard.wait(60)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), console.step("export"):
        interrupted()
    assert "export: 0:00 gone" in capsys.readouterr().err
    assert not [thread for thread in threading.enumerate() if thread.name == "progress"]


def test_what_is_timed_is_drawn_between_the_calls_alone(monkeypatch):
    monkeypatch.setattr(module, "STILL_EVERY_S", 0.0)
    console, stream = on_a_terminal()
    with console.step("time", still=True) as step:
        before = threading.active_count(), stream.tell()
        step.pulse()
        assert stream.tell() > before[1]
        assert threading.active_count() == before[0]  # nobody else draws


def on_a_terminal(width=80):
    stream = io.StringIO()
    console = Console()
    console._rich = RichConsole(file=stream, force_terminal=True, width=width, _environ={"TERM": "xterm"})
    console._live = True
    return console, stream


def test_a_terminal_shows_the_details_of_a_step_and_obeys_none(monkeypatch):
    monkeypatch.setattr(module, "DETAILS_EVERY_S", 0.0)
    console, stream = on_a_terminal()
    details = [f"arm {k}: loss {k}.5 \x1b]0;title\x07[red]{'x' * 200}" for k in range(11)]
    with console.step("fine-tune [bold]") as step:
        step.tell(3, 12, lambda: details)
        console.warn("in between")
    shown = stream.getvalue()
    assert "fine-tune [bold]" in shown
    assert "3/12" in shown
    assert "arm 7: loss 7.5" in shown
    assert "arm 8" not in shown
    assert "and 3 more" in shown
    assert "\x1b]0;" not in shown
    assert "[red]" in shown
    assert "in between" in shown


@pytest.mark.parametrize("title", ["fine-tune freeze 22,15,10 seed 0, 3 together", "time", "deploy " + "x" * 200])
def test_the_time_of_a_step_is_whole_on_a_narrow_terminal(title):
    console, stream = on_a_terminal(80)
    with console.step(title) as step:
        step.tell(150, 300, tuple)
        step.tell(12_000, 40_000, tuple)
    shown = [line for line in stream.getvalue().splitlines() if "12000/40000" in line]
    assert shown
    assert all("0:00:00" in line for line in shown)


def test_details_are_asked_for_only_when_they_are_shown():
    console, _ = on_a_terminal()
    asked = []

    def details():
        asked.append(1)
        return ()

    with console.step("fine-tune") as step:
        for done in range(1000):
            step.tell(done, 1000, details)
    assert len(asked) < 100


def test_work_between_two_steps_is_shown_until_the_run_ends():
    console, stream = on_a_terminal()

    def work():
        seen = [stream.getvalue().count(module.BETWEEN)]
        for title in ("first", "second"):
            with console.step(title):
                pass
            seen.append(stream.getvalue().count(module.BETWEEN))
        assert 1 <= seen[0] < seen[1] < seen[2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), console.running():
        work()
    with console.step("after the run"):
        pass
    assert module.BETWEEN not in stream.getvalue().rpartition("after the run")[2]


def test_a_run_that_is_refused_before_its_first_step_says_one_line(capsys, monkeypatch):
    monkeypatch.setattr(module, "LOG_EVERY_S", 0.0)
    monkeypatch.setattr(module, "BEAT_S", 0.001)
    console = Console(plain=True)
    with console.running():
        threading.Event().wait(0.05)
        console.note("refused")
    assert capsys.readouterr().err == "refused\n"
