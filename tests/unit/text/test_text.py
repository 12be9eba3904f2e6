"""One function a form: what goes in is shown, nothing of it acts, and honest names stay as they are."""

import csv
import io
import json
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench_freeze.text import shell
from bench_freeze.text.aligned import aligned
from bench_freeze.text.json_text import encoded, print_json
from bench_freeze.text.log import inert
from bench_freeze.text.markdown import markdown, markdown_cell
from bench_freeze.text.spreadsheet import csv_cell
from bench_freeze.text.terminal import Shown, guarded_streams, line
from bench_freeze.text.visible import CELL, LINE, cell, shortened, visible, well_formed
from tests.hostile import HONEST, HOSTILE, acts, check_json, check_log

FRAGMENTS = [*HOSTILE.values(), *HONEST, *" \u3000\ufe0f\u200d\u200c\u094d☺ب[", "##", "::"]
characters = st.characters() | st.characters(categories=["Cs", "Cc", "Cf", "Po", "Sm"])
texts = st.lists(st.sampled_from(FRAGMENTS) | st.text(characters), max_size=4).map("".join)
WIDE_SIGNS = "\uff1d\uff0b\uff0d\uff20"
parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@given(texts)
@settings(deadline=None)
def test_nothing_that_acts_is_left_and_once_is_enough(text):
    for form in (visible, cell, line, lambda t: inert(visible(t)), csv_cell):
        shown = form(text)
        assert acts(shown, allowed="") == []
        shown.encode()
        assert form(shown) == shown
    check_log(line(text))
    assert len(cell(text)) <= CELL
    assert len(line(text)) <= LINE


def test_every_character_that_is_none_to_see_is_shown():
    hidden = [chr(code) for code in range(0x110000) if acts(chr(code), allowed="")]
    assert len(hidden) > 100_000
    assert [c for c in hidden if not visible(c).startswith("\\")] == []


@pytest.mark.parametrize("name", HONEST)
def test_honest_names_stay_as_they_are(name):
    assert visible(name) == cell(name) == line(name) == csv_cell(name) == well_formed(name) == name
    assert rendered(markdown(name)) == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", r"a\x1b[2Jb"), ("a\nb\rc\td\x00", r"a\nb\rc\td\x00"), ("\u202egnp.exe", r"\u202egnp.exe"),
        ("a\u200db", r"a\u200db"), ("a\u200cb", r"a\u200cb"), ("\udcff", r"\udcff"), ("\x9b", r"\x9b"),
        ("a\ufe0f\ufe0f", "a\ufe0f\\ufe0f"), ("👩\u200d", "👩\\u200d"), ("ب\u200c", "ب\\u200c"),
        ("\ufeffa", r"\ufeffa"),
    ],
)  # fmt: skip
def test_what_would_act_is_shown_as_its_escape(text, shown):
    assert visible(text) == shown


def test_a_long_name_keeps_both_ends():
    name = "a" * 9_000 + "e\u0301" * 500 + "z"
    assert cell(name).startswith("aaaa")
    assert cell(name).endswith("e\u0301z")
    assert "\u2026" in cell(name)
    assert [shortened("abcdef", n) for n in (6, 5, 3)] == ["abcdef", "abc…f", "ab…"]


@pytest.mark.parametrize(
    "text", ["::error title=x::y", "\u3000::a::", "x ##[error]", "###[group]", "##vso[a]", "--- a"]
)
def test_no_line_is_a_command_of_a_log(text):
    assert inert(text).replace("\\", "") == text
    assert inert(text) != text
    assert inert(f"a {text[:2]}") == f"a {text[:2]}"


def rendered(source):
    """The text of a paragraph of Markdown that must hold nothing but text."""
    _, inline, _ = parser.parse(source)
    assert inline.type == "inline"
    assert {token.type for token in inline.children} <= {"text"}
    return "".join(token.content for token in inline.children)


