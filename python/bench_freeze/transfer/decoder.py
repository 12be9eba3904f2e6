"""A light decoder: one linear map from the frozen features of all levels to classes, cell by cell.

Every level (the last backbone layer of each stride) is resized to the grid of the finest one, channels are standardised
by the training images, and a multinomial logistic regression is fitted to the class shares of every cell. The problem
is convex and L-BFGS converges to its only minimum, so no learning rate or schedule favours a source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..data.letterbox import Letterbox

PENALTY = 1e-3  # times |W|^2 / 2, added to the mean loss per cell
ITERATIONS = 100

Levels = Sequence[NDArray[np.float32]] | Sequence[Tensor]  # [N, C, h, w] each, the finest first


@dataclass(frozen=True)
class Decoder:
    """A fitted decoder: weights [C, K] on standardised features, and biases [K]."""

    mean: Tensor
    deviation: Tensor
    weights: Tensor
    bias: Tensor

    def labels(self, levels: Levels, placement: Letterbox) -> NDArray[np.uint8]:
        """The class of every pixel of one image, [H, W], from the levels [1, C, h, w] of its canvas."""
        rows = (cells_of(levels) - self.mean) / self.deviation @ self.weights + self.bias
        height, width = levels[0].shape[2:]
        logits = rows.T.reshape(1, -1, height, width)
        size = (placement.size, placement.size)
        canvas = functional.interpolate(logits, size, mode="bilinear", align_corners=False)
        top, left = placement.top, placement.left
        content = canvas[..., top : top + placement.resized_height, left : left + placement.resized_width]
        whole = functional.interpolate(
            content, (placement.height, placement.width), mode="bilinear", align_corners=False
        )
        found: NDArray[np.uint8] = whole[0].argmax(dim=0).to(torch.uint8).numpy()
        return found


def fit_decoder(levels: Levels, shares: NDArray[np.float32]) -> Decoder:
    """Fit a decoder to `shares` [N, K, h, w], the share of each cell that scored pixels of each class fill.

    The shares of a cell sum to less than 1 where it contains pixels that are not scored.
    """
    rows = cells_of(levels)
    targets = torch.as_tensor(shares).permute(0, 2, 3, 1).reshape(-1, shares.shape[1])
    kept = targets.sum(dim=1) > 0
    rows, targets = rows[kept], targets[kept]
    mean, deviation = rows.mean(dim=0), rows.std(dim=0, correction=0)
    deviation = torch.where(deviation > 0, deviation, torch.ones(()))
    rows = (rows - mean) / deviation
    weights = torch.zeros(rows.shape[1], targets.shape[1], requires_grad=True)
    bias = torch.zeros(targets.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe")
    total = targets.sum()

    def loss() -> Tensor:
        optimizer.zero_grad()
        logs = functional.log_softmax(rows @ weights + bias, dim=1)
        value: Tensor = -(targets * logs).sum() / total + PENALTY * weights.square().sum() / 2
        value.backward()
        return value

    optimizer.step(loss)
    return Decoder(mean, deviation, weights.detach(), bias.detach())


def cells_of(levels: Levels) -> Tensor:
    """The features of all levels on the grid of the finest, one row per cell: [N h w, sum of C]."""
    size = levels[0].shape[2:]
    maps = [torch.as_tensor(level) for level in levels]
    aligned = [
        own if own.shape[2:] == size else functional.interpolate(own, size, mode="bilinear", align_corners=False)
        for own in maps
    ]
    joined = torch.cat(aligned, dim=1)
    return joined.permute(0, 2, 3, 1).reshape(-1, joined.shape[1])


def class_shares(mask: NDArray[np.uint8], placement: Letterbox, classes: int, cells: int) -> NDArray[np.float32]:
    """The share of every cell of the canvas that pixels of each class fill, [K, h, w], where h = w = `cells`.

    A pixel belongs to the cell that contains its centre. Pixels that are not scored (labels of `classes` or more) and
    the border of the canvas do not count.
    """
    down = _cell_of(placement.height, placement.resized_height, placement.top, placement.size, cells)
    across = _cell_of(placement.width, placement.resized_width, placement.left, placement.size, cells)
    known = mask < classes
    place = (down[:, None] * cells + across[None])[known]
    counts = np.bincount(mask[known].astype(np.int64) * cells * cells + place, minlength=classes * cells * cells)
    one_pixel = placement.resized_height / placement.height * placement.resized_width / placement.width
    shares = counts.reshape(classes, cells, cells) * (one_pixel * (cells / placement.size) ** 2)
    return shares.astype(np.float32)


def _cell_of(pixels: int, resized: int, offset: int, size: int, cells: int) -> NDArray[np.int64]:
    """The cell of every row or column of an image."""
    centres = offset + (np.arange(pixels) + 0.5) * resized / pixels
    return np.minimum((centres * cells / size).astype(np.int64), cells - 1)
