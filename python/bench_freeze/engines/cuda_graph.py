"""CUDA graphs through the driver's own interface, which PyCUDA lacks: record a stream's work, then launch it again.

This file has not run on a GPU yet. A test checks that the driver's library has all functions that it calls.
"""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Callable
from contextlib import suppress

CALLS = (
    "cuStreamBeginCapture_v2",
    "cuStreamEndCapture",
    "cuGraphInstantiateWithFlags",
    "cuGraphLaunch",
    "cuGraphExecDestroy",
    "cuGraphDestroy",
)
_RELAXED = 2  # CU_STREAM_CAPTURE_MODE_RELAXED: the scorer may allocate its results during recording


class CudaGraph:
    """A recording of what `enqueue` puts on a stream; every `launch` runs it again on the same memory.

    `enqueue` must have run once before, because what is allocated or set up at a first call cannot be recorded. The
    stream's context must be current. Raises RuntimeError if the driver refuses.
    """

    def __init__(self, stream: int, enqueue: Callable[[], None]) -> None:
        self._driver = ctypes.CDLL("libcuda.so.1")
        self._stream = ctypes.c_void_p(stream)
        graph, self._ready = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cuStreamBeginCapture_v2", self._stream, ctypes.c_int(_RELAXED))
        try:
            enqueue()
        except BaseException:  # report this error, not the failed recording that follows from it
            with suppress(RuntimeError):  # a stream that stays in recording mode is unusable
                self._call("cuStreamEndCapture", self._stream, ctypes.byref(graph))
            if graph:
                self._call("cuGraphDestroy", graph)
            raise
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


class Recordings:
    """Repeated work on one stream, by kind: run directly at the first call, recorded at the second, then launched.

    Work that cannot be recorded (such as a plan with loops, or on a DLA) keeps running directly, after a warning.
    """

    def __init__(self, stream: int) -> None:
        self._stream = stream
        self._calls: dict[str, Callable[[], None]] = {}
        self._graphs: dict[str, CudaGraph] = {}

    def run(self, kind: str, work: Callable[[], None], refusal: Callable[[], str]) -> None:
        """Put one kind of work on the stream; every call must do the same work on the same memory.

        `refusal` is called before recording and returns why the work must not be recorded, or an empty string.
        """
        if kind not in self._calls:
            work()
            self._calls[kind] = lambda: self._record(kind, work, refusal)
        else:
            self._calls[kind]()

    def close(self) -> None:
        """Free the recordings."""
        for graph in self._graphs.values():
            graph.close()
        self._calls, self._graphs = {}, {}

    def _record(self, kind: str, work: Callable[[], None], refusal: Callable[[], str]) -> None:
        try:
            if reason := refusal():
                raise RuntimeError(reason)
            graph = CudaGraph(self._stream, work)
        except RuntimeError as error:
            warnings.warn(f"{kind} runs without a CUDA graph, since it cannot be recorded: {error}", stacklevel=2)
            self._calls[kind] = work
        else:
            self._graphs[kind] = graph
            self._calls[kind] = graph.launch
        self._calls[kind]()
