"""The checkpoints of a study, read and checked; if there are several, each gets a short name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config.study import Study
from ..config.training import TrainingOptions
from ..console import Step
from ..dualhead.backbone import Backbone, load_backbone
from ..dualhead.branch import check_branch
from ..dualhead.checkpoint import Checkpoint, load_checkpoint, locate_weights
from ..dualhead.detector_with import detector_with
from ..dualhead.layers import LayerMap
from ..dualhead.quiet import quiet_ultralytics
from ..errors import InputError
from ..export.onnx_export import check_opset
from ..results.recipe import GRADUAL, LP_FT, STATIC

_HASH_DIGITS = 8


@dataclass(frozen=True)
class Weights:
    """One checkpoint as it was given. `name` is None in a study of one, which needs no names."""

    given: str
    name: str | None
    checkpoint: Checkpoint
    file: Path  # where it was found

    @property
    def head(self) -> str:
        """How messages refer to its head."""
        return "the base head" if self.name is None else f"the base head of {self.name}"


def read_weights(study: Study, given: Sequence[str], step: Step) -> tuple[Weights, ...]:
    """Every checkpoint, in order. Raises InputError for one that is unavailable or does not suit the study."""
    if any(engine != "torch" for engine in study.deployment.engine):
        check_opset(study.deployment.opset, "opset")
    quiet_ultralytics()
    files = [locate_weights(name) for name in given]
    read_files = []
    for file in files:
        read_files.append(_load(file, study.data.trust_checkpoint, others=len(files) > 1))
        step(len(read_files), len(files))
    hashes = [one.sha256 for one in read_files]
    names = unique_names(files, hashes) if len(files) > 1 else [None]
    checkpoints = _as_detectors(read_files, names, study.training)
    read = []
    for text, checkpoint, name, file in zip(given, checkpoints, names, files, strict=True):
        try:
            for freeze in study.training.freeze or ():
                checkpoint.layers.check_depth(freeze)
            _check_matched_depths(study.training, checkpoint.layers)
            checkpoint.layers.check_imgsz(study.training.imgsz)
            check_branch(checkpoint.model, study.deployment.head_branch)
        except InputError as error:
            raise error if name is None else InputError(f"{name}: {error}") from None
        read.append(Weights(text, name, checkpoint, file))
    return tuple(read)


def _load(file: Path, trust: bool, *, others: bool) -> Checkpoint | Backbone:
    """A detector or, where there are `others`, the backbone of a model for another task."""
    try:
        return load_checkpoint(file, trust=trust)
    except InputError as error:
        if others and (backbone := _backbone_of_another_task(file, trust)) is not None:
            return backbone
        raise InputError(f"weights: {error}") from None


def _backbone_of_another_task(file: Path, trust: bool) -> Backbone | None:
    try:
        found = load_backbone(file, trust=trust)
    except InputError:  # report the error for a detector instead
        return None
    return found if found.task in ("classify", "segment", "pose", "obb") else None


def _as_detectors(
    read: Sequence[Checkpoint | Backbone], names: Sequence[str | None], training: TrainingOptions
) -> list[Checkpoint]:
    """Every checkpoint as a detector: a backbone from another task is placed into the first detector."""
    like = next(((one, name) for one, name in zip(read, names, strict=True) if isinstance(one, Checkpoint)), None)
    found = []
    for one, name in zip(read, names, strict=True):
        if isinstance(one, Checkpoint):
            found.append(one)
            continue
        if like is None:
            raise InputError(
                f"weights: {name} is not a detector, and neither is any other; name the detector whose neck it gets."
            )
        made = detector_with(one, like[0], (str(name), str(like[1])))
        _check_taken(made, str(name), training)
        found.append(made)
    return found


def _check_taken(made: Checkpoint, name: str, training: TrainingOptions) -> None:
    """Raise InputError for options that do not work with a detector whose neck and head start from the seed."""
    layers = made.taken.layers if made.taken is not None else 0
    deepest = max(training.depths(made.layers.default_depths()), default=0)
    if deepest > layers:
        raise InputError(
            f"freeze = {deepest} is not possible for {name}: layers {layers} to {made.layers.head} start from the seed "
            f"there and must train; give --freeze with depths up to {layers}."
        )
    other = next((recipe.name for recipe in training.recipes if recipe not in (STATIC, LP_FT, GRADUAL)), None)
    if other is None and training.match_capacity:
        other = "matched"
    if other is not None:
        raise InputError(
            f"recipe {other} needs the base detector's own neck and head, which {name} lacks; leave the recipe or "
            f"{name} out."
        )


def _check_matched_depths(training: TrainingOptions, layers: LayerMap) -> None:
    for depth in training.match_capacity:
        layers.check_depth(depth, "match_capacity")
        if depth == layers.head and training.head_init == "reinit":
            raise InputError(
                f"match_capacity = {depth}: with head_init = reinit the new head has as many weights as freeze {depth} "
                "trains, so nothing else could; give a smaller depth, or another head_init."
            )
    training.trainings(training.freeze or layers.default_depths())


def unique_names(files: Sequence[Path], hashes: Sequence[str], option: str = "weights") -> list[str]:
    """A short name for each file of an option: its stem, preceded by a folder where several files share the stem.

    The folder is the nearest level at which all these files differ: `run1/weights/best.pt` and `run2/weights/best.pt`
    become run1/best and run2/best. Without such a level, the hash distinguishes them. Raises InputError when two files
    are the same checkpoint.
    """
    for position, own in enumerate(hashes):
        if own in hashes[:position]:
            twin = files[hashes.index(own)]
            raise InputError(f"{option}: {twin} and {files[position]} are the same checkpoint; name it once.")
    alike = {stem: [file for file in files if file.stem == stem] for stem in {file.stem for file in files}}
    return [_name(file, own, alike[file.stem]) for file, own in zip(files, hashes, strict=True)]


def _name(file: Path, sha256: str, alike: Sequence[Path]) -> str:
    if len(alike) == 1:
        return file.stem
    ancestors = [[parent.name for parent in other.absolute().parents] for other in alike]
    for level, folder in enumerate(parent.name for parent in file.absolute().parents):
        others = {names[level] for names in ancestors if level < len(names)}
        if folder and len(others) == len(alike):
            return f"{folder}/{file.stem}"
    return f"{file.stem}-{sha256[:_HASH_DIGITS]}"
