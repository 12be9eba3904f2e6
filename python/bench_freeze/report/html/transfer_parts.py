"""The parts of a transfer's page, one for each thing that was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...results.estimated import Compared
from ...results.transfer import Clustering, Embedding, SideBySide, Transfer
from ...results.transfer_accuracy import SegmentationAccuracy
from ...results.tuned import FineTuned
from ...text.visible import cell
from ..formats import p_value, short
from ..transfer_text import look_table, shown
from .plotly import PALETTE
from .transfer_drawn import Map, Neighbour, Neighbours, Part, Plot, Table, differences, part, plot, table
from .transfer_pictures import TransferPictures

MAP_SIDE = 300.0
MOST_MAPS = 24  # t-SNE maps: one of 2,000 images takes about 200 kB


def classification_part(transfer: Transfer) -> Part | None:
    """Classification of whole images, frozen and fine-tuned; None where it was not requested."""
    found = transfer.classification
    if found is None:
        return None
    rows = [
        (
            own.source,
            words,
            f"{own.data_fraction:g}",
            *shown(own.top1),
            *(short(own.per_class[c], "fraction") for c in found.classes),
        )
        for words, accuracy, _ in found.tables()
        for own in accuracy
    ]
    return part(
        f"Classification: {found.data}",
        f"Top-1 of a linear reader: {found.train_images} training and {found.test_images} scored images; always naming "
        f"one class gives {short(found.majority, 'fraction')}.{_recipe(found.fine_tuned)}",
        [
            plot(
                f"Top-1 by share of the training images, {words}",
                "share of the training images",
                [(own.source, own.data_fraction, own.top1) for own in accuracy],
            )
            for words, accuracy, _ in found.tables()
        ],
        [
            table(("source", "backbone", "share", "top-1", "95 % interval", *found.classes), rows),
            *(differences(comparisons, "share", words) for words, _, comparisons in found.tables()),
        ],
    )


def _recipe(found: FineTuned | None) -> str:
    return "" if found is None else f" {found.sentence()}"


def crops_part(transfer: Transfer) -> Part | None:
    """Objects in views that they fill to different shares; None where they were not requested."""
    found = transfer.crops
    if found is None:
        return None
    groups = list(dict.fromkeys(group.objects for own in found.accuracy for group in own.by_objects))
    rows = []
    for own in found.accuracy:
        by = {group.objects: f"{short(group.top1.value, 'fraction')} of {group.samples}" for group in own.by_objects}
        rows.append((own.source, f"{own.fill:g}", *shown(own.top1), *(by.get(name, "") for name in groups)))
    return part(
        f"Objects: {found.data}",
        f"Top-1 of a linear probe of {found.test_objects} objects, in views that they fill more and less.",
        [
            plot(
                "Top-1 by the share of the view that the object fills",
                "share of the view",
                [(o.source, o.fill, o.top1) for o in found.accuracy],
            )
        ],
        [
            table(("source", "fills", "top-1", "95 % interval", *(f"{name} in view" for name in groups)), rows),
            differences(found.comparisons, "fills"),
            *(_measure(f"loss of top-1: {name}", own) for name, own in found.losses.items()),
        ],
    )


def segmentation_part(transfer: Transfer) -> Part | None:
    """Segmentation by a linear decoder on frozen and fine-tuned backbones; None where it was not requested."""
    found = transfer.segmentation
    if found is None:
        return None
    rows = [
        (own.source, words, f"{own.data_fraction:g}", *shown(own.miou))
        for words, accuracy, _ in found.tables()
        for own in accuracy
    ]
    most = max(own.data_fraction for own in found.accuracy)
    on_most = [(words, own) for words, accuracy, _ in found.tables() for own in accuracy if own.data_fraction == most]
    classes = [(name, *(short(own.per_class[name], "fraction") for _, own in on_most)) for name in found.classes]
    return part(
        f"Segmentation: {found.data}",
        f"Mean IoU of a linear decoder: {found.train_images} training and {found.test_images} scored images."
        f"{_recipe(found.fine_tuned)}",
        [own for words, accuracy, _ in found.tables() for own in _iou_plots(words, accuracy, most)],
        [
            table(("source", "backbone", "share", "mIoU", "95 % interval"), rows),
            *(differences(comparisons, "share", words) for words, _, comparisons in found.tables()),
            table((f"IoU, share {most:g}", *(f"{own.source}, {words}" for words, own in on_most)), classes),
        ],
    )


def _iou_plots(words: str, accuracy: Sequence[SegmentationAccuracy], most: float) -> Iterator[Plot]:
    """Plots by share and, on the largest share, by distance from boundaries."""
    by_share = [(own.source, own.data_fraction, own.miou) for own in accuracy]
    yield plot(f"Mean IoU by share of the training images, {words}", "share of the training images", by_share)
    bands = [
        (own.source, float(band.width), band.boundary)
        for own in accuracy
        for band in own.bands
        if own.data_fraction == most and band.boundary is not None
    ]
    if bands:
        yield plot(f"Mean IoU near boundaries, share {most:g}, {words}", "pixels from a boundary, less than", bands)


def side_part(transfer: Transfer, pictures: TransferPictures) -> Part | None:
    """Neighbours, distances, CKA, clusters and maps of the sources' features; None where they were not requested."""
    found = transfer.side_by_side
    if found is None:
        return None
    rows = []
    for pair in found.pairs:
        both = [
            " ".join(shown(own)) if own is not None else "none" for own in (pair.a_in_b, pair.b_in_a, pair.direction)
        ]
        numbers = (None if pair.overlap is None else pair.overlap.value, pair.distance_correlation)
        rows.append(
            (f"{pair.a}, {pair.b}", *both, p_value(pair.direction_p), *(short(value, "fraction") for value in numbers))
        )
    layers = [
        (f"{pair.a}, {pair.b}", " ".join(f"{own.a}|{own.b}: {short(own.cka, 'fraction')}" for own in pair.cka))
        for pair in found.pairs
    ]
    names = transfer.classification.classes if transfer.classification is not None else []
    headings = (
        "a, b", "alike in a, in b too", "the converse", "difference", "p (Holm)", "neighbours shared",
        "distance correlation",
    )  # fmt: skip
    maps = [(own, k) for own in found.embeddings for k in range(len(own.points))]
    return part(
        "Features side by side",
        f"{found.images} images, each source at its last layer; the two directions are 1 in full agreement and 0.5 by "
        "chance. Each map is t-SNE of one seed: seeds differ"
        + (f" (the first {MOST_MAPS} maps of {len(maps)})." if len(maps) > MOST_MAPS else "."),
        [],
        [
            table(headings, rows),
            table(("a, b", "CKA by layer a|b"), layers),
            table(("source", "clusters", "purity by seed", "NMI by seed"), list(map(_cluster, found.clusters))),
        ],
        maps=[_map(own, found, k, names, bool(pictures.images)) for own, k in maps[:MOST_MAPS]],
        neighbours=_neighbours(found, names) if pictures.images else (),
    )


