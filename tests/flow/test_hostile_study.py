"""A whole run where the folder, the files, the classes and the study have hostile names: it ends, and obeys none."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml
from tests.flow.studies import bench_freeze
from tests.flow.test_odd_data import SmallSet
from tests.hostile import HOSTILE, NAMES, acts, check_log, is_shown

pytestmark = [pytest.mark.slow, pytest.mark.data]
FOLDER = b"S \x1b[2J\n::error title=x::y\n<img src=x onerror=alert(1)>"


def test_a_run_ends_and_obeys_no_name(bench_freeze_data, tmp_path):
    small = SmallSet(bench_freeze_data, Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + FOLDER)))
    weights = small.folder / f"{HOSTILE['colour']}.pt"
    shutil.copy(bench_freeze_data / "weights/yolov8n_coco.pt", weights)
    content = yaml.safe_load(small.yaml.read_text())
    classes = [f"{name}{k}" for k, name in enumerate(NAMES.values())][: len(content["names"])]
    small.yaml.write_text(yaml.safe_dump(content | {"names": classes}))
    for k, image in enumerate(small.images()):
        name = f"{list(NAMES.values())[k][:30]}{k}".replace("/", "").replace("\0", "")
        label = small.folder / "labels" / image.parent.name / f"{image.stem}.txt"
        label.rename(label.with_name(f"{name}.txt"))
        image.rename(image.with_name(f"{name}.jpg"))
    other = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    refused = small.run_with("--out", other)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1  # before anything was read
    assert "is not UTF-8" in refused.stderr
    done = small.run_with(
        *("--weights", weights, "--engine", "torch,ort", "--construction", "branched,grafted"),
        *("--latency-samples", "8", "--resamples", "100"),
    )
    assert done.returncode == 0, done.stderr
    check_log(done.stdout + done.stderr)
    out = small.folder / "out"
    results = json.loads((out / "results.json").read_text())
    assert results["finished"]
    assert results["data"]["target"]["classes"] == classes
    assert [name for name in results["rows"][0]["target"]["per_class"] if name not in classes] == []
    page = (out / "report.html").read_bytes().decode()
    assert "\x1b" not in page
    assert "<img src=x" not in page
    for arguments in (
        ("report", out),
        ("report", out, "--markdown", "/dev/stdout"),
        ("report", out, "--csv", "/dev/stdout"),
        ("check", out / "results.json", "--baseline", out / "results.json", "--all", "--max-class-drop", "0.5"),
        ("data", small.yaml),
        (
            "profile",
            next(out.glob("artifacts/*/*.onnx")),
            "--samples",
            "8",
            "--seconds",
            "0.1",
            "--out",
            tmp_path / "p",
        ),
    ):
        done = bench_freeze(*arguments)
        assert done.returncode in (0, 3), done.stderr  # eight samples say too little for a check
        check_log(done.stdout + done.stderr)
        assert "Traceback" not in done.stderr
    assert is_shown(classes[0], bench_freeze("data", small.yaml).stdout)
    assert acts((tmp_path / "p").read_text()) == []
