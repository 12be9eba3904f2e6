"""The deployment options of a study: which models are made of a training, in what form, for which engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .common import CommonOptions, flag

EngineName = Literal["torch", "ort", "ort-trt", "trt"]
Precision = Literal["fp32", "fp16", "int8"]
Construction = Literal["branched", "grafted", "plain"]


@dataclass(frozen=True, kw_only=True)
class DeploymentOptions(CommonOptions):
    """What a study may ask of the models that it deploys."""

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
        "engine", "how int8 ranges are chosen from real images: minmax or entropy", "minmax"
    )
    int8_last_layers: bool = flag("engine", "quantize the heads' last convolutions to int8 too", False)
    construction: tuple[Construction, ...] = flag(
        "models",
        "models made from each fine-tuned one: branched, grafted, plain",
        ("branched", "grafted"),
        "NAME[,NAME]",
    )
    head_branch: Literal["one2many", "one2one"] = flag(
        "models",
        "branch to use of heads with two (YOLOv10, YOLO26), for the original and every tuned model: "
        "one2many, selected by suppression, or one2one, which needs none; the checkpoint's own setting is "
        "ignored",
        "one2many",
    )
    batch: int = flag("engine", "the engine's batch size", 1)
    dynamic_batch: tuple[int, int, int] | None = flag(
        "engine",
        "export with a free batch dimension; plans are built for a smallest, usual and largest batch",
        None,
        "N,N,N",
    )
    opset: int = flag("models", "ONNX opset of the export", 18)
    builds: int = flag("engine", "TensorRT plans built from each model: shows how much builds differ, beside runs", 1)

    @property
    def forms(self) -> tuple[tuple[EngineName, Precision], ...]:
        """Every engine with every precision that it runs."""
        pairs = ((engine, precision) for engine in self.engine for precision in self.precision)
        return tuple(pair for pair in pairs if pair[0] != "torch" or pair[1] == "fp32")
