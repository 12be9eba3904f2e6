"""Numbers of the kept studies (bench/results), as text: tables, and values that pages name."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from bench_freeze import Results

from .markdown import code, table

KEPT = Path(__file__).parents[2] / "bench" / "results"
STUDIES = {  # the name in the pages, and the file
    "first_run": "fruit9_coco206_320",
    "depths": "fruit9_depths_seeds_320",
    "capacity": "fruit9_capacity_320",
    "recipes": "fruit9_recipes_320",
    "precisions": "fruit9_precisions_320",
}
WIDTH = 76  # of a command's lines, which should not scroll
Numbers = dict[str, dict[str, str]]


@cache
def numbers(study: str) -> Numbers:
    """By model, then by metric: the value, and under METRIC_ci the value with its interval. Times are milliseconds."""
    records = Results.load(KEPT / f"{STUDIES[study]}.json").to_records()
    kinds = {record["kind"] for record in records}
    found: Numbers = {}
    for record in records:
        if record["kind"] != "original" and record["kind"] != ("mean" if "mean" in kinds else "model"):
            continue
        words = found.setdefault(_model(record, study), {})
        metric, value = str(record["metric"]), record["value"]
        if value is None:
            continue
        words[metric] = _number(metric, value)
        if record["lower"] is not None:
            ends = (_number(metric, record["lower"]), _number(metric, record["upper"]))
            words[f"{metric}_ci"] = f"{words[metric]} [{ends[0]}, {ends[1]}]"
    return found


def _model(record: dict[str, Any], study: str) -> str:
    words = [record["construction"], record["freeze"], record["recipe"] if record["recipe"] != "static" else None]
    if study == "precisions":
        words += [record["engine"], record["precision"]]
    return " ".join(str(word) for word in words if word is not None)


def _number(metric: str, value: float) -> str:
    if metric in ("model_p50", "pipeline_p50"):
        return f"{value * 1000:.1f}"
    if metric == "size":
        return f"{value / 1e6:.1f}"
    if metric == "change":
        return "0" if value == 0 else f"{value:+.3f}"
    return f"{value:.2f}" if metric == "ratio" else f"{value:.3f}"


def substitutions() -> dict[str, object]:
    """What pages may name between double braces."""
    return {study: numbers(study) for study in STUDIES}


def command(study: str) -> str:
    """The command that made a study, as its file records it."""
    recorded = str(json.loads((KEPT / f"{STUDIES[study]}.json").read_text())["command"])
    start, *flags = recorded.split(" --")
    lines = [start]
    for flag in flags:
        if len(lines[-1]) + len(flag) > WIDTH:
            lines.append("   ")
        lines[-1] += f" --{flag}"
    return code(" \\\n".join(lines), "bash")


def first_run_table() -> str:
    """One seed: accuracy of both heads, and latency over the original's."""
    kept: Any = json.loads((KEPT / "fruit9_coco206_320_latency.json").read_text())
    found, rows = numbers("first_run"), []
    for freeze in (22, 15, 10):
        for construction in ("branched", "grafted"):
            of = found[f"{construction} {freeze}"]
            rows.append(
                (f"{freeze}, `{construction}`", of["target_map50"], of["target_map"], of["base_map"], of["change"],
                 f"{kept['models'][f'{construction} {freeze}']['ratio']:.2f}")
            )  # fmt: skip
    return table(["freeze", "target mAP50", "target mAP", "base mAP", "change", "latency ratio"], rows, numbers=True)


def depths_table() -> str:
    """Five depths, means of three seeds."""
    found, rows = numbers("depths"), []
    for freeze in (22, 15, 10, 6, 0):
        branched, grafted = found[f"branched {freeze}"], found[f"grafted {freeze}"]
        rows.append(
            (str(freeze), branched["target_map50"], branched["target_map"], branched["model_p50_ci"],
             grafted["base_map"], grafted.get("change_ci", grafted["change"]))
        )  # fmt: skip
    headings = ["freeze", "target mAP50", "target mAP", "`branched`, ms", "base mAP, `grafted`", "its change"]
    return table(headings, rows, numbers=True)


def capacity_table() -> str:
    """Depth, separated from the number of trained weights."""
    found, trained, rows = numbers("capacity"), _trained("capacity"), []
    for name in ("22", "10 matched_22", "0 matched_22", "10", "0"):
        of = found[f"grafted {name}"]
        depth, _, recipe = name.partition(" ")
        label = f"{depth}, `{recipe}`" if recipe else depth
        rows.append((label, f"{trained[name] / 1e6:.2f} M", of["target_map50"], of["target_map"], of["base_map"]))
    return table(["freeze", "trained weights", "target mAP50", "target mAP", "base mAP, `grafted`"], rows, numbers=True)


def _trained(study: str) -> dict[str, int]:
    rows = json.loads((KEPT / f"{STUDIES[study]}.json").read_text())["rows"]
    name: Callable[[Any], str] = lambda row: f"{row['freeze']} {row['recipe']}".removesuffix(" static")  # noqa: E731
    return {name(row): row["train"]["effective"]["trainable_parameters"] for row in rows if row["construction"]}


def recipes_table() -> str:
    """Nine recipes at freeze 10, the original head on the tuned neck."""
    found = numbers("recipes")
    names = ("", "replay_0.05", "distill", "replay_1", "lp_ft", "gradual",
             "interpolate_0.75", "interpolate_0.5", "interpolate_0.25")  # fmt: skip
    rows = []
    for name in names:
        of = found[f"grafted 10 {name}".strip()]
        rows.append((f"`{name or 'static'}`", of["target_map50"], of["target_map"], of["base_map"], of["change_ci"]))
    return table(["recipe", "target mAP50", "target mAP", "base mAP", "change"], rows, numbers=True)


def precisions_table() -> str:
    """One dual-head model in every precision of ONNX Runtime, and in torch."""
    found, rows = numbers("precisions"), []
    for engine, precision in (("torch", "fp32"), ("ort", "fp32"), ("ort", "fp16"), ("ort", "int8")):
        of = found[f"branched 15 {engine} {precision}"]
        rows.append((f"`{engine}` {precision}", of["target_map"], of["base_map"], of["size"], of["model_p50"]))
    return table(["engine", "target mAP", "base mAP", "MB", "latency, ms"], rows, numbers=True)
