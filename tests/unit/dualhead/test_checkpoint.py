"""What a checkpoint is: the file that was named, classes by number, the model that Ultralytics would give."""

import hashlib
from copy import deepcopy
from pathlib import Path

import pytest

from bench_freeze.dualhead import checkpoint
from bench_freeze.dualhead.checkpoint import load_checkpoint, save_checkpoint
from tests.unit.dualhead.checkpoint_files import check_equal, refused, saved

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "name", ["yolov5n.pt", "base.pth", "noname", "model.onnx", "a b.PT", "x.engine", "best.safetensors"]
)
def test_the_file_that_was_named_is_loaded(weights, original, tmp_path, name):
    """Ultralytics reads yolov5nu.pt where yolov5n.pt was asked for."""
    import torch

    other = deepcopy(original)
    with torch.no_grad():
        other.model[0].conv.weight.mul_(2)
    save_checkpoint(tmp_path / "yolov5nu.pt", other, half=False)
    (tmp_path / name).write_bytes(weights.read_bytes())
    found = load_checkpoint(tmp_path / name)
    assert found.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    check_equal(found.model, original)


def test_a_file_is_read_once(weights, original, tmp_path, monkeypatch):
    """A file that changes while it is read gives what was hashed, or nothing."""
    import torch

    other = deepcopy(original)
    with torch.no_grad():
        other.model[0].conv.weight.mul_(2)
    save_checkpoint(tmp_path / "other.pt", other, half=False)
    (tmp_path / "given.pt").write_bytes(weights.read_bytes())
    reads, honest = [], checkpoint.read_user_file  # type: ignore[attr-defined]

    def read_file(path, *how):
        reads.append(path)
        content = honest(path, *how)
        path.write_bytes((tmp_path / "other.pt").read_bytes())  # as another program may, directly afterwards
        return content

    monkeypatch.setattr(checkpoint, "read_user_file", read_file)
    found = load_checkpoint(tmp_path / "given.pt")
    monkeypatch.undo()
    assert reads == [tmp_path / "given.pt"]
    assert found.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    check_equal(found.model, original)


@pytest.mark.parametrize(
    "file", ["yolov8n_coco", "yolov8n_oiv7", "yolo11n_coco", "yolo11n-cls_imagenet", "yolov8n-cls_weather1ep"]
)
def test_real_checkpoints(bench_freeze_data, file):
    from ultralytics.nn import tasks

    path = bench_freeze_data / "weights" / f"{file}.pt"
    if "cls" in file:
        refused(path, "its last layer is Classify")
        return
    found, expected = load_checkpoint(path), tasks.load_checkpoint(str(path))[0]
    check_equal(found.model, expected)
    assert found.class_names == tuple(expected.names.values())
    assert found.half
    assert found.model.args == expected.args
    assert found.model.task == "detect"
    assert not any(p.requires_grad for p in found.model.parameters())


@pytest.mark.slow
def test_what_ultralytics_own_training_writes(weights, tmp_path):
    """Its files hold the moving average, the optimizer, arguments, results, paths and dates."""
    import torch
    from ultralytics import YOLO

    from bench_freeze.demo.scenes import BASE_NAMES, base_scenes
    from bench_freeze.demo.yolo_layout import write_yolo_split, write_yolo_yaml

    kept = []

    def keep(trainer):  # before the optimizer is stripped off
        kept.append(trainer.last.read_bytes())

    for split in ("train", "val"):
        write_yolo_split(tmp_path / "set", split, base_scenes(split, 8, 1, crowds=False), BASE_NAMES)
    data = write_yolo_yaml(tmp_path / "set" / "base.yaml", ("train", "val"), BASE_NAMES)
    yolo = YOLO(weights)
    yolo.add_callback("on_model_save", keep)
    yolo.train(
        data=str(data), epochs=1, imgsz=64, batch=4, device="cpu", workers=0, plots=False,
        project=str(tmp_path), name="run", optimizer="AdamW", amp=False,
    )  # fmt: skip
    (tmp_path / "with_optimizer.pt").write_bytes(kept[0])
    for file in (tmp_path / "run/weights/best.pt", tmp_path / "run/weights/last.pt", tmp_path / "with_optimizer.pt"):
        found = load_checkpoint(file)
        content = torch.load(file, weights_only=False)
        check_equal(found.model, (content["ema"] or content["model"]).float().eval())
        assert found.class_names == tuple(BASE_NAMES)
    assert content["optimizer"]["state"]
    assert content["ema"] is not None


def test_the_moving_average_is_preferred(model, original, tmp_path):
    import torch

    other = deepcopy(model)
    with torch.no_grad():
        other.model[0].conv.weight.mul_(2)
    check_equal(load_checkpoint(saved(tmp_path, other, ema=model)).model, original)
    check_equal(load_checkpoint(saved(tmp_path, model, ema=None)).model, original)


def test_older_files(model, original, tmp_path):
    """Settings as a namespace, a loss that was saved with the model, an upsampling of an old torch, names as text."""
    import torch
    from ultralytics.utils import IterableSimpleNamespace

    model.args = IterableSimpleNamespace(box=7.5, cls=0.5, dfl=1.5)
    model.criterion = model.init_criterion()
    model.names = {str(k): name for k, name in model.names.items()}
    for module in model.modules():
        if isinstance(module, torch.nn.Upsample):
            del module.recompute_scale_factor
    found = load_checkpoint(saved(tmp_path, model, train_args={"imgsz": 64, "save_dir": Path("runs/x")}))
    check_equal(found.model, original)
    assert found.model.criterion is None
    assert found.model.args["imgsz"] == 64
    assert found.class_names == tuple(original.names.values())
    assert found.model.names == original.names


@pytest.mark.parametrize("precision", ["half", "float", "bfloat16", "double", "mixed"])
def test_only_a_file_of_float16_is_written_as_one(model, tmp_path, precision):
    """Otherwise what is made of it would have fewer digits than the base has."""
    import torch

    if precision == "mixed":
        model.half().model[3].float()
        with torch.no_grad():
            model.model[3].conv.weight.add_(1e-5)
    else:
        getattr(model, precision)()
    found = load_checkpoint(saved(tmp_path, deepcopy(model)))
    assert found.half == (precision == "half")
    save_checkpoint(tmp_path / "again.pt", found.model, half=found.half)
    check_equal(load_checkpoint(tmp_path / "again.pt").model, found.model)
    check_equal(found.model, model.float().eval())
