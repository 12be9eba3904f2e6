"""What the kept studies say beyond their tables, as text that sentences of the pages name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from statistics import median
from typing import Any

from .bench_facts import bench_facts
from .detection_facts import detection_facts, yolov8n_facts
from .studies import KEPT, STUDIES
from .transfer_facts import transfer_facts, tuned_facts

Texts = dict[str, Any]  # by name: text, or such texts
MARGIN = "0.001"  # of equivalence, whose images pages quote


@cache
def document(name: str) -> Any:
    """A kept file of `bench/results`, by its name without the suffix."""
    return json.loads((KEPT / f"{name}.json").read_text())


def facts() -> Texts:
    """What pages may name beside the numbers of the tables (`studies.numbers`)."""
    others = {
        "plans": _plans(),
        "ratios": _ratios(),
        "check": _check(),
        "transfer": _transfer(),
        "bench": bench_facts(),
        "detection": detection_facts(document("fruit9_pretrainings_256")),
        "yolov8n": yolov8n_facts(document("fruit9_pretrainings_yolov8n_160")),
    }
    return {"facts": {study: _facts(study) for study in STUDIES} | others}


def _facts(study: str) -> Texts:
    kept = document(STUDIES[study])
    statistics, decision = kept.get("statistics") or {}, kept.get("recommendation") or {}
    comparisons = [own for own in statistics.get("comparisons", ()) if own["number"] == "map"]
    return {
        "over": _over(comparisons),
        "lost": {_name(own["b"]): _difference(own, 1) for own in comparisons if own["b"].startswith("grafted")
                 and own["data"] == "base"},
        "data": {of["data"]: _data(of) for of in statistics.get("detectable", ()) if of["number"] == "map"},
        "shared_limit": _shared_limit(statistics.get("arms", ())),
        "milliseconds": _medians(kept["rows"]),
        "runs": _runs(kept["rows"]),
        **_decision(decision.get("pareto", ())),
        **_looked_into(kept["rows"]),
    }  # fmt: skip


def _over(comparisons: Iterable[Mapping[str, Any]]) -> Texts:
    """By "A over B": the difference of target mAP, A minus B."""
    found: Texts = {}
    for own in comparisons:
        if own["data"] == "target":
            a, b = _name(own["a"]), _name(own["b"])
            found[f"{b} over {a}"] = _difference(own, 1)
            found[f"{a} over {b}"] = _difference(own, -1)
    return found


def _decision(arms: Iterable[Mapping[str, Any]]) -> dict[str, Texts]:
    """What an arm loses of the pick's target mAP, and the share of resamples that pick it."""
    loss: Texts = {}
    again: Texts = {}
    for arm in arms:
        name = arm["name"].removesuffix(" static")
        if arm["loss"] is not None and arm["loss_interval"] is not None:
            ends = arm["loss_interval"]
            loss[name] = f"{arm['loss']:.3f} [{ends['low']:.3f}, {ends['high']:.3f}]"
        if arm["support"] is not None:
            again[name] = f"{100 * arm['support']:.0f} %"
    return {"loss": loss, "again": again}


def _looked_into(rows: Iterable[Mapping[str, Any]]) -> dict[str, Texts]:
    """Of each freeze depth's first seed: base mAP by rung of the ladder, and mAP of heads on half of the base set."""
    ladder: Texts = {}
    recovery: Texts = {}
    for row in rows:
        depth, found = str(row["freeze"]), (row.get("analysis") or {}).get("recovery")
        if row.get("ladder") and depth not in ladder:
            ladder[depth] = {str(rung["k"]): f"{rung['map']:.3f}" for rung in row["ladder"]}
        if found and depth not in recovery:
            recovery[depth] = _recovery(found)
    return {"ladder": ladder, "recovery": recovery}


def _shared_limit(arms: Iterable[Mapping[str, Any]]) -> str | None:
    """The most base mAP that any arm loses when both heads share one limit of detections."""
    changes = [arm["joint_limit"]["value"] for arm in arms if arm["joint_limit"] is not None]
    return f"{-min(changes):.4f}" if changes else None


def _medians(rows: Iterable[Mapping[str, Any]]) -> Texts:
    """The lowest and the highest median of the engine over all runs of a construction, in milliseconds."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if (latency := row["latency"]["model"]) is not None:
            found.setdefault(row["construction"], []).append(latency["p50_s"] * 1e3)
    return {name: {"lowest": f"{min(own):.0f}", "highest": f"{max(own):.0f}"} for name, own in found.items()}


def _runs(rows: Iterable[Mapping[str, Any]]) -> Texts:
    """By construction and freeze depth: the medians of the engine in every run, in milliseconds."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if (latency := row["latency"]["model"]) is not None:
            found.setdefault(f"{row['construction']} {row['freeze']}", []).append(f"{latency['p50_s'] * 1e3:.1f}")
    return {name: f"{', '.join(own[:-1])} and {own[-1]}" for name, own in found.items() if len(own) > 1}


