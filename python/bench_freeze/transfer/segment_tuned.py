"""Segmentation by fine-tuned backbones: the linear decoder of all levels, trained with the unfrozen layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..console import Step
from ..data.segmentation_set import SegmentationSet
from .augment import View, random_zoom
from .features import FeatureStore, pixels_sha256, whole_images
from .fine_tuning import FineTuning
from .request import FINEST
from .samples import share_of_images
from .segment_counts import ScoredMasks, placed
from .training_images import TrainingImages
from .trimap import WIDTHS
from .tuned import Arrays, Task, Training

if TYPE_CHECKING:
    from torch import Tensor

    from .tune import Tuned


def segmentation_task(
    data: SegmentationSet,
    tuning: FineTuning,
    features: FeatureStore,
    truth: ScoredMasks,
    finest: int,
) -> Task:
    """Segmentation of one set as a task for fine-tunings; their predictions are `both` and `either` [N, B, K].

    `finest` is the side of the finest map that a decoder reads, in cells.
    """
    request, classes = features.request, len(data.class_names)

    def content(share: float, seed: int) -> dict[str, object]:
        rows = share_of_images(len(data.train), share, seed)
        return {
            "classes": classes,
            "finest": FINEST,
            "widths": list(WIDTHS),
            "rows": rows.tolist(),
            "train_sha256": data.train.sha256,
            "scored_sha256": data.test.sha256,
            "scored_pixels_sha256": pixels_sha256(data.test.images),
        }

    def train(training: Training, step: Step) -> Tuned:
        from .decoder import cells_of, class_shares
        from .frozen import last_of_strides
        from .tune import fine_tune, start_of

        rows = share_of_images(len(data.train), training.share, training.seed)

        def rows_of(outputs: list[Tensor]) -> Tensor:
            return cells_of(last_of_strides(outputs, request.imgsz))

        def target(k: int, view: View) -> NDArray[np.float32]:
            return class_shares(view.part(data.train.mask(k)), view.placement, classes, finest)

        images = TrainingImages(
            data.train.images, rows, random_zoom, target, training.seed, request.imgsz, tuning.batch, request.workers
        )
        backbone = start_of(training.source, images, request.device)
        return fine_tune(backbone, training.freeze, classes, rows_of, images, tuning, request.device, step)

    def predict(done: Tuned) -> Arrays:
        both, either = truth.overlap(_labels(done))
        return {"both": both, "either": either}

    def _labels(done: Tuned) -> Iterator[NDArray[np.uint8]]:
        from .decoder import Decoder
        from .frozen import FrozenBackbone, last_of_strides

        reader = done.reader
        decoder = Decoder(reader.mean, reader.deviation, reader.weights.detach(), reader.bias.detach())
        frozen, k = FrozenBackbone(done.backbone, request.device), 0
        for batch in whole_images(data.test.images, request).batches():
            levels = [level.cpu() for level in last_of_strides(frozen.maps(batch), request.imgsz)]
            for place in range(len(batch)):
                yield decoder.labels(
                    [level[place : place + 1] for level in levels], placed(data.test, k, request.imgsz)
                )
                k += 1

    return Task("segmentation", content, train, predict)
