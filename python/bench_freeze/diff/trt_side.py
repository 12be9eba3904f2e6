"""A TensorRT plan, or an ONNX file in TensorRT: inner tensors are outputs of a plan built for the comparison.

Such plans are built in tests, ahead of time; no machine with TensorRT and a GPU has run this file yet.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config.deployment import Precision
from ..engines.plan_file import onnx_of, read_plan
from ..engines.tensorrt_family import builder_for
from ..engines.trt_engine import TrtEngine
from ..engines.trt_runner import TrtRunner
from ..errors import InputError
from ..export.builder import PlanOptions, Serialized, serialize
from ..export.plan import build_plan
from .graph import Graph
from .rewrite import OWN, cut, exposed
from .side import Values, precision_of

if TYPE_CHECKING:
    from onnx import ModelProto


class TrtSide:
    """A plan beside the ONNX file that it was built from, or an ONNX file that is built here."""

    def __init__(self, path: Path, device: str) -> None:
        import onnx

        self._options = PlanOptions(device=device)
        self._folder = tempfile.TemporaryDirectory()
        if path.suffix == ".onnx":
            source, plan = path, Path(self._folder.name) / "model.plan"
            build_plan(source, plan, self._options)
        else:
            source, plan = _source(path), path
        self._engine = TrtEngine(plan, device)
        self.title = f"{path.name} ({self._engine.identity.version}, {self._engine.card.precision})"
        self.card = self._engine.card
        precision = precision_of(self.card)
        # Convolutions of a float32 plan run in TF32 by default, whose mantissa has ten bits, as that of float16.
        self.exactness: Precision = "fp16" if precision == "fp32" else precision
        self.graph = Graph(onnx.load(source))
        self._runners: dict[str, TrtRunner] = {}

    def shows(self, tensor: str) -> bool:
        """True for every tensor of the ONNX file: none is fused away once it is marked as an output."""
        return True

    def heads(self, images: NDArray[np.float32]) -> Values:
        """Outputs of the deployed plan, with TensorRT's fusions."""
        return dict(self._engine.infer(images))

    def values(self, images: NDArray[np.float32], tensors: Collection[str]) -> Values:
        """Inner tensors, all in one run of a plan that has them as outputs."""
        return self._run("values", exposed(self.graph, tensors), {self._image: images})

    def own(self, images: NDArray[np.float32], given: Mapping[str, NDArray[np.floating]]) -> Values:
        """Every layer on given inputs, in one run of a plan of the model that is cut at each tensor."""
        model = cut(self.graph, {name: value.shape for name, value in given.items()})
        outputs = self._run("own", model, {**given, self._image: images})
        return {name: outputs[name + OWN] for name in given}

    def close(self) -> None:
        """Free the plans."""
        for runner in self._runners.values():
            runner.close()
        self._engine.close()
        self._folder.cleanup()

    @property
    def _image(self) -> str:
        return str(self.graph.model.graph.input[0].name)

    def _run(self, kind: str, model: ModelProto, inputs: Mapping[str, NDArray[np.floating]]) -> Values:
        if kind not in self._runners:
            built = build_rewritten(model, len(inputs[self._image]), self.title, self._options)
            trt = builder_for(self._options.compute_capability)
            self._runners[kind] = TrtRunner(self.title, built.content, trt, self._options.device, {})
        runner = self._runners[kind]
        slot = runner.slot()
        try:
            slot.enqueue({name: inputs[name] for name in runner.inputs})
            return slot.collect()
        finally:
            slot.close()


def build_rewritten(model: ModelProto, batch: int, name: str, options: PlanOptions) -> Serialized:
    """The plan of a rewritten model for one batch size, with static shapes, so that inputs need no profiles."""
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
    trt = builder_for(options.compute_capability)
    return serialize(model.SerializeToString(), name, trt, replace(options, batch_profile=None))


def _source(path: Path) -> Path:
    plan = read_plan(path).plan
    source = onnx_of(path, plan) if plan is not None else None
    if source is None:
        raise InputError(
            f"{path}: a plan shows no inner tensors, and the ONNX that it was built from is not beside it; put it "
            "there, or give the ONNX itself as trt:MODEL.onnx."
        )
    return source
