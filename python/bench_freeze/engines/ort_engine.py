"""The ONNX Runtime engine: an exported model on the CPU or on a GPU provider, never silently on another one."""

from __future__ import annotations

import contextlib
import importlib
import io
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..text.paths import require_utf8
from .base import EngineIdentity, Head, Spin, check_images_shape
from .cuda_device import device_index
from .model_card import CARD_KEY as CARD_KEY
from .model_file import read_model
from .ort_binding import BoundSession

ProviderName = Literal["cpu", "cuda", "tensorrt"]
PROVIDERS: dict[ProviderName, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}


class OrtEngine:
    """Runs an ONNX file that has our model card or Ultralytics' metadata.

    It runs on the device's own provider, or on `provider` if one is named. By default ONNX Runtime's threads wait for
    work in a busy loop. With `spin` "within calls" they stop at the end of every call, so that they take no time from
    another engine that is timed next. With "never", all processor time is work. Raises InputError for a file that
    cannot be loaded, and if the provider is missing or cannot start.
    """

    def __init__(
        self,
        path: Path,
        device: str = "cpu",
        threads: int | None = None,
        provider: ProviderName | None = None,
        *,
        spin: Spin = "always",
    ) -> None:
        try:
            import onnxruntime as ort
        except ImportError:
            raise InputError(
                "engine ort needs ONNX Runtime; install it with: pip install 'bench-freeze[ort]' (or [ort-gpu])."
            ) from None
        chosen: ProviderName = provider or ("cuda" if device.startswith("cuda") else "cpu")
        wanted = PROVIDERS[chosen]
        if (chosen == "cpu") != (device == "cpu"):
            raise InputError(f"ONNX Runtime's {wanted} does not run on device {device}; use --device cpu or cuda:0.")
        if wanted not in ort.get_available_providers():
            raise InputError(
                f"device {device}: this ONNX Runtime has no {wanted}; install 'bench-freeze[ort-gpu]', or use "
                "--device cpu."
            )
        require_utf8(path, str(path))
        file = read_model(path)
        options = ort.SessionOptions()
        options.log_severity_level = 3
        said = _preload(ort, chosen) if chosen != "cpu" else ""
        if threads is not None:
            options.intra_op_num_threads = threads
        if spin == "within calls":
            options.add_session_config_entry("session.force_spinning_stop", "1")
        elif spin == "never":
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(
                str(path), options, providers=_providers(chosen, device, file.card.precision)
            )
        except Exception as error:  # onnxruntime raises its own, undocumented classes
            raise InputError(
                f"{path} cannot be loaded by ONNX Runtime ({' '.join(str(error).split())[:200]})."
            ) from None
        # If the requested provider cannot start, ONNX Runtime silently falls back to another one.
        if self._session.get_providers()[0] != wanted:
            raise InputError(
                f"device {device}: ONNX Runtime could not start {wanted} and would run on "
                f"{self._session.get_providers()[0]} instead; check that CUDA, cuDNN and TensorRT of the right "
                f"versions are installed, or use --device cpu.{said}"
            )
        self._file, self._path = file, path
        self.card = file.card
        self.notes = file.notes  # sentences that apply to every number measured on this file
        name = "ort-trt" if chosen == "tensorrt" else "ort"
        self.identity = EngineIdentity(name, ort.__version__, self.card.precision, device, wanted, threads)
        if chosen != "cpu":
            self._bound: BoundSession | None = BoundSession(self._session, "cuda", device_index(device))
        else:
            self._bound = None  # the CPU uses host memory: a binding would only add copies

    @property
    def stage_seconds(self) -> dict[str, float]:
        """Seconds of the last call's stages: copy to the GPU, network, copy back; empty on the CPU."""
        return self._bound.stage_seconds if self._bound is not None else {}

    def infer(self, images: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Outputs by head name."""
        check_images_shape(self.card, images)
        fed = images.astype(self._file.image.dtype, copy=False)
        names = list(self._file.outputs.values())
        if self._bound is not None:
            outputs = self._bound.run(fed)
        else:
            outputs = dict(zip(names, self._session.run(names, {self._file.image.name: fed}), strict=True))
        return {
            head.name: _checked(outputs[name], head, len(images), self._path)
            for head, name in zip(self.card.heads, names, strict=True)
        }

    def close(self) -> None:
        """Release the session."""
        self._session = self._bound = None


def _preload(ort: ModuleType, chosen: ProviderName) -> str:
    """Load CUDA, cuDNN and TensorRT from pip's folders, which the system's dynamic loader does not search.

    ONNX Runtime has a call for the first two since 1.21; TensorRT's wheel loads its libraries when it is imported.
    Returns what was printed about libraries that failed to load, for the error message if a session does not start.
    """
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        if hasattr(ort, "preload_dlls"):
            ort.preload_dlls()
        if chosen == "tensorrt":
            with contextlib.suppress(ImportError):  # TensorRT comes from the system, or is missing
                importlib.import_module("tensorrt_libs")
    text = " ".join(said.getvalue().split())[:300]
    return f" ONNX Runtime says: {text}" if text else ""


def _providers(chosen: ProviderName, device: str, precision: str) -> list[str | tuple[str, dict[str, int | bool]]]:
    """The providers of a session; TensorRT's leaves nodes that it cannot run to CUDA's.

    TensorRT's provider builds weakly typed networks: its flags allow a precision for all nodes, so they follow the
    file's precision. In an fp16 file, nodes that are float32 (the decoding of boxes) may therefore still run in half
    precision.
    """
    if chosen == "cpu":
        return [PROVIDERS["cpu"]]
    cuda = (PROVIDERS["cuda"], {"device_id": device_index(device)})
    if chosen == "cuda":
        return [cuda]
    allowed = {"trt_fp16_enable": precision == "fp16", "trt_int8_enable": precision == "int8"}
    return [(PROVIDERS["tensorrt"], {"device_id": device_index(device), **allowed}), cuda]


def _checked(output: NDArray[np.floating], head: Head, images: int, path: Path) -> NDArray[np.float32]:
    """An output as float32. Raises InputError if its actual shape does not fit its head."""
    rows = 4 + len(head.class_names)
    is_sound = output.ndim == 3 and len(output) == images
    if not is_sound or (output.shape[1] != rows if head.kind == "raw" else output.shape[2] != 6):
        wanted = f"[{images}, {rows}, anchors]" if head.kind == "raw" else f"[{images}, detections, 6]"
        raise InputError(
            f"{path} gave {list(output.shape)} for {images} images, but its metadata promise {wanted}; export it again."
        )
    return output.astype(np.float32, copy=False)
