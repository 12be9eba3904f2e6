"""`bench-freeze eval --model` gives the accuracy that `run` records for the same file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench_freeze import cli

pytestmark = [pytest.mark.data, pytest.mark.slow]
pytest.importorskip("onnxruntime")
pytest.importorskip("ultralytics")


@pytest.fixture(scope="module")
def subset(bench_freeze_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight images of coco206, with every category."""
    folder = tmp_path_factory.mktemp("subset")
    content = json.loads((bench_freeze_data / "coco206/annotations/instances_val2017.json").read_text())
    content["images"] = content["images"][:8]
    ids = {image["id"] for image in content["images"]}
    content["annotations"] = [entry for entry in content["annotations"] if entry["image_id"] in ids]
    (folder / "instances.json").write_text(json.dumps(content))
    return folder / "instances.json"


@pytest.fixture(scope="module")
def model(bench_freeze_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real weights as Ultralytics exports them, at 320."""
    import shutil

    from ultralytics import YOLO

    weights = shutil.copy(bench_freeze_data / "weights/yolov8n_coco.pt", tmp_path_factory.mktemp("model"))
    return Path(YOLO(weights).export(format="onnx", imgsz=320, opset=17, simplify=False))


def test_equals_the_pipeline(
    model: Path, subset: Path, bench_freeze_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench_freeze.data.classes import map_classes
    from bench_freeze.data.coco_set import read_coco
    from bench_freeze.deployment.accuracy import score
    from bench_freeze.deployment.pipeline import detect
    from bench_freeze.engines.ort_engine import OrtEngine
    from bench_freeze.kernels.nms_options import NmsOptions

    images = bench_freeze_data / "coco206/images/val2017"
    command = ["eval", "--model", str(model), "--gt", str(subset), "--images", str(images), "--json"]
    assert cli.main(command) == 0
    report = json.loads(capsys.readouterr().out)
    data = read_coco(subset, images)
    engine = OrtEngine(model)
    head = engine.card.heads[0]
    classes = map_classes(head.class_names, data.class_names, unmatched="error", head="", data="")
    expected = score(detect(engine, data, NmsOptions(), batch=1)["base"], classes, data).accuracy
    assert expected.map is not None
    assert expected.map > 0.2
    assert (report["stats"]["AP"], report["stats"]["AP50"]) == (expected.map, expected.map50)
    assert report["images"] == 8


def test_errors_name_the_item(
    model: Path, subset: Path, bench_freeze_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = str(bench_freeze_data / "coco206/images/val2017")
    for arguments, message in (
        (["--model", str(tmp_path / "no.onnx"), "--images", images], "no.onnx: there is no such file"),
        (["--model", str(model), "--images", str(tmp_path)], "there is no such image"),
        (["--model", str(model), "--images", images, "--head", "target"], "has no head 'target'"),
        (["--model", str(model), "--images", images, "--protocol", "voc"], "protocol"),
    ):
        assert cli.main(["eval", "--gt", str(subset), *arguments]) == 2
        assert message in capsys.readouterr().err
