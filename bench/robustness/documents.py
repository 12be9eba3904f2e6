"""Mutated documents, one hundred thousand of each kind: refused with a sentence, or read; nothing else may happen.

    python -m bench.robustness.documents --minutes 2 --each 2000

A worker process takes a few hundred documents at a time, with bounded memory and a watchdog. Its parent sees a document
that ends the process or does not end. Any document can be made again: `--kind NAME --repeat INDEX --seed SEED`.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import pickle
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random
from typing import Any

from bench_freeze.errors import BenchFreezeError

from .document_kinds import Kind, kinds

EACH = 100_000
AT_ONCE = 500
HANG_S = 5.0
MEMORY_BYTES = 2 << 30  # of a worker, beyond what it begins with
_LISTED = 400  # failures that are described one by one


class Hang(BaseException):
    """A document took longer than HANG_S."""


def run(minutes: float, seed: int, each: int = EACH, only: str | None = None) -> dict[str, Any]:
    """Counts by kind of document within `minutes`; `failures` has what is needed to make a document again."""
    chosen = [kind for kind in kinds() if only in (None, kind.name)]
    ends = time.monotonic() + 60 * minutes
    by_kind: dict[str, dict[str, Any]] = {}
    failures: list[dict[str, Any]] = []
    for position, kind in enumerate(chosen):
        share = (ends - time.monotonic()) / (len(chosen) - position)
        counts = _run_kind(kind, seed, each, time.monotonic() + share, failures)
        by_kind[kind.name] = counts
    return {"seed": seed, "kinds": by_kind, "failures": failures[:_LISTED], "failed": len(failures)}


def _run_kind(kind: Kind, seed: int, each: int, ends: float, failures: list[dict[str, Any]]) -> dict[str, Any]:
    counts = {"documents": 0, "refused": 0, "read": 0, "exceptions": 0, "hangs": 0, "crashes": 0, "slowest_s": 0.0}
    at = 0
    while at < each and time.monotonic() < ends:
        done, found = _in_worker(kind, seed, range(at, min(at + AT_ONCE, each)))
        for name, value in done.items():
            counts[name] = max(counts[name], value) if name == "slowest_s" else counts[name] + value
        failures += found
        at += int(done["documents"])
    return counts


def _in_worker(kind: Kind, seed: int, numbers: range) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Try some documents in a process of their own, up to the first that ends it or hangs in native code."""
    progress = mmap.mmap(-1, 16)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            _bound_memory()
            outcome = _try_all(kind, seed, numbers, progress)
            with os.fdopen(write, "wb") as stream:
                stream.write(pickle.dumps(outcome))
            os._exit(0)
        except BaseException:  # a fault of the mutations, which is no finding but must be seen
            traceback.print_exc()
        os._exit(1)
    os.close(write)
    ended = _watched(child, progress)
    with os.fdopen(read, "rb") as stream:
        sent = stream.read()
    if ended == 0 and sent:
        outcome: tuple[dict[str, float], list[dict[str, Any]]] = pickle.loads(sent)  # type: ignore[no-redef]
        return outcome
    number = struct.unpack("q", progress[:8])[0]
    what = "hangs" if ended is None else "crashes"
    error = "did not end, in native code" if ended is None else f"ended the process with {ended}"
    failure = {"kind": kind.name, "seed": seed, "index": number, "error": error}
    return {"documents": number - numbers.start + 1, what: 1}, [failure]


def _watched(child: int, progress: mmap.mmap) -> int | None:
    """The wait status of a worker; None for one that was killed because it stood still."""
    seen, since = b"", time.monotonic()
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        if progress[:8] != seen:
            seen, since = progress[:8], time.monotonic()
        elif time.monotonic() - since > 4 * HANG_S:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.01)


def _bound_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _try_all(
    kind: Kind, seed: int, numbers: range, progress: mmap.mmap
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    counts = {"documents": 0, "refused": 0, "read": 0, "exceptions": 0, "hangs": 0, "slowest_s": 0.0}
    failures = []
    signal.signal(signal.SIGALRM, _hang)
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            progress[:8] = struct.pack("q", number)
            file = Path(folder) / f"document{kind.suffix}"
            rng = Random(f"{seed}/{kind.name}/{number}")
            file.write_bytes(kind.document(rng))
            began = time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, HANG_S)
            outcome, error = _try_one(kind, file, rng)
            signal.setitimer(signal.ITIMER_REAL, 0)
            counts["documents"] += 1
            counts[outcome] += 1
            counts["slowest_s"] = max(counts["slowest_s"], round(time.monotonic() - began, 3))
            if error:
                failures.append({"kind": kind.name, "seed": seed, "index": number, "error": error})
    return counts, failures


def _hang(number: int, frame: Any) -> None:
    raise Hang


def _try_one(kind: Kind, file: Path, rng: Random) -> tuple[str, str]:
    """What became of one document: refused, read, exceptions or hangs; with an error's words for the last two."""
    try:
        kind.use(file, rng)
    except BenchFreezeError:
        return "refused", ""
    except Hang:
        return "hangs", f"longer than {HANG_S:g} s"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if "bench_freeze" in frame.filename]
        where = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else f"{place.filename}:{place.lineno}"
        return "exceptions", f"{type(error).__name__} at {where}: {' '.join(str(error).split())[:120]}"
    return "read", ""


def main() -> int:
    """Print the outcome as json; 1 where anything but reading and refusing happened."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--each", type=int, default=EACH)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind")
    parser.add_argument("--repeat", type=int, metavar="INDEX", help="only this document of --kind, with its traceback")
    parsed = parser.parse_args()
    if parsed.repeat is not None:
        kind = next(kind for kind in kinds() if kind.name == parsed.kind)
        rng = Random(f"{parsed.seed}/{kind.name}/{parsed.repeat}")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"document{kind.suffix}"
            file.write_bytes(kind.document(rng))
            kind.use(file, rng)
        return 0
    outcome = run(parsed.minutes, parsed.seed, parsed.each, parsed.kind)
    print(json.dumps(outcome, indent=1))
    return 1 if outcome["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
