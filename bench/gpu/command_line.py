"""What the command lines of runs of steps share: their flags, the dry run, the run."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .dry_run import dry_run
from .runner import Runner
from .step import Step
from .table import table


def add_flags(parser: argparse.ArgumentParser, minutes: float, work: Path) -> None:
    """`minutes` and `work` are the defaults."""
    parser.add_argument("--out", type=Path, help="folder of the results")
    parser.add_argument("--minutes", type=float, default=minutes, help=f"of all steps together ({minutes:g})")
    parser.add_argument("--work", type=Path, default=work, help="folder of what is made on the way")
    parser.add_argument("--only", nargs="+", metavar="STEP", help="these steps alone")
    parser.add_argument("--skip", nargs="+", metavar="STEP", default=[], help="all steps but these")
    parser.add_argument("--dry-run", action="store_true", help="print and check every command line, run none")


def carry_out(
    parser: argparse.ArgumentParser,
    options: argparse.Namespace,
    plan: Sequence[Step],
    root: Path,
    environment: Mapping[str, str],
    notes: Sequence[str] = (),
) -> int:
    """Run the steps that were asked for, or only check all of them; the exit status. `notes` end a dry run."""
    unknown = {*(options.only or ()), *options.skip} - {step.name for step in plan}
    if unknown:
        parser.error(f"no step {sorted(unknown)[0]!r}; there are: {', '.join(step.name for step in plan)}")
    if options.dry_run:
        return _report_dry_run(plan, root, notes)
    if options.out is None:
        parser.error("--out says where the results go")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the step at hand is ended too
    chosen = [step for step in plan if step.name in (options.only or [step.name]) and step.name not in options.skip]
    runner = Runner(root, options.out.resolve(), options.work.resolve(), 60 * options.minutes, environment)
    outcomes = runner.run(chosen)
    print(f"\n{table(outcomes)}")
    return 0 if all(outcome.status in ("ok", "left out") for outcome in outcomes) else 1


def _report_dry_run(plan: Sequence[Step], root: Path, notes: Sequence[str]) -> int:
    """Print what a dry run finds; 1 where a command line is wrong."""
    checked = dry_run(plan, root)
    print("\n".join(checked.lines))
    print(f"\nprograms that are absent here: {', '.join(dict.fromkeys(checked.absent)) or 'none'}")
    print("\n".join(notes))
    print("\n".join(["problems:", *checked.problems]) if checked.problems else f"{len(plan)} command lines are right")
    return 1 if checked.problems else 0
