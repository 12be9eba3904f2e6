"""What the outcomes of bench-freeze's own commands say: doctor, a study of several engines, a profile."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from .step import Ran, Reading, read_status

ENGINES = ("torch", "ort", "ort-trt", "trt")


def read_doctor(ran: Ran) -> Reading:
    """`doctor --json`: which engines can run, and why TensorRT cannot, which is a failure here."""
    ended = _ended(ran)
    try:
        found = json.loads(ran.output[ran.output.index("{") :])
        engines = {name: found["engines"][name] for name in ENGINES}
        usable = [name for name, engine in engines.items() if engine["usable"]]
        trt = engines["trt"]
        return Reading(
            f"usable: {', '.join(usable) or 'no engine'}; {', '.join(found['tensorrt']['found']) or 'no TensorRT'}",
            found,
            ended or ("" if trt["usable"] else f"TensorRT cannot run: {trt['reason']}"),
        )
    except (ValueError, KeyError, TypeError):
        return Reading(why=ended or "doctor's json cannot be read", has_result=ended != "")


def read_rows(out: Path, ran: Ran) -> Reading:
    """A study in `out`: by engine and precision the median latency, its seconds per image, and the target mAP."""
    ended = _ended(ran)
    try:
        rows = json.loads((out / "results.json").read_text())["rows"]
        by_kind: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            by_kind.setdefault(f"{row['engine']} {row['precision']}", []).append(row)
        kept = ("engine", "precision", "construction", "freeze", "artifact", "builds", "base_output")
        data = [{**{name: row.get(name) for name in kept}, "latency": _without_samples(row["latency"])} for row in rows]
        return Reading("; ".join(f"{kind} {_of_kind(rows)}" for kind, rows in by_kind.items()), data, ended)
    except (OSError, ValueError, KeyError, TypeError):
        return Reading(why=ended or "the study left no results.json that can be read", has_result=ended != "")


def read_profile(file: Path, ran: Ran) -> Reading:
    """A profile: its latency, energy, streams and power modes as far as they are there."""
    ended = _ended(ran)
    try:
        profile = json.loads(file.read_text())
        model = (profile["latency"] or {}).get("model")
        parts = [f"{profile['engine']['name']} p50 {_ms(model)} ms {model['verdict'] or ''}".strip()] if model else []
        if profile["energy"]:
            parts.append(f"{profile['energy']['joules_per_call']:.4f} J a call")
        for streams in profile["streams"]:
            parts.append(
                f"{streams['streams']} streams on {streams['engines']}: p50 {_ms(streams['latency'])} ms, "
                f"{streams['dropped']} of {streams['frames']} dropped"
            )
        for mode in profile["power_modes"]:
            figures = f"p50 {_ms(mode['latency'])} ms" if mode["latency"] else mode["missing"]
            parts.append(f"{mode['name']} {figures}")
        why = ended or profile["failure"] or ("" if profile["finished"] else "it did not come to its end")
        return Reading("; ".join(parts), profile, why)
    except (OSError, ValueError, KeyError, TypeError):
        return Reading(why=ended or f"{file.name} cannot be read", has_result=ended != "")


def _ended(ran: Ran) -> str:
    """Why a command ended as it did; its last line is the sentence of an error."""
    lines = ran.output.strip().splitlines()
    return f"{read_status(ran).why}: {lines[-1].strip()}" if ran.status and lines else read_status(ran).why


def _of_kind(rows: list[dict[str, Any]]) -> str:
    """Median of the rows' medians, and the best target mAP of them."""
    times = [row["latency"]["model"]["p50_s"] for row in rows if row["latency"]["model"]["p50_s"] is not None]
    maps = [row["target"]["map"] for row in rows]
    time = f"{1e3 * statistics.median(times):.2f} ms" if times else "no latency"
    return f"{time}, mAP {max(maps):.3f}"


def _without_samples(latency: dict[str, Any]) -> dict[str, Any]:
    """Samples are in the study's own file."""
    return {
        scope: {name: value for name, value in (found or {}).items() if not name.endswith(("samples_s", "samples"))}
        for scope, found in latency.items()
    }


def _ms(latency: dict[str, Any]) -> str:
    return "none" if latency["p50_s"] is None else f"{1e3 * latency['p50_s']:.2f}"
