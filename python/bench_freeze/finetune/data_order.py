"""The stream of training batches, and how to return to the border between two epochs.

Batches depend on the state of four random generators (Python's, NumPy's, torch's and the sampler's), on the images that
mosaic holds in memory, and on the epoch in which mosaic was closed. All of these are restored exactly. Worker processes
(used with CUDA) have generators of their own that cannot be restored. With workers, the batches of the past epochs are
read again instead: this costs reading time, but no training.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import torch

from .progress import GeneratorStates, OrderState
from .trainer import FreezeTrainer
from .training_data import Batch


class DataOrder:
    """The batches of a training, epoch after epoch, as Ultralytics' loop draws them."""

    def __init__(self, trainer: FreezeTrainer) -> None:
        self._trainer = trainer
        self._loader = trainer.train_loader
        close = trainer.args.close_mosaic
        self._closes_at = max(0, trainer.epochs - close) if close else None  # mosaic ends in this epoch
        self._cuda = trainer.device.type == "cuda"

    def __len__(self) -> int:
        return len(self._loader)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch on the device; images are float32 from 0 to 1."""
        self._close_mosaic_if_due(epoch)
        for batch in self._loader:
            yield self._trainer.preprocess_batch(batch)

    def state(self) -> OrderState:
        """The position of the stream, between two epochs."""
        return {
            "generators": generator_states(cuda=self._cuda),
            "mosaic_images": list(getattr(self._loader.dataset, "buffer", [])),
        }

    def go_to(self, epoch: int, state: OrderState) -> None:
        """Move a fresh stream to the border before `epoch`."""
        for past in range(epoch):
            self._close_mosaic_if_due(past)
            self._skip_epoch()
        dataset = self._loader.dataset
        if self._loader.num_workers == 0:
            for image in state["mosaic_images"]:
                dataset.load_image(image)
        restore_generators(state["generators"])

    def close(self) -> None:
        """End worker processes, if there are any."""
        self._loader.close()

    def _close_mosaic_if_due(self, epoch: int) -> None:
        if epoch == self._closes_at:
            self._trainer._close_dataloader_mosaic()
            self._loader.reset()

    def _skip_epoch(self) -> None:
        if self._loader.num_workers:
            for _ in self._loader:
                pass
            return
        if self._loader.iterator is None:
            self._loader.iterator = self._loader._get_iterator()
        for _ in range(len(self._loader)):
            self._loader.iterator._next_index()  # draws from the sampler, reads no image


def generator_states(*, cuda: bool) -> GeneratorStates:
    """The states of the process's random generators."""
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),  # noqa: NPY002  (the generator that Ultralytics draws from)
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if cuda else None,
    }


def restore_generators(states: GeneratorStates) -> None:
    """Restore earlier states of the process's random generators."""
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None:
        torch.cuda.set_rng_state_all(states["cuda"])