def _name(arm: str) -> str:
    """`freeze 10 static` and `grafted 10` are 10."""
    return arm.removesuffix(" static").partition(" ")[2]


def _difference(own: Mapping[str, Any], sign: int) -> Texts:
    difference = own["difference"]
    value, ends = sign * difference["value"], difference["interval"]
    texts = {"value": f"{value:+.3f}", "size": f"{abs(value):.3f}"}
    if ends is not None:
        low, high = sorted(sign * end for end in (ends["low"], ends["high"]))
        texts |= {"interval": f"[{low:+.3f}, {high:+.3f}]"}
    for key, name in (("p_holm", "p"), ("p_images_holm", "p_images")):
        if own[key] is not None:
            texts[name] = f"{own[key]:.2g}"
    return texts


def _data(own: Mapping[str, Any]) -> Texts:
    return {
        "images": str(own["images"]),
        "distinguishes": f"{own['between_models']:.3f}",
        "needs": f"{round(own['images_needed'][MARGIN], -3):,}",
    }


def _recovery(own: Mapping[str, Any]) -> Texts:
    maps = {name: own[name]["map"] for name in ("original", "grafted", "fresh", "fresh_control", "realigned")}
    control = own["realigned_control"]["map"]
    texts = {name: f"{value:.3f}" for name, value in maps.items()}
    return texts | {
        "images": str(own["scored_images"]),
        "lost": f"{maps['original'] - maps['grafted']:.3f}",
        "realigned_control": f"{control:.3f}",
        "short": f"{control - maps['realigned']:.3f}",
    }


def _plans() -> Texts:
    """Megabytes and seconds of a plan by precision: the mean over targets and builds."""
    found: Texts = {}
    plans = document("fruit9_plans_320")["plans"]
    for precision in {plan["precision"] for plan in plans}:
        own = [plan for plan in plans if plan["precision"] == precision]
        sizes = [size for plan in own for size in plan["bytes"]]
        times = [time for plan in own for time in plan["build_s"]]
        found[precision] = {
            "mb": f"{sum(sizes) / len(sizes) / 1e6:.0f}",
            "build_s": f"{sum(times) / len(times):.1f}",
        }
    return found


def _ratios() -> Texts:
    """Latency over the original's in interleaved rounds, by construction: the lowest and the highest of its models."""
    models = document("fruit9_coco206_320_latency")["models"]
    found: Texts = {}
    for construction in ("branched", "grafted", "plain"):
        ratios = [own["ratio"] for name, own in models.items() if name.startswith(construction)]
        found[construction] = {"lowest": f"{min(ratios):.2f}", "highest": f"{max(ratios):.2f}"}
    dual = [own["ratio"] for name, own in models.items() if name.startswith(("branched", "grafted"))]
    twins = [models[f"{construction} 22"]["ratio"] for construction in ("branched", "grafted")]
    return found | {
        "dual": {"lowest": f"{min(dual):.2f}", "highest": f"{max(dual):.2f}"},
        "twins": f"{abs(twins[0] - twins[1]):.3f}",
    }


def _check() -> Texts:
    """How often the regression check is wrong: simulated with every noise, and real checks under load."""
    kept, real = document("check_simulation"), document("check_real")["checks"]
    sides = [own["side by side"] for noise in kept["latency"].values() for own in noise.values()]
    slower = {name: noise["one row"]["side by side"] for name, noise in kept["latency"].items()}
    noisiest = max(slower, key=lambda name: float(slower[name]["minutes"]["90 %"]))
    minutes = [own["minutes"]["90 %"] for name, own in slower.items() if name != noisiest]
    falls = {images: kept["accuracy"]["power"][f"0.01 of {images}"]["exit 1"] for images in ("206", "824")}
    return {
        "checks": str(kept["checks"] * len(sides)),
        "noises": str(len(slower)),
        "false_alarms": f"{sum(own['false alarm'] for own in sides):.0f}",
        "proven": f"{100 * min(own['proven'] for own in slower.values()):.1f} %",
        "minutes": f"{max(minutes):.0f}",
        "minutes_noisiest": f"{slower[noisiest]['minutes']['90 %']:.0f}",
        "small_fall": {images: f"{100 * share:.0f} %" for images, share in falls.items()},
        "real": {
            "seconds": f"{median(check['seconds'] for check in real):.0f}",
            "equal": _right([check["exit"] for check in real if check["model"] == "equal"], 0),
            "slower": _right([check["exit"] for check in real if check["model"] == "slower"], 1),
        },
    }


def _transfer() -> Texts:
    names = ("flowers5_direction", "coco_seg", "fruit9_look", "fruit9_crops")
    tuned = (document(f"transfer_{name}_tuned") for name in ("flowers5", "coco_seg"))
    return transfer_facts(*(document(f"transfer_{name}") for name in names)) | {"tuned": tuned_facts(*tuned)}


def _right(statuses: list[int], wanted: int) -> str:
    return f"{statuses.count(wanted)} of {len(statuses)}"
