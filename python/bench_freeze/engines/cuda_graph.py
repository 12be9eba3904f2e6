"""CUDA graphs by the driver's own interface, which PyCUDA has not: work of a stream recorded once and launched again.

No machine with a GPU has run this file yet. Its five calls are looked up in the driver's own library by a test.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

CALLS = (
    "cuStreamBeginCapture_v2",
    "cuStreamEndCapture",
    "cuGraphInstantiateWithFlags",
    "cuGraphLaunch",
    "cuGraphExecDestroy",
    "cuGraphDestroy",
)
_RELAXED = 2  # CU_STREAM_CAPTURE_MODE_RELAXED: the scorer may allocate its results while it is recorded


class CudaGraph:
    """What `enqueue` puts on a stream, recorded; every `launch` runs it again on the same memory.

    `enqueue` must have run before: what is allocated or set up at a first call cannot be recorded. The context that the
    stream belongs to is current.
    """

    def __init__(self, stream: int, enqueue: Callable[[], None]) -> None:
        self._driver = ctypes.CDLL("libcuda.so.1")
        self._stream = ctypes.c_void_p(stream)
        graph, self._ready = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cuStreamBeginCapture_v2", self._stream, ctypes.c_int(_RELAXED))
        try:
            enqueue()
        finally:  # also after an error: a stream that keeps recording is of no more use
            self._call("cuStreamEndCapture", self._stream, ctypes.byref(graph))
        try:
            self._call("cuGraphInstantiateWithFlags", ctypes.byref(self._ready), graph, ctypes.c_ulonglong(0))
        finally:
            self._call("cuGraphDestroy", graph)

    def launch(self) -> None:
        """Put the recorded work on the stream."""
        self._call("cuGraphLaunch", self._ready, self._stream)

    def close(self) -> None:
        """Free the graph."""
        if self._ready:
            self._call("cuGraphExecDestroy", self._ready)
            self._ready = ctypes.c_void_p()

    def _call(self, name: str, *arguments: object) -> None:
        status = getattr(self._driver, name)(*arguments)
        if status != 0:
            raise RuntimeError(f"the NVIDIA driver refused {name} with error {status}")
