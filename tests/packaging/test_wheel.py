"""The package as a board or CI gets it: built as a wheel, installed alone, used without torch or any engine."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.tiny_onnx import write_two_heads

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def run(*command, **options):
    """Standard output of a command that must end with 0. With `alone` nothing else is on PATH, and no compiler."""
    if alone := options.pop("alone", None):
        options["env"] = {**os.environ, "PATH": str(alone)}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder)
    run(*command, "-C", "cmake.define.BENCH_FREEZE_CUDA=OFF", ROOT)  # as wheels are published
    return next(folder.glob("bench_freeze-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A fresh environment with the package and its light dependencies only; the value is its bin folder."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", folder)
    run(folder / "bin/python", "-m", "pip", "install", "--quiet", wheel)
    return folder / "bin"


def test_the_wheel_has_what_it_needs_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "bench_freeze/py.typed",
        "bench_freeze/_ext.pyi",
        "bench_freeze/demo/base_weights.pt",
        "bench_freeze/demo/study.toml",
        "bench_freeze/results/results.schema.json",
        "bench_freeze/report/html/report.css",
        "bench_freeze/report/html/templates/report.html.j2",
        "bench_freeze/report/html/vendor/plotly-LICENSE.txt",
    ):
        assert needed in names
    assert any(name.startswith("bench_freeze/_ext.") and name.endswith(".so") for name in names)
    assert any(name.endswith("LICENSE") for name in names)
    assert not [name for name in names if name.split("/")[0] not in ("bench_freeze",) and ".dist-info" not in name]


def test_no_framework_comes_with_it(installed):
    packages = json.loads(run(installed / "python", "-m", "pip", "list", "--format", "json"))
    names = {package["name"].lower() for package in packages}
    assert not names & {"torch", "ultralytics", "onnx", "onnxruntime", "tensorrt", "pycuda", "opencv-python-headless"}


def test_a_report_needs_no_framework(installed, tmp_path):
    results, page = ROOT / "bench/results/fruit9_coco206_320.json", tmp_path / "report.html"
    run(installed / "bench-freeze", "report", results, "--html", page, cwd="/")
    assert "plotly.js" in page.read_text()


def test_doctor_says_what_is_missing(installed):
    findings = json.loads(run(installed / "bench-freeze", "doctor", "--json", cwd="/"))
    assert findings["extension"] == "loaded"
    assert not any(engine["usable"] for engine in findings["engines"].values())
    assert "bench-freeze[train]" in findings["engines"]["torch"]["reason"]
    assert "bench-freeze[ort]" in findings["engines"]["ort"]["reason"]


def test_eval_works_without_any_framework(installed, tmp_path):
    truth = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 10, "height": 10}],
        "categories": [{"id": 1, "name": "a"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "area": 25, "iscrowd": 0}],
    }
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    (tmp_path / "dt.json").write_text(
        json.dumps([{"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "score": 0.5}])
    )
    found = run(
        installed / "bench-freeze", "eval", "--gt", tmp_path / "gt.json", "--dt", tmp_path / "dt.json", "--json"
    )
    assert json.loads(found)["stats"]["AP"] == pytest.approx(1.0)


def test_run_names_what_to_install(installed, tmp_path):
    done = subprocess.run(
        [installed / "bench-freeze", "run"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 2
    assert "pip install 'bench-freeze[ort]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def with_engine(installed):
    """The same environment with ONNX Runtime, as whoever checks deployed files has it. The last tests use it."""
    run(installed / "python", "-m", "pip", "install", "--quiet", "onnxruntime")
    return installed


def test_a_deployed_file_is_profiled_and_checked_where_there_is_no_compiler(with_engine, tmp_path):
    write_two_heads(tmp_path / "model.onnx")
    command = (with_engine / "bench-freeze", "profile", "model.onnx", "--seconds", "0.5", "--samples", "40")
    for name in ("before.json", "after.json"):
        run(*command, "--out", name, cwd=tmp_path, alone=with_engine)
    asked = ("after.json", "--baseline", "before.json", "--max-latency-increase", "500%", "--json", "check.json")
    done = subprocess.run(
        [with_engine / "bench-freeze", "check", *asked],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": str(with_engine)},
    )
    assert done.returncode in (0, 3), done.stderr  # a busy machine may leave the latency open
    assert json.loads((tmp_path / "check.json").read_text())["exit_code"] == done.returncode
    report = run(with_engine / "bench-freeze", "report", "after.json", cwd=tmp_path, alone=with_engine)
    assert "model.onnx" in report
