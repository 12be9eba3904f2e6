"""Checkpoints in torch: the traced program that the ONNX export is made from, node by node."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config.deployment import Precision
from ..deployment.deployment import Candidate
from ..engines.torch_engine import TorchEngine
from ..export.onnx_export import export_onnx
from .graph import Graph
from .side import Values

if TYPE_CHECKING:
    from torch.fx import Node


class TorchSide:
    """A model from checkpoints, run by torch.

    The exporter names each ONNX tensor after the node of torch's traced program, so both sides have the same graph.
    """

    def __init__(self, title: str, candidate: Candidate, imgsz: int, batch: int) -> None:
        import onnx

        module = candidate.module()
        self.card = candidate.card(imgsz, batch)
        self.exactness: Precision = "fp32"
        self._engine = TorchEngine(module, self.card, "cpu")
        self.title = f"{title} (torch {self._engine.identity.version}, fp32)"
        with tempfile.TemporaryDirectory() as folder:
            program = export_onnx(module, self.card, Path(folder) / "model.onnx", opset=18, reuse=False)
            assert program is not None, "a new trace gives a program"
            self.graph = Graph(onnx.load(Path(folder) / "model.onnx"))
        self._module = program.module()
        nodes = self._module.graph.nodes
        outputs = next(node for node in nodes if node.op == "output").args[0]
        self._heads: dict[str, str] = {
            head.name: node.name for head, node in zip(self.card.heads, outputs, strict=True)
        }
        self._shown = {node.name for node in nodes if node.op == "call_function"} | set(self._heads)

    def shows(self, tensor: str) -> bool:
        """True for tensors that torch computes too. The exporter adds a few, such as the sigmoid inside a SiLU."""
        return tensor in self._shown

    def heads(self, images: NDArray[np.float32]) -> Values:
        """Outputs of the module itself."""
        return dict(self._engine.infer(images))

    def values(self, images: NDArray[np.float32], tensors: Collection[str]) -> Values:
        """Inner tensors of one pass through the traced program."""
        return self._run(images, tensors, {})

    def own(self, images: NDArray[np.float32], given: Mapping[str, NDArray[np.floating]]) -> Values:
        """The same pass, continued with the given value after every tensor of `given`."""
        return self._run(images, tuple(given), given)

    def close(self) -> None:
        """Drop the module."""
        self._engine.close()

    def _run(
        self, images: NDArray[np.float32], tensors: Collection[str], given: Mapping[str, NDArray[np.floating]]
    ) -> Values:
        import torch

        wanted = {self._heads.get(name, name): name for name in tensors}
        kept: Values = {}

        class Watching(torch.fx.Interpreter):
            def run_node(self, node: Node) -> object:
                result = super().run_node(node)
                name = wanted.get(node.name)
                if name is None or node.op != "call_function":
                    return result
                kept[name] = result.numpy().copy()
                return torch.from_numpy(given[name].astype(np.float32)) if name in given else result

        with torch.inference_mode():
            Watching(self._module).run(torch.from_numpy(images))
        return kept
