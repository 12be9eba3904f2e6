"""No tensor that is not finite becomes a file: checkpoints, exports, conversions, detections, kept features."""

import numpy as np
import pytest

from bench_freeze.errors import AuditError
from bench_freeze.finite import all_finite, require_finite, require_finite_arrays, require_finite_constants

BAD = [float("nan"), float("inf"), float("-inf")]


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_tensors(value, dtype):
    import torch

    tensor = torch.zeros(3, 4, dtype=getattr(torch, dtype))
    require_finite({"w": tensor}, "the model")
    tensor[2, 1] = value
    with pytest.raises(AuditError, match="the model has NaN or infinite values in w, so"):
        require_finite({"v": torch.ones(2), "w": tensor}, "the model")
    assert not all_finite([torch.ones(1, dtype=torch.int64), 7, None, tensor])


@pytest.mark.parametrize("value", BAD)
def test_arrays(value):
    require_finite_arrays({"a": np.zeros(3), "n": 4, "empty": np.empty(0), "int": np.arange(3)}, "x")
    with pytest.raises(AuditError, match="in a, so"):
        require_finite_arrays({"a": np.array([0, value], np.float32)}, "x")


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("place", ["initializer", "Constant"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_constants_of_a_graph(value, place, dtype):
    onnx = pytest.importorskip("onnx")

    def model(values):
        tensor = onnx.numpy_helper.from_array(np.asarray(values, dtype), "c")
        nodes, constants = [onnx.helper.make_node("Add", ["x", "c"], ["y"])], [tensor]
        if place == "Constant":
            nodes.insert(0, onnx.helper.make_node("Constant", [], ["c"], name="made", value=tensor))
            constants = []
        return onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [], [], constants))

    require_finite_constants(model([1, 2]), "the exported model")
    with pytest.raises(AuditError, match="the exported model has NaN"):
        require_finite_constants(model([1, value]), "the exported model")
    if np.isnan(value):
        with pytest.raises(AuditError):
            require_finite_constants(model(value), "the exported model")
    else:
        require_finite_constants(model(value), "the open end of a range")


@pytest.mark.parametrize(("half", "value"), [(False, float("inf")), (True, float("nan")), (True, 70000.0)])
def test_a_checkpoint_is_not_written(tmp_path, half, value):
    """70000 is a number in float32, and none in the half precision of the file."""
    import torch

    from bench_freeze.dualhead.checkpoint import save_checkpoint

    model = torch.nn.Conv2d(1, 2, 1)
    with torch.no_grad():
        model.weight[0] = value
    with pytest.raises(AuditError, match="weight"):
        save_checkpoint(tmp_path / "x.pt", model, half=half)
    assert not list(tmp_path.iterdir())


def test_detections_are_not_kept(tmp_path):
    from bench_freeze.deployment.pipeline import HeadDetections, save_detections

    boxes = np.array([[0, 0, 1, np.inf]], np.float32)
    found = HeadDetections(np.zeros(1, np.int64), np.zeros(1, np.int32), boxes, np.ones(1, np.float32), 0)
    with pytest.raises(AuditError, match="boxes_xyxy"):
        save_detections(tmp_path / "d.npz", {"base": found})


def test_kept_features_are_verified_row_by_row(tmp_path):
    import torch

    from bench_freeze.errors import InputError
    from bench_freeze.finetune.feature_cache import _Rows

    outputs = torch.rand(5, 64, 64)  # rows that are longer than what a stream reads ahead
    rows = _Rows(tmp_path / "layer", outputs)
    rows.append(outputs[:3])
    rows.append(outputs[3:])
    assert torch.equal(rows.read((4, 0, 2)), outputs[[4, 0, 2]])
    content = (tmp_path / "layer").read_bytes()
    assert len(content) == 5 * 16384
    for image in range(5):
        for bit in range(0, 8 * 16384, 4099):
            flipped = bytearray(content)
            flipped[16384 * image + bit // 8] ^= 1 << bit % 8
            (tmp_path / "layer").write_bytes(flipped)
            with pytest.raises(InputError, match=f"the row of image {image}"):
                rows.read((image,))
            rows.read(((image + 1) % 5,))
    (tmp_path / "layer").write_bytes(content[:-1])
    with pytest.raises(InputError, match="the row of image 4"):
        rows.read((4,))
    rows.remove()
