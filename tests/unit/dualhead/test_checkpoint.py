"""What a checkpoint is: the file that was named, classes by number, a model that can be measured and trained."""

import hashlib
import io
import json
import zipfile
from copy import deepcopy
from pathlib import Path

import pytest

from bench_freeze.demo.checkpoint import write_base_checkpoint
from bench_freeze.dualhead import checkpoint
from bench_freeze.dualhead.checkpoint import load_checkpoint, save_checkpoint
from bench_freeze.errors import InputError


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_base_checkpoint(tmp_path_factory.mktemp("weights") / "base.pt")


@pytest.fixture(scope="module")
def original(weights):
    """The model as Ultralytics' own loader gives it."""
    from ultralytics.nn import tasks

    return tasks.load_checkpoint(str(weights))[0]


@pytest.fixture
def model(original):
    return deepcopy(original)


def saved(folder, model, **parts):
    import torch

    torch.save({"model": model, **parts}, folder / "given.pt")
    return folder / "given.pt"


def refused(file, *parts):
    with pytest.raises(InputError) as error:
        load_checkpoint(file)
    assert str(error.value).startswith(str(file))
    for part in parts:
        assert part in str(error.value)


def check_equal(found, expected, size=96):
    import torch

    ours, theirs = found.state_dict(), expected.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    assert torch.equal(found(images)[0], expected(images)[0])


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


def changed(model, how):
    """A change of a model by its name."""
    import torch
    from torch import nn

    conv = model.model[3]
    weight = conv.conv.weight

    def fuse_one():
        del conv.bn
        conv.forward = conv.forward_fuse

    changes = {
        "fused": lambda: model.fuse(verbose=False),
        "one layer fused": fuse_one,
        "folded by hand": lambda: setattr(conv, "bn", nn.Identity()),
        "NaN weight": lambda: weight.data[0].fill_(float("nan")),
        "infinite statistics": lambda: conv.bn.running_mean.fill_(float("inf")),
        "negative variance": lambda: conv.bn.running_var.fill_(-1),
        "too large for float32": lambda: setattr(conv.conv, "weight", nn.Parameter(weight.double() * 1e60)),
        "meta": lambda: conv.to("meta"),
        "int8": lambda: setattr(conv.conv, "weight", nn.Parameter(weight.to(torch.int8), requires_grad=False)),
        "float8": lambda: setattr(
            conv.conv, "weight", nn.Parameter(weight.to(torch.float8_e4m3fn), requires_grad=False)
        ),
        "sparse": lambda: setattr(conv.conv, "weight", nn.Parameter(weight.detach().to_sparse())),
        "cut": lambda: setattr(conv.conv, "weight", nn.Parameter(weight[:, :2].detach().clone())),
        "one channel": lambda: setattr(
            model.model[0].conv, "weight", nn.Parameter(model.model[0].conv.weight[:, :1].detach().clone())
        ),
        "no names": lambda: delattr(model, "names"),
        "gap": lambda: setattr(model, "names", {k + (k > 2): name for k, name in model.names.items()}),
        "one name less": lambda: model.names.popitem(),
        "one name more": lambda: model.names.update({len(model.names): "another"}),
        "more classes in the head": lambda: setattr(model.model[-1], "nc", model.model[-1].nc + 1),
        "a damaged part": lambda: conv.conv._parameters.update(weight="text"),
        "no description": lambda: delattr(model, "yaml"),
        "activation": lambda: model.yaml.update(activation="print('run')"),
        "activation, hidden": lambda: model.yaml.update(activation="nn.SiLU(print('run'))"),
        "activation, attribute": lambda: model.yaml.update(activation="nn.modules.conv.os.system('true')"),
        "a row that calls": lambda: model.yaml["backbone"].__setitem__(-1, [-1, 1, "check_requirements", ["x"]]),
        "a row that downloads": lambda: model.yaml["backbone"].__setitem__(-1, [-1, 1, "TorchVision", ["resnet18"]]),
        "a row of a model": lambda: model.yaml["backbone"].__setitem__(-1, [-1, 1, "DetectionModel", [{}]]),
        "a row of nothing": lambda: model.yaml["head"].__setitem__(0, "Conv"),
    }
    changes[how]()
    return model


@pytest.mark.parametrize(
    ("how", "parts"),
    [
        ("fused", ("is fused", "model.0 (Conv)", "model.fuse")),
        ("one layer fused", ("is fused", "model.3 (Conv)")),
        ("folded by hand", ("is fused", "model.3 (Conv)")),
        ("NaN weight", ("model.3.conv.weight", "NaN")),
        ("infinite statistics", ("model.3.bn.running_mean", "infinite")),
        ("negative variance", ("answers with NaN",)),
        ("too large for float32", ("model.3.conv.weight", "infinite")),
        ("meta", ("model.3.conv.weight", "no values")),
        ("int8", ("model.3.conv.weight", "int8", "quantized")),
        ("float8", ("model.3.conv.weight", "float8", "quantized")),
        ("sparse", ("model.3.conv.weight", "not a dense")),
        ("cut", ("fails on a 64 x 64 RGB picture",)),
        ("one channel", ("fails on a 64 x 64 RGB picture",)),
        ("no names", ("no 'names'",)),
        ("gap", ("class number 3 has no name",)),
        ("one name less", ("numbers of classes do not agree",)),
        ("one name more", ("numbers of classes do not agree",)),
        ("more classes in the head", ("classes", "training wrote")),
        ("a damaged part", ("model.3.conv.weight is of type str",)),
        ("no description", ("no 'yaml'",)),
        ("activation", ("activation", "nothing of it was run")),
        ("activation, hidden", ("activation", "nothing of it was run")),
        ("activation, attribute", ("activation", "nothing of it was run")),
        ("a row that calls", ("names 'check_requirements'",)),
        ("a row that downloads", ("names 'TorchVision'",)),
        ("a row of a model", ("names 'DetectionModel'",)),
        ("a row of nothing", ("is not a layer",)),
    ],
)
def test_a_model_that_cannot_be_used_is_refused(model, tmp_path, how, parts):
    file = saved(tmp_path, changed(model, how))
    if how == "more classes in the head":
        parts = ("fails on",)
    refused(file, *parts)


