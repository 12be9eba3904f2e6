"""The ranges of a model's inner values on real images, and the best clipping thresholds for int8."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import ModelProto

BINS = 2048
LEVELS = 128  # magnitudes in int8
CANDIDATE_STEP = 8  # bins between candidate thresholds; a finer step takes longer and does not change mAP


def largest_values(
    model: ModelProto, tensors: Sequence[str], images: NDArray[np.float32], folder: Path
) -> dict[str, float]:
    """The largest magnitude of each tensor over `images` [N, 3, S, S]; `folder` is for a temporary file."""
    largest = dict.fromkeys(tensors, 0.0)
    for values in _observed(model, tensors, images, folder):
        for name, value in values.items():
            largest[name] = max(largest[name], float(np.abs(value).max(initial=0.0)))
    return largest


def entropy_ranges(
    model: ModelProto, tensors: Sequence[str], images: NDArray[np.float32], folder: Path
) -> dict[str, float]:
    """For each tensor, the clipping threshold with the least KL divergence between its int8 and float values."""
    largest = largest_values(model, tensors, images, folder)
    counts = {name: np.zeros(BINS, np.int64) for name in tensors}
    for values in _observed(model, tensors, images, folder):
        for name, value in values.items():
            if largest[name] > 0:
                # With equal bins a division is enough, and faster than np.histogram.
                bins = np.minimum((np.abs(value.ravel()) * (BINS / largest[name])).astype(np.int32), BINS - 1)
                counts[name] += np.bincount(bins, minlength=BINS)
    return {name: largest[name] * least_divergence(counts[name]) for name in tensors}


def least_divergence(histogram: NDArray[np.int64]) -> float:
    """The best threshold for a histogram of magnitudes, as a fraction of its range.

    Each candidate clips larger values into its last bin and divides the rest into 128 levels. The first bin is ignored:
    its values become zero at any threshold, and are so numerous that they would decide alone.
    """
    counts: NDArray[np.float64] = histogram.astype(np.float64)
    counts[0] = 0
    if not counts.any():
        return 1.0
    best, best_divergence = 1.0, np.inf
    for stop in range(LEVELS, BINS + 1, CANDIDATE_STEP):
        kept = counts[:stop]
        clipped = kept.copy()
        clipped[-1] += counts[stop:].sum()
        edges = np.arange(LEVELS) * stop // LEVELS
        filled = (kept > 0).astype(np.float64)
        sums, filled_sums = np.add.reduceat(kept, edges), np.add.reduceat(filled, edges)
        level = np.divide(sums, filled_sums, out=np.zeros_like(sums), where=filled_sums > 0)
        spread = np.repeat(level, np.diff(np.append(edges, stop))) * filled
        divergence = _divergence(clipped, spread)
        if divergence < best_divergence:
            best, best_divergence = stop / BINS, divergence
    return best


def _divergence(true: NDArray[np.float64], approximate: NDArray[np.float64]) -> float:
    """The Kullback-Leibler divergence of two histograms; infinite if the second is empty."""
    if not approximate.any():
        return float("inf")
    p, q = true / true.sum(), approximate / approximate.sum()
    present = p > 0
    if (q[present] == 0).any():
        q = np.where(q == 0, 1e-9, q)  # values clipped into an empty bin: possible, but very unlikely
    return float((p[present] * np.log(p[present] / q[present])).sum())


def _observed(
    model: ModelProto, tensors: Sequence[str], images: NDArray[np.float32], folder: Path
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Yield the values of some tensors for one batch of images after another; only one batch is in memory."""
    import onnx
    import onnxruntime as ort

    names = list(tensors)
    source = model.graph.input[0]
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    inner = [name for name in names if name != source.name]
    del observed.graph.output[:]
    observed.graph.output.extend(onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in inner)
    file = folder / "observed.onnx"
    onnx.save(observed, file)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    file.unlink()
    batch = source.type.tensor_type.shape.dim[0].dim_value or 1
    for start in range(0, len(images) - batch + 1, batch):
        portion = images[start : start + batch]
        values = dict(zip(inner, session.run(inner, {source.name: portion}), strict=True))
        yield values | ({source.name: portion} if source.name in names else {})
