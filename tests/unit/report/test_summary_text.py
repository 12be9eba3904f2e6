"""What a terminal shows without --verbose: a screen of 80 columns that begins with the pick."""

import re

import msgspec
import pytest

from bench_freeze.report.assemble import view_of
from bench_freeze.report.summary_text import MOST_LINES, WIDTH, summary
from tests.browser.studies import decided, fifty_arms
from tests.builders import committed

STUDIES = ["fruit9_depths_seeds_320", "fruit9_capacity_320", "fruit9_recipes_320", "fruit9_precisions_320"]


def many():
    results, _ = fifty_arms()
    results.warnings = [f"Warning {k}: " + "some words to read " * 8 for k in range(30)]
    return results


@pytest.fixture(params=[*STUDIES, "decided", "fifty arms"])
def view(request):
    made = {"decided": decided, "fifty arms": many}.get(request.param)
    return view_of({"study": committed(request.param) if made is None else made()})


def test_it_fits_a_terminal(view):
    lines = summary(view)
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= WIDTH


def test_the_pick_comes_before_the_table(view):
    lines = summary(view)
    heading = next(k for k, line in enumerate(lines) if line.startswith("model "))
    if view.picked:
        assert any(line.startswith("Recommended") for line in lines[:heading])
        name = next(row.name for row in view.rows if row.id in view.picked)
        assert any(re.match(rf"{re.escape(name)} \*", line) for line in lines[heading:])


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_word_is_broken(width):
    """A long word of a name, a path or a sentence stands whole, on a line of its own where it has to."""
    results = decided()
    path = "artifacts/" + "x" * 90 + "/model.onnx"
    results.rows = [
        msgspec.structs.replace(row, artifact=msgspec.structs.replace(row.artifact, file=path)) for row in results.rows
    ]
    lines = summary(view_of({"study": results}), width)
    words = {word for line in lines for word in line.split()}
    assert any(word.startswith(path) for word in words)
    for text in (*results.recommendation.grade_reasons, *results.recommendation.next_steps):
        assert set(text.split()) <= words or "..." in words


def test_warnings_say_what_to_do():
    text = " ".join(" ".join(summary(view_of({"study": committed("fruit9_depths_seeds_320")}))).split())
    assert "1 latency AMBIGUOUS (branched 15 seed 0)" in text
    assert "Run the same command with --retime" in text


def test_rows_that_have_no_room_are_counted():
    lines = summary(view_of({"study": many()}))
    lines = lines[next(k for k, line in enumerate(lines) if line.startswith("model ")) :]
    left_out = next(int(line.split()[1]) for line in lines if re.fullmatch(r"and \d+ more models", line))
    shown = sum(line.startswith(("branched", "grafted", "plain", "original")) for line in lines)
    assert shown + left_out == 51


def test_what_breaks_a_constraint_is_marked():
    results = decided()
    lines = summary(view_of({"study": results}))
    for member in results.recommendation.pareto:
        own = next(line for line in lines if re.match(rf"{member.name}[ *x]", line))
        assert bool(re.match(rf"{member.name} x ", own)) == bool(member.breaks)