def test_what_only_looks_odd_is_loaded(model, original, tmp_path):
    """Fewer channels inside a block, a plain activation in the description, a model that was saved alone."""
    import torch

    model.yaml["activation"] = "torch.nn.LeakyReLU(0.1, inplace=True)"
    check_equal(load_checkpoint(saved(tmp_path, model)).model, original)
    torch.save(model, tmp_path / "alone.pt")
    check_equal(load_checkpoint(tmp_path / "alone.pt").model, original)
    first, second = model.model[2].m[0].cv1, model.model[2].m[0].cv2
    with torch.no_grad():
        for part in (first.conv, first.bn, second.conv):
            for name, tensor in [*part.named_parameters(), *part.named_buffers()]:
                if tensor.dim():
                    narrow = tensor[:, :2] if part is second.conv else tensor[:2]
                    parts = part._parameters if name in part._parameters else part._buffers
                    parts[name] = torch.nn.Parameter(narrow.clone()) if parts is part._parameters else narrow.clone()
    found = load_checkpoint(saved(tmp_path, deepcopy(model)))
    check_equal(found.model, model.eval())
    assert found.model.model[2].m[0].cv1.conv.weight.shape[0] == 2


def archive(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as written:
        for name, content in files.items():
            written.writestr(name.replace("__", "."), content)
    return stream.getvalue()


def scripted():
    import torch

    stream = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Conv2d(3, 3, 1)), stream)
    return stream.getvalue()


def tensors(**content):
    import torch

    stream = io.BytesIO()
    torch.save(content or {"weight": torch.zeros(2)}, stream)
    return stream.getvalue()


def onnx_bytes():
    from onnx import TensorProto, helper

    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    node = helper.make_node("Identity", ["x"], ["y"])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    return helper.make_model(helper.make_graph([node], "g", [info], [out])).SerializeToString()


HEADER = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("x.onnx", onnx_bytes, "an ONNX model"),
        ("x.pt", onnx_bytes, "an ONNX model"),
        ("x.engine", lambda: len(HEADER).to_bytes(4, "little") + HEADER + b"ftrt" * 20, "a TensorRT engine"),
        ("x.pt", lambda: b"ftrt" * 20, "a TensorRT engine"),
        ("x.safetensors", lambda: len(HEADER).to_bytes(8, "little") + HEADER + bytes(4), "a safetensors file"),
        ("x.pt", lambda: len(HEADER).to_bytes(8, "little") + HEADER + bytes(4), "a safetensors file"),
        ("x.pth", tensors, "a state_dict"),
        ("x.pt", lambda: tensors(state_dict={"w": __import__("torch").zeros(1)}), "a state_dict"),
        ("x.pt", lambda: tensors(epoch=3), "holds no model"),
        ("x.zip", lambda: archive(best__pt=b"x"), "a zip archive and no Ultralytics checkpoint; unpack it"),
        ("x.pt", lambda: archive(readme=b"x"), "a zip archive"),
        ("x.torchscript", scripted, "a TorchScript program"),
        ("x.pt", scripted, "a TorchScript program"),
        ("x.pt", lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        ("x.pt", lambda: b"<!DOCTYPE html><html></html>", "a web page"),
        ("x.tflite", lambda: bytes(4) + b"TFL3" + bytes(20), "a TensorFlow Lite model"),
        ("x.h5", lambda: b"\x89HDF\r\n\x1a\n" + bytes(20), "an HDF5 file"),
        ("x.yaml", lambda: b"nc: 80\n", "a description without weights"),
        ("x.pt", lambda: b"", "is empty"),
        ("x.pt", lambda: b"not a checkpoint", "no Ultralytics checkpoint"),
        ("x.pt", lambda: bytes(range(256)) * 4, "no Ultralytics checkpoint"),
    ],
)  # fmt: skip
def test_files_of_another_kind_say_what_they_are(tmp_path, name, content, part):
    (tmp_path / name).write_bytes(content())
    refused(tmp_path / name, part)


def test_damage_does_not_pass(weights, tmp_path):
    """torch itself does not look at the checksums of what it reads."""
    import random

    whole = weights.read_bytes()
    draw = random.Random(0)
    for _ in range(20):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole) // 20, len(whole) * 3 // 4)] ^= 1 << draw.randrange(8)
        (tmp_path / "damaged.pt").write_bytes(damaged)
        try:
            found = load_checkpoint(tmp_path / "damaged.pt")
        except InputError:
            continue
        check_equal(found.model, load_checkpoint(weights).model)  # a byte of padding
    for length in (10, 1000, len(whole) // 2, len(whole) - 1):
        (tmp_path / "damaged.pt").write_bytes(whole[:length])
        refused(tmp_path / "damaged.pt", "damaged")


def test_a_file_without_checksums_is_loaded(model, original, tmp_path):
    import torch

    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        file = saved(tmp_path, model)
    finally:
        torch.serialization.set_crc32_options(before)
    check_equal(load_checkpoint(file).model, original)


def test_a_folder_is_refused(tmp_path):
    refused(tmp_path, "cannot be read")
