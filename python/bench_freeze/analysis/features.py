"""An arm's features compared with the base model's: nearest neighbours, a linear probe, energy inside boxes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..console import Step
from ..data.dataset import DetectionSet
from ..dualhead.layers import LayerMap
from ..finetune.arm import load_tuned
from ..finite import require_finite_arrays
from ..results.analysis import EnergyInside, Features, NeighbourAgreement, Probe, ProbeScore, SetFeatures
from .labelled import labelled_batches
from .recovery import SPLIT_SEED, two_halves
from .trained import BATCH, Trained

if TYPE_CHECKING:
    from .numbers.gather import Gathered, Samples

Rows: TypeAlias = "NDArray[np.bool_] | EllipsisType"
NEIGHBOURS = 10
MAPS = "maps.npz"
MAPS_OF = 6  # images of each set whose energy maps are kept


class ComparedFeatures(Struct, frozen=True, kw_only=True):
    """What the artifact keeps besides the maps."""

    base: SetFeatures
    target: SetFeatures


def measure_features(trained: Trained) -> Features:
    """Compare base and tuned features on the base set and on the scored target set, each in one pass of both models."""
    inputs = trained.inputs
    sets = (inputs.base_set, inputs.target, inputs.training)
    key = trained.key("torchvision") | {
        "data_sha256": [data.sha256 for data in sets],
        "neighbours": NEIGHBOURS,
        "split_seed": SPLIT_SEED,
        "maps": MAPS_OF,
    }

    kept = trained.kept_step(f"compare features of {trained.name}", "features", key, partial(_compare, trained))
    maps = kept.path(MAPS).relative_to(trained.store.folder.parent)
    found = kept.value(ComparedFeatures)
    return Features(base=found.base, target=found.target, maps=str(maps))


def _compare(trained: Trained, folder: Path, step: Step) -> ComparedFeatures:
    from .numbers.gather import gather
    from .numbers.two_models import TwoModels

    inputs, options = trained.inputs, trained.options
    lockstep = TwoModels(inputs.base.model, load_tuned(trained.tuned).model, options.device)
    layers = compared_layers(inputs.base.layers)
    total, seen = sum(len(data.images) for data in (inputs.base_set, inputs.target, inputs.training)), 0

    def on_batch(images: int) -> None:
        nonlocal seen
        seen += images
        step(seen, total)

    def gathered(data: DetectionSet, maps: int) -> Samples:
        batches = labelled_batches(data, imgsz=options.imgsz, batch=BATCH, workers=options.workers)
        return gather(lockstep, layers, batches, on_batch, maps=maps)

    base, target = gathered(inputs.base_set, MAPS_OF), gathered(inputs.target, MAPS_OF)
    training = gathered(inputs.training, 0)
    _save_maps(folder / MAPS, {"base": (inputs.base_set, base), "target": (inputs.target, target)})
    learns = np.isin(base.image, two_halves(len(inputs.base_set.images))[0])
    return ComparedFeatures(
        base=_on_set(base, len(inputs.base_set.images), _probe(base, learns, base, ~learns)),
        target=_on_set(target, len(inputs.target.images), _probe(training, ..., target, ...)),
    )


def compared_layers(layers: LayerMap) -> tuple[int, ...]:
    """The layers that the head reads, and the last one of the backbone."""
    return tuple(sorted({layers.backbone_end - 1, *layers.layers[layers.head].sources}))


def _on_set(samples: Samples, images: int, probe: Probe | None) -> SetFeatures:
    from .numbers.neighbours import neighbour_agreement

    neighbours, energy, k = [], [], 0
    for layer, pooled in samples.base.pooled.items():
        agreement = neighbour_agreement(pooled, samples.tuned.pooled[layer], NEIGHBOURS)
        if agreement is not None:
            k = agreement.k
            neighbours.append(
                NeighbourAgreement(
                    layer=layer,
                    overlap=agreement.overlap,
                    base_in_tuned=agreement.a_in_b,
                    tuned_in_base=agreement.b_in_a,
                )
            )
        shares = zip(samples.base.energy[layer], samples.tuned.energy[layer], samples.base.area[layer], strict=True)
        known = [share for share in shares if None not in share]
        if known:
            own, theirs, area = np.mean(np.array(known, np.float64), axis=0).tolist()
            energy.append(EnergyInside(layer=layer, base=own, tuned=theirs, area=area))
    return SetFeatures(images=images, neighbours_k=k, neighbours=neighbours, energy=energy, probe=probe)


def _probe(train: Samples, train_rows: Rows, test: Samples, test_rows: Rows) -> Probe | None:
    """The same classifier on both models' features; rows select objects. None if training or test has no object."""
    from .numbers.probe import linear_probe

    labels, test_labels = train.labels[train_rows], test.labels[test_rows]
    if not len(labels) or not len(test_labels):
        return None

    def score(own: Gathered, tested: Gathered) -> ProbeScore:
        return linear_probe(own.objects[train_rows], labels, tested.objects[test_rows], test_labels)

    counts = np.bincount(labels)
    return Probe(
        classes=int(np.count_nonzero(counts)),
        train_objects=len(labels),
        test_objects=len(test_labels),
        majority=float(np.mean(test_labels == np.argmax(counts))),
        base=score(train.base, test.base),
        tuned=score(train.tuned, test.tuned),
    )


def _save_maps(path: Path, sets: dict[str, tuple[DetectionSet, Samples]]) -> None:
    arrays: dict[str, Any] = {
        f"{role}.{data.images[i].image_id}.{layer}.{name}": energy.astype(np.float32)
        for role, (data, samples) in sets.items()
        for name, own in (("base", samples.base), ("tuned", samples.tuned))
        for layer, maps in own.maps.items()
        for i, energy in enumerate(maps)
    }
    require_finite_arrays(arrays, "an energy map")
    np.savez_compressed(path, **arrays)
