"""One point of bench/scale.py: `python -m bench.growth.child POINT`, both in json; what it took is the last line."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from .contenders import OURS, PEERS, Stopwatch, evaluate_ours, evaluate_peer
from .workload import Size


def peak_bytes() -> int:
    """The most that this process has held so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def evaluator(values: dict[str, Any], contender: str, watch: Stopwatch) -> tuple[int, list[float]]:
    """Memory held before any data, and the twelve numbers."""
    how = {name: values.pop(name) for name in ("together", "shuffled") if name in values}
    size = Size(**{"per_image": int(2 * values.get("boxes", 0))} | values)
    if contender == OURS:
        before = peak_bytes()
        return before, evaluate_ours(size, watch, **how)
    for name in PEERS[contender]:
        __import__(name[0])
    before = peak_bytes()
    return before, evaluate_peer(contender, size, watch)


def report(values: dict[str, Any], watch: Stopwatch) -> tuple[int, list[float]]:
    """The page, the table as CSV and Markdown and the terminal's text, from results as decoded; their bytes."""
    from bench_freeze.report.assemble import view_of
    from bench_freeze.report.html.page import report_page
    from bench_freeze.report.summary_text import summary
    from bench_freeze.report.table import csv_table, markdown

    from .studies import decided, study_of

    arms = values["arms"]
    results = decided(study_of(arms, values.get("seeds") or values["rows"] // arms))
    before = peak_bytes()
    with watch.of("view"):
        view = view_of({"study": results})
    with watch.of("page"):
        page = report_page(view, {})
    with watch.of("text"):
        texts = [markdown(view), csv_table(view), "\n".join(summary(view, 100))]
    return before, [float(len(text)) for text in (page, *texts)]


def decision(values: dict[str, Any], watch: Stopwatch) -> tuple[int, list[float]]:
    """The decision of a study, from its statistics."""
    from .studies import decided, study_of

    study = study_of(values["arms"], values["seeds"])
    before = peak_bytes()
    with watch.of("decision"):
        found = decided(study).recommendation
    return before, [float(len(found.pareto) if found is not None else 0)]


def main() -> None:
    """Run the point that the command line holds."""
    point = json.loads(sys.argv[1])
    watch = Stopwatch()
    values = dict(point["values"])
    if point["kind"] == "evaluator":
        before, numbers = evaluator(values, point["contender"], watch)
    else:
        before, numbers = (report if point["kind"] == "report" else decision)(values, watch)
    took = {
        "wall_s": watch.wall_s,
        "cpu_s": watch.cpu_s,
        "parts_cpu_s": watch.parts,
        "whole_cpu_s": time.process_time(),
        "peak_bytes": peak_bytes(),
        "before_bytes": before,
        "numbers": numbers,
    }
    print(json.dumps(took))


if __name__ == "__main__":
    main()
