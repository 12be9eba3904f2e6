"""README.md of a shipped folder: whatever classes and data sets are called, it is one table a head and no markup."""

import msgspec
import pytest
from markdown_it import MarkdownIt

from bench_freeze.cli import main
from bench_freeze.results.shipped import read_shipped
from bench_freeze.shipping.choose import picked_row
from bench_freeze.shipping.readme import readme
from tests.unit.shipping.studies import study

HOSTILE = [
    "a|b",
    "<img src=x onerror=alert(1)>",
    "\x1b[2J",
    "[x](javascript:1)",
    "`",
    "| - |\n|---|",
    "\u202eabc",
    "&amp;",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text(tmp_path, name):
    results = study(tmp_path)
    assert main(["ship", str(tmp_path)]) == 0
    shipped = read_shipped(tmp_path / "best")
    heads = [msgspec.structs.replace(head, class_names=[name, "plain"]) for head in shipped.heads]
    results.data = {role: msgspec.structs.replace(data, name=name) for role, data in results.data.items()}
    text = readme(msgspec.structs.replace(shipped, heads=heads), results, picked_row(results))
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    inside = [child for token in tokens for child in (token.children or [])]
    assert not [
        token for token in (*tokens, *inside) if token.type in ("html_block", "html_inline", "link_open", "image")
    ]
    assert sum(token.type == "table_open" for token in tokens) == 2
    assert sum(token.type == "td_open" for token in tokens) == 2 * 2 * 5
    assert all(character.isprintable() or character == "\n" for character in text)


def test_several_seeds_and_a_model_of_torch_are_said(tmp_path):
    results = study(tmp_path, seeds=(4, 6))
    assert main(["ship", str(tmp_path)]) == 0
    text = (tmp_path / "best/README.md").read_text()
    assert "This is the first of its 2 trainings, seed 4" in text
    assert "no torch" in text
    shipped = read_shipped(tmp_path / "best")
    bare = msgspec.structs.replace(shipped, files={"tuned": shipped.files["tuned"]})
    assert "bench-freeze[train]" in readme(bare, results, picked_row(results))
