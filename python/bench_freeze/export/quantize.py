"""ONNX in int8: Q/DQ pairs around the convolutions, with ranges calibrated on real images.

ONNX Runtime's quantizer writes the model. The ranges are ours, because its entropy calibrator keeps every value of
every image in memory and, with its own settings (128 bins for 128 levels, version 1.31), tries only a single threshold.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..files import Facts
from .decode import decode_part
from .ranges import entropy_ranges, largest_values

if TYPE_CHECKING:
    from onnx import ModelProto

Calibration = Literal["entropy", "minmax"]


@dataclass(frozen=True)
class Int8Settings:
    """How a model is converted to int8. With `last_layers` False the heads' last convolutions stay in float32."""

    calibration: Calibration = "minmax"
    last_layers: bool = False


def to_int8(model: ModelProto, target: Path, images: NDArray[np.float32], settings: Int8Settings) -> Facts:
    """Write `model` with int8 convolutions to `target`. Returns what was done.

    Weights are quantized per channel and activations per tensor, all symmetrically, as TensorRT requires. Biases stay
    float32, because TensorRT's parser does not accept int32 DequantizeLinear. `images` [N, 3, S, S] calibrate the
    ranges.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    part = decode_part(model)
    left_out = {*part.nodes, *(() if settings.last_layers else part.last_layers)}
    convolutions = [n for n in model.graph.node if n.op_type == "Conv" and n.name not in left_out]
    tensors = list(dict.fromkeys(node.input[0] for node in convolutions))
    measure = entropy_ranges if settings.calibration == "entropy" else largest_values
    ranges = measure(model, tensors, images, target.parent)

    class OneImage(CalibrationDataReader):
        """A minimal calibration, which the quantizer requires; the overrides replace its ranges."""

        def __init__(self) -> None:
            batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value or 1
            self._left = [{model.graph.input[0].name: images[:batch]}]

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            return self._left.pop() if self._left else None

    overrides = {
        name: [{"rmin": np.float32(-limit), "rmax": np.float32(limit), "symmetric": True}]
        for name, limit in ranges.items()
    }
    source = onnx.ModelProto()
    source.CopyFrom(model)  # the quantizer moves the weights of its input model into a file
    with _quiet():
        quantize_static(
            source,
            target,
            OneImage(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=sorted(left_out),
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            extra_options={
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "QuantizeBias": False,
                # A convolution's output stays float for its activation; the next convolution's input is quantized.
                "OpTypesToExcludeOutputQuantization": ["Conv"],
                "TensorQuantOverrides": overrides,
            },
        )
    return {
        "calibration": settings.calibration,
        "calibration_images": len(images),
        "int8_convolutions": len(convolutions),
        "float32_convolutions": sum(n.op_type == "Conv" for n in model.graph.node) - len(convolutions),
    }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizer's advice off the user's terminal; it uses the root logger and print."""
    root = logging.getLogger()
    level = root.level
    try:
        root.setLevel(logging.ERROR)
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        root.setLevel(level)
