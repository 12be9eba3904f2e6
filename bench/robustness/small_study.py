"""The smallest study that does everything: real images, a real training of two epochs, an export, scores and times."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What a clock, a meter or the folder's name decides.
_CLOCKS = frozenset(
    {
        *("latency", "latencies", "memory", "seconds", "peak_bytes", "environment", "command", "sha256", "out"),
        *("latency_p50_s", "recommendation"),
    }
)


@dataclass(frozen=True)
class SmallStudy:
    """Its data, made once, and its command line."""

    data: Path
    engine: str = "ort"  # torch makes no exports, which take most of the time

    def make(self) -> None:
        """Write weights and data sets."""
        from bench_freeze.demo.checkpoint import write_base_checkpoint
        from bench_freeze.demo.coco_layout import write_base_set
        from bench_freeze.demo.yolo_layout import write_target_set

        self.data.mkdir(parents=True, exist_ok=True)
        write_base_checkpoint(self.data / "base.pt")
        write_target_set(self.data / "target", train=8, val=6, test=4, seed=7)
        write_base_set(self.data / "base", images=6, seed=7, split="val")

    def arguments(self, out: Path) -> list[str]:
        """The command line that runs it into `out`."""
        (base,) = (self.data / "base").rglob("*.json")
        return [
            *("run", "--weights", str(self.data / "base.pt"), "--target", str(self.data / "target" / "target.yaml")),
            *("--base", str(base), "--out", str(out), "--freeze", "22", "--epochs", "2", "--imgsz", "64"),
            *("--engine", self.engine, "--construction", "branched", "--workers", "1", "--resamples", "100"),
            *("--train-batch", "4", "--optimizer", "AdamW", "--lr0", "0.005"),
            *("--latency-samples", "5", "--latency-seconds", "0.1"),
        ]


def without_clocks(results: dict[str, Any]) -> dict[str, Any]:
    """What two runs of one study must agree in."""
    plain: dict[str, Any] = _strip(results)
    plain["artifacts"] = [name for name in results["artifacts"] if not name.startswith("statistics-")]
    plain["warnings"] = [text for text in results["warnings"] if "was measured faster" not in text]
    return plain


def _strip(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _strip(item) for key, item in value.items() if key not in _CLOCKS}
    return [_strip(item) for item in value] if isinstance(value, list) else value


def differences(left: Any, right: Any, where: str = "") -> list[str]:
    """The places in which two json values differ."""
    if isinstance(left, dict) and isinstance(right, dict):
        keys = sorted(left.keys() | right.keys())
        return [d for key in keys for d in differences(left.get(key), right.get(key), f"{where}.{key}")]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return [d for i, (a, b) in enumerate(zip(left, right, strict=True)) for d in differences(a, b, f"{where}[{i}]")]
    return [] if left == right else [where]


def read_results(out: Path) -> dict[str, Any]:
    """The results in an output folder, as plain values."""
    plain: dict[str, Any] = json.loads((out / "results.json").read_bytes())
    return plain
