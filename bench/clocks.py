"""Which clock detects a model that is 10 % slower on a busy machine: wall time, processor time or instructions?

Every run is a fresh process that opens a model in ONNX Runtime and calls it. From run to run, other processes come and
go (seeded; the machine's own load comes on top). The slower model has real extra layers: convolutions of the width of
their surroundings, inserted until it has 10 % more multiplications. For each clock, the result has the variation
between runs of one model (standard deviation of log medians), the slowdown that it shows, how often one run of each
model distinguishes them (ratio above 5 %), and how often it would distinguish two runs of one model.

    python bench/clocks.py --weights yolov8n.pt --work WORK --out bench/results/clocks.json
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

CALLS, WARMUP = 60, 10
LOADS = (0, 1, 2)  # other processes during the run
BUSY = "import numpy as np, sys\na = np.random.rand({n}, {n})\nwhile True: a = (a @ a) % 1.0"
THREADS = {"1 thread": (1, True), "2 threads": (2, True), "2 threads, no spinning": (2, False)}


def main() -> None:
    """Make the models, run, and write the result; with --worker, do one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--imgsz", type=int, default=160)
    parser.add_argument("--pairs", type=int, default=24, help="runs of each model, for each number of threads")
    parser.add_argument("--seed", type=int, default=20261129)
    parser.add_argument("--worker", nargs=3, metavar=("MODEL", "THREADS", "SPIN"), help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.worker:
        print(json.dumps(one_run(Path(parsed.worker[0]), int(parsed.worker[1]), parsed.worker[2] == "True")))
        return
    plain, slower, more = make_models(parsed.weights, parsed.work, parsed.imgsz)
    began, generator = time.perf_counter(), np.random.default_rng(parsed.seed)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in THREADS}
    facts = {
        "command": f"python bench/clocks.py --weights {parsed.weights.name} --work WORK --out {parsed.out} "
        f"--imgsz {parsed.imgsz} --pairs {parsed.pairs}",
        "machine": machine(),
        "model": f"{parsed.weights.stem} at {parsed.imgsz}, fp32, batch 1",
        "slower_has_more_multiplications": round(more, 4),
        "calls_per_run": CALLS,
    }
    for pair in range(parsed.pairs):
        for name, how in THREADS.items():
            runs[name] += measure((plain, slower), *how, pair, generator)
        result = {
            **facts,
            "seconds": round(time.perf_counter() - began),
            "load_average_after": [round(x, 1) for x in os.getloadavg()],
            "pairs": pair + 1,
            "instructions": runs["1 thread"][0]["no_instructions"] or "counted",
            "clocks": {name: {clock: judged(found, clock) for clock in CLOCKS} for name, found in runs.items()},
            "runs": runs,
        }
        parsed.out.write_text(json.dumps(result, indent=1) + "\n")
    for name, found in runs.items():
        for clock in CLOCKS:
            print(name, clock, judged(found, clock))


CLOCKS = ("wall_s", "processor_s", "instructions")


def one_run(model: Path, threads: int, spin: bool) -> dict[str, Any]:
    """Median of each clock over the calls of this process; None for a clock that does not exist here."""
    from bench_freeze.measure.instructions import Instructions

    with Instructions() as counter:  # before ONNX Runtime starts its threads
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spin)))
        session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        given = session.get_inputs()[0]
        feed = {given.name: np.random.default_rng(0).random(given.shape, np.float32)}
        taken: list[tuple[float, float, float]] = []
        for _ in range(WARMUP + CALLS):
            instructions, processor, wall = counter.read(), time.process_time(), time.perf_counter()
            session.run(None, feed)
            done = time.perf_counter() - wall, time.process_time() - processor
            counted = math.nan if instructions is None else float((counter.read() or 0) - instructions)
            taken.append((*done, counted))
        medians = [statistics.median(column) for column in zip(*taken[WARMUP:], strict=True)]
        kept = {c: None if math.isnan(m) else m for c, m in zip(CLOCKS, medians, strict=True)}
        return {**kept, "no_instructions": counter.reason}


