"""Classification by fine-tuned backbones: a linear reader of the pooled last layer, trained with unfrozen layers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..console import Step
from ..data.classification_set import ClassificationSet
from .augment import View, random_crop
from .features import FeatureStore, pixels_sha256, whole_images
from .fine_tuning import FineTuning
from .samples import share_of
from .training_images import TrainingImages
from .tuned import Arrays, Task, Training

if TYPE_CHECKING:
    from torch import Tensor

    from .tune import Tuned


def _pooled(maps: list[Tensor]) -> Tensor:
    """The mean over the last layer's map, [B, C]."""
    return maps[-1].mean(dim=(2, 3))


def classification_task(data: ClassificationSet, tuning: FineTuning, features: FeatureStore) -> Task:
    """Classification of one set as a task for fine-tunings; their predictions are `logits` [N, K]."""
    request, classes = features.request, len(data.class_names)

    def content(share: float, seed: int) -> dict[str, object]:
        rows = share_of(data.train.labels, share, seed)
        return {
            "classes": classes,
            "train_sha256": pixels_sha256([data.train.images[k] for k in rows]),
            "rows_sha256": hashlib.sha256(rows.tobytes() + data.train.labels[rows].tobytes()).hexdigest(),
            "scored_sha256": pixels_sha256(data.test.images),
        }

    def target(k: int, view: View) -> NDArray[np.float32]:
        own = np.zeros((classes, 1, 1), np.float32)
        own[data.train.labels[k]] = 1
        return own

    def train(training: Training, step: Step) -> Tuned:
        from .tune import fine_tune, start_of

        rows = share_of(data.train.labels, training.share, training.seed)
        images = TrainingImages(
            data.train.images, rows, random_crop, target, training.seed, request.imgsz, tuning.batch, request.workers
        )
        backbone = start_of(training.source, images, request.device)
        return fine_tune(backbone, training.freeze, classes, _pooled, images, tuning, request.device, step)

    def predict(done: Tuned) -> Arrays:
        import torch

        from .frozen import FrozenBackbone

        frozen = FrozenBackbone(done.backbone, request.device)
        with torch.inference_mode():
            logits = [
                done.reader(torch.as_tensor(frozen.pooled(batch)[-1])).numpy()
                for batch in whole_images(data.test.images, request).batches()
            ]
        return {"logits": np.concatenate(logits)}

    return Task("classification", content, train, predict)
