"""Base images that a training replays, which are never those that are scored."""

from __future__ import annotations

from pathlib import Path

from ..config.training import TrainingOptions
from ..data.classes import map_classes
from ..data.dataset import DetectionSet
from ..data.source import Progress, is_coco, read_split, split_names
from ..data.subset import keep_images, nested_order, relabelled
from ..errors import InputError
from .weights import Weights


def read_replay(training: TrainingOptions, base: Path, on_progress: Progress | None = None) -> DetectionSet | None:
    """The images of --replay-set, or of the training split of a base set given as a data YAML.

    None where nothing is replayed, or where --replay-holdout supplies the images. Raises InputError without a source.
    """
    if not training.replay or training.replay_holdout:
        return None
    if training.replay_set is not None:
        path = Path(training.replay_set)
        images = None if training.replay_images is None else Path(training.replay_images)
        return read_split(path, "train", images, on_progress)
    if not is_coco(base) and "train" in split_names(base):
        return read_split(base, "train", None, on_progress)
    raise InputError(
        f"--replay needs base images that are not scored, and {base} has no training split: name some with "
        "--replay-set (and --replay-images), or hold some out of scoring with --replay-holdout 0.25."
    )


def replay_for(
    training: TrainingOptions, replay: DetectionSet | None, base_set: DetectionSet, weights: Weights
) -> tuple[DetectionSet | None, DetectionSet]:
    """The images to replay, labelled in the classes of a checkpoint's head, and the base set that is left for scoring.

    `replay` holds the images read for that purpose. Without them, --replay-holdout takes its share from the base set,
    and no row is scored on it. Raises InputError when a replayed image is also scored (compared by content, not by
    name), when no image is left to score, or when no box has a class of the head.
    """
    if not training.replay:
        return None, base_set
    if replay is None:
        order = nested_order(base_set, 0)
        held_out = max(1, round(training.replay_holdout * len(order)))
        if held_out >= len(order):
            raise InputError(
                f"replay_holdout = {training.replay_holdout} leaves no base image to score; give a smaller share."
            )
        replay = keep_images(base_set, order[:held_out].tolist())
        base_set = keep_images(base_set, order[held_out:].tolist())
    scored = {image.sha256 for image in base_set.images}
    twice = [image for image in replay.images if image.sha256 in scored]
    if twice:
        raise InputError(
            f"{len(twice)} of the images to replay are scored too (first: {twice[0].path}), so the base mAP would be "
            "that of training images; name another --replay-set, or use --replay-holdout."
        )
    names = weights.checkpoint.class_names
    classes = map_classes(names, replay.class_names, unmatched="ignore", head=weights.head, data=replay.name)
    replay = relabelled(replay, classes.head_to_data, names)
    if not len(replay.ground_truth):
        raise InputError(
            f"{replay.name}: no box has a class of {weights.head}, so there is nothing to replay; name another "
            "--replay-set, or leave --replay out."
        )
    return replay, base_set
