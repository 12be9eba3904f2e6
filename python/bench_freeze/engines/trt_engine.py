"""The TensorRT engine: a plan on an NVIDIA GPU, its heads scored by the fused scorer behind it.

No machine with TensorRT and a GPU has run this file yet (see trt_runner.py, which has all calls of TensorRT).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..deployed.selection import NmsSettings, nms_options
from ..errors import InputError
from ..scorer import ext
from .availability import availability, engine_device
from .base import EngineIdentity, check_images_shape
from .cuda_device import CudaDevice, cuda_device
from .plan_file import PlanFile, misfit, read_plan
from .tensorrt_family import TensorRT, runtime_member
from .trt_runner import Slot, TrtRunner


class TrtEngine:
    """Runs one plan, its side-car beside it, or an `.engine` file of Ultralytics.

    Raises InputError, with the reason, for a plan that does not fit this machine. The driver and the plan's side-car
    are checked before anything of TensorRT exists: its runtime crashes the process where there is no driver.
    """

    def __init__(self, path: Path, device: str = "cuda:0") -> None:
        device = engine_device("trt", device)
        answer = availability("trt", device)
        if not answer.usable:
            raise InputError(f"{path} cannot run on {device} here: {answer.reason}")
        gpu, file = cuda_device(device), read_plan(path)
        trt = runtime_member(file.plan.title if file.plan is not None else None)
        _refuse_misfit(path, file, trt, gpu)
        self._runner = TrtRunner(path, file.content, trt, device, file.plan.flags if file.plan is not None else {})
        outputs = self._runner.outputs
        self.card = file.card(self._runner.shape(outputs[0]))
        heads = [head.name for head in self.card.heads]
        # Our outputs have the names of the heads; Ultralytics' one is called output0.
        self._heads = dict(zip(heads, heads if set(heads) <= set(outputs) else outputs, strict=False))
        (self._input,) = self._runner.inputs
        self._slots = [self._runner.slot()]
        self._scorer: _FusedScorer | None = None
        self.identity = EngineIdentity("trt", str(trt), self.card.precision, device, gpu.name)

    @property
    def stage_seconds(self) -> dict[str, float]:
        """Copies and network of the last batch, by the GPU's clock."""
        return self._slots[0].stage_seconds

    def event_parts(self) -> tuple[Any, Callable[[], Any], Callable[[Any, Any], float]]:
        """The stream that this engine works on, what makes an event, and the milliseconds between two of them."""
        slot = self._slots[0]
        return slot.stream, self._runner.cuda.Event, lambda earlier, later: float(earlier.time_till(later))

    def infer(self, images: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Outputs by head name."""
        self._check(images)
        self._slots[0].enqueue({self._input: images})
        return self._named(self._slots[0].collect())

    def infer_many(self, batches: Iterable[NDArray[np.float32]]) -> Iterator[dict[str, NDArray[np.float32]]]:
        """Outputs of many batches in order, two in flight: one is copied while the other is computed."""
        while len(self._slots) < 2:
            self._slots.append(self._runner.slot())
        flying: list[Slot] = []
        for i, images in enumerate(batches):
            self._check(images)
            slot = self._slots[i % 2]
            if slot in flying:
                flying.remove(slot)
                yield self._named(slot.collect())
            slot.enqueue({self._input: images})
            flying.append(slot)
        for slot in flying:
            yield self._named(slot.collect())

    def detect(self, images: NDArray[np.float32], settings: NmsSettings) -> dict[str, ext.Detections] | None:
        """Detections by head name, selected on the GPU right behind the network; only they come back.

        None where the scorer has no CUDA back end here, or a head selects for itself.
        """
        from ..scorer.device_array import cuda_available

        self._check(images)
        if not cuda_available() or any(head.kind != "raw" for head in self.card.heads):
            return None
        slot = self._slots[0]
        if self._scorer is None or self._scorer.settings != settings:
            self._scorer = _FusedScorer(slot, self._heads, settings)
        slot.enqueue({self._input: images}, self._scorer.kind, self._scorer.enqueue, copied=())
        slot.collect()
        return self._scorer.detections()

    def close(self) -> None:
        """Free the GPU's memory."""
        for slot in self._slots:
            slot.close()
        self._slots = []
        self._runner.close()

    def _check(self, images: NDArray[np.float32]) -> None:
        check_images_shape(self.card, images)
        if len(images) > self._runner.largest:
            raise ValueError(f"the plan takes batches of at most {self._runner.largest}, not {len(images)}")

    def _named(self, outputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        return {head: outputs[name].astype(np.float32, copy=False) for head, name in self._heads.items()}


class _FusedScorer:
    """The CUDA suppression of all heads behind the network, on the slot's stream, and so in its CUDA graph."""

    def __init__(self, slot: Slot, heads: dict[str, str], settings: NmsSettings) -> None:
        from ..scorer.device_array import Workspace

        self.settings = settings
        self.kind = f"detections {settings}"
        self._slot, self._heads = slot, heads
        self._workspaces = {head: Workspace() for head in heads}
        self._found: dict[str, Any] = {}
        self._held: list[dict[str, Any]] = []

    def enqueue(self) -> None:
        """Put the suppression of every head on the stream; its results are overwritten by each launch of the graph."""
        from ..scorer.cuda import nms_cuda

        if self._slot.is_static:  # called twice: memory must not be freed while the graph is recorded
            self._held.append(self._found)
        self._found = {
            head: nms_cuda(
                self._slot.tensor(name),
                nms_options(self.settings),
                stream=self._slot.stream.handle,
                workspace=self._workspaces[head],
            )
            for head, name in self._heads.items()
        }

    def detections(self) -> dict[str, ext.Detections]:
        """The results on the host; raises InputError for outputs that are no number."""
        from ..scorer.device_array import to_numpy

        fields = ("boxes_xyxy", "scores", "labels", "count", "dropped_candidates", "dropped_detections")
        stream = self._slot.stream.handle
        for found in self._found.values():
            found.check(stream)
        return {
            head: ext.Detections(*(to_numpy(getattr(found, name), stream) for name in fields))
            for head, found in self._found.items()
        }


def _refuse_misfit(path: Path, file: PlanFile, trt: TensorRT, gpu: CudaDevice) -> None:
    if file.plan is None:  # Ultralytics writes neither GPU nor TensorRT version: TensorRT itself will say
        return
    reason = misfit(file.plan, trt.member.title, trt.version, gpu.capability)
    if reason is not None:
        raise InputError(f"{path} does not fit this machine: {reason}; build it here from the ONNX.")
