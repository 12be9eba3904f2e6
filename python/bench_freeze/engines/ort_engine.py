"""The ONNX Runtime engine: an exported model on the CPU, or on a GPU by the CUDA provider, never silently moved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .base import EngineIdentity, ModelCard, check_images_shape
from .ultralytics_card import is_ultralytics, ultralytics_card

CARD_KEY = "bench_freeze"  # of the ONNX file's metadata


class OrtEngine:
    """Runs an ONNX file that carries its model card, or Ultralytics' metadata."""

    def __init__(self, path: Path, device: str = "cpu", threads: int | None = None) -> None:
        try:
            import onnxruntime as ort
        except ImportError:
            raise InputError(
                "engine ort needs ONNX Runtime; install it with: pip install 'bench-freeze[ort]' (or [ort-gpu])."
            ) from None
        provider = "CUDAExecutionProvider" if device.startswith("cuda") else "CPUExecutionProvider"
        if provider not in ort.get_available_providers():
            raise InputError(
                f"device {device}: this ONNX Runtime has no {provider}; install 'bench-freeze[ort-gpu]', or use "
                "--device cpu."
            )
        options = ort.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        settings = {"device_id": device.partition(":")[2]} if device.startswith("cuda") else {}
        try:
            self._session = ort.InferenceSession(str(path), options, providers=[(provider, settings)])
        except Exception as error:  # onnxruntime raises its own, undocumented classes
            raise InputError(
                f"{path} cannot be loaded by ONNX Runtime ({' '.join(str(error).split())[:200]})."
            ) from None
        # ONNX Runtime falls back to the CPU without an error when the GPU provider cannot start.
        if self._session.get_providers()[0] != provider:
            raise InputError(
                f"device {device}: ONNX Runtime could not start {provider} and would run on the CPU instead; check "
                "that CUDA and cuDNN of the right version are installed, or use --device cpu."
            )
        self.card = _read_card(self._session, path)
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output.name for output in self._session.get_outputs()]
        # A foreign file's output bears another name than the head.
        self._heads = [head.name for head in self.card.heads] if len(self._outputs) == 1 else self._outputs
        self.identity = EngineIdentity("ort", ort.__version__, self.card.precision, device, provider, threads)

    def infer(self, images: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Outputs by head name."""
        check_images_shape(self.card, images)
        return dict(zip(self._heads, self._session.run(self._outputs, {self._input: images}), strict=True))

    def close(self) -> None:
        """Drop the session."""
        self._session = None


def _read_card(session: Any, path: Path) -> ModelCard:
    metadata = session.get_modelmeta().custom_metadata_map
    if CARD_KEY not in metadata and is_ultralytics(metadata):
        return ultralytics_card(path, metadata, [v.shape for v in (*session.get_inputs(), *session.get_outputs())])
    try:
        return ModelCard.from_dict(json.loads(metadata[CARD_KEY]))
    except (KeyError, ValueError, TypeError):
        raise InputError(
            f"{path} does not say what its heads are (no '{CARD_KEY}' metadata); export it with bench-freeze export "
            "or Ultralytics."
        ) from None
