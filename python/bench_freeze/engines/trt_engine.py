"""The TensorRT engine: a plan on an NVIDIA GPU, followed by the CUDA scorer for its heads.

This file has not run on a machine with TensorRT and a GPU yet (see trt_runner.py, which has all calls of TensorRT).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..data.letterbox import FILL
from ..errors import InputError
from ..kernels import ext
from ..kernels.nms_options import NmsOptions
from .abilities import EventParts
from .availability import availability, engine_device, letterbox_device
from .base import Decoded, EngineIdentity, Letterboxing, check_images_shape
from .cuda_device import CudaDevice, cuda_device
from .plan_file import PlanFile, misfit, read_plan
from .tensorrt_family import TensorRT, runtime_member
from .trt_runner import Arrays, Slot, TrtRunner

if TYPE_CHECKING:
    from ..kernels.detection_block import DetectionBlock


class TrtEngine:
    """Runs one plan with its side-car, or an `.engine` file from Ultralytics.

    Raises InputError, with the reason, for a plan that does not fit this machine. The driver and the side-car are
    checked before TensorRT is used at all, because its runtime crashes the process if there is no driver.
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
        try:
            outputs = self._runner.outputs
            self.card = file.card(self._runner.shape(outputs[0]))
            heads = [head.name for head in self.card.heads]
            # Our outputs have the names of the heads; Ultralytics' one is called output0.
            self._heads = dict(zip(heads, heads if set(heads) <= set(outputs) else outputs, strict=False))
            self.notes = getattr(file, "notes", ())  # sentences that apply to every number measured on this file
            if len(self._runner.inputs) != 1:
                raise InputError(f"{path} has {len(self._runner.inputs)} inputs; give a detector with one, the images.")
            (self._input,) = self._runner.inputs
            if self._runner.dtype(self._input) not in (np.float32, np.float16):
                raise InputError(
                    f"{path} takes images of {self._runner.dtype(self._input)}; export it with an input of float32 or "
                    "float16, from 0 to 1."
                )
            self._slots = [self._runner.slot()]
        except BaseException:
            self._runner.close()
            raise
        has_kernels = letterbox_device("trt") == "gpu"
        # The kernel writes float32, the input type of our own plans in every precision.
        self.takes_decoded = has_kernels and self._runner.dtype(self._input) == np.float32
        self._selects = has_kernels and all(head.kind == "raw" for head in self.card.heads)
        # One per settings. A recorded graph uses its scorer's memory, so scorers must live as long as the slot.
        self._scorers: dict[NmsOptions, _FusedScorer] = {}
        letterbox: Letterboxing = "gpu" if self.takes_decoded else "cpu"
        self.identity = EngineIdentity("trt", str(trt), self.card.precision, device, gpu.name, letterbox=letterbox)

    @property
    def stage_seconds(self) -> dict[str, float]:
        """Seconds of the last batch's copies, letterbox and network, by the GPU's clock."""
        return self._slots[0].stage_seconds

    def event_parts(self) -> EventParts:
        """The engine's stream, a function that creates an event, and one for the milliseconds between two events."""
        slot = self._slots[0]
        return slot.stream, self._runner.cuda.Event, lambda earlier, later: float(earlier.time_till(later))

    def infer(self, images: NDArray[np.float32] | Decoded) -> dict[str, NDArray[np.float32]]:
        """Outputs by head name, for canvases or, if it `takes_decoded`, for images that the GPU letterboxes."""
        self._enqueue(self._slots[0], images)
        return self._named(self._slots[0].collect(), len(images))

    def infer_many(self, batches: Iterable[NDArray[np.float32] | Decoded]) -> Iterator[dict[str, NDArray[np.float32]]]:
        """Outputs of several batches, in order. Two are in flight: one is copied while the other is computed."""
        while len(self._slots) < 2:
            self._slots.append(self._runner.slot())
        flying: deque[tuple[Slot, int]] = deque()
        for i, images in enumerate(batches):
            if len(flying) == 2:
                slot, count = flying.popleft()
                yield self._named(slot.collect(), count)
            slot = self._slots[i % 2]
            self._enqueue(slot, images)
            flying.append((slot, len(images)))
        for slot, count in flying:
            yield self._named(slot.collect(), count)

    def detect(self, images: NDArray[np.float32] | Decoded, options: NmsOptions) -> dict[str, ext.Detections] | None:
        """Detections by head name, selected on the GPU directly after the network; only they are copied back.

        None if the scorer has no CUDA back end here, or if a head selects its own detections.
        """
        if not self._selects:
            return None
        slot = self._slots[0]
        if options not in self._scorers:
            self._scorers[options] = _FusedScorer(slot, self._heads, options, self._runner.device)
        scorer = self._scorers[options]
        self._enqueue(slot, images, scorer.kind, scorer.enqueue, copied=())
        slot.collect()
        return {head: _first(found, len(images)) for head, found in scorer.detections().items()}

    def close(self) -> None:
        """Free the GPU's memory."""
        try:
            for slot in self._slots:
                slot.close()
        finally:
            self._slots, self._scorers = [], {}
            self._runner.close()

    def _enqueue(
        self,
        slot: Slot,
        images: NDArray[np.float32] | Decoded,
        kind: str = "network",
        after: Callable[[], None] | None = None,
        copied: tuple[str, ...] | None = None,
    ) -> None:
        """Start a batch, padded with grey to the smallest batch that the plan takes."""
        if len(images) > self._runner.largest:
            raise ValueError(f"the plan takes batches of at most {self._runner.largest}, not {len(images)}")
        batch = max(len(images), self._runner.smallest)
        if isinstance(images, tuple):
            if not self.takes_decoded:
                raise ValueError("this engine takes canvases only: it cannot letterbox on the GPU")
            slot.enqueue_decoded(self._input, images, batch, kind, after, copied)
            return
        check_images_shape(self.card, images)
        slot.enqueue({self._input: filled(images, batch)}, kind, after, copied)

    def _named(self, outputs: Arrays, count: int) -> dict[str, NDArray[np.float32]]:
        return {head: outputs[name][:count].astype(np.float32, copy=False) for head, name in self._heads.items()}


