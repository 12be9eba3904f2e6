"""All of it: kills, damage, hostile documents, hostile values. Prints the outcome and writes it.

    python -m bench.robustness --minutes 60 --json bench/results/robustness.json

The minutes are shared out; a part that needs less leaves the rest to those behind it. A part says how much of its full
size it did: 100 kills, a flipped bit and a truncation in every file, 100,000 documents of each kind, 3 million calls.
Ends with 1 where something was served that should not have been, crashed, hung or differed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench_freeze.environment import environment

from . import damage, documents, kills, native

PARTS: dict[str, tuple[Callable[[float, int], dict[str, Any]], float]] = {  # with their shares of the time
    "native": (native.run, 0.15),
    "documents": (documents.run, 0.25),
    "kills": (kills.run, 0.35),
    "damage": (damage.run, 0.25),
}


def faults(name: str, found: dict[str, Any]) -> int:
    """How much of a part's outcome may not be."""
    if name == "native":
        return len(found["findings"])
    if name == "documents":
        return int(found["failed"])
    return len(found["failures"])


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=PARTS, action="append", help="a part, may be given again (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="written after every part; other parts in it stay")
    parsed = parser.parse_args()
    kept = json.loads(parsed.json.read_text()) if parsed.json and parsed.json.exists() else {}
    ends, chosen = time.monotonic() + 60 * parsed.minutes, parsed.only or list(PARTS)
    wrong = 0
    for position, name in enumerate(chosen):
        part, _ = PARTS[name]
        left = sum(PARTS[other][1] for other in chosen[position:])
        minutes = max(0.0, ends - time.monotonic()) / 60 * PARTS[name][1] / left
        began = time.monotonic()
        print(f"{name}: {minutes:.1f} minutes", file=sys.stderr, flush=True)
        found = part(minutes, parsed.seed)
        wrong += faults(name, found)
        kept[name] = {"minutes": round((time.monotonic() - began) / 60, 2), "faults": faults(name, found), **found}
        content = json.dumps({"environment": environment(), **kept}, indent=1) + "\n"
        if parsed.json:
            parsed.json.write_text(content)
    print(json.dumps({name: kept[name]["faults"] for name in chosen}))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
