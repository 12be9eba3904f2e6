"""One side of a comparison: a model on an engine that exposes its inner tensors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ..config.deployment import Precision
from ..engines.base import ModelCard
from ..engines.model_file import read_model
from ..engines.ort_engine import OrtEngine
from .graph import Graph
from .rewrite import OWN, cut, exposed

if TYPE_CHECKING:
    from onnx import ModelProto
    from onnxruntime import InferenceSession

Values = dict[str, NDArray[np.floating]]


def precision_of(card: ModelCard) -> Precision:
    """The precision on a model card, as one that has bounds."""
    return {"fp16": "fp16", "int8": "int8"}.get(card.precision, "fp32")  # type: ignore[return-value]


class Side(Protocol):
    """A model on an engine. `images` are one batch [B, 3, S, S] that the model takes."""

    title: str
    card: ModelCard
    graph: Graph
    exactness: Precision  # the precision whose bounds apply

    def shows(self, tensor: str) -> bool:
        """Whether the engine can expose this tensor of the graph."""
        ...

    def heads(self, images: NDArray[np.float32]) -> Values:
        """The outputs of the heads in the model as deployed, with nothing exposed."""
        ...

    def values(self, images: NDArray[np.float32], tensors: Collection[str]) -> Values:
        """Inner tensors of one whole pass of the model."""
        ...

    def own(self, images: NDArray[np.float32], given: Mapping[str, NDArray[np.floating]]) -> Values:
        """Each tensor's value when every reader of a tensor in `given` reads the given value instead."""
        ...

    def close(self) -> None:
        """Free the engine's resources."""
        ...


def with_head_names(model: ModelProto, outputs: Mapping[str, str]) -> ModelProto:
    """The model with its outputs renamed in place to its heads, since other tools use names of their own."""
    renamed = {output: head for head, output in outputs.items() if output != head}
    for value in model.graph.output:
        value.name = renamed.get(value.name, value.name)
    for node in model.graph.node:
        for names in (node.input, node.output):
            for k, name in enumerate(names):
                names[k] = renamed.get(name, name)
    return _in_order(model)


def _in_order(model: ModelProto) -> ModelProto:
    """The model with its nodes sorted in place, each after its inputs: converters append casts anywhere."""
    missing = {name for node in model.graph.node for name in node.output}
    waiting, ordered = list(model.graph.node), []
    while waiting:
        later = []
        for node in waiting:  # one pass if all are in order already
            if missing.isdisjoint(node.input):
                ordered.append(node)
                missing.difference_update(node.output)
            else:
                later.append(node)
        if len(later) == len(waiting):
            return model  # the graph has a cycle, and no engine loads it
        waiting = later
    kept = [type(node).FromString(node.SerializeToString()) for node in ordered]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model


class OrtSide:
    """An ONNX file in ONNX Runtime on the CPU, without graph optimisation, whose fusions would hide tensors."""

    def __init__(self, path: Path) -> None:
        import onnx

        self._engine = OrtEngine(path)
        self.title = f"{path.name} (ort {self._engine.identity.version}, {self._engine.card.precision})"
        self.card = self._engine.card
        self.exactness = precision_of(self.card)
        file = read_model(path)
        self.graph = Graph(with_head_names(onnx.load(path), file.outputs))
        self._image, self._image_type = file.image.name, np.dtype(file.image.dtype)
        self._sessions: dict[str, InferenceSession] = {}

    def shows(self, tensor: str) -> bool:
        """True for every tensor of the file."""
        return True

    def heads(self, images: NDArray[np.float32]) -> Values:
        """Outputs of the optimised session, as deployed."""
        return dict(self._engine.infer(images))

    def values(self, images: NDArray[np.float32], tensors: Collection[str]) -> Values:
        """Inner tensors, all in one run."""
        names = list(tensors)
        session = self._session("values", lambda: exposed(self.graph, names))
        return dict(zip(names, session.run(names, self._fed(images)), strict=True))

    def own(self, images: NDArray[np.float32], given: Mapping[str, NDArray[np.floating]]) -> Values:
        """Every layer on given inputs, in one run of the model that is cut at each tensor."""
        session = self._session("own", lambda: cut(self.graph, {name: v.shape for name, v in given.items()}))
        wanted = {each.name: each.type for each in session.get_inputs()}
        half = {name for name, kind in wanted.items() if "float16" in kind}
        feed = {n: v.astype(np.float16 if n in half else np.float32) for n, v in given.items() if n in wanted}
        outputs = session.run([name + OWN for name in given], {**feed, **self._fed(images)})
        return dict(zip(given, outputs, strict=True))

    def close(self) -> None:
        """Drop the sessions."""
        self._sessions.clear()
        self._engine.close()

    def _fed(self, images: NDArray[np.float32]) -> Values:
        return {self._image: images.astype(self._image_type, copy=False)}

    def _session(self, kind: str, make: Callable[[], ModelProto]) -> InferenceSession:
        """One session per kind: all batches of a comparison have one shape and request the same tensors."""
        if kind not in self._sessions:
            import onnxruntime as ort

            options = ort.SessionOptions()
            options.log_severity_level = 3
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
            model = make().SerializeToString()
            self._sessions[kind] = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return self._sessions[kind]
