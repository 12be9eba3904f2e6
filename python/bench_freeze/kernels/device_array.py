"""Arrays in GPU memory: read from any library, allocated with the library of the input."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import InputError
from .arrays import AnyArray
from .ext import native

if TYPE_CHECKING:
    from torch import Tensor

Stream = int  # the address of a cudaStream_t; 0 is the default stream


def cuda_unavailable_reason() -> str:
    """Why the CUDA back end cannot work here, as a sentence; empty if it can."""
    return str(native.cuda_unavailable_reason())


def cuda_available() -> bool:
    """Whether this build has the CUDA back end and this machine a GPU that it can use."""
    return not cuda_unavailable_reason()


def require_cuda() -> None:
    """Raise RuntimeError, with the reason, if the CUDA back end cannot work."""
    if reason := cuda_unavailable_reason():
        raise RuntimeError(reason)


GpuArray: TypeAlias = "DeviceArray | DeviceTensor | Tensor"


@dataclass(frozen=True)
class DeviceView:
    """The address, shape and type of an array. The holder of a view must keep the array alive while a stream uses
    it."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in elements
    dtype: np.dtype[np.generic]
    device: int
    producer: Stream | None = None  # the stream that writes the contents, if the library names it

    @property
    def is_contiguous(self) -> bool:
        """Whether elements are contiguous in C order."""
        expected = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size != 1 and stride != expected:
                return 0 in self.shape
            expected *= size
        return True


def _interface(address: int, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> dict[str, object]:
    """Contiguous memory, as any library reads it."""
    return {
        "shape": shape,
        "typestr": dtype.str,
        "data": (address, False),
        "version": 3,
        "strides": None,
        "stream": None,  # the producer of the contents is responsible for synchronisation
    }


@dataclass(frozen=True)
class DeviceTensor:
    """Contiguous GPU memory that another owner keeps alive; any library reads it without a copy."""

    address: int
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    device: int

    def __getitem__(self, index: int) -> DeviceTensor:
        """One item of the first axis."""
        if not 0 <= index < self.shape[0]:
            raise IndexError(f"item {index} of {self.shape[0]}")
        step = math.prod(self.shape[1:]) * self.dtype.itemsize
        return DeviceTensor(self.address + index * step, self.shape[1:], self.dtype, self.device)

    @property
    def __cuda_array_interface__(self) -> dict[str, object]:
        return _interface(self.address, self.shape, self.dtype)


class DeviceArray:
    """Contiguous GPU memory of our own, for callers without a framework; any library reads it without a copy."""

    address = 0  # nothing to free yet

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike, device: int) -> None:
        self.shape = shape
        self.dtype: np.dtype[np.generic] = np.dtype(dtype)
        self.device = device
        self.address = native.cuda_allocate(device, self.nbytes)

    def __del__(self) -> None:
        if self.address:
            native.cuda_free(self.device, self.address)

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def __cuda_array_interface__(self) -> dict[str, object]:
        return _interface(self.address, self.shape, self.dtype)

    @classmethod
    def from_numpy(cls, values: NDArray[np.generic], device: int = 0, stream: Stream = 0) -> DeviceArray:
        """A copy of `values` on the device; waits until it is complete."""
        values = np.ascontiguousarray(values)
        array = cls(values.shape, values.dtype, device)
        if array.nbytes:
            native.cuda_copy_to_device(values.reshape(-1).view(np.uint8), array.address, device, stream)
        return array


def to_numpy(array: object, stream: Stream = 0) -> AnyArray:
    """Copy a contiguous device array to the host, after the work enqueued on `stream`."""
    view = view_of("array", array)
    values = np.empty(view.shape, view.dtype)
    if not view.is_contiguous:
        raise InputError("array is not contiguous: copy it to the host with the library that made it")
    if values.nbytes:
        wait_for_producers([view], stream)
        native.cuda_copy_to_host(view.address, values.reshape(-1).view(np.uint8), view.device, stream)
    return values


def is_torch(array: object) -> TypeGuard[Tensor]:
    """Whether torch owns the array; does not import torch."""
    return type(array).__module__.split(".")[0] == "torch"


