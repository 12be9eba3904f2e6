"""One dual-head model in every engine and precision that this machine can run, and in the plans that it can build.

    python bench/precisions.py DATA [--epochs 10] [--builds 2] [--out runs/precisions] [--results bench/results]

DATA is a folder with weights/, fruit9/ and coco206/. One study (freeze 15, branched) runs torch in fp32 and ONNX
Runtime in fp32, fp16 and int8, and measures accuracy of both heads, sizes and latencies. Then TensorRT plans are built
from the ONNX files of its row, ahead of time for four kinds of GPU, each `--builds` times; sizes, hashes and build
times are recorded. No plan is run: for that see bench/trt.py. Writes fruit9_precisions_320.json (the study),
fruit9_plans_320.json (the plans) and fruit9_precisions_320.md (tables of both). Needs a quiet machine; a finished study
is reused.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from bench_freeze import cli
from bench_freeze.artifact import ArtifactStore
from bench_freeze.environment import environment
from bench_freeze.export.builder import PlanOptions
from bench_freeze.export.plan import PLAN, produce_plan
from bench_freeze.report.documents import read_documents
from bench_freeze.report.table import markdown
from bench_freeze.results.schema import Results, decode

TARGETS = ("80", "86", "89", "120")
NAME = "fruit9_precisions_320"
NOTES = """\
fp16 on ONNX Runtime's CPU provider rounds the weights and casts back to float32: it says nothing of a GPU's own fp16
arithmetic. int8 is slower than fp32 on a processor without fast eight-bit instructions. Half of the int8 calibration
images are base images that are scored (labels unseen), and its default (minmax, the heads' last layers kept in float32)
was picked on these two sets, so its loss is a little kind. One model, one seed. Verdicts of the latencies stand in the
json."""


def arguments(data: Path, epochs: int, out: Path) -> list[str]:
    """The arguments of the study's command line."""
    engines = "--engine torch,ort --precision fp32,fp16,int8 --construction branched --freeze 15 --imgsz 320"
    training = f"--epochs {epochs} --optimizer AdamW --lr0 0.001 --train-batch 16"
    base = data / "coco206/annotations/instances_val2017.json"
    sets = ["--weights", data / "weights/yolov8n_coco.pt", "--target", data / "fruit9/fruit9.yaml", "--base", base]
    return ["run", *engines.split(), *training.split(), *map(str, sets), "--out", str(out)]


def build_plans(results: Results, artifacts: Path, builds: int) -> list[dict[str, Any]]:
    """Build every ONNX file of the dual-head rows for every target GPU, several times each."""
    files = {
        json.loads(manifest.read_text())["files"]["model.onnx"]["sha256"]: manifest.parent / "model.onnx"
        for manifest in artifacts.glob("onnx*/manifest.json")
    }
    store, plans = ArtifactStore(artifacts), []
    for row in results.rows:
        if row.artifact.onnx_sha256 is None:
            continue
        for target in TARGETS:
            made = [
                produce_plan(files[row.artifact.onnx_sha256], PlanOptions(compute_capability=target), store, number)[0]
                for number in range(builds)
            ]
            entry = {
                "precision": row.precision,
                "target": f"SM{target}",
                "tensorrt": made[0].inputs["tensorrt"],
                "onnx_sha256": row.artifact.onnx_sha256,
                "plan_sha256": [plan.sha256(PLAN) for plan in made],
                "bytes": [plan.files[PLAN]["bytes"] for plan in made],
                "build_s": [plan.facts["build_s"] for plan in made],
                "timing_cache_sha256": [plan.facts["timing_cache_sha256"] for plan in made],
            }
            plans.append(entry)
            print(f"{row.precision} {entry['target']}: {entry['bytes']} bytes in {entry['build_s']} s", flush=True)
    return plans


def plan_table(plans: list[dict[str, Any]]) -> str:
    """The plans as Markdown, with one row for each precision and target."""
    lines = ["| precision | target | size | builds | distinct | seconds (median) |", "|---|---|---:|---:|---:|---:|"]
    for plan in plans:
        size = f"{statistics.median(plan['bytes']) / 1e6:.2f} MB"
        distinct = len(set(plan["plan_sha256"]))
        seconds = f"{statistics.median(plan['build_s']):.2f}"
        count = len(plan["bytes"])
        lines.append(f"| {plan['precision']} | {plan['target']} | {size} | {count} | {distinct} | {seconds} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--builds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/precisions"))
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    command = arguments(options.data, options.epochs, options.out)
    if status := cli.main(command):
        sys.exit(status)
    content = (options.out / "results.json").read_bytes()
    results = decode(content)
    plans = build_plans(results, options.out / "artifacts", options.builds)
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / f"{NAME}.json").write_bytes(content)
    made_by = f"python bench/precisions.py DATA --epochs {options.epochs} --builds {options.builds}"
    kept = {"command": made_by, "environment": environment(), "plans": plans}
    (options.results / "fruit9_plans_320.json").write_text(json.dumps(kept, indent=1) + "\n")
    machine = results.environment
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items() if version)
    text = [
        markdown(read_documents([options.out / "results.json"]).view).rstrip(),
        f"Made by `{made_by}`; the study is `{results.command}`.",
        f"{machine['cpu']}, {machine['cores']} cores; Python {machine['python']}, {packages}.",
        NOTES,
        f"Plans of the dual-head model, built ahead of time by {plans[0]['tensorrt']} for GPUs that this machine has "
        "not; none was run.",
        plan_table(plans),
    ]
    (options.results / f"{NAME}.md").write_text("\n\n".join(text) + "\n")
    print(f"{options.results / NAME}.md")


if __name__ == "__main__":
    main()
