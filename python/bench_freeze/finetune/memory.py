"""Frees the memory of a training that did not fit before a smaller one begins."""

from __future__ import annotations

import gc


def give_back(device: str) -> None:
    """Free what only reference cycles keep alive and, on a GPU, what torch's allocator has cached."""
    gc.collect()
    if device.startswith("cuda"):
        import torch

        torch.cuda.empty_cache()
