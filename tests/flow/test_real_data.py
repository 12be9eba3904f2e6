"""The real weights on real images: the numbers that the data folder's own README states for them."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench_freeze.data.classes import map_classes
from bench_freeze.data.source import open_base, open_target
from bench_freeze.deployment.accuracy import score
from bench_freeze.deployment.pipeline import detect
from bench_freeze.dualhead.checkpoint import load_checkpoint
from bench_freeze.kernels.nms_options import NmsOptions

pytestmark = [pytest.mark.slow, pytest.mark.data]


@pytest.fixture(scope="module")
def coco206(bench_freeze_data):
    return open_base(bench_freeze_data / "coco206/annotations/instances_val2017.json", None, "val")


@pytest.fixture(scope="module")
def yolov8n(bench_freeze_data):
    return load_checkpoint(bench_freeze_data / "weights/yolov8n_coco.pt")


def test_fruit9_keeps_the_image_with_mixed_rows(bench_freeze_data):
    files = sorted(p for p in (bench_freeze_data / "fruit9").rglob("*") if p.is_file())
    training, val = open_target(bench_freeze_data / "fruit9/fruit9.yaml", None, None, "val")
    _, test = open_target(bench_freeze_data / "fruit9/fruit9.yaml", None, None, "test")
    counts = [(len(d.images), len(d.ground_truth)) for d in (training, val, test)]
    assert counts == [(200, 560), (55, 138), (28, 82)]
    assert val.counts["polygon_rows"] == 1
    assert sorted(p for p in (bench_freeze_data / "fruit9").rglob("*") if p.is_file()) == files


def test_coco206_keeps_crowds_areas_and_category_gaps(coco206):
    truth = coco206.ground_truth
    assert (len(coco206.images), len(truth), int(truth.is_crowd.sum())) == (206, 1786, 21)
    assert truth.category_ids.max() == 90
    assert not np.allclose(truth.area, truth.boxes_xywh[:, 2] * truth.boxes_xywh[:, 3])


def test_a_base_set_may_be_a_yaml(bench_freeze_data, coco206):
    yaml = open_base(bench_freeze_data / "coco206/coco206.yaml", None, "val")
    assert len(yaml.images) == len(coco206.images)
    # Crowd regions are absent from the labels, and exact repetitions count once.
    assert len(yaml.ground_truth) + yaml.counts.get("repeated_rows", 0) == (~coco206.ground_truth.is_crowd).sum()


def test_the_known_map_of_the_known_weights(yolov8n, coco206, tmp_path):
    """The README of the data: COCO protocol 0.312 at 320 pixels."""
    from bench_freeze.dualhead.model import SingleHead, prepare_for_inference
    from bench_freeze.engines.base import Head, ModelCard
    from bench_freeze.engines.torch_engine import TorchEngine

    module = SingleHead(prepare_for_inference(yolov8n.model)).eval()
    engine = TorchEngine(module, ModelCard((Head("base", yolov8n.class_names, "raw"),), 320, None, None), "cpu")
    found = detect(engine, coco206, NmsOptions(), batch=8)["base"]
    classes = map_classes(yolov8n.class_names, coco206.class_names, unmatched="error", head="base", data="coco206")
    assert score(found, classes, coco206).accuracy.map == pytest.approx(0.312, abs=0.0015)


def test_every_depth_exports_and_agrees_with_torch_on_real_images(yolov8n, coco206, tmp_path):
    import torch

    from bench_freeze.data.loader import load_batch
    from bench_freeze.deployment.deployment import Candidate, export_checked
    from bench_freeze.dualhead.checkpoint import Checkpoint
    from bench_freeze.finetune.head_init import with_new_head

    torch.manual_seed(0)
    names = ("peach", "lemon", "orange")
    tuned_model, _ = with_new_head(yolov8n.model, yolov8n.class_names, names, "name_remap")
    tuned = Checkpoint(tuned_model.eval(), yolov8n.layers, names, "0" * 64, True)
    images = load_batch(coco206.images[:3], 0, 320).images
    for freeze in (22, 15, 10):
        facts = export_checked(
            Candidate("branched", yolov8n, tuned, freeze), tmp_path / f"{freeze}.onnx", 320, 1, 18, images
        )
        assert facts["parity"]["images"] == 3
        assert {h["head"] for h in facts["parity"]["heads"]} == {"base", "target"}
        assert all(h["box_px"] < 0.01 and h["score"] < 1e-4 for h in facts["parity"]["heads"])


def test_eval_prints_what_pycocotools_prints(bench_freeze_data, capsys):
    from bench_freeze import cli

    folder = Path(bench_freeze_data) / "coco_eval_100"
    gt, dt = folder / "instances_val2014_100.json", folder / "instances_val2014_fakebbox100_results.json"
    assert cli.main(["eval", "--gt", str(gt), "--dt", str(dt), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    expected = json.loads((folder / "expected.json").read_text())["stats"]
    assert found["stats"].keys() == expected.keys()
    for name, value in expected.items():
        digits = len(repr(value).partition(".")[2])
        assert found["stats"][name] == pytest.approx(value, abs=0.51 * 10**-digits)
    assert cli.main(["eval", "--gt", str(gt), "--dt", str(dt)]) == 0
    assert "Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.505" in capsys.readouterr().out