def measure(
    models: tuple[Path, Path], threads: int, spin: bool, pair: int, generator: np.random.Generator
) -> list[dict[str, Any]]:
    """One run of each model, with other processes that change from run to run."""
    runs = []
    for which in (0, 1) if pair % 2 == 0 else (1, 0):
        load = int(generator.choice(LOADS))
        others = [
            subprocess.Popen(
                [sys.executable, "-c", BUSY.format(n=int(generator.choice([64, 800])))],
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
            for _ in range(load)
        ]
        try:
            command = [sys.executable, __file__, "--worker", str(models[which]), str(threads), str(spin)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        finally:
            for other in others:
                other.kill()
                other.wait()
        runs.append({"model": ("plain", "slower")[which], "pair": pair, "beside": load, **found})
    return runs


def judged(runs: list[dict[str, Any]], clock: str) -> dict[str, float] | None:
    """What a clock shows about both models; None if it was not available."""
    logs: dict[str, list[float]] = {"plain": [], "slower": []}
    for run in runs:
        if run[clock] is not None:
            logs[run["model"]].append(math.log(run[clock]))
    if min(map(len, logs.values())) < 2:
        return None
    every = [b - a for a in logs["plain"] for b in logs["slower"]]
    same = [b - a for i, a in enumerate(logs["plain"]) for j, b in enumerate(logs["plain"]) if i != j]
    limit = math.log(1.05)
    return {
        "median": round(math.exp(statistics.median(logs["plain"])), 6),
        "runs_differ_by_sd": round(statistics.stdev(logs["plain"]), 4),
        "slower_by": round(math.expm1(statistics.median(logs["slower"]) - statistics.median(logs["plain"])), 4),
        "one_run_each_tells": round(sum(ratio > limit for ratio in every) / len(every), 3),
        "one_run_each_errs": round(sum(ratio > limit for ratio in same) / len(same), 3),
    }


def make_models(weights: Path, work: Path, imgsz: int) -> tuple[Path, Path, float]:
    """The exported model, the one with extra layers, and its share of additional multiplications."""
    import onnx

    work.mkdir(parents=True, exist_ok=True)
    plain, slower = work / "plain.onnx", work / "slower.onnx"
    if not plain.exists():
        from ultralytics import YOLO

        exported = YOLO(str(weights)).export(format="onnx", imgsz=imgsz, opset=18, simplify=False)
        Path(exported).replace(plain)
    model = onnx.shape_inference.infer_shapes(onnx.load(str(plain)))
    whole, added = multiplications(model), 0
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in model.graph.value_info}
    activations = [n for n in model.graph.node if n.op_type == "Mul" and len(shapes.get(n.output[0], [])) == 4]
    for node in activations[1::2]:
        _, channels, height, width = shapes[node.output[0]]
        cost = channels * channels * 9 * height * width
        if added + cost <= 0.105 * whole:
            put_behind(model, node.output[0], channels)
            added += cost
    onnx.checker.check_model(model)
    onnx.save(model, str(slower))
    return plain, slower, added / whole


def multiplications(model: Any) -> int:
    """The number of multiplications in all convolutions."""
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in model.graph.value_info}
    kernels = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    total = 0
    for node in model.graph.node:
        if node.op_type == "Conv" and node.output[0] in shapes:
            total += math.prod(kernels[node.input[1]]) * math.prod(shapes[node.output[0]][2:])
    return total


def put_behind(model: Any, name: str, channels: int) -> None:
    """Add a 3x3 convolution of a tensor, with small weights, to the tensor; its readers then read the sum."""
    from onnx import helper, numpy_helper

    generator = np.random.default_rng(0)
    kernel = (generator.normal(size=(channels, channels, 3, 3)) * 1e-3).astype(np.float32)
    position = next(i for i, node in enumerate(model.graph.node) if name in node.output)
    for node in model.graph.node:
        for k, read in enumerate(node.input):
            if read == name:
                node.input[k] = f"{name}_more"
    model.graph.initializer.append(numpy_helper.from_array(kernel, f"{name}_kernel"))
    convolution = helper.make_node("Conv", [name, f"{name}_kernel"], [f"{name}_conv"], pads=[1, 1, 1, 1])
    model.graph.node.insert(position + 1, convolution)
    model.graph.node.insert(position + 2, helper.make_node("Add", [name, f"{name}_conv"], [f"{name}_more"]))


def machine() -> str:
    """The processor, its cores, and the load average before the run."""
    from bench_freeze.cores import usable_cores
    from bench_freeze.environment import cpu_model

    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    return f"{cpu_model()}, {usable_cores()} cores, Linux {platform.release()}, load average before {load}"


if __name__ == "__main__":
    main()
