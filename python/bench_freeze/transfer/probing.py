"""Fit probes for every source, share and seed on the same samples, and score them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..console import Step
from ..results.transfer_accuracy import ProbeFit
from .probe import HELD_OUT, fit_probe
from .request import TransferRequest
from .samples import held_out
from .sources import Source


@dataclass(frozen=True)
class Probed:
    """Probes of one source at one share; `hits` [S, N] says by seed which scored samples were classified correctly."""

    source: str
    share: float
    hits: NDArray[np.bool_]


def probe_all(
    sources: Sequence[Source],
    request: TransferRequest,
    train: Callable[[Source, int], NDArray[np.float32]],
    test: Callable[[Source, int], NDArray[np.float32]],
    labels: NDArray[np.int64],
    test_labels: NDArray[np.int64],
    chosen: Callable[[float, int], NDArray[np.int64]],
    step: Step,
) -> tuple[list[ProbeFit], list[Probed]]:
    """Fit every probe, share by share; return the fits and their hits.

    `train` and `test` return a source's features for a seed. `chosen(share, seed)` returns the training samples of a
    share, which are the same for all sources.
    """
    fits: list[ProbeFit] = []
    found: list[Probed] = []
    total = len(request.data_fractions) * len(sources) * len(request.seeds)
    for share, source in product(request.data_fractions, sources):
        hits = []
        for seed in request.seeds:
            rows = chosen(share, seed)
            probe = fit_probe(train(source, seed)[rows], labels[rows], held_out(labels[rows], HELD_OUT, seed))
            hit = probe.predict(test(source, seed)) == test_labels
            hits.append(hit)
            fits.append(
                ProbeFit(
                    source=source.name,
                    data_fraction=share,
                    seed=seed,
                    train_samples=len(rows),
                    held_out=probe.held_out,
                    c=probe.c,
                    converged=probe.converged,
                    top1=float(hit.mean()),
                )
            )
            step(len(fits), total)
        found.append(Probed(source.name, share, np.array(hits)))
    return fits, found
