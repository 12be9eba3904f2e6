"""The torch engine: runs the model in PyTorch's eager mode, on the CPU or a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..cores import usable_cores
from ..errors import InputError
from .base import EngineIdentity, ModelCard, check_images_shape

if TYPE_CHECKING:
    from torch.nn import Module


class TorchEngine:
    """Runs a DualHead or SingleHead module that was prepared for inference. Raises InputError without a usable GPU."""

    def __init__(self, module: Module, card: ModelCard, device: str) -> None:
        import torch

        if device.startswith("cuda") and not torch.cuda.is_available():
            raise InputError(f"device {device}: torch finds no usable NVIDIA GPU; use --device cpu or fix the driver.")
        if device == "cpu":
            torch.set_num_threads(usable_cores())  # Ultralytics changes it if it trains in this process
        self._torch = torch
        self._module = module.to(device)
        self._device = device
        self.card = card
        name = torch.cuda.get_device_name(device) if device.startswith("cuda") else "CPU"
        threads = None if device.startswith("cuda") else torch.get_num_threads()
        self.identity = EngineIdentity("torch", str(torch.__version__), "fp32", device, name, threads)

    def infer(self, images: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Outputs by head name."""
        check_images_shape(self.card, images)
        with self._torch.inference_mode():
            outputs = self._module(self._torch.from_numpy(images).to(self._device))
            arrays = [output.float().cpu().numpy() for output in outputs]
        return {head.name: array for head, array in zip(self.card.heads, arrays, strict=True)}

    def close(self) -> None:
        """Release the module."""
        self._module = None