class _FusedScorer:
    """CUDA suppression for all heads after the network, on the slot's stream and therefore in its CUDA graph.

    A single copy then brings the results to pinned memory. All memory is allocated at the first call of each batch
    size, never while a graph is recorded, and is not moved afterwards.
    """

    def __init__(self, slot: Slot, heads: dict[str, str], options: NmsOptions, device: int) -> None:
        from ..kernels.device_array import Workspace

        self.kind = f"detections {options}"
        self._slot, self._heads, self._device = slot, heads, device
        self._options = options
        self._workspaces = {head: Workspace() for head in heads}
        self._results: dict[int, tuple[DetectionBlock, NDArray[np.uint8]]] = {}  # by batch size

    def enqueue(self) -> None:
        """Put the suppression of every head on the stream, followed by the copy of the results."""
        from ..kernels.cuda import nms_cuda

        block, host = self._memory_for(self._slot.batch)
        for head, name in self._heads.items():
            nms_cuda(
                self._slot.tensor(name),
                self._options,
                stream=self._slot.stream.handle,
                workspace=self._workspaces[head],
                out=block.on_device[head],
            )
        self._slot.copy_out(host, block.memory.address)

    def detections(self) -> dict[str, ext.Detections]:
        """The results of the batch that the slot has collected. Raises InputError for outputs that are not finite."""
        block, host = self._results[self._slot.batch]
        return block.read(host)

    def _memory_for(self, batch: int) -> tuple[DetectionBlock, NDArray[np.uint8]]:
        from ..kernels.detection_block import DetectionBlock

        if batch not in self._results:
            block = DetectionBlock(self._heads, batch, self._options.max_detections, self._device)
            self._results[batch] = block, self._slot.pinned(block.nbytes)
        return self._results[batch]


def filled(images: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
    """A batch [B, 3, S, S] padded to `batch` images with grey canvases."""
    if len(images) >= batch:
        return images
    grey = np.full((batch - len(images), *images.shape[1:]), FILL / 255, np.float32)
    return np.concatenate([images, grey])


def _first(found: ext.Detections, count: int) -> ext.Detections:
    return ext.Detections(**{field: values[:count] for field, values in vars(found).items()})


def _refuse_misfit(path: Path, file: PlanFile, trt: TensorRT, gpu: CudaDevice) -> None:
    if file.plan is None:  # Ultralytics records neither GPU nor TensorRT version: TensorRT itself checks them
        return
    reason = misfit(file.plan, trt.member.title, trt.version, gpu.capability)
    if reason is not None:
        raise InputError(f"{path} does not fit this machine: {reason}; build it here from the ONNX.")
