"""Finds where a detector's network ends and the decoding of its boxes begins, in the ONNX graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True)
class DecodePart:
    """Names of nodes, in graph order.

    `nodes` turn the last features into boxes in pixels and scores; `last_layers` are the convolutions whose outputs
    they read.
    """

    nodes: tuple[str, ...]
    last_layers: tuple[str, ...]


def decode_part(model: ModelProto) -> DecodePart:
    """The decoding part of all heads: everything after the last convolutions of the network.

    Boxes are sums of offsets and grid positions in pixels, up to the size of the image. At such values half precision
    has steps of half a pixel, and int8 has steps of several pixels. Every conversion therefore leaves this part in
    float32; it is less than one percent of the work.
    """
    producer = {output: node for node in model.graph.node for output in node.output}
    channels = {weights.name: weights.dims[0] for weights in model.graph.initializer if weights.dims}
    seen: set[str] = set()
    last: set[str] = set()
    waiting = [output.name for output in model.graph.output]
    while waiting:
        node = producer.get(waiting.pop())
        if node is None or node.name in seen:
            continue
        # A convolution to one channel decodes the distribution of box offsets: a weighted sum, not a feature layer.
        if node.op_type == "Conv" and channels.get(node.input[1], 0) != 1:
            last.add(node.name)
            continue
        seen.add(node.name)
        waiting.extend(node.input)
    order = [node.name for node in model.graph.node]
    return DecodePart(tuple(n for n in order if n in seen), tuple(n for n in order if n in last))
