"""`nms_cuda` against `ext.nms`, to the last bit; test_native.py drives the kernels themselves harder."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench_freeze.errors import InputError
from bench_freeze.kernels import ext
from bench_freeze.kernels.cuda import CudaDetections, nms_cuda
from bench_freeze.kernels.detection_block import DetectionBlock
from bench_freeze.kernels.device_array import DeviceArray, Workspace, to_numpy
from bench_freeze.kernels.nms_options import NmsOptions
from tests.heads import lattice_head, random_head

from .conftest import skip_or_fail

pytestmark = pytest.mark.cuda

OPTIONS: list[dict[str, Any]] = [
    {},
    {"score_threshold": 0.25, "iou_threshold": 0.45, "multi_label": False},
    {"class_agnostic": True},
    {"class_agnostic": True, "multi_label": False, "score_threshold": 0.1},
    {"max_detections": 7, "max_candidates": 40},
    {"max_candidates": 1},
    {"score_threshold": -1.0},
    {"iou_threshold": 0.0},
    {"iou_threshold": 1.0},
]


def assert_same(found: CudaDetections, expected: ext.Detections) -> None:
    found.check()
    for field in dataclasses.fields(ext.Detections):
        array = getattr(found, field.name)
        values = array.cpu().numpy() if hasattr(array, "cpu") else to_numpy(array)
        np.testing.assert_array_equal(values, getattr(expected, field.name), field.name)


def real_shaped_head(seed: int, *, images: int) -> NDArray[np.float32]:
    head = random_head(seed, images=images, classes=80, anchors=8400)
    head[:, 4:] **= 4  # about as few candidates as a trained model has
    return head


@pytest.fixture(scope="module")
def torch() -> Any:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        skip_or_fail("this torch has no CUDA")
    return torch


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_equals_the_cpu_back_end(options: dict[str, Any], dtype: Any) -> None:
    workspace = Workspace()
    for head, form in ((random_head(1, images=2, anchors=67), "cxcywh"), (lattice_head(2, images=2), "xyxy")):
        head = head.astype(dtype)
        found = nms_cuda(DeviceArray.from_numpy(head), NmsOptions(box_format=form, **options), workspace=workspace)
        assert_same(found, ext.nms(head, NmsOptions(box_format=form, **options)))


@pytest.mark.parametrize("images", [1, 2, 3, 16, 64])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_every_batch_size(images: int, dtype: Any) -> None:
    head = real_shaped_head(3, images=images).astype(dtype)
    assert_same(nms_cuda(DeviceArray.from_numpy(head)), ext.nms(head))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_strides(torch: Any, dtype: str) -> None:
    head = random_head(5, images=3).astype(dtype)
    expected = ext.nms(head)
    padded = torch.full((6, head.shape[1] + 3, head.shape[2] + 5), 9.0, dtype=getattr(torch, dtype), device="cuda")
    padded[::2, 2:-1, 3:-2] = torch.from_numpy(head).cuda()
    assert_same(nms_cuda(padded[::2, 2:-1, 3:-2]), expected)
    anchors_first = torch.from_numpy(head).cuda().transpose(1, 2).contiguous()
    assert_same(nms_cuda(anchors_first.transpose(1, 2)), expected)


def test_strides_of_any_library() -> None:
    """Every other image of a padded batch, by the interface that all libraries have."""
    head = random_head(5, images=3)
    padded = np.full((6, head.shape[1] + 3, head.shape[2] + 5), 9.0, np.float32)
    padded[::2, 2:-1, 3:-2] = head
    memory = DeviceArray.from_numpy(padded)
    cut = padded[::2, 2:-1, 3:-2]
    offset = cut.__array_interface__["data"][0] - padded.__array_interface__["data"][0]

    class Cut:
        __cuda_array_interface__ = {  # noqa: RUF012
            **memory.__cuda_array_interface__,
            "shape": cut.shape,
            "data": (memory.address + offset, False),
            "strides": cut.strides,
        }

    assert_same(nms_cuda(Cut()), ext.nms(head))


def test_torch_in_torch_out(torch: Any) -> None:
    found = nms_cuda(torch.from_numpy(random_head(6)).cuda().requires_grad_())
    assert all(getattr(found, field.name).is_cuda for field in dataclasses.fields(found))


def test_callers_stream(torch: Any) -> None:
    """Work waits for what the stream does before it."""
    head = real_shaped_head(7, images=4)
    expected = ext.nms(head)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        late = torch.zeros(head.shape, device="cuda")
        torch.cuda._sleep(50_000_000)
        late.copy_(torch.from_numpy(head).cuda())
        found = nms_cuda(late)
        assert_same(found, expected)


def test_graph(torch: Any) -> None:
    """Captured once, replayed with other contents; a workspace made before the capture is used again."""
    heads = [random_head(seed, images=3) for seed in (8, 9, 10)]
    static = torch.from_numpy(heads[0]).cuda()
    workspace = Workspace()
    nms_cuda(static, workspace=workspace)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = nms_cuda(static, workspace=workspace)
    for head in heads:
        static.copy_(torch.from_numpy(head))
        graph.replay()
        torch.cuda.synchronize()
        assert_same(found, ext.nms(head))


def test_reads_dlpack_and_the_array_interface(torch: Any) -> None:
    class Only:
        def __init__(self, array: Any, *names: str) -> None:
            for name in names:
                setattr(type(self), name, property(lambda _, name=name: getattr(array, name)))

    head = random_head(11)
    tensor = torch.from_numpy(head).cuda()
    for producer in (
        type("Dlpack", (Only,), {})(tensor, "__dlpack__", "__dlpack_device__"),
        type("Interface", (Only,), {})(tensor, "__cuda_array_interface__"),
    ):
        assert_same(nms_cuda(producer), ext.nms(head))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_check_names_what_is_not_finite(bad: float, dtype: Any) -> None:
    head = random_head(12, images=3).astype(dtype)
    head[1, 6, 70] = bad
    with pytest.raises(InputError, match="class 2 of image 1, anchor 70 "):
        nms_cuda(DeviceArray.from_numpy(head)).check()
    head[1, 6, 70], head[1, 2, 3], head[1, 4, 3] = 0, bad, 0.9
    with pytest.raises(InputError, match="box value 2 of image 1, anchor 3 "):
        nms_cuda(DeviceArray.from_numpy(head)).check()


def test_several_heads_in_one_block() -> None:
    heads = {name: random_head(seed, images=3) for name, seed in (("base", 20), ("target", 21))}
    block = DetectionBlock(heads, 3, 50, 0)
    for name, head in heads.items():
        nms_cuda(DeviceArray.from_numpy(head), NmsOptions(max_detections=50), out=block.on_device[name])
    for name, found in block.read(to_numpy(block.memory)).items():
        for field, expected in vars(ext.nms(heads[name], NmsOptions(max_detections=50))).items():
            np.testing.assert_array_equal(getattr(found, field), expected)


def test_empty_batch_and_empty_head() -> None:
    for shape in ((0, 6, 10), (2, 6, 0), (2, 6, 10)):
        head = np.zeros(shape, np.float32)
        assert_same(nms_cuda(DeviceArray.from_numpy(head)), ext.nms(head))


def test_refuses_arrays_of_the_host() -> None:
    with pytest.raises(InputError, match="not a device array|GPU"):
        nms_cuda(random_head(13))
