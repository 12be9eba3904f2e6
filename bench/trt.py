"""All that a machine with TensorRT and an NVIDIA GPU has to tell: test, run, time. One command there:

    python bench/trt.py [DATA] [--out bench/results] [--skip doctor tests study profile]

DATA is a folder with weights/, fruit9/ and coco206/ (bench/README.md); without it the embedded study runs, whose
figures say nothing of a real detector. It has not been run by the authors of this version: no machine with TensorRT was
at hand. It needs TensorRT 10 or 11 (or for RTX), PyCUDA and the extension with its CUDA back end, and for the study the
train and ort extras. Stops at the first step that fails.
Results: trt_GPU.json and .md of the study (fp32, fp16 and int8 plans, three builds each, beside ONNX Runtime) and
trt_GPU_profile.json of its last fp16 plan.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
STEPS = ("doctor", "tests", "study", "profile")
TRAINING = "--freeze 15 --epochs 10 --imgsz 320 --optimizer AdamW --lr0 0.001 --train-batch 16"


def run(*command: object, **environment: str) -> None:
    shown = " ".join(map(str, command))
    print(f"\n$ {shown}", flush=True)
    status = subprocess.run([*map(str, command)], cwd=ROOT, env={**os.environ, **environment}, check=False).returncode
    if status != 0:
        sys.exit(f"bench/trt.py: stopped, as this ended with {status}: {shown}")


def bench_freeze(*arguments: object) -> None:
    run(sys.executable, "-m", "bench_freeze", *arguments)


def data_flags(data: Path | None) -> list[object]:
    """Weights and sets; none of them for the embedded study."""
    if data is None:
        return ["--freeze", "22", "--epochs", "3"]
    base = data / "coco206/annotations/instances_val2017.json"
    return [
        "--weights",
        data / "weights/yolov8n_coco.pt",
        "--target",
        data / "fruit9/fruit9.yaml",
        "--base",
        base,
        *TRAINING.split(),
    ]


def name_of(results: dict[str, Any]) -> str:
    """The GPU's name as a file's."""
    gpus = results["environment"]["gpus"] or [results["environment"]["board"] or "gpu"]
    return "trt_" + re.sub(r"[^a-z0-9]+", "_", gpus[0].lower()).strip("_")


def doctor() -> None:
    bench_freeze("doctor", "--device", "cuda:0")


def tests() -> None:
    """Without its CUDA back end the extension can neither letterbox nor select on the GPU: a failure, not a skip."""
    run(sys.executable, "-m", "pytest", "-m", "trt", "tests/trt", REQUIRE_TRT="1", REQUIRE_CUDA="1")


def study_flags(data: Path | None, work: Path) -> list[object]:
    """The whole command of the study, behind the program's name."""
    engines = ["--engine", "ort,trt", "--precision", "fp32,fp16,int8", "--builds", "3", "--construction", "branched"]
    return ["run", *engines, *data_flags(data), "--out", work]


def study(data: Path | None, work: Path, out: Path) -> None:
    bench_freeze(*study_flags(data, work))
    from bench_freeze.report.documents import read_documents
    from bench_freeze.report.table import markdown

    content = (work / "results.json").read_bytes()
    results = json.loads(content)
    name = name_of(results)
    (out / f"{name}.json").write_bytes(content)
    packages = ", ".join(f"{k} {v}" for k, v in results["environment"]["packages"].items() if v)
    table = markdown(read_documents([work / "results.json"]).view)
    (out / f"{name}.md").write_text(f"{table}\n`{results['command']}`\n\n{packages}\n")
    print(table)


def profile(data: Path | None, work: Path, out: Path) -> None:
    """The last fp16 plan of the study, as `bench-freeze profile` measures it on a board."""
    results = json.loads((work / "results.json").read_text())
    row = next(r for r in reversed(results["rows"]) if (r["engine"], r["precision"]) == ("trt", "fp16"))
    wanted = row["artifact"]["plan_sha256"]
    manifests = sorted((work / "artifacts").glob("plan-*/manifest.json"))
    found = (m.parent for m in manifests if json.loads(m.read_text())["files"]["model.plan"]["sha256"] == wanted)
    target = out / f"{name_of(results)}_profile.json"
    bench_freeze("profile", next(found) / "model.plan", "--out", target, "--rate", 30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, default=ROOT / "bench/results")
    parser.add_argument("--work", type=Path, default=ROOT / "runs/trt")
    parser.add_argument("--skip", nargs="+", choices=STEPS, default=[])
    options = parser.parse_args()
    data = options.data.resolve() if options.data else None
    out, work = options.out.resolve(), options.work.resolve()
    steps: dict[str, Callable[[], object]] = {
        "doctor": doctor,
        "tests": tests,
        "study": lambda: study(data, work, out),
        "profile": lambda: profile(data, work, out),
    }
    if shutil.which("nvidia-smi") is None and not Path("/etc/nv_tegra_release").exists():
        print("bench/trt.py: there is no sign of an NVIDIA driver here; the tests will say what is missing")
    for name in STEPS:
        if name not in options.skip:
            steps[name]()


if __name__ == "__main__":
    main()
