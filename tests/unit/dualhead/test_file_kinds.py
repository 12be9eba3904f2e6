"""Files that are no whole checkpoint: of another kind, damaged, without checksums."""

import io
import json
import zipfile

import pytest

from bench_freeze.dualhead.checkpoint import load_checkpoint
from bench_freeze.errors import InputError
from tests.unit.dualhead.checkpoint_files import check_equal, refused, saved


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
        ("x.zip", lambda: archive(best__pt=b"x"), "a zip archive, not an Ultralytics checkpoint; unpack it"),
        ("x.pt", lambda: archive(readme=b"x"), "a zip archive"),
        ("x.torchscript", scripted, "a TorchScript program"),
        ("x.pt", scripted, "a TorchScript program"),
        ("x.pt", lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        ("x.pt", lambda: b"<!DOCTYPE html><html></html>", "a web page"),
        ("x.tflite", lambda: bytes(4) + b"TFL3" + bytes(20), "a TensorFlow Lite model"),
        ("x.h5", lambda: b"\x89HDF\r\n\x1a\n" + bytes(20), "an HDF5 file"),
        ("x.yaml", lambda: b"nc: 80\n", "a description without weights"),
        ("x.pt", lambda: b"", "is empty"),
        ("x.pt", lambda: b"not a checkpoint", "not an Ultralytics checkpoint"),
        ("x.pt", lambda: bytes(range(256)) * 4, "not an Ultralytics checkpoint"),
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
    """With a head that never ran, too: its anchors are an empty record, whose checksum is right at any rate."""
    import torch

    model.model[-1].anchors, model.model[-1].shape = torch.empty(0), None  # as before its first image
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        file = saved(tmp_path, model)
    finally:
        torch.serialization.set_crc32_options(before)
    check_equal(load_checkpoint(file).model, original)


def test_a_folder_is_refused(tmp_path):
    refused(tmp_path, "cannot be read")
