"""bench-freeze: how deep to unfreeze a detector, what the original task loses, and what the deployed model costs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api.figure import Plot
    from .api.results import Results
    from .api.running import run
    from .api.study import Study
    from .data.dataset import DetectionTable, GroundTruth
    from .data.letterbox import Letterbox
    from .errors import InputError
    from .evaluate import PROTOCOLS, Evaluation, Evaluator, compare
    from .kernels.ext import Detections
    from .kernels.suppression import nms
    from .predict.detections import ImageDetections
    from .predict.model import Model, load

__version__ = "0.2.0"

# Where each public name lives. They load on first use, so that the package itself costs nothing to import.
_HOMES = {
    "DetectionTable": ".data.dataset",
    "Detections": ".kernels.ext",
    "Evaluation": ".evaluate",
    "Evaluator": ".evaluate",
    "GroundTruth": ".data.dataset",
    "ImageDetections": ".predict.detections",
    "InputError": ".errors",
    "Letterbox": ".data.letterbox",
    "Model": ".predict.model",
    "PROTOCOLS": ".evaluate",
    "Plot": ".api.figure",
    "Results": ".api.results",
    "Study": ".api.study",
    "compare": ".evaluate",
    "load": ".predict.model",
    "nms": ".kernels.suppression",
    "run": ".api.running",
}
__all__ = [
    "PROTOCOLS",
    "DetectionTable",
    "Detections",
    "Evaluation",
    "Evaluator",
    "GroundTruth",
    "ImageDetections",
    "InputError",
    "Letterbox",
    "Model",
    "Plot",
    "Results",
    "Study",
    "__version__",
    "compare",
    "load",
    "nms",
    "run",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
