"""What `init` reads before it writes a study file: the content of the data, and the depths of the model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from ..data.dataset import DetectionSet
from ..data.source import Progress, is_coco, open_base, open_target
from ..errors import InputError
from .study_file import class_list

_SCALED = re.compile(r"(yolov?[0-9]+)[nsmblxtce]?(u?)(-.*)?$")


def target_facts(values: dict[str, Any], on_progress: Progress | None = None) -> list[str]:
    """Sentences about the splits of the target set. Raises InputError where it cannot be read."""
    paths = {name: Path(values[name]) if values[name] else None for name in _PLACES}
    training, scored = open_target(
        Path(values["target"]),
        paths["target_val"],
        paths["target_images"],
        values["split"],
        on_progress,
        validation_images=paths["target_val_images"],
    )
    classes = training.class_names
    return [
        f"Training: {_size(training)}. Scored: {_size(scored)}.",
        f"{len(classes)} class{'' if len(classes) == 1 else 'es'}: {class_list(classes)}.",
        *_few(training, scored),
    ]


_PLACES = ("target_val", "target_images", "target_val_images")


def base_facts(values: dict[str, Any], on_progress: Progress | None = None) -> list[str]:
    """Sentences about the base set; a set that would have to be downloaded is not read."""
    path = Path(values["base"])
    images = Path(values["base_images"]) if values["base_images"] else None
    try:
        base = open_base(path, images, values["split"], on_progress)
    except InputError:
        if path.parent == Path() and not is_coco(path) and not path.exists():
            return ["Not on this machine: `run` asks before Ultralytics downloads it. A COCO json will do as well."]
        raise
    names = base.class_names
    return [f"Scored: {_size(base)}. {len(names)} classes: {class_list(names)}."]


def depths_of(weights: str) -> tuple[tuple[int, ...], str] | None:
    """The usual freeze depths of a checkpoint and a sentence about its layers; None where they are unknown.

    A file is read; the name of a model that Ultralytics releases is looked up in its package without loading it.
    """
    if Path(weights).is_file():
        from ..dualhead.checkpoint import load_checkpoint

        try:
            layers = load_checkpoint(Path(weights)).layers
        except ImportError:
            return None
        return layers.default_depths(), _depths_say(layers.backbone_end, layers.head)
    described = _shipped_model(weights)
    if described is None:
        return None
    backbone, head = described["backbone"], described["head"]
    last = len(backbone) + len(head) - 1
    depths = tuple(sorted({last, int(head[-1][0][0]), len(backbone)}, reverse=True))
    return depths, _depths_say(len(backbone), last)


def _depths_say(backbone_end: int, head: int) -> str:
    return (
        f"This model: backbone 0 to {backbone_end - 1}, neck {backbone_end} to {head - 1}, head {head}. The deepest is "
        f"{head} (the head alone trains), the shallowest 0; below {backbone_end} the backbone trains as well."
    )


def _shipped_model(weights: str) -> dict[str, Any] | None:
    """The description of a model that Ultralytics releases under a name such as yolo11n.pt."""
    spec = find_spec("ultralytics")
    folders = list(spec.submodule_search_locations or []) if spec is not None else []
    if not folders or Path(weights).parent != Path() or Path(weights).suffix != ".pt":
        return None
    stem = Path(weights).stem
    scaled = _SCALED.fullmatch(stem)
    names = [stem, *([scaled[1] + (scaled[3] or "")] if scaled is not None else [])]
    for name in names:
        for file in sorted((Path(folders[0]) / "cfg" / "models").glob(f"*/{name}.yaml")):
            described = yaml.safe_load(file.read_text())
            if isinstance(described, dict) and described["head"][-1][2] in ("Detect", "v10Detect"):
                return described
    return None


def _size(data: DetectionSet) -> str:
    images, boxes = len(data.images), len(data.ground_truth)
    return f"{images} image{'' if images == 1 else 's'} with {boxes} box{'' if boxes == 1 else 'es'}"


def _few(training: DetectionSet, scored: DetectionSet) -> Sequence[str]:
    """What a small number of scored images means for the results."""
    if len(scored.images) >= 500:
        return ()
    return (
        f"{len(scored.images)} scored images decide little: intervals will be wide, and small differences will remain "
        "undecided. More images and several seeds help.",
    )
