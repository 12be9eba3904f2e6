"""ONNX Runtime with inputs and outputs bound to device memory, so that calls make no hidden allocations or copies."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


class BoundSession:
    """A session with its tensors on `device_type` ("cuda" or "cpu"), allocated again if the input shape changes."""

    def __init__(self, session: InferenceSession, device_type: str, device_id: int) -> None:
        self._session = session
        self._device = (device_type, device_id)
        self._input = session.get_inputs()[0].name
        self._shapes = {output.name: tuple(output.shape) for output in session.get_outputs()}
        self._types = {output.name: TYPES[output.type] for output in session.get_outputs()}
        self._shape: tuple[int, ...] = ()
        self.stage_seconds: dict[str, float] = {}

    def run(self, images: NDArray[np.floating]) -> dict[str, NDArray[np.floating]]:
        """Run a batch; `images` must have the session's input type. Returns copies of the outputs by name."""
        if images.shape != self._shape:
            self._bind(images)
        moments = [time.perf_counter()]
        self._image.update_inplace(images)
        self._binding.synchronize_inputs()
        moments.append(time.perf_counter())
        self._session.run_with_iobinding(self._binding)
        self._binding.synchronize_outputs()
        moments.append(time.perf_counter())
        values = zip(self._shapes, self._binding.get_outputs(), strict=True)
        outputs = {name: np.array(value.numpy()) for name, value in values}
        moments.append(time.perf_counter())
        durations = (b - a for a, b in pairwise(moments))
        self.stage_seconds = dict(zip(("copy_in", "network", "copy_out"), durations, strict=True))
        return outputs

    def _bind(self, images: NDArray[np.floating]) -> None:
        import onnxruntime as ort

        self._shape = images.shape
        self._image = ort.OrtValue.ortvalue_from_numpy(images, *self._device)
        self._binding = self._session.io_binding()
        self._binding.bind_ortvalue_input(self._input, self._image)
        for name, shape in self._shapes.items():
            known = (len(images), *shape[1:])  # only the batch may be free
            if all(isinstance(size, int) for size in known):
                memory = ort.OrtValue.ortvalue_from_shape_and_type(list(known), self._types[name], *self._device)
                self._binding.bind_ortvalue_output(name, memory)
            else:
                self._binding.bind_output(name, *self._device)
