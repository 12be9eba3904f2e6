"""What Python does around the CUDA kernels, with a double in place of the GPU, and without either."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench_freeze.errors import InputError
from bench_freeze.kernels import cuda, device_array, ext
from bench_freeze.kernels.cuda import nms_cuda
from bench_freeze.kernels.detection_block import DetectionBlock
from bench_freeze.kernels.device_array import DeviceArray, DeviceTensor, Workspace, to_numpy, view_of
from bench_freeze.kernels.nms_options import NmsOptions
from tests.cuda_double import HostDouble, host_array
from tests.heads import random_head


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> HostDouble:
    double = HostDouble()
    for module in (cuda, device_array):
        monkeypatch.setattr(module, "native", double)
    return double


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_arguments_and_results_arrive(double: HostDouble, dtype: Any) -> None:
    head = random_head(1, images=3).astype(dtype)
    options = NmsOptions(iou_threshold=0.5, max_detections=9, class_agnostic=True)
    found = nms_cuda(DeviceArray.from_numpy(head), options)
    found.check()
    for field in dataclasses.fields(ext.Detections):
        expected = getattr(ext.nms(head, options), field.name)
        np.testing.assert_array_equal(to_numpy(getattr(found, field.name)), expected)


def test_strides_come_from_the_array_interface(double: HostDouble) -> None:
    head = random_head(2, images=2)
    padded = np.full((4, head.shape[1] + 3, head.shape[2] + 5), 9, np.float32)
    padded[::2, 2:-1, 3:-2] = head
    view = padded[::2, 2:-1, 3:-2]
    producer = SimpleNamespace(
        __cuda_array_interface__={
            "shape": view.shape,
            "strides": view.strides,
            "typestr": "<f4",
            "data": (view.ctypes.data, False),
            "version": 3,
        }
    )
    np.testing.assert_array_equal(to_numpy(nms_cuda(producer).boxes_xyxy), ext.nms(head).boxes_xyxy)
    last_axis_strided = dict(producer.__cuda_array_interface__, strides=(view.strides[0], view.strides[1], 8))
    with pytest.raises(InputError, match="not contiguous"):
        nms_cuda(SimpleNamespace(__cuda_array_interface__=last_axis_strided))


@pytest.mark.parametrize("stream", [0, 7])
def test_what_another_library_still_writes_is_waited_for(double: HostDouble, stream: int) -> None:
    head = random_head(3, images=2)
    memory = DeviceArray(head.shape, np.float32, 0)
    double.streams.waiting.update({5: [], 7: []})
    double.streams.put(5, lambda: np.copyto(host_array(memory.address, head.shape, np.float32), head))
    producer = SimpleNamespace(__cuda_array_interface__={**memory.__cuda_array_interface__, "stream": 5})
    workspace = Workspace()  # kept: the double's streams are late
    found = nms_cuda(producer, stream=stream, workspace=workspace)
    np.testing.assert_array_equal(to_numpy(found.boxes_xyxy, stream), ext.nms(head).boxes_xyxy)


@pytest.mark.parametrize(("producer", "stream"), [(None, 7), (7, 7), (1, 0)])
def test_nothing_is_waited_for_on_ones_own_stream(producer: int | None, stream: int) -> None:
    """A wait for another stream ends the recording of a CUDA graph: none where there is nothing to wait for."""
    view = device_array.DeviceView(4096, (1,), (1,), np.dtype(np.float32), 0, producer)
    device_array.wait_for_producers([view], stream)  # the compiled module of this machine would refuse


def test_a_workspace_is_kept_and_grows(double: HostDouble) -> None:
    workspace = Workspace()
    addresses = []
    for images in (2, 1, 2, 5):
        head = DeviceArray.from_numpy(random_head(3, images=images))
        nms_cuda(head, workspace=workspace)
        addresses.append(workspace.address(head, 1, 0))
    assert addresses[0] == addresses[1] == addresses[2] != addresses[3]


def test_memory_is_given_back(double: HostDouble) -> None:
    array = DeviceArray((3, 4), np.float32, 0)
    assert len(double.memory) == 1
    del array
    assert (len(double.memory), double.freed) == (0, 1)


def test_results_of_several_heads_come_in_one_copy(double: HostDouble) -> None:
    heads = {"base": random_head(1, images=3), "target": random_head(2, images=3, classes=9, anchors=33)}
    options = NmsOptions(max_detections=11)
    block = DetectionBlock(heads, 3, 11, 0)
    for name, head in heads.items():
        found = nms_cuda(DeviceArray.from_numpy(head), options, out=block.on_device[name])
        assert found is block.on_device[name]
    copied = to_numpy(block.memory)
    for name, head in heads.items():
        for field, expected in vars(ext.nms(head, options)).items():
            np.testing.assert_array_equal(getattr(block.read(copied)[name], field), expected)
    fault = block.on_device["target"].fault.address - block.memory.address
    copied[fault : fault + 24].view(np.int64)[:] = (0, 5, 12)
    with pytest.raises(InputError, match="class 1 of image 0, anchor 12 "):
        block.read(copied)
    with pytest.raises(InputError, match=r"`out` is float32 \[3, 11, 4\] on GPU 0: give float32 \[2, 11, 4\]"):
        nms_cuda(DeviceArray.from_numpy(heads["base"][:2]), options, out=block.on_device["base"])


def test_an_item_of_borrowed_memory_lies_where_it_should(double: HostDouble) -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    array = DeviceArray.from_numpy(values)
    borrowed = DeviceTensor(array.address, array.shape, array.dtype, 0)
    np.testing.assert_array_equal(to_numpy(borrowed[1][2]), values[1, 2])
    assert borrowed.__cuda_array_interface__ == array.__cuda_array_interface__
    with pytest.raises(IndexError, match="item 2 of 2"):
        borrowed[2]


def test_check_names_the_first_fault(double: HostDouble) -> None:
    found = nms_cuda(DeviceArray.from_numpy(random_head(4, images=3)))
    fault = DeviceArray.from_numpy(np.array([[-1, 0, 0], [1, 6, 70], [2, 2, 3]]))
    with pytest.raises(InputError, match="class 2 of image 1, anchor 70 "):
        dataclasses.replace(found, fault=fault).check()


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((1, 6, 4), np.float64, "float64"),
        ((6, 4), np.float32, r"\[6, 4\]"),
        ((1, 4, 4), np.float32, "4 \\+ classes"),
    ],
)
def test_refuses_wrong_arguments(double: HostDouble, shape: tuple[int, ...], dtype: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        nms_cuda(DeviceArray.from_numpy(np.zeros(shape, dtype)))


def test_refuses_arrays_that_no_kernel_reads(double: HostDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="not a device array"):
        view_of("head", [1.0])
    torch = pytest.importorskip("torch")
    with pytest.raises(InputError, match="torch tensor on cpu"):
        view_of("head", torch.zeros(3))
    bfloat16 = SimpleNamespace(is_cuda=True, dtype=torch.bfloat16)
    monkeypatch.setattr(device_array, "is_torch", lambda _: True)
    with pytest.raises(InputError, match=r"bfloat16: convert it"):
        view_of("head", bfloat16)


def test_without_cuda_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_array, "native", SimpleNamespace(cuda_unavailable_reason=lambda: "there is no GPU"))
    with pytest.raises(RuntimeError, match="there is no GPU"):
        nms_cuda(random_head(5))
    assert not device_array.cuda_available()


def test_the_compiled_module_sizes_the_work() -> None:
    """The real one, which needs no GPU for this where it has the back end."""
    call = ext.native.CudaNms(0.001, 0.7, 300, 30_000, True, False, True)
    if "built without" in ext.native.cuda_unavailable_reason():
        with pytest.raises(RuntimeError, match="nvcc on PATH"):
            call.workspace_bytes((1, 84, 8400))
        return
    assert 0 < call.workspace_bytes((1, 84, 8400)) < call.workspace_bytes((64, 84, 8400)) < 128 << 20
    with pytest.raises(ValueError, match="too large"):
        call.workspace_bytes((1, 4 + 2048, 1 << 20))
