"""The inputs of a study: weights and data sets, located, read and checked before any work starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..artifact import ArtifactStore
from ..config.data import DataOptions, Unmatched
from ..config.study import Study
from ..console import Console, Step
from ..data.classes import ClassMap, normalized
from ..data.dataset import DetectionSet
from ..data.loader import load_batch
from ..data.overlap import shared_images
from ..data.pairing import pair_with_head, share_a_class, unpaired
from ..data.shipped import fetch
from ..data.source import is_coco, open_base, open_target, open_test, require_boxes, split_names
from ..dualhead.checkpoint import Checkpoint
from ..errors import InputError
from ..files import file_sha256
from ..finetune.arm import Arm
from ..text.ask import agreed
from .given import GivenArm, no_common_seed, read_given
from .kept_step import kept_step
from .preflight import check_start
from .replay_set import read_replay, replay_for
from .weights import Weights, read_weights

PARITY_IMAGES_PER_SET = 2


@dataclass(frozen=True)
class Inputs:
    """Everything that a study reads for one checkpoint; with several checkpoints, each has its own with the same data.

    `base_set` has only the categories that are scored: none where the base head shares no class with it.
    """

    weights: Weights
    training: DetectionSet
    target: DetectionSet
    base_set: DetectionSet
    base_classes: ClassMap
    replay: DetectionSet | None  # base images to train on, in the base head's classes; none of them is scored
    test: DetectionSet | None  # the target set's test split, on which nothing is selected
    no_test: str | None  # a sentence that says why there is none
    data_warnings: tuple[str, ...]  # sentences about the data that a reader of the numbers should know
    parity_images: NDArray[np.float32] = field(repr=False)  # [N, 3, S, S], real images of both sets
    given: tuple[GivenArm, ...] = ()  # checkpoints that were fine-tuned from this one elsewhere

    @property
    def base(self) -> Checkpoint:
        """The base checkpoint."""
        return self.weights.checkpoint

    @property
    def name(self) -> str | None:
        """The checkpoint's name in rows; None in a study of one."""
        return self.weights.name

    def given_arm(self, arm: Arm) -> GivenArm | None:
        """The given checkpoint of an arm; None for an arm that is trained."""
        return next((given for given in self.given if given.arm == arm), None)

    @property
    def no_base_accuracy(self) -> str | None:
        """A sentence that says why the base head cannot be scored; None where it can."""
        if self.base_set.class_names:
            return None
        if self.base.taken is not None:
            return (
                f"{self.name} gave its backbone ({self.base.taken.sentence()}) and has no base head: its rows have the "
                "target head's accuracy only, and are not considered for the recommendation."
            )
        return (
            f"{self.weights.head} shares no class with {self.base_set.name}, so it has no base mAP: the rows of "
            f"{self.name} have the target head's accuracy only, and are not considered for the recommendation."
        )


def read_inputs(study: Study, store: ArtifactStore, console: Console) -> tuple[Inputs, ...]:
    """Read and check weights and data; return one value per checkpoint. Data sets are read once.

    Raises InputError for the first problem that the user has to fix.
    """
    names, target, base = _locations(study.data, store, console)
    with console.step("read weights") as progress:
        checkpoints = read_weights(study, names, progress)
    _fetch(study.data, target, base)
    with console.step("read target set") as progress:
        training, scored = open_target(
            target,
            _path(study.data.target_val),
            _path(study.data.target_images),
            study.data.split,
            progress,
            validation_images=_path(study.data.target_val_images),
        )
        test, no_test = open_test(target, study.data.split, progress)
    with console.step("read base set") as progress:
        base_set = open_base(base, _path(study.data.base_images), study.data.split, progress)
    to_replay = read_replay(study.training, base)
    sets = {"training": training, "target": scored, "target test": test, "base": base_set, "replay": to_replay}
    given = {role: data for role, data in sets.items() if data is not None}
    for note in dict.fromkeys(note for data in given.values() for note in data.notes):
        console.note(f"  {note}")
    warnings = [*require_boxes(given, study.data.allow_empty_split), *shared_images(given)]
    tuned: dict[str | None, tuple[GivenArm, ...]] = {}
    if study.training.tuned:
        with console.step("read tuned checkpoints") as progress:
            tuned = read_given(study, checkpoints, scored.class_names, store, progress)
        warnings += _of_given([one for arms in tuned.values() for one in arms], study, console)
    every = []
    for weights in checkpoints:
        own_base, classes = _pair_base_classes(study.data.unmatched_classes, weights, checkpoints, base_set, base)
        replay, own_base = replay_for(study.training, to_replay, own_base, weights)
        if replay is not None:
            console.note(f"  replay: {len(replay.images)} base images, none of them scored")
        some = [*scored.images[:PARITY_IMAGES_PER_SET], *own_base.images[:PARITY_IMAGES_PER_SET]]
        parity_images = load_batch(some, 0, study.training.imgsz).images
        check_start(study, weights.checkpoint, weights.head, scored.class_names, parity_images)
        every.append(
            Inputs(
                weights,
                training,
                scored,
                own_base,
                classes,
                replay,
                test,
                no_test,
                tuple(warnings),
                parity_images,
                tuned.get(weights.name, ()),
            )
        )
    known = dict.fromkeys(name for weights in checkpoints for name in weights.checkpoint.class_names)
    _check_same_classes(study.statistics.same_classes, tuple(known), scored.class_names)
    return tuple(every)


