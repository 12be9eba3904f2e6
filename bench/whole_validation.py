"""Whole validation of one ONNX file on coco206, from the start of the process to the numbers: ours and `yolo val`.

    python bench/whole_validation.py DATA [--rounds 5] [--json FILE]

DATA is the folder with weights/yolov8n_coco.pt and coco206. Ultralytics exports the weights at 640, and both programs
score that same file, in turn, each in a process of its own as a user would start it. Both leave the number of threads
to ONNX Runtime, which takes every core. Ultralytics works on a copy of the set, since it writes beside the labels; its
cache of labels is made in a run that does not count. It is timed twice, at its defaults and without plots. The two mAPs
differ by protocol (crowds, interpolation), so ours is also computed by Ultralytics' protocol, which must be close.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

OURS = "bench-freeze eval"
OVERRIDES = {"yolo val": (), "yolo val plots=False": ("plots=False",)}


def export(weights: Path, folder: Path) -> Path:
    copied = Path(shutil.copy(weights, folder))
    call = "export(format='onnx', imgsz=640, opset=17, simplify=False)"
    program = f"from ultralytics import YOLO; YOLO({str(copied)!r}).{call}"
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, cwd=folder)
    return copied.with_suffix(".onnx")


def timed(command: list[str], folder: Path) -> dict[str, Any]:
    """Wall and processor seconds of a whole process, and what it printed."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{printed[-3000:]}")
    return {
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
        "printed": printed,
    }


def ours(model: Path, truth: Path, protocol: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench_freeze", "eval", "--model", str(model), "--gt", str(truth), "--json"]
    done = timed([*command, "--protocol", protocol], folder)
    stats = json.loads(done.pop("printed"))["stats"]
    return done | {"map": stats["AP"], "map50": stats["AP50"]}


def theirs(model: Path, data: Path, overrides: tuple[str, ...], folder: Path) -> dict[str, Any]:
    program = "import sys; from ultralytics.cfg import entrypoint; sys.argv[0] = 'yolo'; entrypoint()"
    arguments = ["val", "task=detect", f"model={model}", f"data={data}", "imgsz=640", "device=cpu", *overrides]
    done = timed([sys.executable, "-c", program, *arguments], folder)
    found = re.search(r"^\s+all\s+\d+\s+\d+\s+\S+\s+\S+\s+(\S+)\s+(\S+)", done.pop("printed"), re.MULTILINE)
    assert found is not None
    return done | {"map": float(found[2]), "map50": float(found[1])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    data = options.data.resolve()
    rounds: dict[str, list[dict[str, Any]]] = {OURS: [], **{name: [] for name in OVERRIDES}}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = export(data / "weights" / "yolov8n_coco.pt", folder)
        copied = Path(shutil.copytree(data / "coco206", folder / "coco206"))
        truth = copied / "annotations" / "instances_val2017.json"
        by_their_protocol = ours(model, truth, "ultralytics-8.4.183", folder)
        theirs(model, copied / "coco206.yaml", ("plots=False",), folder)
        for number in range(options.rounds):
            for name in list(rounds) if number % 2 == 0 else list(rounds)[::-1]:
                if name == OURS:
                    rounds[name].append(ours(model, truth, "coco", folder))
                else:
                    rounds[name].append(theirs(model, copied / "coco206.yaml", OVERRIDES[name], folder))
    report: dict[str, Any] = {"map_by_their_protocol": by_their_protocol["map"]}
    print(f"{OURS} --protocol ultralytics-8.4.183: mAP {by_their_protocol['map']:.4f}")
    for name, runs in rounds.items():
        ratios = {
            clock: statistics.median(run[clock] / mine[clock] for run, mine in zip(runs, rounds[OURS], strict=True))
            for clock in ("wall", "cpu")
        }
        medians = {clock: statistics.median(run[clock] for run in runs) for clock in ("wall", "cpu")}
        report[name] = {"runs": runs, "median_s": medians, "median_ratio_to_ours": ratios}
        print(
            f"{name:<22} wall {medians['wall']:7.2f} s x{ratios['wall']:.2f}  processor {medians['cpu']:7.2f} s "
            f"x{ratios['cpu']:.2f}  peak {max(run['peak_mib'] for run in runs):.0f} MiB  mAP {runs[0]['map']:.4f}"
        )
    if options.json:
        from bench_freeze.environment import environment

        options.json.write_text(json.dumps({"environment": environment(), "results": report}, indent=1, default=str))


if __name__ == "__main__":
    main()
