"""Lines on a terminal are broken between words, whatever its width; a log gets them whole."""

import os
import pty
import re
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from bench_freeze.text.fit import INDENT, fitted
from bench_freeze.text.terminal import rows
from tests.hostile import HOSTILE, acts

NOTE = (
    "note: batch=16 was taken as Ultralytics means it, the training's batch size (--train-batch); the engine's batch "
    "size, for which latencies are measured, is engine_batch=N; see /data/studies/fruit/yolov8n/with/a/path/that/is/"
    "longer/than/any/narrow/terminal/results.json."
)
SAID = f"""
from bench_freeze.console import Console
from bench_freeze.text.terminal import say
note = {NOTE!r}
Console().note(note)
say(note, error=True)
say(note)
"""
words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Z"]), min_size=1, max_size=30)
STYLES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@given(st.lists(words, max_size=30), st.integers(20, 120))
def test_no_word_is_broken_and_no_row_that_could_be_shorter_is_too_wide(given_words, width):
    made = fitted(" ".join(given_words), width)
    assert " ".join(made).split() == " ".join(given_words).split()
    for number, row in enumerate(made):
        assert row.startswith(INDENT) == (number > 0)
        assert cell_len(row) <= width or len(row.split()) == 1
    for row, following in pairwise(made):
        assert cell_len(row) + 1 + cell_len(following.split()[0]) > width


def test_blanks_within_a_row_stay():
    assert fitted("score target set      12.3 s", 80) == ["score target set      12.3 s"]
    assert fitted("  indented", 80) == ["  indented"]
    assert fitted("", 80) == [""]


@pytest.mark.parametrize("text", HOSTILE.values())
def test_no_row_acts(text):
    for width in (20, 60):
        assert acts("\n".join(rows(f"a note that is a little longer, with {text}", width)), allowed="\n") == []


def on_a_terminal(width):
    ours, theirs = pty.openpty()
    env = os.environ | {"COLUMNS": str(width), "TERM": "xterm-256color"}
    child = subprocess.Popen([sys.executable, "-c", SAID], stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    parts = []
    try:
        while part := os.read(ours, 65536):
            parts.append(part)
    except OSError:  # Linux's end of a terminal that nobody holds any more
        pass
    os.close(ours)
    assert child.wait() == 0
    return STYLES.sub("", b"".join(parts).decode())


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_terminal_gets_whole_words(width):
    shown = on_a_terminal(width).replace("\r\n", "\n")
    assert " ".join(shown.split()) == " ".join([NOTE] * 3)
    assert all(len(row) <= width or len(row.split()) == 1 for row in shown.splitlines())


def test_a_pipe_gets_one_line():
    done = subprocess.run([sys.executable, "-c", SAID], capture_output=True, text=True, check=True)
    assert done.stdout == NOTE + "\n"
    assert done.stderr == f"{NOTE}\n{NOTE}\n"
