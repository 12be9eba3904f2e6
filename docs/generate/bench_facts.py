"""What the kept simulations and benchmarks say, as text that sentences outside the studies name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from statistics import mean, median
from typing import Any

from .studies import KEPT

Texts = dict[str, Any]  # by name: text, or such texts
RACED = 0.35  # of the grid: the budget whose losses a page quotes
RESTLESS = "all equal, the best varies three times as much"  # where the race's assumption does not hold


def bench_facts() -> Texts:
    """By what was asked; the functions below name the kept file of each."""
    return {
        "few_images": _few_images(),
        "race": _race(),
        "grid": _grid(),
        "together": _together(),
        "busy": _busy(),
        "history": _history(),
        "evaluator": _evaluator(),
        "bounds": _bounds(),
    }


@cache
def _kept(name: str) -> Any:
    return json.loads((KEPT / f"{name}.json").read_text())


def _few_images() -> Texts:
    """Bias of a model's mAP, and coverage of a difference's interval, on 50 and on 206 images of 80 classes."""
    sizes = _kept("accuracy_coverage")["sizes"].values()
    covers = [of[f"{kind}: cover, bootstrap"] for of in sizes for kind in ("difference", "null")]
    return {"bias": _range((of["bias"] for of in sizes), "{:.2f}"), "cover": _range(covers, "{:.0%}")}


def _race() -> Texts:
    """How often the best arm is stopped as worse, and the target mAP lost at a budget of RACED."""
    settings = {own["setting"]: own["budgets"] for own in _kept("race_simulation")["settings"]}
    errors = [own["best worse"] for name, budgets in settings.items() if name != RESTLESS for own in budgets]
    (at,) = (own for own in settings["as committed"] if own["budget"] == RACED)
    lost = {"race": "race", "halving": "halving, 2 seeds", "fewer": "fewer epochs"}
    return {
        "errors": _range(errors, "{:.1%}"),
        "restless": f"{max(own['best worse'] for own in settings[RESTLESS]):.1%}".replace("%", " %"),
        "share": f"{RACED:.0%}".replace("%", " %"),
        "lost": {key: {of: f"{at[name][of]:.3f}" for of in ("mean", "q95")} for key, name in lost.items()},
    }


def _grid() -> Texts:
    """Orders of the seeds in which a race on a real grid comes close to its best arm, by the limit on the base loss."""
    names = {None: "none", 0.15: "wide", 0.1: "middle", 0.07: "narrow"}
    found: Texts = {"share": f"{RACED:.0%}"}
    enough = []
    for one in _kept("fruit9_race_orders")["limits"]:
        (row,) = (row for row in one["orders"] if row["budget"] == RACED)
        found[names[one["limit"]]] = f"{row['race']['within']} of {row['orders']}"
        if one["limit"] is None:
            found["behind"] = f"{row['race']['mean']:.3f}"
        if one["limit"] in (None, 0.1):  # the limits that the page names beside it
            enough.append(min(row["budget"] for row in one["orders"] if row["race"]["within"] == row["orders"]))
    return found | {"enough": f"{max(enough):.0%}"}


def _together() -> Texts:
    """Three plain runs of Ultralytics over depths that train together, and what kept features save."""
    kept = _kept("shared_training")
    rounds = kept["ratios"]["ultralytics"]
    saved = mean(kept["without_augmentation"]["ratios"]["computed"]) - 1
    return {
        "slower": f"{mean(rounds):.2f}",
        "rounds": " and ".join(f"{own:.2f}" for own in rounds),
        "processor": f"{mean(kept['processor_ratios']['ultralytics']):.2f}",
        "features": f"{100 * saved:.0f} %",
        "epochs": str(kept["epochs"]),
    }


def _busy() -> Texts:
    """Rows timed in common rounds on a machine that is kept busy, beside long quiet rounds."""
    kept = _kept("busy_rows")
    shifts = [
        1 - median(run["together"][scope][pair]["ratio"] for run in kept["runs"]) / quiet["ratio"]
        for scope, pairs in kept["long"].items()
        for pair, quiet in pairs.items()
    ]
    together, alone = kept["summary"]["together"], kept["summary"]["alone"]
    return {
        "runs": str(len(kept["runs"])),
        "lower": f"{100 * mean(shifts):.0f} %",
        "held": str(sum(of["intervals_that_hold_the_truth"] for of in together.values())),
        "intervals": str(sum(of["intervals"] for of in together.values())),
        "right": str(min(of["right"] for of in together.values())),
        "right_alone": _range((of["right"] for of in alone.values()), "{}"),
    }


def _history() -> Texts:
    """The share of simulated histories with a false change point, by whether runs vary independently."""
    found: dict[bool, list[float]] = {True: [], False: []}
    for own in _kept("history_changes")["false_alarms"]:
        found[not own["noise"].startswith(("neighbours", "random walk"))].append(own["false_alarms"])
    return {"independent": f"{100 * max(found[True]):.0f} %", "alike": f"{100 * max(found[False]):.0f} %"}


def _evaluator() -> Texts:
    """The largest data set of the scale benchmark."""
    found: dict[str, list[tuple[int, int]]] = {"detections": [], "images": []}
    for key, point in _kept("scale")["points"].items():
        axis, _, tool = key.split("/")[:3]
        if axis in found and tool == "bench-freeze":
            found[axis].append((point["size"], point["peak_bytes"]))
    (images, _), (detections, peak) = max(found["images"]), max(found["detections"])
    return {
        "images": f"{images:,}",
        "millions": f"{images * detections / 1e6:.0f}",
        "gigabytes": f"{peak / 1e9:.2f}",
    }


def _bounds() -> Texts:
    """Coverage of p50's bounds by the block bootstrap, on 200 samples with strong autocorrelation."""
    at = _kept("interval_coverage")["made"]["AR(1) .9"]["200"]
    return {"bootstrap": f"{100 * at['bootstrap']['p50']:.0f} %", "here": f"{100 * at['here']['p50']:.0f} %"}


def _range(values: Iterable[float], form: str) -> Texts:
    own = list(values)
    return {end: form.format(value).replace("%", " %") for end, value in (("lowest", min(own)), ("highest", max(own)))}
