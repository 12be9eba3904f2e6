"""Memory of a training that did not fit, given back before a smaller one begins."""

from __future__ import annotations

import gc


def give_back(device: str) -> None:
    """Drop what only reference cycles keep alive, and on a GPU what torch's allocator holds for later."""
    gc.collect()
    if device.startswith("cuda"):
        import torch

        torch.cuda.empty_cache()
