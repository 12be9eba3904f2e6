"""Find images that occur twice in a data set, or in two splits, by the bytes of their files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

from .dataset import DetectionSet, ImageRecord


def short(image: ImageRecord) -> str:
    """An image's file name with its folder's name: the same on every machine."""
    return str(image.image_id) if image.path is None else f"{image.path.parent.name}/{image.path.name}"


def with_copies_noted(data: DetectionSet) -> DetectionSet:
    """The data set with a note on files that are copies of each other. All of them are used."""
    first: dict[str, ImageRecord] = {}
    copies = [image for image in data.images if first.setdefault(image.sha256, image) is not image]
    if not copies or not copies[0].sha256:
        return data
    original = first[copies[0].sha256]
    note = (
        f"{data.name}: {len(copies)} image(s) are copies of others in the set, and each counts "
        f"(first: {short(copies[0])} is {short(original)})"
    )
    return replace(data, counts=data.counts | {"copies": len(copies)}, notes=(*data.notes, note))


def shared_images(sets: Mapping[str, DetectionSet]) -> list[str]:
    """A note for each pair of data sets that share images, by the names of their roles."""
    sentences = []
    for (name, data), (other_name, other) in combinations(sets.items(), 2):
        known = {image.sha256: image for image in other.images}
        shared = [image for image in data.images if image.sha256 in known]
        if shared:
            all_of = "all " if len(shared) == len(data.images) else ""
            first = shared[0]
            sentences.append(
                f"{all_of}{len(shared)} of the {len(data.images)} {name} images are among the {other_name} images "
                f"(first: {short(first)} is {short(known[first.sha256])}); numbers on them do not describe unseen "
                f"images."
            )
    return sentences
