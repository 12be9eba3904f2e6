"""When a race decides: after epochs that are spaced by the summed learning rate, not by their number.

An epoch moves the weights about as far as its learning rate allows. So time in a race is the share of the schedule's
summed rate: half of it is spent after 29 % of the epochs with Ultralytics' linear decay, after 50 % at a constant rate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DECIDE_AT = (1 / 8, 1 / 4, 1 / 2, 3 / 4)  # doubles up to one half, then half of the rest


def relative_rates(
    epochs: int, *, final: float = 0.01, cosine: bool = False, warmup: float = 3.0
) -> NDArray[np.float64]:
    """[epochs] the learning rate of each epoch divided by the highest, by Ultralytics' schedule.

    `final` is lrf, `cosine` is cos_lr, and `warmup` is the number of epochs in which the rate rises from 0.
    """
    epoch = np.arange(epochs)
    if cosine:
        decay = np.clip((1 - np.cos(math.pi * epoch / epochs)) / 2, 0, None) * (final - 1) + 1
    else:
        decay = np.clip(1 - epoch / epochs, 0, None) * (1 - final) + final
    rising = min(warmup, epochs - 1)
    return np.asarray(decay * (np.clip((epoch + 0.5) / rising, 0, 1) if rising > 0 else 1.0))


def times_of(rates: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """[epochs + 1] the share of the summed rate that is spent after 0, 1, ..., all epochs; rises from 0 to 1."""
    spent = np.concatenate([[0.0], np.cumsum(np.asarray(rates, np.float64))])
    return np.asarray(spent / spent[-1])


def decision_epochs(times: NDArray[np.float64], every: int = 1) -> tuple[int, ...]:
    """Epochs after which a race decides, including the last one.

    They are the ones nearest to DECIDE_AT among the epochs with held-out scores: every `every`-th one.

        >>> decision_epochs(times_of(relative_rates(50, warmup=0)))
        (3, 7, 15, 25, 50)
    """
    epochs = len(times) - 1
    looks = np.arange(every, epochs, every)
    if not len(looks):
        return (epochs,)
    nearest = {int(looks[np.argmin(np.abs(times[looks] - at))]) for at in DECIDE_AT}
    return (*sorted(nearest), epochs)
