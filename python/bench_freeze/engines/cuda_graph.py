"""CUDA graphs by the driver's own interface, which PyCUDA has not: work of a stream recorded once and launched again.

No machine with a GPU has run this file yet. Its calls are looked up in the driver's own library by a test.
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
        except BaseException:  # what went wrong says more than the recording that it broke
            with suppress(RuntimeError):  # a stream that keeps recording is of no more use
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
    """Repeated work of one stream, by kind: run as it is at its first call, recorded at its second, then launched.

    What cannot be recorded (a plan with loops, say, or on a DLA) goes on being run as it is, after a warning.
    """

    def __init__(self, stream: int) -> None:
        self._stream = stream
        self._calls: dict[str, Callable[[], None]] = {}
        self._graphs: dict[str, CudaGraph] = {}

    def run(self, kind: str, work: Callable[[], None], refusal: Callable[[], str]) -> None:
        """Put the work of a kind on the stream; it is the same in every call, on the same memory.

        `refusal` is asked before a recording: why there must be none even if the driver would, empty where there may.
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
