"""Completion in a shell: what is offered, and that nothing of it is loaded otherwise."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("argcomplete", reason="extra completion is not installed")


def offered(line, tmp_path):
    """What the program answers a shell that completes this line, as argcomplete's hook asks it."""
    answer = tmp_path / "answer"
    asking = {
        "_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_SUPPRESS_SPACE": "1", "COMP_LINE": line,
        "COMP_POINT": str(len(line)), "COMP_TYPE": "9", "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "_ARGCOMPLETE_COMP_WORDBREAKS": " \t\n\"'><;|&(:",
    }  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "bench_freeze"], env=os.environ | asking, cwd=tmp_path, check=True, capture_output=True
    )
    return set(answer.read_text().split("\n"))


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("bench-freeze ex", {"export"}),
        ("bench-freeze run --fr", {"--freeze"}),
        ("bench-freeze run --mod", {"--model"}),
        ("bench-freeze run --preset ", {"quick", "paper", "thorough"}),
        ("bench-freeze run --engine ort,t", {"ort,torch", "ort,trt"}),
        ("bench-freeze run mod", {"model="}),
        ("bench-freeze run mi", {"mine.toml", "min_target_map="}),
        ("bench-freeze eval --head ", {"base", "target"}),
        ("bench-freeze baseline ", {"update", "add"}),
    ],
)
def test_a_shell_is_offered_what_fits(line, some, tmp_path):
    (tmp_path / "mine.toml").write_text("")
    assert some <= {word.strip() for word in offered(line, tmp_path)}


def test_nothing_is_loaded_for_it_otherwise():
    program = "import sys\nfrom bench_freeze import cli\ncli._parser()\nprint('argcomplete' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_argcomplete_knows_the_documented_shells(shell):
    import argcomplete

    assert "bench-freeze" in argcomplete.shellcode(["bench-freeze"], shell=shell)
