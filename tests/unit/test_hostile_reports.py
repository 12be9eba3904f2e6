"""Hostile names in results: every form of the report, through the command line."""

import csv
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bench_freeze.text.log import inert
from bench_freeze.text.visible import cell, visible
from tests.hostile import (
    HONEST,
    HOSTILE,
    NAMES,
    SCHEMA_WORDS,
    acts,
    blocks,
    check_log,
    is_shown,
    parser,
    poisoned,
    said,
    words,
)

REAL = Path(__file__).parents[2] / "bench" / "results" / "fruit9_depths_seeds_320.json"
HONEST_NAMES = {f"honest {i}": " ".join(HONEST[i : i + 6]) for i in range(0, len(HONEST), 6)}
EVERY = [  # a name makes three reports: `make test-fast` takes one name in six
    pytest.param(name, id=kind, marks=[pytest.mark.slow] if k % 6 else [])
    for k, (kind, name) in enumerate((NAMES | HONEST_NAMES).items())
]


def report(folder, content):
    """Every form of the report of some results, by name."""
    path = folder / "study.json"
    path.write_text(json.dumps(content))
    files = {form: folder / f"report.{form}" for form in ("markdown", "csv", "html")}
    status, out, error = said("report", path)
    assert (status, error) == (0, "")
    assert said("report", path, *(part for form, file in files.items() for part in (f"--{form}", file)))[0] == 0
    return {"terminal": out} | {form: file.read_text() for form, file in files.items()}


@pytest.fixture(scope="module")
def study():
    content = json.loads(REAL.read_text())
    depths = (content["rows"][0]["freeze"], content["rows"][-1]["freeze"])
    content["rows"] = [row for row in content["rows"] if row["freeze"] in depths]
    content["warnings"] = ["a warning"]
    return content


@pytest.fixture(scope="module")
def clean(study, tmp_path_factory):
    return report(tmp_path_factory.mktemp("clean"), poisoned(study, "x", SCHEMA_WORDS))


@pytest.mark.parametrize("name", EVERY)
def test_a_report_shows_names_and_obeys_none(study, clean, tmp_path, name):
    forms = report(tmp_path, poisoned(study, name, SCHEMA_WORDS))
    check_log(forms["terminal"])
    assert max(map(len, forms["terminal"].splitlines())) <= 4000
    assert is_shown(name, forms["terminal"])
    check_log(forms["markdown"])
    assert blocks(forms["markdown"]) == blocks(clean["markdown"])
    assert cell(name)[:40].strip() in words(forms["markdown"])
    shown = [text for text in first_cells(forms["markdown"]) if cell(name)[:40].strip() in text]
    assert len(shown) == len(first_cells(forms["markdown"])) - 2  # all but that of the original, in both tables
    assert check_html(forms["html"], name) == without_commands(Page(clean["html"]))
    check_csv(forms["csv"], clean["csv"], name)


def first_cells(text):
    """The first column of every table of Markdown, without its heading."""
    tokens = parser.parse(text)
    starts = [i for i, token in enumerate(tokens) if token.type == "tr_open" and tokens[i + 1].type == "td_open"]
    return ["".join(child.content for child in tokens[i + 2].children) for i in starts]


class Page(HTMLParser):
    """The elements of a page, its text and attributes, and the json that its scripts read; not our own scripts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.json, self._inside = [], [], [], ("", None)
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self._inside = tag, dict(attributes).get("type")
        self.elements.append(tag)
        self.texts += [value for _, value in attributes if value]

    def handle_endtag(self, tag):
        self._inside = "", None

    def handle_data(self, text):
        if self._inside[1] == "application/json":
            self.json.append(json.loads(text))  # type: ignore[unreachable]
        elif self._inside[0] not in ("script", "style"):
            self.texts.append(text)


def check_html(text, name):
    page = Page(text)
    assert acts("".join(page.texts)) == []
    assert acts(json.dumps(page.json, ensure_ascii=False)) == []
    assert visible(name) in "".join(page.texts)
    return without_commands(page)


def without_commands(page):
    """A command that a name has made unreadable is not shown to be copied."""
    return [element for element in page.elements if element not in ("pre", "code")]


def check_csv(text, clean, name):
    table, expected = (list(csv.reader(io.StringIO(form, newline=""))) for form in (text, clean))
    assert [len(row) for row in table] == [len(row) for row in expected]
    assert table[0] == expected[0]
    cells = [found for row in table for found in row]
    assert [c for c in cells if c.lstrip()[:1] in tuple("=+-@\uff1d") and not is_number(c)] == []
    assert any(visible(name) in c or inert(visible(name)) in c for c in cells)  # whole, however long it is
    check_log(text)


def is_number(text):
    try:
        float(text)
    except ValueError:
        return text == "-"  # what an original has in the place of a depth
    return True


def test_a_file_with_half_a_character_is_refused_in_a_sentence(study, tmp_path):
    path = tmp_path / "study.json"
    path.write_text(json.dumps(poisoned(study, HOSTILE["surrogate"], SCHEMA_WORDS)))
    status, _, error = said("report", path)
    assert status == 2
    check_log(error)
