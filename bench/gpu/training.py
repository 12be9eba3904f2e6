"""Training the embedded study's two depths on a GPU: lockstep, separate, and plain Ultralytics; in the table's form.

    python -m bench.gpu.training --json FILE --amp bf16|false [--device cuda:0] [--epochs 3]

Runs bench/shared_training.py and reads its figures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from .result import write_result

TRAINING = ("--freeze", "22,10", "--rounds", "1", "--batch", "16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--amp", choices=("bf16", "false"), required=True)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--imgsz", type=int, default=320)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "training.json"
        flags = [f"--{name}={getattr(options, name)}" for name in ("device", "amp", "images", "epochs", "imgsz")]
        command = [sys.executable, "bench/shared_training.py", *TRAINING, *flags, "--json", str(file)]
        subprocess.run(command, check=True)
        found = json.loads(file.read_text())
    # The least: the first of a side's two trainings also sets the device up.
    seconds = {side: min(values) for side, values in found["seconds"].items()}
    over = {side: seconds[side] / seconds["ours together"] for side in seconds}
    same = bool(found["same_weights"])
    write_result(
        options.json,
        f"two depths together {seconds['ours together']:.1f} s, apart {seconds['ours apart']:.1f} s "
        f"({over['ours apart']:.2f}), Ultralytics {seconds['ultralytics']:.1f} s ({over['ultralytics']:.2f}); median "
        f"ratios {statistics.median(found['ratios']['ours apart']):.2f}, "
        f"{statistics.median(found['ratios']['ultralytics']):.2f}; weights {'equal' if same else 'DIFFERENT'}",
        "" if same else "arms that trained together have other weights than arms that trained apart",
        **found,
    )


if __name__ == "__main__":
    main()