def _neighbours(found: SideBySide, names: Sequence[str]) -> list[Neighbours]:
    def shown_as(image: int, like: int) -> Neighbour:
        label = found.labels[image]
        return Neighbour(image, cell(_class_name(label, names)), label == found.labels[like])

    return [
        Neighbours(
            shown_as(query.image, query.image),
            [(cell(name), [shown_as(k, query.image) for k in near]) for name, near in query.nearest.items()],
        )
        for query in found.queries
    ]


def _class_name(label: int, names: Sequence[str]) -> str:
    return names[label] if label < len(names) else str(label)


def look_part(transfer: Transfer, pictures: TransferPictures) -> Part | None:
    """Where sources are active, and what covering parts of objects changes; None where it was not requested."""
    found = transfer.look
    if found is None:
        return None
    area = "" if found.area_inside is None else f" Boxes cover {short(found.area_inside, 'fraction')} of an image."
    curve = [(own.source, at.share, at.top1) for own in found.sources for at in (own.whole, *own.curve)]
    moved = [(own.source, at.share, at.change) for own in found.sources for at in (own.whole, *own.curve) if at.change]
    return part(
        f"What neurons look at: {found.data}",
        f"Activations of the last layer on {found.images} images, and {found.test_objects} of {found.of_objects} "
        f"objects with parts covered by grey, read by a probe of whole objects.{area} Spread and evenness are 1 where "
        "every place counts alike. A tint is the denser the higher the norm of the activations.",
        [
            plot("Top-1 by the share of the object that is covered at random", "share covered", curve),
            *([plot("Change of the features, 1 where all is covered", "share covered", moved)] if moved else []),
        ],
        [table(*look_table(found)), *(_measure(*own) for own in found.comparisons.items())],
        looked=pictures.looked,
    )


def _measure(name: str, comparisons: Sequence[Compared]) -> Table:
    own = differences(comparisons, "share")
    columns = [k for k, heading in enumerate(own.headings) if heading != "share"]
    return table((name, *(own.headings[k] for k in columns[1:])), [tuple(row[k] for k in columns) for row in own.rows])


def _cluster(own: Clustering) -> tuple[str, ...]:
    values = [", ".join(short(value, "fraction") for value in numbers) for numbers in (own.purity, own.nmi)]
    return own.source, str(own.clusters), *values


def _map(own: Embedding, found: SideBySide, k: int, names: Sequence[str], shows: bool) -> Map:
    points = own.points[k]
    low = [min(point[axis] for point in points) for axis in (0, 1)]
    size = max(max(point[axis] for point in points) - low[axis] for axis in (0, 1)) or 1.0
    drawn = []
    for n, (point, label) in enumerate(zip(points, found.labels, strict=True)):
        x, y = (round(8 + (MAP_SIDE - 16) * (point[axis] - low[axis]) / size, 1) for axis in (0, 1))
        drawn.append((x, y, PALETTE[label % len(PALETTE)], cell(f"image {n}: {_class_name(label, names)}")))
    return Map(cell(f"{own.source}, seed {found.seeds[k]}"), drawn, shows)
