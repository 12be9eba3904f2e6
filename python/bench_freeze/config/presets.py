"""Presets: their settings, and which of them a study overrides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .common import flag

PresetName = Literal["quick", "paper", "thorough"]

PRESETS: dict[str, dict[str, Any]] = {
    # A first look: whether it runs, what comes out, and the orders of magnitude.
    "quick": {
        "epochs": 10,
        "imgsz": 320,
        "construction": ("branched",),
        "resamples": 500,
        "latency_samples": 50,
        "latency_seconds": 3.0,
    },
    # Gandhi and Gandhi, arXiv 2505.01016: its freeze points and dual-head evaluation, and the change of base mAP (0.1
    # points) in its claim. Only the abstract is followed; everything else stays at its default.
    "paper": {
        "freeze": (22, 15, 10),
        "construction": ("branched", "grafted", "plain"),
        "equivalence_margins": (0.001, 0.005),
    },
    # For a decision that others rely on: several seeds, to cover the variation of trainings, and all analyses.
    "thorough": {
        "epochs": 100,
        "seeds": (0, 1, 2),
        "construction": ("branched", "grafted", "plain"),
        "ladder": True,
        "drift": True,
        "breakdown": True,
        "protocols": ("coco", "voc-all", "voc-11"),
        "features": True,
        "resamples": 10_000,
        "latency_samples": 1000,
        "latency_seconds": 30.0,
    },
}
SAYS = {
    "quick": "a quick first look",
    "paper": "the freeze points of arXiv 2505.01016",
    "thorough": "three seeds and all analyses",
}


@dataclass(frozen=True, kw_only=True)
class PresetOptions:
    """The preset that a study starts from."""

    preset: PresetName | None = flag(
        "preset",
        f"settings to start from; other flags override them: "
        f"{'; '.join(f'{name} ({says})' for name, says in SAYS.items())}",
        None,
        "NAME",
    )


def kept_of_preset(values: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The settings that a study kept from its preset, and those that it overrides. `values` has all options."""
    asked = PRESETS.get(values["preset"] or "", {})
    kept = {name: value for name, value in asked.items() if values[name] == value}
    return kept, tuple(name for name in asked if name not in kept)
