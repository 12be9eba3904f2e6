"""What the kept transfers say, as text that the page of pre-trainings names: the detector minus the classifier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

DETECTOR, CLASSIFIER = "yolo11n_coco", "yolo11n-cls_imagenet"


def transfer_facts(
    flowers: Mapping[str, Any], masks: Mapping[str, Any], looked: Mapping[str, Any], crops: Mapping[str, Any]
) -> dict[str, Any]:
    """By question, from the kept files of flowers5 (side by side), coco_seg and fruit9 (`--look`, `--crops`)."""
    (pair,) = (own for own in flowers["side_by_side"]["pairs"] if {own["a"], own["b"]} == {DETECTOR, CLASSIFIER})
    look = looked["look"]
    inside = {own["source"]: f"{own['energy_inside']['value']:.3f}" for own in look["sources"]}
    return {
        "top1": _ahead(flowers["classification"]["comparisons"]),
        "iou": _ahead(masks["segmentation"]["comparisons"]),
        "alike": {"there": f"{pair['a_in_b']['value']:.3f}", "back": f"{pair['b_in_a']['value']:.3f}"},
        "direction": _with_interval(pair["direction"], 1 if pair["a"] == DETECTOR else -1),
        "spread": _ahead(look["comparisons"]["spread of the energy over an object"]),
        "quarters": _ahead(look["comparisons"]["evenness of an object's quarters"]),
        "half": _ahead(look["comparisons"]["loss without a half"]),
        "inside": {"detector": inside[DETECTOR], "classifier": inside[CLASSIFIER]},
        "area": f"{look['area_inside']:.3f}",
        "small": _ahead(crops["crops"]["losses"]["objects that fill little"]),
        "crowded": _ahead(crops["crops"]["losses"]["several objects in view"]),
    }


def tuned_facts(flowers: Mapping[str, Any], masks: Mapping[str, Any]) -> dict[str, Any]:
    """`top1` and `iou` of the fine-tuned sources by depth: the detector's lead with its p, every source's mean."""
    found: dict[str, Any] = {}
    for name, kept, value in (("top1", flowers["classification"], "top1"), ("iou", masks["segmentation"], "miou")):
        depths = {f"freeze{depth['freeze']}": depth for depth in kept["tuned_depths"]} | {"frozen": kept}
        found[name] = {
            depth: {
                "ahead": _ahead(own["comparisons"]),
                "p": f"{_pair(own['comparisons'])['p']:.3f}",
                **_means(own["accuracy"], value),
            }
            for depth, own in depths.items()
        }
    return found


def _means(accuracy: Iterable[Mapping[str, Any]], value: str) -> dict[str, str]:
    names = {DETECTOR: "coco", CLASSIFIER: "imagenet", "scratch": "scratch"}
    return {names[own["source"]]: f"{own[value]['value']:.3f}" for own in accuracy if own["data_fraction"] == 1}


def _ahead(comparisons: Iterable[Mapping[str, Any]]) -> str:
    """What the detector has more than the classifier, on all of the data; a kept difference is b minus a."""
    own = _pair(comparisons)
    return _with_interval(own["difference"], 1 if own["b"] == DETECTOR else -1)


def _pair(comparisons: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    (own,) = (c for c in comparisons if {c["a"], c["b"]} == {DETECTOR, CLASSIFIER} and c["data_fraction"] == 1)
    return own


def _with_interval(of: Mapping[str, Any], sign: int) -> str:
    low, high = sorted(sign * end for end in (of["low"], of["high"]))
    return f"{sign * of['value']:+.3f} [{low:+.3f}, {high:+.3f}]"