@given(texts)
@example("a #")
@example("1234. a")
@settings(deadline=None)
def test_markdown_is_rendered_as_it_was_written_and_is_no_markup(text):
    expected = shortened(visible(text), LINE).strip()
    if not expected:
        return
    written = markdown(text)
    assert rendered(written) == expected
    for around, kinds in (
        ("# {}", ["heading_open", "inline", "heading_close"]),
        ("before {} after", ["paragraph_open", "inline", "paragraph_close"]),
        ("- {}", ["bullet_list_open", "list_item_open", "paragraph_open", "inline", "paragraph_close"]),
    ):
        tokens = parser.parse(around.format(written))
        assert [token.type for token in tokens][: len(kinds)] == kinds
        (inline,) = (token for token in tokens if token.type == "inline")
        assert {token.type for token in inline.children} <= {"text"}
        assert "".join(token.content for token in inline.children).strip() == around.strip("#- ").format(expected)


@given(st.lists(texts, min_size=1, max_size=3))
@settings(deadline=None)
def test_a_table_of_markdown_has_the_cells_that_were_given(names):
    rows = [f"| {markdown_cell(name)} | end |" for name in names]
    tokens = parser.parse("\n".join(["| a | b |", "|---|---|", *rows]))
    cells = [token for token in tokens if token.type == "inline"][2:]
    assert [[t.type for t in c.children if t.type != "text"] for c in cells] == [[]] * 2 * len(names)
    found = ["".join(t.content for t in c.children) for c in cells]
    assert found == [text for name in names for text in (cell(name).strip(), "end")]


@pytest.mark.parametrize("text", ["https://evil.example", "see HTTP://a", "www.evil.example", "WWW.a"])
def test_bare_addresses_are_broken_for_renderers_that_make_links_of_them(text):
    assert "://" not in markdown(text)
    assert "www." not in markdown(text).lower()
    assert rendered(markdown(text)) == text


@given(st.lists(texts, min_size=1, max_size=3))
@settings(deadline=None)
def test_csv_comes_back_and_is_no_formula(names):
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(csv_cell(name) for name in names)
    (found,) = csv.reader(io.StringIO(stream.getvalue(), newline=""))
    assert [name.removeprefix("'") for name in found] == [inert(visible(name)).removeprefix("'") for name in names]
    assert not [name for name in found if name.strip() and name.lstrip()[0] in f"=+-@{WIDE_SIGNS}"]


@given(st.dictionaries(texts, texts))
@settings(deadline=None)
def test_json_that_is_printed_has_the_same_values(values):
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", stream)
        with guarded_streams():
            print_json(json.dumps(values, ensure_ascii=False))
    assert json.loads(stream.getvalue()) == values
    check_json(stream.getvalue())


@given(st.dictionaries(texts, texts))
@settings(deadline=None)
def test_json_of_files_is_raw_but_for_halves_of_characters(values):
    found = json.loads(encoded(values).decode())
    assert found == {well_formed(key): well_formed(value) for key, value in values.items()}


@given(st.lists(texts.map(lambda text: text.replace("\0", "")), min_size=1, max_size=3))
@settings(deadline=None, max_examples=25)
def test_a_command_that_is_copied_into_a_shell_has_the_words_that_it_was_made_of(words):
    words = [word[:2000].encode("utf-8", "replace").decode() + "\udcff" for word in words]
    command = shell.command(words)
    assert acts(command, allowed="") == []
    found = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True).stdout
    assert found.decode("utf-8", "surrogateescape").split("\0")[:-1] == words


def test_a_command_that_is_none_is_no_error():
    assert shell.words_of("it's") == []


def test_columns_are_aligned_by_what_a_terminal_draws():
    assert aligned([["a", "1"], ["猫猫", "10"], ["👍", "2"]], words=1) == ["a      1", "猫猫  10", "👍     2"]


@pytest.mark.parametrize("colour", [None, "truecolor"])
@pytest.mark.parametrize("width", [20, 160])
def test_a_table_of_rich_holds_text_and_its_own_colours_only(colour, width):
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=colour, force_terminal=colour is not None)
    table = Table("name", show_edge=False, box=None)
    for name in HOSTILE.values():
        table.add_row(Text(name[:300], style="red"))
    console.print(Shown(table))
    text = stream.getvalue()
    own = ("\x1b[31m", "\x1b[1m", "\x1b[0m")
    for code in own:
        text = text.replace(code, "")
    check_log(text)
    assert (colour is None) == (text == stream.getvalue())
