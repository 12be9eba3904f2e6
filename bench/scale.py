"""How cost grows: processor seconds and peak memory of the evaluator and the report by size, with fitted exponents.

    python bench/scale.py --json bench/results/scale.json --markdown bench/results/scale.md [--quick] [--only AXIS ...]

Every point is a process of its own: its peak memory is VmHWM, and the memory after the imports is recorded, too. Each
point is written to FILE at once, and an existing FILE is resumed, so a killed run loses nothing. Along an axis, one
size grows and the others stay fixed. `exponent` is the slope of log seconds (or of log bytes above the imports) on log
size, over all sizes and between the last two, where constant cost weighs least; 1 is linear. Other evaluators (peers)
are measured as long as a point of theirs is expected to end within a minute. Contenders at a point take turns, and all
must give the same twelve numbers, to 1e-12.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # finds bench.growth from any folder

from bench.growth.contenders import OURS, PEERS  # noqa: E402

LIMIT_S = 60.0  # processor seconds; a peer that would take longer is not measured
MOST_S = 3600.0  # seconds; a point of ours that takes longer is a fault


@dataclass(frozen=True)
class Point:
    """One process: `kind` is evaluator, report or decision; `values` are its arguments, which set the size."""

    axis: str
    size: int
    kind: str
    values: dict[str, Any]
    contender: str = OURS
    round: int = 0

    @property
    def key(self) -> str:
        """Its name in the file."""
        return f"{self.axis}/{self.size}/{self.contender}/{self.round}"


@dataclass(frozen=True)
class Axis:
    """A size that grows; `peers` says whether peers are measured, too."""

    name: str
    what: str
    kind: str
    sizes: tuple[int, ...]
    values: dict[str, Any] = field(default_factory=dict)
    by: str = ""  # the argument that is the size
    peers: bool = False


TRAIN2017 = 118_287
AXES = (
    Axis("images", "images, each with 36 detections and 7.3 boxes of 80 classes", "evaluator",
         (1_000, 4_000, 16_000, 64_000, TRAIN2017), {"per_image": 36, "classes": 80}, "images", peers=True),
    Axis("detections", f"detections an image, on {TRAIN2017:,} images of 80 classes: 1 to 30 million", "evaluator",
         (8, 25, 80, 254), {"images": TRAIN2017, "classes": 80}, "per_image"),
    Axis("one class", f"detections an image, on {TRAIN2017:,} images of one class", "evaluator",
         (8, 25, 80, 254), {"images": TRAIN2017, "classes": 1}, "per_image"),
    Axis("classes", "classes, on 2,000 images of 100 detections", "evaluator",
         (1, 10, 80, 365, 1_203), {"images": 2_000, "per_image": 100}, "classes", peers=True),
    Axis("updates", "images, each in an update of its own, with ids that are text", "evaluator",
         (1_000, 4_000, 16_000, 64_000), {"per_image": 10, "classes": 80, "text_ids": True, "together": 1}, "images"),
    Axis("out of order", f"detections an image, on {TRAIN2017:,} images that come out of order", "evaluator",
         (8, 25, 80, 254), {"images": TRAIN2017, "classes": 80, "shuffled": True}, "per_image"),
    Axis("crowded", "boxes of one class in one image, and twice as many detections", "evaluator",
         (100, 300, 1_000, 3_000), {"images": 10, "classes": 1}, "boxes"),
    Axis("rows", "rows of a report, of 10 arms", "report", (10, 30, 100, 200, 500), {"arms": 10}, "rows"),
    Axis("arms", "arms of a report, 3 rows each", "report", (2, 4, 15, 30, 60), {"seeds": 3}, "arms"),
    Axis("decision", "arms of a decision, 3 seeds each", "decision", (2, 4, 15, 30, 60), {"seeds": 3}, "arms"),
)  # fmt: skip


def points(axes: Sequence[Axis], quick: bool, rounds: int) -> Iterator[Point]:
    """The points in the order of measurement: small sizes first, contenders in turn, every second round in reverse."""
    for axis in axes:
        for size in axis.sizes[:2] if quick else axis.sizes:
            contenders = [OURS, *(PEERS if axis.peers else ())]
            for number in range(rounds):
                for contender in contenders if number % 2 == 0 else contenders[::-1]:
                    yield Point(axis.name, size, axis.kind, axis.values | {axis.by: size}, contender, number)


def measure(point: Point) -> dict[str, Any]:
    """Run the point's own process; the last line that it printed, or how it failed."""
    limit = MOST_S if point.contender == OURS else 10 * LIMIT_S  # wall seconds, on a busy machine
    command = [sys.executable, "-m", "bench.growth.child", json.dumps(asdict(point))]
    own = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
    load = os.getloadavg()[0]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=own, cwd=HERE.parent, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"failure": f"no end within {limit:.0f} s", "load_average": load}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"failure": f"status {done.returncode}: {last}", "load_average": load}
    return dict(json.loads(done.stdout.splitlines()[-1])) | {"load_average": load}


def follows(point: Point, measured: dict[str, Any]) -> bool:
    """Whether a peer's next size will end within a minute, judged by its last one; False after a failure."""
    if point.contender == OURS:
        return True
    smaller = [
        found
        for key, found in measured.items()
        if key.startswith(f"{point.axis}/") and f"/{point.contender}/" in key and found["size"] < point.size
    ]
    if not smaller:
        return True
    last = max(smaller, key=lambda found: int(found["size"]))
    return "failure" not in last and last["whole_cpu_s"] * point.size / last["size"] <= LIMIT_S


def main() -> None:
    """Measure the points that the file does not have yet, print them and fit exponents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True, help="written after every point, resumed if it exists")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--quick", action="store_true", help="only the two smallest sizes of every axis, one round")
    parser.add_argument(
        "--rounds", type=int, default=3, help="rounds of every point that ends within 20 s; longer points have one"
    )
    parser.add_argument("--only", nargs="+", metavar="AXIS", choices=[axis.name for axis in AXES])
    asked = parser.parse_args()
    from bench.growth.tables import markdown, summary

    from bench_freeze.environment import environment

    axes = [axis for axis in AXES if asked.only is None or axis.name in asked.only]
    kept: dict[str, Any] = {"environment": environment(), "points": {}}
    if asked.json.exists():
        kept = json.loads(asked.json.read_text())
    measured = kept["points"]
    for point in points(axes, asked.quick, 1 if asked.quick else asked.rounds):
        first = measured.get(f"{point.axis}/{point.size}/{point.contender}/0", {})
        if (
            point.key in measured
            or first.get("whole_cpu_s", 0) > 20
            or "failure" in first
            or not follows(point, measured)
        ):
            continue
        found = measured[point.key] = {"size": point.size} | measure(point)
        asked.json.write_text(json.dumps(kept, indent=1) + "\n")
        took = found.get("failure") or f"{found['cpu_s']:9.3f} s  {found['peak_bytes'] / 1e6:8.1f} MB"
        print(f"{point.key:<50}", took, flush=True)
    kept["summary"] = summary(AXES, measured)
    asked.json.write_text(json.dumps(kept, indent=1) + "\n")
    if asked.markdown:
        asked.markdown.write_text(markdown(AXES, kept))


if __name__ == "__main__":
    main()
