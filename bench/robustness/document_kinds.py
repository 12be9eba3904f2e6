"""The kinds of documents that users hand over: real ones to begin with, and what is done with each."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

from bench_freeze.check.flow import check
from bench_freeze.check.limits import make_rules
from bench_freeze.config.study import read_toml, study_from
from bench_freeze.data.yolo_yaml import read_yolo_yaml
from bench_freeze.engines.model_file import read_model
from bench_freeze.evaluate.match_file import load_matches
from bench_freeze.measure.telemetry.tegrastats import parse_line
from bench_freeze.report.conclusions_text import conclusion_lines
from bench_freeze.report.documents import read_documents
from bench_freeze.report.gain_text import plain_gain
from bench_freeze.report.html.page import report_page
from bench_freeze.report.profile_text import profile_text
from bench_freeze.report.table import csv_table, markdown, plain_table

from .containers import mutated_matches, mutated_model, property_of
from .mutate import mutated_bytes, mutated_structure

ROOT = Path(__file__).resolve().parents[2]
PAGE_SHARE = 0.02  # of the documents that can be read: a page takes a hundred times as long as the rest
NO_ACCURACY = dict.fromkeys(("max_map_drop", "max_f1_drop", "max_calibration_increase"), "off")

Use = Callable[[Path, Random], None]


@dataclass(frozen=True)
class Kind:
    """Real documents of a kind, and what users do with one: `use` raises InputError, or nothing."""

    name: str
    suffix: str
    real: tuple[bytes, ...]
    use: Use
    is_json: bool = False
    inside: Callable[[bytes, Random], bytes] | None = None  # mutates what a file holds

    def document(self, rng: Random) -> bytes:
        """A mutated one."""
        text = rng.choice(self.real)
        if self.inside is not None and rng.random() < 0.8:
            return self.inside(text, rng)
        if self.is_json and rng.random() < 0.7:
            return mutated_structure(text.decode(), rng).encode(errors="surrogatepass")
        return mutated_bytes(text, list(self.real), rng)


def kinds() -> list[Kind]:
    """All of them."""
    return [
        Kind("results.json", ".json", tuple(_results()), _use_results, is_json=True),
        Kind("profile", ".json", tuple(_profiles()), _use_results, is_json=True),
        Kind("baseline", ".json", tuple(_baselines()), _use_baseline, is_json=True),
        Kind("data yaml", ".yaml", YAMLS, _use_yaml),
        Kind("study TOML", ".toml", tuple(_studies()), _use_study),
        Kind("rules TOML", ".toml", ((ROOT / "examples" / "check.toml").read_bytes(),), _use_rules),
        Kind("ONNX card", ".onnx", tuple(_models()), _use_model, inside=_inside_model),
        Kind("matches.zip", ".zip", tuple(_matches()), _use_matches, inside=mutated_matches),
        Kind("tegrastats log", ".log", tuple(_tegrastats()), _use_tegrastats),
    ]


def shortened(value: Any, longest: int = 2) -> Any:
    """A document with a few of each thing: small, and still whole. A curve's length is fixed, so it stays as it is."""
    if isinstance(value, list):
        return [shortened(inner, longest) for inner in value[:longest]]
    if isinstance(value, dict):
        few = list(value.items())[: longest if len(value) > 40 else None]
        return {key: inner if key == "curves" else shortened(inner, longest) for key, inner in few}
    return value


def _results() -> list[bytes]:
    found = []
    for file in sorted((ROOT / "bench" / "results").glob("fruit9_*.json")):
        document = json.loads(file.read_bytes())
        if "rows" in document and "schema_version" in document:
            found.append(json.dumps(shortened(document)).encode())
    return found


