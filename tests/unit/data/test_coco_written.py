"""COCO files that are written are read back as what they were, by us and by pycocotools."""

import contextlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench_freeze.data.coco import read_instances, read_results
from bench_freeze.data.coco_written import instances_json, results_json
from bench_freeze.data.dataset import DetectionSet, ImageRecord
from bench_freeze.evaluate import evaluate
from tests.workloads import make_workload

IDS = [None, ("a", "b"), ("x y", "ü")]


@pytest.fixture(params=range(3))
def work(request):
    return make_workload(images=2, classes=2, truth_rows=30, rows=90, seed=request.param, score_levels=7)


def written(folder, work, keys=None):
    """The two files of a workload, its images at 50 x 40 pixels below two folders."""
    truth = replace(work.truth, image_keys=keys, category_keys=keys)
    paths = [Path("set") / name for name in ("train/1.png", "val/1.png")]
    images = tuple(ImageRecord(int(k), path, 50, 40) for k, path in zip(truth.image_ids, paths, strict=True))
    data = DetectionSet("set", images, truth, "")
    (folder / "gt.json").write_bytes(instances_json(data))
    (folder / "dt.json").write_bytes(results_json(work.detections, truth))
    return read_instances(folder / "gt.json")


@pytest.mark.parametrize("keys", IDS)
def test_they_are_read_back_to_the_bit(tmp_path, work, keys):
    instances = written(tmp_path, work, keys)
    truth, found = instances.ground_truth, read_results(tmp_path / "dt.json", instances.ground_truth).detections
    assert truth.image_keys == truth.category_keys == keys
    assert instances.file_names == ("train/1.png", "val/1.png")
    for name in ("image_index", "labels", "boxes_xywh", "area", "is_crowd"):
        assert np.array_equal(getattr(truth, name), getattr(work.truth, name))
    for name in ("image_index", "labels", "boxes_xywh", "scores"):
        assert np.array_equal(getattr(found, name), getattr(work.detections, name))


def test_pycocotools_scores_them_alike(tmp_path, work):
    coco_module = pytest.importorskip("pycocotools.coco")
    from pycocotools.cocoeval import COCOeval

    written(tmp_path, work)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = coco_module.COCO(str(tmp_path / "gt.json"))
        theirs = COCOeval(coco, coco.loadRes(str(tmp_path / "dt.json")), "bbox")
        theirs.evaluate()
        theirs.accumulate()
        theirs.summarize()
    assert theirs.stats[0] == evaluate(work.truth, work.detections).stats()["AP"]


def test_nothing_found_is_an_empty_list(tmp_path, work):
    none = np.zeros(len(work.detections), bool)
    columns = (getattr(work.detections, name)[none] for name in ("image_index", "labels", "boxes_xywh", "scores"))
    assert results_json(type(work.detections)(*columns), work.truth) == b"[]"
