"""Example images for the page: every picture is stored once, and models have the names of the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...results.examples import ExampleBox, ExampleImage, Examples
from ...results.schema import Original, Row
from ..view import View


@dataclass(frozen=True)
class Gallery:
    """The data that the page's script draws: pictures by number, and images that refer to them.

    A box is [class name, left, top, width, height, score or null, state].
    """

    pictures: list[str]
    models: list[str]
    images: list[dict[str, Any]]
    settings: str


def gallery_of(view: View, examples: Mapping[str, Examples]) -> Gallery:
    """The gallery of several studies' examples."""
    pictures: dict[str, int] = {}
    models: dict[str, int] = {}
    images: list[dict[str, Any]] = []
    settings: dict[str, None] = {}
    for source, own in examples.items():
        names = _names(source, view, own)
        settings[
            f"Drawn: scores of at least {own.score_threshold:g}. A hit overlaps an annotation of its class by an IoU "
            f"of at least {own.iou_threshold:g}, and no better detection has taken that annotation."
        ] = None
        for image in own.images:
            picture = pictures.setdefault(image.picture, len(pictures))
            images.append(_image(source if len(examples) > 1 else "", image, picture, own, names, models))
    return Gallery(list(pictures), list(models), images, " ".join(settings))


def _names(source: str, view: View, examples: Examples) -> list[str]:
    """Every model under the name of its first row, with the names of other rows of the same model."""
    results = next(study.results for study in view.studies if study.name == source)
    names = {id(row.record): row.name for row in view.measured()}

    def record_at(position: int) -> Row | Original:
        return results.rows[position] if position >= 0 else results.originals[-1 - position]

    return [" = ".join(names[id(record_at(position))] for position in model.rows) for model in examples.models]


def _image(
    source: str, image: ExampleImage, picture: int, examples: Examples, names: list[str], models: dict[str, int]
) -> dict[str, Any]:
    classes = examples.classes[image.role]
    found = {
        models.setdefault(names[int(position)], len(models)): {
            "heads": {
                head: [_box(box, examples.head_classes[head]) for box in boxes] for head, boxes in own.heads.items()
            },
            "missed": own.missed,
        }
        for position, own in image.found.items()
    }
    return {
        "role": image.role,
        "source": source,
        "file": image.file,
        "width": image.width,
        "height": image.height,
        "picture": picture,
        "why": image.why,
        "truth": [_box(box, classes) for box in image.truth],
        "found": {str(position): own for position, own in found.items()},
        "suggest": [models[names[position]] for position in image.suggest if names[position] in models],
    }


def _box(box: ExampleBox, classes: list[str]) -> list[Any]:
    name = classes[box.label] if 0 <= box.label < len(classes) else ""
    return [name, box.left, box.top, box.width, box.height, box.score, box.state]
