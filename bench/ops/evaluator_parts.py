"""Where the time of `bench-freeze eval` goes, from the start of the process to the numbers, each part with its floor.

    python bench/ops/evaluator_parts.py [--repeats 15] [--json FILE]

Processor seconds of one thread, the least of many repeats: what others do on the machine only ever adds. The workload
is that of coco_workload.py, 512,282 detections. The parts up to the first line of the command are processes of their
own, user and system seconds, each less the one before it.

A floor is the bytes that a part must touch over the bandwidth of this machine, measured here in the same process: of
`memcpy` for what is read and written, of a sum for what is only read. It knows no instruction, so nothing with a
decision in it comes near: a digit of a number, a box against a box, a place in an order.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

START = (
    ("python", ["-c", "pass"]),
    ("numpy", ["-c", "import numpy"]),
    (
        "bench_freeze, to the command's first line",
        [
            "-c",
            "from bench_freeze.cli import parsed_line; parsed_line(['eval', '--gt', 'a', '--dt', 'b']); "
            "import bench_freeze.evaluate.eval_report",
        ],
    ),
)


@dataclass(frozen=True)
class Part:
    """Seconds of a part, and the bytes that it must read and write."""

    name: str
    seconds: float
    read: int = 0
    written: int = 0


def least(call: Callable[[], object], repeats: int) -> float:
    """The least processor time of a call; what it returns is dropped outside of it."""
    taken = []
    for _ in range(repeats):
        began = time.thread_time()
        kept = call()
        taken.append(time.thread_time() - began)
        del kept
    return min(taken)


def start_parts(repeats: int) -> list[Part]:
    """What a process takes before the command does anything."""
    parts, before = [], 0.0
    for name, arguments in START:
        taken = []
        for _ in range(repeats):
            process = subprocess.Popen([sys.executable, *arguments])
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
            assert status == 0, arguments
            taken.append(usage.ru_utime + usage.ru_stime)
        parts.append(Part(name, min(taken) - before))
        before = min(taken)
    return parts


def command_parts(folder: Path, repeats: int) -> list[Part]:
    """The steps of the command, one after the other, each on what the one before gave."""
    from bench_freeze.data import coco
    from bench_freeze.data.coco_json import read_text
    from bench_freeze.evaluate import protocols
    from bench_freeze.evaluate.evaluate import evaluate
    from bench_freeze.evaluate.ground_truth import index_for
    from bench_freeze.evaluate.incoming import rows_of_table
    from bench_freeze.kernels.ext import native
    from bench_freeze.kernels.matching import Lattice, MatchedImages, accumulate, match

    instances, results = folder / "instances.json", folder / "results.json"
    truth_text = read_text(instances)
    truth = coco.parse_instances("truth", truth_text).ground_truth
    columns = native.read_results(read_text(results), 1)
    assert columns is not None
    table = coco._results("results", columns, truth).detections
    rules = protocols.rules_of("coco")
    index = index_for(truth, rules)
    lattice = Lattice(rules.rule, rules.iou_thresholds, np.array(list(rules.area_ranges.values()), np.float64))
    positions, rows = rows_of_table(table, len(truth.image_ids))

    def matched() -> Any:
        return match(
            index, lattice, positions, image=rows.image, label=rows.labels, boxes_xywh=rows.boxes_xywh,
            scores=rows.scores,
        )  # fmt: skip

    found = [MatchedImages(positions, matched()[0])]

    def accumulated() -> Any:
        return accumulate(
            index, lattice, found, recall_thresholds=protocols.RECALL_THRESHOLDS,
            max_detections=protocols.MAX_DETECTIONS,
        )  # fmt: skip

    tensors = accumulated()[0]
    evaluation = evaluate(truth, table)
    n = len(table)
    in_columns = sum(column.nbytes for column in columns)
    in_table = n * (4 + 4 + 32 + 8)
    in_matches = n * (4 + 8 + 5 + 5)
    in_tensors = sum(tensor.nbytes for tensor in tensors)
    with results.open("rb") as stream:
        size = results.stat().st_size
        reading = least(lambda: native.read_results_file(stream.fileno(), size, 1), repeats)
    checking = least(lambda: coco._results("results", columns, truth), repeats)
    return [
        Part("ground truth: file to text", least(lambda: read_text(instances), repeats), 0, len(truth_text)),
        Part("ground truth: text to columns", least(lambda: coco.parse_instances("t", truth_text), repeats),
             len(truth_text)),
        Part("detections: file to columns", reading, size, in_columns),
        Part("detections: ids to positions, checks", checking, in_columns, in_table),
        Part("ground truth: index", least(lambda: index_for(truth, rules), repeats), len(truth) * 60, len(truth) * 60),
        Part("rows of the update", least(lambda: rows_of_table(table, len(truth.image_ids)), repeats), n * 4),
        Part("match", least(matched, repeats), in_table, in_matches),
        Part("rank and accumulate", least(accumulated, repeats), in_matches, in_tensors),
        Part("twelve numbers", least(evaluation.stats, repeats), in_tensors),
    ]  # fmt: skip


def bandwidths(repeats: int) -> tuple[float, float]:
    """Bytes a second of one thread: read by a sum, and copied (each byte read and written counts once)."""
    source = np.ones(1 << 23)
    target = np.zeros_like(source)
    reading = source.nbytes / least(source.sum, repeats)
    copying = source.nbytes / least(lambda: np.copyto(target, source), repeats)
    return reading, copying


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    from bench_freeze.environment import environment

    with tempfile.TemporaryDirectory() as place:
        write = "import sys, pathlib, coco_workload as w; w.write(pathlib.Path(sys.argv[1]), *w.make())"
        subprocess.run([sys.executable, "-c", write, place], check=True, cwd=Path(__file__).parent)
        parts = start_parts(asked.repeats) + command_parts(Path(place), asked.repeats)
    reading, copying = bandwidths(asked.repeats)
    table = []
    for part in parts:
        both = min(part.read, part.written)
        floor_s = both / copying + (part.read - both) / reading + (part.written - both) / copying
        table.append({"part": part.name, "seconds": part.seconds, "floor_s": floor_s})
        print(f"{part.name:<44} {part.seconds * 1e3:8.1f} ms   floor {floor_s * 1e3:6.1f} ms")
    whole = sum(part.seconds for part in parts)
    print(f"{'all':<44} {whole * 1e3:8.1f} ms   read {reading / 1e9:.1f} GB/s, copy {copying / 1e9:.1f} GB/s")
    if asked.json:
        content = {"environment": environment(), "parts": table, "read_bytes_per_s": reading}
        content |= {"copy_bytes_per_s": copying, "seconds": whole}
        asked.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
