"""A published workload: 100 images of val2014 and cocoapi's own fake detections."""

from __future__ import annotations

import contextlib
import io
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bench_freeze.evaluate.eval_report import EvalReport, evaluate_files

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def folder(bench_freeze_data: Path) -> Path:
    return bench_freeze_data / "coco_eval_100"


@pytest.fixture(scope="module")
def report(folder: Path) -> EvalReport:
    return evaluate_files(folder / "instances_val2014_100.json", folder / "instances_val2014_fakebbox100_results.json")


def test_prints_the_published_numbers(report: EvalReport, folder: Path) -> None:
    published = json.loads((folder / "expected.json").read_text(), parse_float=Decimal)["stats"]
    assert list(report.stats) == list(published)
    for name, number in published.items():
        digits = -number.as_tuple().exponent
        assert f"{report.stats[name]:.{digits}f}" == f"{number:f}", name


def test_equals_pycocotools(report: EvalReport, folder: Path) -> None:
    pytest.importorskip("pycocotools")
    from pycocotools.coco import COCO

    from tests.parity.coco_peer import evaluate_with_pycocotools

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(folder / "instances_val2014_100.json"))
    results = json.loads((folder / "instances_val2014_fakebbox100_results.json").read_text())
    expected, summary = evaluate_with_pycocotools(coco, results)
    for name in ("precision", "recall", "scores"):
        np.testing.assert_array_equal(getattr(report.evaluation, name), expected.eval[name], err_msg=name)
    assert list(report.stats.values()) == expected.stats.tolist()
    assert report.summary() + "\n" == summary


def test_report_as_json(report: EvalReport) -> None:
    content = json.loads(json.dumps(report.to_dict()))
    assert content["stats"] == report.stats
    assert content["protocol"] == "coco"
    assert (content["images"], content["categories"]) == (100, 80)
    assert (content["detections"], content["ignored_detections"]) == (734, 0)
    assert content["seconds"] > 0
