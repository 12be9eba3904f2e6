"""Takes the last fp16 plan of a study, with the card beside it, for what comes next.

python -m bench.gpu.last_plan --study OUT --to model.plan --json FILE
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from bench_freeze.engines.plan_file import side_car_path

from .result import write_result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--study", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    options = parser.parse_args()
    rows = json.loads((options.study / "results.json").read_text())["rows"]
    plans = [row for row in rows if row["precision"] == "fp16" and row["artifact"]["plan_file"]]
    if not plans:
        write_result(options.json, "", "the study has no fp16 plan")
        return
    row = plans[-1]
    plan = options.study / row["artifact"]["plan_file"]
    shutil.copyfile(plan, options.to)
    shutil.copyfile(side_car_path(plan), side_car_path(options.to))
    write_result(
        options.json,
        f"{row['construction']} freeze {row['freeze']}, {plan.stat().st_size / 1e6:.1f} MB",
        sha256=row["artifact"]["plan_sha256"],
    )


if __name__ == "__main__":
    main()
