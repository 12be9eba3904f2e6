"""`bench-freeze clean`: list or delete files of an output folder that its results do not need."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import InputError
from ..exit_status import exit_table
from ..leftovers import leftovers, remove_leftover
from ..output import ARTIFACTS, held
from ..text.terminal import say
from .help_format import Commands, HelpFormatter

DESCRIPTION = """\
List what the results in an output folder do not need, with sizes: artifacts of options that were
changed since, damaged artifacts that were made again, and leftovers of killed runs. --remove deletes them. Results,
report and all files that bench-freeze did not make stay.

If results.json is missing, damaged or from an unfinished run, artifacts and the progress of trainings stay, since the
same command continues from them. A folder that a run has locked is rejected.
"""


def add_clean(commands: Commands) -> None:
    """Add the command to the parser."""
    clean = commands.add_parser(
        "clean",
        help="list or delete what the results in an output folder do not need",
        description=DESCRIPTION,
        epilog=exit_table(),
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    clean.add_argument("out", metavar="OUT", help="the output folder of `bench-freeze run`")
    clean.add_argument("--remove", action="store_true", help="delete what is listed (default: list only)")
    clean.set_defaults(call=_clean)


def _clean(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..report.documents import RESULTS

    folder = Path(parsed.out)
    if not (folder / ARTIFACTS).is_dir() and not (folder / RESULTS).is_file():
        raise InputError(
            f"{folder} is not an output folder of `bench-freeze run`: it has neither {RESULTS} nor {ARTIFACTS}."
        )
    with held(folder):
        found, why_not = leftovers(folder)
        for left in found:
            if parsed.remove:
                remove_leftover(left.path)
            say(f"{_megabytes(left.size):>10}  {left.path.relative_to(folder)}  {left.why}")
    if why_not is not None:
        say(why_not)
    total = f"{len(found)} {'entry' if len(found) == 1 else 'entries'}, {_megabytes(sum(left.size for left in found))}"
    if not found:
        say("Nothing to remove.")
    else:
        say(f"Removed {total}." if parsed.remove else f"{total}; --remove deletes them.")
    return 0


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB"
