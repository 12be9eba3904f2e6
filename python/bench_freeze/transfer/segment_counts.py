"""Compare label maps with the truth: intersections and unions by ring and class, and the numbers computed from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.letterbox import Letterbox
from ..data.segmentation_set import MaskedSplit, SegmentationSet
from ..results.estimated import Compared
from ..results.transfer_accuracy import Band, SegmentationAccuracy
from .iou import MeanIou
from .statistics import compared_by, estimated
from .trimap import WIDTHS, overlaps, rings_of

Labels = NDArray[np.uint8]
Counts = NDArray[np.int64]
Overlap = tuple[Counts, Counts]  # ([..., B, K], [..., B, K]) pixels in intersections and unions by ring and class
Overlaps = Mapping[tuple[str, float], Overlap]  # [S, N, B, K] by source and share


@dataclass(frozen=True)
class ScoredMasks:
    """The truth of the scored images, with the ring of every pixel."""

    classes: int
    truth: Sequence[Labels]
    rings: Sequence[NDArray[np.uint8]]

    @classmethod
    def of(cls, data: SegmentationSet) -> ScoredMasks:
        """The masks of a set's scored split."""
        truth = [data.test.mask(k) for k in range(len(data.test))]
        return cls(len(data.class_names), truth, [rings_of(mask) for mask in truth])

    def overlap(self, labels: Iterable[Labels]) -> Overlap:
        """Intersections and unions, [N, B, K] each, of label maps in the order of the images."""
        counted = [
            overlaps(mask, ring, found, self.classes)
            for mask, ring, found in zip(self.truth, self.rings, labels, strict=True)
        ]
        return np.array([both for both, _ in counted]), np.array([either for _, either in counted])


def placed(part: MaskedSplit, k: int, imgsz: int) -> Letterbox:
    """The placement of image k of a split on its canvas."""
    return Letterbox.fit(part.images[k].width, part.images[k].height, imgsz)


def whole(found: Overlap) -> MeanIou:
    """The mean IoU over all rings, from counts [S, N, B, K]."""
    return _within(len(WIDTHS), found)


def accuracy(table: Overlaps, classes: Sequence[str], images: int) -> list[SegmentationAccuracy]:
    """The accuracy of every source at every share."""
    return [
        SegmentationAccuracy(
            source=name,
            data_fraction=share,
            miou=estimated(whole(found), images),
            per_class={
                own: None if np.isnan(value) else float(value)
                for own, value in zip(classes, whole(found).per_class(), strict=True)
            },
            bands=[band_of(k, found, images) for k in range(len(WIDTHS))],
        )
        for (name, share), found in table.items()
    ]


def comparisons(tables: Mapping[str, Overlaps], images: int) -> dict[str, list[Compared]]:
    """Comparisons on whole images by table; p-values are adjusted over all tables."""
    named = {
        own: [(name, share, whole(found)) for (name, share), found in table.items()] for own, table in tables.items()
    }
    return compared_by(named, images)


def band_comparisons(tables: Mapping[str, Overlaps], images: int) -> dict[str, dict[str, list[Compared]]]:
    """Comparisons inside bands, by table and width; p-values are adjusted over all tables of a width."""
    by_table: dict[str, dict[str, list[Compared]]] = {name: {} for name in tables}
    for k, width in enumerate(WIDTHS):
        if not all(either[:, :, : k + 1].any() for table in tables.values() for _, either in table.values()):
            continue
        inside = {
            own: [(name, share, _within(k, found)) for (name, share), found in table.items()]
            for own, table in tables.items()
        }
        for own, compared in compared_by(inside, images).items():
            by_table[own][str(width)] = compared
    return by_table


def _within(k: int, found: Overlap) -> MeanIou:
    """The mean IoU inside the band of width WIDTHS[k], or of the whole image for k = len(WIDTHS)."""
    both, either = (counts[:, :, : k + 1].sum(axis=2).astype(float) for counts in found)
    return MeanIou(both, either)


def band_of(k: int, found: Overlap, images: int) -> Band:
    """The mean IoU inside the band of width WIDTHS[k], and outside of it."""
    inside = _within(k, found)
    both, either = (counts[:, :, k + 1 :].sum(axis=2).astype(float) for counts in found)
    beyond = MeanIou(both, either)
    return Band(
        width=WIDTHS[k],
        boundary=estimated(inside, images) if inside.images else None,
        interior=estimated(beyond, images) if beyond.images else None,
    )