def view_of(name: str, array: object) -> DeviceView:
    """The view of `array`. Raises InputError, with its name, if it is not on a GPU."""
    if isinstance(array, (DeviceArray, DeviceTensor)):  # without driver calls, which a graph capture may not allow
        return DeviceView(array.address, array.shape, _c_strides(array.shape), array.dtype, array.device)
    if is_torch(array):
        if not array.is_cuda:
            raise InputError(f"{name} is a torch tensor on {array.device}: give one on a CUDA device")
        # A tensor that requires grad refuses to export its interface, so its attributes are read one by one.
        try:
            dtype = np.dtype(str(array.dtype).removeprefix("torch."))
        except TypeError:
            dtype = None
        # NumPy has no bfloat16, unless a package that onnx imports has registered one, which no kernel reads.
        if dtype is None or dtype.isbuiltin != 1:
            raise InputError(f"{name} is {array.dtype}: convert it, for example with .float()")
        return DeviceView(array.data_ptr(), tuple(array.shape), tuple(array.stride()), dtype, array.device.index)
    interface = getattr(array, "__cuda_array_interface__", None)
    if interface is not None:
        return _view_of_interface(name, interface)
    if hasattr(array, "__dlpack__"):
        try:
            address, shape, strides, type_name, device = native.cuda_describe_dlpack(array)
        except TypeError as error:
            raise InputError(f"{name} of type {type(array).__name__} is not in a GPU's memory") from error
        return DeviceView(address, tuple(shape), tuple(strides), np.dtype(type_name), device)
    raise InputError(
        f"{name} of type {type(array).__name__} is not a device array: give a torch CUDA tensor, or anything with "
        "__cuda_array_interface__ or DLPack"
    )


def _c_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _view_of_interface(name: str, interface: dict[str, Any]) -> DeviceView:
    if interface.get("mask") is not None:
        raise InputError(f"{name} has a mask, which no kernel reads: fill the masked values")
    dtype = np.dtype(interface["typestr"])
    shape = tuple(interface["shape"])
    byte_strides = interface.get("strides")
    if byte_strides is None:
        strides = _c_strides(shape)
    elif any(stride % dtype.itemsize for stride in byte_strides):
        raise InputError(f"{name} has strides {byte_strides}, between two elements: copy it into a plain array")
    else:
        strides = tuple(stride // dtype.itemsize for stride in byte_strides)
    address = int(interface["data"][0] or 0)
    device = native.cuda_device_of(address) if address else 0
    return DeviceView(address, shape, strides, dtype, device, interface.get("stream"))


LEGACY_DEFAULT = 1  # the default stream in __cuda_array_interface__; launches use 0


def wait_for_producers(views: Iterable[DeviceView], stream: Stream) -> None:
    """Make `stream` wait for pending writes of other libraries to these arrays.

    Version 3 of __cuda_array_interface__ requires it. The host does not wait. Tensors of torch and DLPack name no
    stream.
    """
    own = {stream, LEGACY_DEFAULT} if stream == 0 else {stream}
    waited: set[Stream] = set()
    for view in views:
        if view.producer is not None and view.address and view.producer not in own | waited:
            native.cuda_wait_for(view.producer, view.device, stream)
            waited.add(view.producer)


def empty_like_owner(owner: object, shape: tuple[int, ...], dtype: str, device: int) -> GpuArray:
    """Memory for a result: a torch tensor if the input was one, so that torch's allocator and graphs manage it."""
    if is_torch(owner):
        import torch

        return torch.empty(shape, dtype=getattr(torch, dtype), device=owner.device)
    return DeviceArray(shape, dtype, device)


def current_stream(owner: object) -> Stream:
    """torch's current stream if the input is a torch tensor, else the default stream."""
    if is_torch(owner):
        import torch

        return int(torch.cuda.current_stream(owner.device).cuda_stream)
    return 0


class Workspace:
    """Scratch memory on the device, reused between calls; grows as needed. Use one per stream."""

    def __init__(self) -> None:
        self._memory: GpuArray | None = None
        self._bytes = -1

    def address(self, owner: object, size: int, device: int) -> int:
        """At least `size` bytes on `device`."""
        if self._bytes < size or view_of("workspace", self._memory).device != device:
            self._memory = empty_like_owner(owner, (max(size, 1),), "uint8", device)
            self._bytes = size
        return view_of("workspace", self._memory).address
