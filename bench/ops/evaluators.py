"""The evaluator against hotcoco and ultrafast-pycocotools, paired: each round times all, in turn, in fresh processes.

    python bench/ops/evaluators.py [--rounds 7] [--json FILE]

Three tables on the workload of coco_workload.py: evaluate + accumulate from what each loaded before (arrays here,
their own objects there), with 1 and 2 threads; and JSON files to the twelve numbers, the whole process from its start,
with 2 threads. All three must give the same twelve numbers. Peak memory is that of the whole process. "Over inputs" is
the evaluation's own: with the inputs loaded, what loading freed is given back to the system, the kernel's peak is reset
(/proc/self/clear_refs) and the first evaluation's peak counted from there.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

NAMES = ("bench-freeze", "hotcoco", "ultrafast-pycocotools")


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def loaded_bytes() -> int:
    """Memory held now; from here on a new peak is counted."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))


def ours(folder: Path, threads: int, repeats: int) -> dict[str, Any]:
    from bench_freeze.data.coco import read_instances, read_results
    from bench_freeze.evaluate import evaluate

    truth = read_instances(folder / "instances.json").ground_truth
    table = read_results(folder / "results.json", truth, threads=threads).detections
    before = loaded_bytes()
    over_inputs = None
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        stats = evaluate(truth, table, threads=threads).stats()
        seconds.append(time.perf_counter() - start)
        over_inputs = over_inputs or _status("VmHWM") - before
    return {"seconds": min(seconds), "stats": list(stats.values()), "over_inputs": over_inputs}


def theirs(package: str, folder: Path, repeats: int) -> dict[str, Any]:
    if package == "hotcoco":
        from hotcoco import COCO, COCOeval
    else:
        from ultrafast_pycocotools import COCO, COCOeval
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "instances.json"))
        found = truth.loadRes(str(folder / "results.json"))
        before = loaded_bytes()
        over_inputs = None
        seconds = []
        for _ in range(repeats):
            evaluator = COCOeval(truth, found, "bbox")
            start = time.perf_counter()
            evaluator.evaluate()
            evaluator.accumulate()
            seconds.append(time.perf_counter() - start)
            over_inputs = over_inputs or _status("VmHWM") - before
            evaluator.summarize()
    stats = [float(value) for value in evaluator.stats]
    return {"seconds": min(seconds), "stats": stats, "over_inputs": over_inputs}


def child(arguments: list[str]) -> None:
    name, folder, threads, repeats = arguments[0], Path(arguments[1]), int(arguments[2]), int(arguments[3])
    result = ours(folder, threads, repeats) if name == NAMES[0] else theirs(name, folder, repeats)
    print(json.dumps(result | {"peak": peak_bytes()}))


def in_memory(name: str, folder: Path, threads: int) -> dict[str, Any]:
    return run([sys.executable, __file__, "--child", name, str(folder), str(threads), "3"], threads)


def whole_process(name: str, folder: Path) -> dict[str, Any]:
    """The shortest program that prints the twelve numbers; ours is the command line."""
    truth, found = folder / "instances.json", folder / "results.json"
    if name == NAMES[0]:
        command = [sys.executable, "-m", "bench_freeze", "eval", "--gt", str(truth), "--dt", str(found)]
        command += ["--threads", "2"]
    else:
        module = name.replace("-", "_")
        program = (
            f"from {module} import COCO, COCOeval\ngt = COCO({str(truth)!r})\n"
            f"e = COCOeval(gt, gt.loadRes({str(found)!r}), 'bbox')\ne.evaluate()\ne.accumulate()\ne.summarize()\n"
        )
        command = [sys.executable, "-c", program]
    before = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment_for(2))
    assert process.stdout is not None
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return {"seconds": time.perf_counter() - before, "peak": usage.ru_maxrss * 1024}


def environment_for(threads: int) -> dict[str, str]:
    return os.environ | {"RAYON_NUM_THREADS": str(threads), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def run(command: list[str], threads: int) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment_for(threads))
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    from bench_freeze.environment import environment

    measured: dict[str, dict[str, list[dict[str, Any]]]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        # In a process of its own: the peak memory of a process starts at that of the one that started it.
        write = "import sys, pathlib, coco_workload as w; w.write(pathlib.Path(sys.argv[1]), *w.make())"
        subprocess.run([sys.executable, "-c", write, place], check=True, cwd=Path(__file__).parent)
        for number in range(options.rounds):
            order = NAMES if number % 2 == 0 else NAMES[::-1]
            for name in order:
                for case, measure in (
                    ("evaluate + accumulate, 1 thread", lambda n: in_memory(n, folder, 1)),
                    ("evaluate + accumulate, 2 threads", lambda n: in_memory(n, folder, 2)),
                    ("files to numbers, whole process, 2 threads", lambda n: whole_process(n, folder)),
                ):
                    measured.setdefault(case, {}).setdefault(name, []).append(measure(name))  # type: ignore[no-untyped-call]
    report: dict[str, Any] = {}
    for case, by_name in measured.items():
        numbers = [tuple(rows[0]["stats"]) for rows in by_name.values() if "stats" in rows[0]]
        assert all(row == numbers[0] for row in numbers), numbers
        report[case] = {}
        for name, rows in by_name.items():
            ratios = [row["seconds"] / mine["seconds"] for row, mine in zip(rows, by_name[NAMES[0]], strict=True)]
            entry = {
                "seconds": [row["seconds"] for row in rows],
                "median_s": statistics.median(row["seconds"] for row in rows),
                "median_ratio_to_ours": statistics.median(ratios),
                "peak_mib": max(row["peak"] for row in rows) / 2**20,
            }
            if "over_inputs" in rows[0]:
                entry["over_inputs_mib"] = max(row["over_inputs"] for row in rows) / 2**20
            report[case][name] = entry
            print(
                f"{case:<44} {name:<22} {entry['median_s']:.3f} s  x{entry['median_ratio_to_ours']:.2f}  "
                f"peak {entry['peak_mib']:.0f} MiB  over inputs {entry.get('over_inputs_mib', float('nan')):.0f} MiB"
            )
    if options.json:
        from importlib.metadata import version

        packages = {name: version(name) for name in NAMES}
        options.json.write_text(
            json.dumps({"environment": environment(), "packages": packages, "results": report}, indent=1, default=str)
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
    else:
        main()
