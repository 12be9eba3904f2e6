"""Running the study as a user does, for the flow tests."""

import json
import subprocess
import sys
from pathlib import Path

SHORT = ["--freeze", "22,15", "--epochs", "1", "--latency-samples", "8", "--latency-seconds", "1"]
TRAINED = "tuned"


def bench_freeze(*arguments, **options):
    command = [sys.executable, "-m", "bench_freeze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def without_clocks(results):
    """What must be equal between two runs: everything that no clock, meter, company or other row decides."""
    plain = json.loads(json.dumps(results))
    for row in (*plain["rows"], *plain["originals"]):
        del row["latency"], row["memory"]
        for key in ("seconds", "peak_bytes", "shared_with"):
            row.get("train", {}).pop(key, None)
    for key in ("environment", "command", "study", "sha256"):
        plain.pop(key, None)
    for key in ("matches", "statistics", "recommendation", "artifacts"):  # of all rows together, and of their latencies
        plain.pop(key, None)
    plain["warnings"] = [text for text in plain["warnings"] if "was measured faster" not in text]
    return plain


def artifacts(out: Path, kind: str, *, partial: bool):
    pattern = f".{kind}-*.partial" if partial else f"{kind}-*"
    return list((out / "artifacts").glob(pattern))


def trainings(out: Path):
    """Folders that exist as long as something is trained."""
    return list((out / "artifacts").glob(".training.*.partial"))
