"""The command `bench-freeze doctor`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..config.aliases import device_name
from ..exit_status import exit_table
from ..text.json_text import print_findings
from .help_format import Commands, HelpFormatter


def add_doctor(commands: Commands) -> None:
    """Add the command to the parser."""
    doctor = commands.add_parser(
        "doctor",
        help="show what is installed, which engines can run here, and why others cannot",
        description="Show packages, processor, GPU state, and engines, with reason and remedy for those that cannot "
        "run. With FILE, show instead what loading that checkpoint would import, and whether it loads without "
        "--trust-checkpoint; no code in the file runs.",
        epilog=exit_table(),
        formatter_class=HelpFormatter,
    )
    doctor.add_argument("file", nargs="?", metavar="FILE", help="a checkpoint (.pt) to inspect")
    doctor.add_argument(
        "--device", type=device_name, default="cpu", help="the device to check: cpu, cuda:0 ... (default: cpu)"
    )
    doctor.add_argument("--json", action="store_true", help="print json")
    doctor.set_defaults(call=_doctor)


def _doctor(parsed: argparse.Namespace, command: list[str]) -> int:
    from ..doctor import examine, examine_file, render, render_file

    if parsed.file is not None:
        found = examine_file(Path(parsed.file))
        print_findings(found, parsed.json, render_file)
        return 0
    print_findings(examine(parsed.device), parsed.json, render)
    return 0
