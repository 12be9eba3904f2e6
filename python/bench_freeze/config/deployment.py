"""The deployment options of a study: which models are built from a training, in which form, for which engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .common import CommonOptions, flag

EngineName = Literal["torch", "ort", "ort-trt", "trt"]
Precision = Literal["fp32", "fp16", "int8"]
Construction = Literal["branched", "grafted", "plain"]


@dataclass(frozen=True, kw_only=True)
class DeploymentOptions(CommonOptions):
    """Options for deployed models."""

    engine: tuple[EngineName, ...] = flag(
        "engine",
        "engines that run the models: torch, ort, ort-trt (ONNX Runtime's TensorRT provider), trt",
        ("ort",),
        "NAME[,NAME]",
    )
    precision: tuple[Precision, ...] = flag(
        "engine", "precisions of the exported models: fp32, fp16, int8; torch runs fp32 only", ("fp32",), "NAME[,NAME]"
    )
    calibration: Literal["minmax", "entropy"] = flag(
        "engine", "calibration of int8 ranges on real images: minmax or entropy", "minmax"
    )
    int8_last_layers: bool = flag("engine", "also quantize the heads' last convolutions to int8", False)
    construction: tuple[Construction, ...] = flag(
        "models",
        "models to build from each fine-tuned one: branched, grafted, plain",
        ("branched", "grafted"),
        "NAME[,NAME]",
    )
    head_branch: Literal["one2many", "one2one"] = flag(
        "models",
        "which branch of a head with two (YOLOv10, YOLO26) to use, for the original and every tuned model: one2many, "
        "followed by suppression, or one2one, which needs none; the checkpoint's own setting is ignored",
        "one2many",
    )
    batch: int = flag("engine", "the engine's batch size", 1)
    dynamic_batch: tuple[int, int, int] | None = flag(
        "engine",
        "export with a dynamic batch dimension; plans are built for a smallest, typical and largest batch",
        None,
        "N,N,N",
    )
    opset: int = flag("models", "ONNX opset of the export", 18)
    builds: int = flag(
        "engine", "TensorRT plans to build from each model; several show the variation between builds", 1
    )

    @property
    def forms(self) -> tuple[tuple[EngineName, Precision], ...]:
        """All pairs of an engine and a precision that it runs."""
        pairs = ((engine, precision) for engine in self.engine for precision in self.precision)
        return tuple(pair for pair in pairs if pair[0] != "torch" or pair[1] == "fp32")
