"""Hostile names on a real terminal, where Rich draws tables and colours: its codes are all that the terminal gets."""

import json
import os
import pty
import re
import subprocess
import sys

import pytest

from tests.hostile import NAMES, SCHEMA_WORDS, acts, is_shown, poisoned
from tests.unit.diff.test_diff import chain, onnx  # type: ignore[attr-defined]
from tests.unit.test_hostile_files import write_yaml
from tests.unit.test_hostile_reports import REAL

pytest.importorskip("pycocotools")

from tests.unit.check.check_files import write_results

PINK = "\x1b[35;5mpink\x1b[2J"  # no colour of ours
RICH = re.compile(r"\x1b\[(?!35)[0-9;]*m|\x1b\[\?25[lh]|\x1b\[1A|\x1b\[2K|\r")
CHOSEN = [
    PINK,
    *(NAMES[n] for n in ("link", "clipboard", "newline", "override", "rich", "github, blanks", "azure", "long")),
]


def on_a_terminal(*arguments, width=100):
    """What a command writes to a terminal, with its status."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "bench_freeze", *map(str, arguments)],
        stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
        env=os.environ | {"COLUMNS": str(width), "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux's end of a terminal that nobody holds any more
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    return child.wait(), b"".join(parts).decode()


def check_terminal(text):
    assert "\x1b[" in text  # it was drawn as for a terminal
    assert acts(RICH.sub("", text)) == []


@pytest.mark.parametrize("width", [60, 250])
def test_a_report(tmp_path, width):
    content = json.loads(REAL.read_text())
    content["rows"], content["warnings"] = content["rows"][:2], CHOSEN
    path = tmp_path / "study.json"
    path.write_text(json.dumps(poisoned(content, PINK, SCHEMA_WORDS)))
    status, text = on_a_terminal("report", path, width=width)
    assert status == 0, text
    check_terminal(text)
    assert r"\x1b[35;5mpink" in text


def test_a_check(tmp_path):
    old, new = write_results(tmp_path / "old"), write_results(tmp_path / "new", seed=3, slow=(15,))
    for path in (old, new):
        path.write_text(json.dumps(poisoned(json.loads(path.read_text()), PINK, (*SCHEMA_WORDS, "file", "matches"))))
    status, text = on_a_terminal("check", new, "--baseline", old, "--all", width=200)
    assert status == 3, text  # one run hours ago proves no increase
    check_terminal(text)
    assert r"\x1b[35;5mpink" in text


def test_data_with_its_progress(tmp_path):
    folder = tmp_path / PINK
    folder.mkdir()
    status, text = on_a_terminal("data", write_yaml(folder, CHOSEN))
    assert status == 0, text
    check_terminal(text)
    assert [name for name in CHOSEN if not is_shown(name, text)] == []


def test_a_difference(tmp_path):
    for file, scale in (("a.onnx", None), ("b.onnx", {3: 1.5})):
        model = chain(scale)
        for i, node in enumerate(model.graph.node):
            node.name = f"{CHOSEN[i % len(CHOSEN)]}{i}"
        onnx.save(model, tmp_path / file)
    status, text = on_a_terminal("diff", tmp_path / "a.onnx", tmp_path / "b.onnx", "--all", width=200)
    assert status == 1, text
    check_terminal(text)
