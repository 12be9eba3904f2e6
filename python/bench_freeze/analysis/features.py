"""What an arm's features carry beside the base model's: nearest neighbours, a linear probe, energy inside boxes."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..console import Step
from ..data.dataset import DetectionSet
from ..dualhead.layers import LayerMap
from ..files import Facts
from ..finetune.arm import load_tuned
from ..finite import require_finite_arrays
from ..results.analysis import Features
from .labelled import labelled_batches
from .recovery import SPLIT_SEED, two_halves
from .trained import BATCH, Trained

if TYPE_CHECKING:
    from .numbers.gather import Samples

NEIGHBOURS = 10
MAPS = "maps.npz"
MAPS_OF = 6  # images of each set whose energy maps are kept


def measure_features(trained: Trained) -> Features:
    """Base and tuned features compared on the base set and on the scored target set, each seen once by both models."""
    inputs = trained.inputs
    sets = (inputs.base_set, inputs.target, inputs.training)
    key = trained.key("torchvision") | {
        "data_sha256": [data.sha256 for data in sets],
        "neighbours": NEIGHBOURS,
        "split_seed": SPLIT_SEED,
        "maps": MAPS_OF,
    }

    kept = trained.kept_step(f"compare features of {trained.name}", "features", key, partial(_compare, trained))
    maps = kept.path(MAPS).relative_to(trained.study.out_folder)
    return msgspec.convert({**kept.facts, "maps": str(maps)}, Features)


def _compare(trained: Trained, folder: Path, step: Step) -> dict[str, object]:
    from .numbers.gather import gather
    from .numbers.two_models import TwoModels

    inputs, study = trained.inputs, trained.study
    lockstep = TwoModels(inputs.base.model, load_tuned(trained.tuned).model, study.device)
    layers = compared_layers(inputs.base.layers)
    total, seen = sum(len(data.images) for data in (inputs.base_set, inputs.target, inputs.training)), 0

    def on_batch(images: int) -> None:
        nonlocal seen
        seen += images
        step(seen, total)

    def gathered(data: DetectionSet, maps: int) -> Samples:
        batches = labelled_batches(data, imgsz=study.imgsz, batch=BATCH, workers=study.workers)
        return gather(lockstep, layers, batches, on_batch, maps=maps)

    base, target = gathered(inputs.base_set, MAPS_OF), gathered(inputs.target, MAPS_OF)
    training = gathered(inputs.training, 0)
    _save_maps(folder / MAPS, {"base": (inputs.base_set, base), "target": (inputs.target, target)})
    learns = np.isin(base.image, two_halves(len(inputs.base_set.images))[0])
    return {
        "base": _set_facts(base, len(inputs.base_set.images), _probe(base, learns, base, ~learns)),
        "target": _set_facts(target, len(inputs.target.images), _probe(training, ..., target, ...)),
    }


def compared_layers(layers: LayerMap) -> tuple[int, ...]:
    """The layers that the head reads, and the backbone's last."""
    return tuple(sorted({layers.backbone_end - 1, *layers.layers[layers.head].sources}))


Picked = NDArray[np.bool_] | EllipsisType  # some objects, or all of them


def _set_facts(samples: Samples, images: int, probe: Facts | None) -> dict[str, object]:
    """SetFeatures as plain values."""
    from .numbers.neighbours import neighbour_agreement

    neighbours, energy, k = [], [], 0
    for layer, pooled in samples.base.pooled.items():
        agreement = neighbour_agreement(pooled, samples.tuned.pooled[layer], NEIGHBOURS)
        if agreement is not None:
            k = agreement.k
            neighbours.append(
                {
                    "layer": layer,
                    "overlap": agreement.overlap,
                    "base_in_tuned": agreement.a_in_b,
                    "tuned_in_base": agreement.b_in_a,
                }
            )
        shares = zip(samples.base.energy[layer], samples.tuned.energy[layer], samples.base.area[layer], strict=True)
        known = [share for share in shares if None not in share]
        if known:
            mean = np.mean(np.array(known, np.float64), axis=0).tolist()
            energy.append({"layer": layer, **dict(zip(("base", "tuned", "area"), mean, strict=True))})
    return {"images": images, "neighbours_k": k, "neighbours": neighbours, "energy": energy, "probe": probe}


def _probe(train: Samples, train_rows: Picked, test: Samples, test_rows: Picked) -> Facts | None:
    """Probe as plain values; rows pick objects."""
    from .numbers.probe import linear_probe

    labels, test_labels = train.labels[train_rows], test.labels[test_rows]
    if not len(labels) or not len(test_labels):
        return None
    scores = {
        name: asdict(
            linear_probe(
                getattr(train, name).objects[train_rows],
                labels,
                getattr(test, name).objects[test_rows],
                test_labels,
            )
        )
        for name in ("base", "tuned")
    }
    counts = np.bincount(labels)
    return {
        "classes": int(np.count_nonzero(counts)),
        "train_objects": len(labels),
        "test_objects": len(test_labels),
        "majority": float(np.mean(test_labels == np.argmax(counts))),
        **scores,
    }


def _save_maps(path: Path, sets: dict[str, tuple[DetectionSet, Samples]]) -> None:
    arrays = {
        f"{role}.{data.images[i].image_id}.{layer}.{name}": energy.astype(np.float32)
        for role, (data, samples) in sets.items()
        for name in ("base", "tuned")
        for layer, maps in getattr(samples, name).maps.items()
        for i, energy in enumerate(maps)
    }
    require_finite_arrays(arrays, "an energy map")
    np.savez_compressed(path, **arrays)
