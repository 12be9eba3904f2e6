"""`bench-freeze run --help`: the flags of a first study and examples, on a screen of 80 by 40."""

from __future__ import annotations

import argparse
import textwrap
from typing import Any

from ..config.aliases import spelled
from ..config.first import FIRST, METAVARS
from ..config.study import fields
from ..exit_status import MEANINGS

WIDTH = 80
USAGE = "bench-freeze run [STUDY.toml] [--flag VALUE ...] [key=value ...]"
_HEAD = f"""\
usage: {USAGE}

Fine-tune at several freeze depths, build dual-head models, and measure what is
learned, what is forgotten and what it costs. No arguments: a small example.
"""
_EXAMPLES = """\
examples:
  bench-freeze run
  bench-freeze run model=yolo11n.pt data=fruit.yaml epochs=50 freeze=23,16,11
  bench-freeze init --model yolo11n.pt --target fruit.yaml   writes study.toml
  bench-freeze run study.toml --preset quick

`bench-freeze run --help-all` lists all flags, by group.
"""


class FirstHelp(argparse.Action):
    """Prints the screen and exits."""

    def __init__(self, option_strings: list[str], dest: str, **rest: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, default=argparse.SUPPRESS, help=rest.get("help"))

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """As argparse calls it."""
        print(first_help(), end="")
        parser.exit()


def first_help() -> str:
    """The help text."""
    options = {option.name: option for option in fields()}
    rows = []
    for name, text in FIRST.items():
        option = options[name]
        metavar = METAVARS.get(name) or option.metadata["metavar"] or ("N" if "int" in str(option.type) else "NAME")
        shown = ",".join(map(str, option.default)) if isinstance(option.default, tuple) else option.default
        suffix = "" if shown in (None, "") else f" (default: {shown})"
        rows.append((f"--{spelled(name)} {metavar}", text + suffix))
    width = max(len(flag) for flag, _ in rows)
    flags = "\n".join(f"  {flag:<{width}}  {text}" for flag, text in rows)
    status = "exit status:\n" + "\n".join(
        f"  {status.value:<3}  {textwrap.shorten(text, WIDTH - 7, placeholder=' ...')}"
        for status, text in MEANINGS.items()
    )
    return f"{_HEAD}\n{flags}\n\n{_EXAMPLES}\n{status}\n"
