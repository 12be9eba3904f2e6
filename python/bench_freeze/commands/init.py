"""`bench-freeze init`: write a study file for given data, with every option explained."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..config.first import FIRST
from ..config.given import Layer, merged
from ..errors import InputError
from ..exit_status import exit_table
from ..text import shell
from ..text.terminal import say
from .help_format import Commands, HelpFormatter
from .run_flags import add_study_flags, study_values

WHERE = "init"
EPILOG = """\
All flags of `bench-freeze run` are accepted, in any of their forms, and become lines of the file.

examples:
  bench-freeze init --model yolo11n.pt --target fruit.yaml --base instances_val2017.json
  bench-freeze init fruit.toml data=fruit.yaml epochs=100

"""
EPILOG += exit_table()


def add_init(commands: Commands) -> None:
    """Add the command to the parser."""
    init = commands.add_parser(
        "init",
        help="write a study file for your data, with every option explained",
        description="Write a study file. The given data are read: the file states their images and classes, and "
        "suggests depths that fit the model. An existing file is never overwritten.",
        epilog=EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    init.add_argument(
        "file", nargs="?", default="study.toml", metavar="FILE", help="file to write (default: study.toml)"
    )
    add_study_flags(init, shown=tuple(FIRST))
    init.set_defaults(call=_init)


def _init(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..config.aliases import PLACE, renamed
    from ..config.study import study_from
    from ..console import Console
    from ..data.shipped import COCO
    from ..study.starting import base_facts, depths_of, target_facts
    from ..study.study_file import study_file
    from ..user_files import check_target, writing

    file = Path(parsed.file)
    _refuse_existing(file)
    check_target(file, "FILE")
    typed = study_values(parsed)
    given, notes = merged([Layer(WHERE, typed, flags=True)])
    for note in notes:
        say(f"note: {note}", error=True)
    given = {"weights": "yolo11n.pt", "target": "data.yaml", "base": COCO} | given
    study = study_from(given, WHERE)
    values: dict[str, Any] = study.values()
    facts: dict[str, list[str]] = {}
    console = Console()
    if "target" in renamed(typed, WHERE):
        with console.step("read target set") as progress:
            facts["target"] = target_facts(values, progress)
    else:
        facts["target"] = ["No data set was given to init: put yours here."]
    with console.step("read base set") as progress:
        facts["base"] = base_facts(values, progress)
    found = depths_of(values["weights"][0])
    if found is not None:
        facts["freeze"] = [found[1]]
        values["freeze"] = values["freeze"] or found[0]
    named = [*renamed(typed, WHERE), *(["out"] if any(word in typed for word in PLACE) else [])]
    text = study_file(values, named, facts, shell.command(command))
    with writing(file, "FILE"), _created(file) as stream:
        stream.write(text)
    say(str(file))
    say(
        f"next: `bench-freeze run {shell.command([str(file)])} --plan` lists the steps and their time; without --plan "
        "it runs them.",
        error=True,
    )
    return 0


def _created(file: Path) -> Any:
    """Open a new file for writing; never overwrites one that was created meanwhile."""
    try:
        return file.open("x", encoding="utf-8")
    except FileExistsError:
        _refuse_existing(file)
        raise


def _refuse_existing(file: Path) -> None:
    if file.exists() or file.is_symlink():
        raise InputError(f"{file} exists already, and init never overwrites a file; give another name.")