def _profiles() -> list[bytes]:
    results = json.loads(_results()[0])
    latency = {
        "n": 3, "mean_s": 0.005, "p50_s": 0.005, "p90_s": None, "p99_s": None, "samples_s": [0.004, 0.005, 0.006],
        "stopped_by": "samples", "warmup_calls": 5, "bounds": {"p50": {"low_s": 0.004, "high_s": 0.006}},
        "rejected": {"clock": 1}, "rejected_samples": [{"after": 1, "seconds": None, "reason": "clock"}],
        "verdict": "VALID", "reasons": ["calm"], "stages_s": {"decode": 0.001}, "unaccounted_s": 0.0001,
    }  # fmt: skip
    accuracy = results["rows"][0]["base"]
    profile = {
        "schema_version": 1, "bench_freeze": "0.1.0", "command": "bench-freeze profile m.onnx", "finished": True,
        "model": {"file": "m.onnx", "sha256": "a" * 64, "bytes": 12_345, "imgsz": 320, "heads": ["base"], "card": {}},
        "engine": {"name": "ort", "version": "1", "precision": "fp32", "device": "cpu", "provider": "x", "threads": 1},
        "batch": 1, "images": "generated", "settings": {"selection": {}}, "environment": results["environment"],
        "latency": {"model": latency, "pipeline": latency, "telemetry": {"missing": {"rapl": "no counter"}}},
        "paced": {"rate_hz": 10.0, "periods": 5, "missed": 1, "latency": latency},
        "cold": {"load_s": [0.1], "first_call_s": [0.1], "second_call_s": [0.1]},
        "throughput": [{"batch": 1, "images_per_s": 100.0, "latency": latency}],
        "largest_batch": {"batch": 4, "limit": 8, "limited_by": "memory"},
        "energy": {"joules_per_call": 0.5, "joules_per_call_above_idle": 0.3, "idle_watts": 3.0, "window_s": 2.0,
                   "calls": 100, "windows_j": [0.5, 0.5], "method": "rapl"},
        "versus": {"other": "o.onnx", "other_sha256": "b" * 64, "rounds": 6, "ratio": 1.1, "low": 1.0, "high": 1.2,
                   "confidence": 0.95, "a_s": [0.1], "b_s": [0.1]},
        "accuracy": [{"role": "base", "head": "base", "data": "d", "data_sha256": "c" * 64, "images": 10,
                      "alone": accuracy, "merged": None}],
        "matches": None, "missing": {"nvml": "no GPU"},
    }  # fmt: skip
    return [json.dumps(profile).encode()]


def _baselines() -> list[bytes]:
    import msgspec

    from bench_freeze.check.read import read_side

    found = []
    with tempfile.TemporaryDirectory() as folder:
        for content in _results()[:3]:
            file = Path(folder) / "results.json"
            file.write_bytes(content)
            entry = {"reason": "first", "date": "2026-01-01", "results_sha256": "a" * 64, "bench_freeze": "0.1.0"}
            found.append(json.dumps({**msgspec.to_builtins(read_side(file).snapshot), "history": [entry]}).encode())
    return found


YAMLS = (
    b"path: .\ntrain: images/train\nval: images/val\ntest:\nnc: 2\nnames:\n  0: cat\n  1: dog\n",
    b"# Roboflow\ntrain: ../train/images\nval: ../valid/images\nnc: 3\nnames: ['a', \"b\", 'c d']\ndownload: |\n  x\n",
    b"root: &p x\nother: *p\ntrain: [a, b]\nval: list.txt\nnames: {0: person, 1: bicycle}\nkpt_shape: [17, 3]\n",
    b"train: &a [x, y]\nval: *a\nnames: [n1, n2]\nextra: {deep: {deeper: [1, 2.5, true, null, 2020-01-01]}}\n",
)


def _studies() -> list[bytes]:
    embedded = ROOT / "python" / "bench_freeze" / "embedded"
    own = (
        b'weights = ["a.pt", "b.pt"]\ntarget = "t.yaml"\nbase = "b.json"\nfreeze = [22, 15]\nseeds = [0, 1]\n'
        b'epochs = 3\nimgsz = 640\nengine = ["ort", "torch"]\nprecision = ["fp32"]\nlr0 = 0.01\n'
        b'optimizer = "SGD"\nout = "runs/x"\n'
        b"dynamic_batch = [1, 4, 8]\nbatch = 4\nmax_latency_ms = 5.5\n"
        b'same_classes = ["a=b"]\n[train_args]\nmosaic = 0.5\ncache = "ram"\n'
    )
    recipes = (
        b'recipe = ["static", "gradual", "lp_ft"]\nunfreeze_schedule = "15@0,10@2"\nepochs = 5\nreplay = [0.05]\n'
        b"replay_holdout = 0.2\ninterpolate = [0.5]\ndata_fractions = [0.1, 1.0]\nresamples = 500\ndrift = true\n"
        b'layer_decay = 0.9\nequivalence_margins = [0.001]\ndevice = "cpu"\nlatency_samples = 10\nworkers = 2\n'
    )
    return [own, recipes, *(file.read_bytes() for file in sorted(embedded.glob("*.toml")))]


