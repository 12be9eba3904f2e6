"""The first minutes on a machine with an NVIDIA GPU and without network: what it is, what is right on it, how fast.

    python bench/gpu_first.py --list-wheels WHEELS          # what to fetch before, on a machine with network
    python bench/gpu_first.py --dry-run --wheels WHEELS     # every command line, checked and not run
    python bench/gpu_first.py --out OUT --wheels WHEELS     # the run; OUT gets results.json, table.txt, log.txt

The machine needs the CUDA toolkit and a Python with torch; the rest comes as wheels. Each step is a process of its own
with a limit of its own and never stops the next; its result is written at once. Ends with 1 where a step that ran is
not ok. The authors of this version have had no GPU: it was rehearsed as far as that goes without one.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.gpu.dry_run import dry_run
from bench.gpu.plan import Places, steps
from bench.gpu.runner import Runner
from bench.gpu.step import Step
from bench.gpu.table import table
from bench.gpu.wheels import absent_from, fetching

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder of the results")
    parser.add_argument("--minutes", type=float, default=10.0, help="of all steps together (10)")
    parser.add_argument("--wheels", type=Path, default=ROOT / "build/wheels", help="folder of what was brought along")
    parser.add_argument("--work", type=Path, default=ROOT / "build/gpu_first", help="folder of what is made on the way")
    parser.add_argument("--arch", default="native", help="nvcc's name of the GPU, sm_90 for example (native)")
    parser.add_argument("--only", nargs="+", metavar="STEP", help="these steps alone")
    parser.add_argument("--skip", nargs="+", metavar="STEP", default=[], help="all steps but these")
    parser.add_argument("--dry-run", action="store_true", help="print and check every command line, run none")
    parser.add_argument("--list-wheels", type=Path, metavar="WHEELS", help="print the commands that fill this folder")
    parser.add_argument("--python", default="3.12", help="of the machine, for --list-wheels (3.12)")
    options = parser.parse_args()
    if options.list_wheels:
        print("\n".join(fetching(options.list_wheels, options.python)))
        return 0
    places = Places(ROOT, options.wheels.resolve(), options.work.resolve(), options.arch)
    plan = steps(places)
    unknown = {*(options.only or ()), *options.skip} - {step.name for step in plan}
    if unknown:
        parser.error(f"no step {sorted(unknown)[0]!r}; there are: {', '.join(step.name for step in plan)}")
    if options.dry_run:
        return report_dry_run(plan, places)
    if options.out is None:
        parser.error("--out says where the results go")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the step at hand is ended too
    chosen = [step for step in plan if step.name in (options.only or [step.name]) and step.name not in options.skip]
    runner = Runner(ROOT, options.out.resolve(), places.work, 60 * options.minutes, places.environment)
    outcomes = runner.run(chosen)
    print(f"\n{table(outcomes)}")
    return 0 if all(outcome.status in ("ok", "left out") for outcome in outcomes) else 1


def report_dry_run(plan: list[Step], places: Places) -> int:
    """Print what a dry run finds; 1 where a command line is wrong."""
    checked = dry_run(plan, ROOT)
    print("\n".join(checked.lines))
    print(f"\nprograms that are absent here: {', '.join(dict.fromkeys(checked.absent)) or 'none'}")
    print(f"packages that are not in {places.wheels}: {', '.join(absent_from(places.wheels)) or 'none'}")
    print("\n".join(["problems:", *checked.problems]) if checked.problems else f"{len(plan)} command lines are right")
    return 1 if checked.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
