"""The inputs of a study: weights and data sets, found, read and checked before any work starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..artifact import ArtifactStore, file_sha256
from ..console import Console
from ..data.classes import ClassMap, normalized
from ..data.dataset import DetectionSet
from ..data.loader import load_batch
from ..data.pairing import pair_with_head
from ..data.source import open_base, open_target, open_test
from ..dualhead.checkpoint import Checkpoint, load_checkpoint, locate_weights, quiet_ultralytics
from ..dualhead.layers import LayerMap
from ..errors import InputError
from ..report.schema import DataFacts
from ..spec.study import Study
from .replay_set import open_replay

PARITY_IMAGES_PER_SET = 2


@dataclass(frozen=True)
class Inputs:
    """Everything a study reads. `base_set` has only categories that are scored."""

    base: Checkpoint
    training: DetectionSet
    target: DetectionSet
    base_set: DetectionSet
    base_classes: ClassMap
    replay: DetectionSet | None  # base images to train on, in the base head's classes; none of them is scored
    test: DetectionSet | None  # the target set's test split, of which nothing is chosen
    no_test: str | None  # why there is none, in a sentence
    parity_images: NDArray[np.float32] = field(repr=False)  # [N, 3, S, S], real images of both sets


def read_inputs(study: Study, store: ArtifactStore, console: Console) -> Inputs:
    """Read and check weights and data; raises InputError for the first thing that the user has to mend."""
    weights, target, base = _locations(study, store, console)
    with console.step("read weights"):
        quiet_ultralytics()
        checkpoint = load_checkpoint(locate_weights(weights))
        for freeze in study.freeze or ():
            checkpoint.layers.check_depth(freeze)
        _check_matched_depths(study, checkpoint.layers)
        checkpoint.layers.check_imgsz(study.imgsz)
    with console.step("read target set") as progress:
        training, scored = open_target(
            target, _path(study.target_val), _path(study.target_images), study.split, progress
        )
        test, no_test = open_test(target, study.split, progress)
    if not len(training.ground_truth):
        raise InputError(f"{target}: the training split has no boxes; nothing can be learned from it.")
    with console.step("read base set") as progress:
        base_set = open_base(base, _path(study.base_images), study.split, progress)
    for note in dict.fromkeys((*training.notes, *scored.notes, *base_set.notes)):
        console.note(f"  {note}")
    base_set, classes = _pair_base_classes(study, checkpoint, base_set, base)
    replay, base_set = open_replay(study, base, base_set, checkpoint)
    if replay is not None:
        console.note(f"  replay: {len(replay.images)} base images, none of them scored")
    some = [*scored.images[:PARITY_IMAGES_PER_SET], *base_set.images[:PARITY_IMAGES_PER_SET]]
    parity_images = load_batch(some, 0, study.imgsz).images
    _check_same_classes(study, checkpoint.class_names, scored.class_names)
    return Inputs(checkpoint, training, scored, base_set, classes, replay, test, no_test, parity_images)


def data_facts(inputs: Inputs) -> dict[str, DataFacts]:
    """The data sets as the results record them."""
    facts = {}
    sets: dict[str, DetectionSet | None]
    sets = {"training": inputs.training, "target": inputs.target, "base": inputs.base_set, "target_test": inputs.test}
    sets["replay"] = inputs.replay
    for role, data in sets.items():
        if data is None:
            continue
        facts[role] = DataFacts(
            name=data.name,
            sha256=data.sha256,
            images=len(data.images),
            boxes=len(data.ground_truth),
            crowd_boxes=int(data.ground_truth.is_crowd.sum()),
            classes=list(data.class_names),
            counts=data.counts,
            notes=list(data.notes),
            left_out_classes=list(inputs.base_classes.left_out_classes) if role == "base" else [],
            left_out_categories=list(inputs.base_classes.left_out_categories) if role == "base" else [],
        )
    return facts


def _locations(study: Study, store: ArtifactStore, console: Console) -> tuple[str, Path, Path]:
    """Weights, target and base set: the user's, or the embedded ones, generated into the artifact store."""
    if study.weights is not None and study.target is not None and study.base is not None:
        return study.weights, Path(study.target), Path(study.base)
    from .. import embedded

    def build(folder: Path) -> dict[str, Any]:
        names = ("weights", "target", "base")
        return {name: str(p.relative_to(folder)) for name, p in zip(names, embedded.prepare(folder), strict=True)}

    with console.step("make embedded data") as step:
        sources = sorted(Path(embedded.__file__).parent.iterdir())
        identity = {file.name: file_sha256(file) for file in sources if file.is_file()}
        kept, made = store.produce("embedded", identity, build)
        step.kept = not made
    places = {name: kept.path(str(place)) for name, place in kept.facts.items()}
    return str(places["weights"]), places["target"], places["base"]


def _pair_base_classes(
    study: Study, checkpoint: Checkpoint, base_set: DetectionSet, path: Path
) -> tuple[DetectionSet, ClassMap]:
    """The base set cut to what is scored, and its pairing with the base head."""
    return pair_with_head(
        checkpoint.class_names,
        base_set,
        unmatched=study.unmatched_classes,
        head="the base head",
        where=str(path),
    )


def _check_matched_depths(study: Study, layers: LayerMap) -> None:
    for depth in study.match_capacity:
        layers.check_depth(depth, "match_capacity")
        if depth == layers.head and study.head_init == "reinit":
            raise InputError(
                f"match_capacity = {depth}: with head_init = reinit the new head has as many weights as freeze {depth} "
                "trains, so nothing else could; give a smaller depth, or another head_init."
            )
    study.trainings(study.freeze or layers.default_depths())


def _check_same_classes(study: Study, base_names: tuple[str, ...], target_names: tuple[str, ...]) -> None:
    for pair in study.same_classes:
        target, _, base = pair.partition("=")
        for name, names, whose in ((target, target_names, "target"), (base, base_names, "base head")):
            if normalized(name) not in map(normalized, names):
                known = ", ".join(names[:12]) + (" ..." if len(names) > 12 else "")
                raise InputError(f"same_classes: '{pair}': the {whose} has no class '{name}'; its classes are {known}.")


def _path(value: str | None) -> Path | None:
    return None if value is None else Path(value)