def _models() -> list[bytes]:
    return [content + b"".join(map(property_of, metadata.items())) for content, metadata in _bare_models()]


def _inside_model(content: bytes, rng: Random) -> bytes:
    return mutated_model(*rng.choice(_bare_models()), rng)


@cache
def _bare_models() -> list[tuple[bytes, dict[str, str]]]:
    """Models without metadata, and the metadata that belong to them: our card, and those of Ultralytics."""
    from tests.unit.engines.onnx_models import ANCHORS, DETECT, card, write

    heads = [{"name": name, "class_names": ["cat", "dog"], "kind": "raw"} for name in ("base", "target")]
    free = {"output": ("b", 6, ANCHORS), "images": ("b", 3, 64, 64)}
    selected = {**DETECT, "end2end": "True"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "m.onnx"
        return [
            (write(file, {}).read_bytes(), card()),
            (write(file, {}, names=("base", "target")).read_bytes(), card(heads=heads)),
            (write(file, {}, **free).read_bytes(), card(batch=None)),  # type: ignore[arg-type]
            (write(file, {}).read_bytes(), DETECT),
            (write(file, {}).read_bytes(), {"names": DETECT["names"]}),
            (write(file, {}, output=(1, 300, 6)).read_bytes(), selected),
        ]


def _matches() -> list[bytes]:
    from tests.workloads import make_workload

    from bench_freeze.evaluate import evaluate
    from bench_freeze.evaluate.match_file import MatchFile

    workload = make_workload(images=6, classes=2, truth_rows=12, rows=30, seed=8)
    matches = MatchFile()
    matches.add(evaluate(workload.truth, workload.detections), "one")
    return [matches.content()]


def _tegrastats() -> list[bytes]:
    from tests.unit.measure.test_tegrastats import OLD, ORIN

    return [OLD.encode(), ORIN.encode()]


def _use_results(path: Path, rng: Random) -> None:
    """The report in its forms, and a check against itself."""
    documents = read_documents([path])
    plain_table(documents.view)
    markdown(documents.view)
    csv_table(documents.view)
    for study in documents.view.studies:
        conclusion_lines(study.results)
        if study.results.statistics is not None and study.results.statistics.gain is not None:
            plain_gain(study.results.statistics.gain)
    for profile in documents.view.profiles:
        profile_text(profile.profile)
    if rng.random() < PAGE_SHARE:
        report_page(documents.view, documents.examples, documents.no_examples)
    _use_baseline(path, rng)


def _use_baseline(path: Path, rng: Random) -> None:
    from bench_freeze.check import render

    if rng.random() < 0.1:  # its bootstraps take most of the time
        outcome = check(path, path, make_rules(NO_ACCURACY, None))
        for form in (render.junit_xml, render.markdown, render.plain_json, partial(render.plain_text, everything=True)):
            form(outcome)
    else:
        from bench_freeze.check.read import read_side

        read_side(path)


def _use_yaml(path: Path, rng: Random) -> None:
    read_yolo_yaml(path)


def _use_study(path: Path, rng: Random) -> None:
    study = study_from(read_toml(path), path.name)
    _ = study.deployment.forms, study.out_folder


def _use_rules(path: Path, rng: Random) -> None:
    make_rules({}, path)


def _use_model(path: Path, rng: Random) -> None:
    read_model(path)


def _use_matches(path: Path, rng: Random) -> None:
    load_matches(path)


def _use_tegrastats(path: Path, rng: Random) -> None:
    for line in path.read_text(errors="replace").splitlines():
        parse_line(line)
