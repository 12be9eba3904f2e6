"""What the kept comparison of pre-trainings says about detection: target mAP by source and share of the images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

SOURCES = {"coco": "yolo11n_coco", "imagenet": "yolo11n-cls_imagenet"}
YOLOV8N = {
    "coco": ("yolov8n_coco", "static"),
    "openimages": ("yolov8n_oiv7", "static"),
    "weather": ("yolov8n-cls_weather1ep", "static"),
    "scratch": ("yolov8n_coco", "scratch"),
}


def detection_facts(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Means over seeds with their intervals, nothing frozen: `coco.all`, `scratch.tenth`, `ap.coco.map75`."""
    arms = [arm for arm in kept["statistics"]["arms"] if arm["identity"]["freeze"] == 0]
    return {
        **{name: _by_share(arms, source, "static") for name, source in SOURCES.items()},
        "scratch": _by_share(arms, SOURCES["coco"], "scratch"),
        "ap": {name: _at_iou(kept["rows"], source) for name, source in SOURCES.items()},
    }


def yolov8n_facts(kept: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """By source, nothing frozen: mAP with its interval, and AP by VOC's protocol.

    `voc50` and `voc70` are means over seeds at IoU 0.5 and 0.7, by area under the precision-recall curve.
    """
    found = {}
    for name, source in YOLOV8N.items():
        (arm,) = (arm for arm in kept["statistics"]["arms"] if _source_of(arm["identity"]) == source)
        rows = [
            row["target"]["by_protocol"]["voc-all"]["ap"]["all"] for row in kept["rows"] if _source_of(row) == source
        ]
        voc = {f"voc{iou[2:]}": f"{sum(row[iou] for row in rows) / len(rows):.3f}" for iou in ("0.50", "0.70")}
        found[name] = {"map": _mean(arm["target"]), **voc}
    return found


def _source_of(of: Mapping[str, Any]) -> tuple[str, str]:
    return (of["weights"], of["recipe"])


def _by_share(arms: Iterable[Mapping[str, Any]], source: str, recipe: str) -> dict[str, str]:
    names = {0.1: "tenth", 0.25: "quarter", 1.0: "all"}
    return {
        names[own["data_fraction"]]: _mean(arm["target"])
        for arm in arms
        if ((own := arm["identity"])["weights"], own["recipe"]) == (source, recipe)
    }


def _mean(of: Mapping[str, Any]) -> str:
    interval = of["interval"]
    if interval is None:  # every resample has the same value
        return f"{of['value']:.3f}"
    return f"{of['value']:.3f} [{max(0.0, interval['low']):.3f}, {interval['high']:.3f}]"


def _at_iou(rows: Iterable[Mapping[str, Any]], source: str) -> dict[str, str]:
    """Mean AP at IoU 0.5 and 0.75 on all of the images, nothing frozen."""
    own = [
        row["target"]
        for row in rows
        if (row["weights"], row["freeze"], row["recipe"], row["data_fraction"]) == (source, 0, "static", 1.0)
    ]
    return {name: f"{sum(one[name] for one in own) / len(own):.3f}" for name in ("map50", "map75")}