# Hash of the program that trained the demo's weights, as it was then; it enters the key with the weights' own hash.
_WEIGHTS_MADE_BY = {"train_base.py": "5a180dd455ac824c35315344e1d721d8518f3229d1884d24203c4d8adb0e1f90"}


def _locations(data: DataOptions, store: ArtifactStore, console: Console) -> tuple[tuple[str, ...], Path, Path]:
    """Weights, target and base set: the user's, or the embedded ones, which are generated into the artifact store."""
    if data.weights is not None and data.target is not None and data.base is not None:
        return data.weights, Path(data.target), Path(data.base)
    from .. import demo

    def build(folder: Path, _: Step) -> dict[str, str]:
        names = ("weights", "target", "base")
        return {name: str(p.relative_to(folder)) for name, p in zip(names, demo.prepare(folder), strict=True)}

    sources = sorted(Path(demo.__file__).parent.iterdir())
    identity = {file.name: file_sha256(file) for file in sources if file.is_file()} | _WEIGHTS_MADE_BY
    kept = kept_step(console, store, "make embedded data", "embedded", identity, build)
    places = {name: kept.path(place) for name, place in kept.value(dict[str, str]).items()}
    return (str(places["weights"]),), places["target"], places["base"]


def _of_given(every: Sequence[GivenArm], study: Study, console: Console) -> list[str]:
    """Warnings about given checkpoints; the depths that were found are printed."""
    for one in every:
        how = "as stated" if one.facts.stated_freeze is not None else "found by comparing weights"
        console.note(f"  {one.facts.file}: freeze {one.arm.freeze}, {how}; seed {one.arm.seed}")
    remarks = [remark for one in every for remark in one.remarks]
    return [*remarks, *no_common_seed(every, study.training.seeds if study.training.freeze else ())]


def _fetch(data: DataOptions, target: Path, base: Path) -> None:
    """Download missing sets that Ultralytics ships, if the user agrees; a target that is nowhere fails first."""
    for path in (target, base):
        fetch(path, lambda question: data.yes or agreed(question))
        if not is_coco(path):
            split_names(path)


def _pair_base_classes(
    unmatched: Unmatched, weights: Weights, others: tuple[Weights, ...], base_set: DetectionSet, path: Path
) -> tuple[DetectionSet, ClassMap]:
    """The base set reduced to the scored categories, and its pairing with the base head.

    A head that shares no class with the set is an error, unless unmatched classes are ignored and another checkpoint's
    head shares some: then it is the right set, and this checkpoint was pre-trained on other classes.
    """
    names, data = weights.checkpoint.class_names, base_set.class_names
    if weights.checkpoint.taken is not None:
        return unpaired(names, base_set)
    is_right_set = any(share_a_class(other.checkpoint.class_names, data) for other in others)
    if unmatched == "ignore" and is_right_set and not share_a_class(names, data):
        return unpaired(names, base_set)
    return pair_with_head(names, base_set, unmatched=unmatched, head=weights.head, where=str(path))


def _check_same_classes(same: tuple[str, ...], base_names: tuple[str, ...], target_names: tuple[str, ...]) -> None:
    for pair in same:
        target, _, base = pair.partition("=")
        for name, names, whose in ((target, target_names, "target"), (base, base_names, "base head")):
            if normalized(name) not in map(normalized, names):
                known = ", ".join(names[:12]) + (" ..." if len(names) > 12 else "")
                raise InputError(f"same_classes: '{pair}': the {whose} has no class '{name}'; its classes are {known}.")


def _path(value: str | None) -> Path | None:
    return None if value is None else Path(value)
