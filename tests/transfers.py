"""A whole transfer as its file has it, for tests of what is made from one."""

import msgspec

from bench_freeze.results.answers import Answer, AnswerFigure
from bench_freeze.results.estimated import Compared, Estimated
from bench_freeze.results.look import Covered, Look, LookAt
from bench_freeze.results.take_over import TakeOver
from bench_freeze.results.transfer import (
    Classification,
    Clustering,
    Crops,
    Embedding,
    FeaturePair,
    LayerCka,
    Query,
    Segmentation,
    SideBySide,
    Transfer,
    TransferSource,
    ViewAccuracy,
    ViewGroup,
)
from bench_freeze.results.transfer_accuracy import Band, ProbeAccuracy, SegmentationAccuracy
from bench_freeze.results.tuned import FineTuned, TunedClassification, TunedFit, TunedSegmentation


def known(value, half=0.05):
    return Estimated(value=value, low=value - half, high=value + half, covers="images and seeds")


def unknown(value):
    return Estimated(value=value, low=None, high=None, covers="nothing", no_interval="one scored image")


def a_transfer(first="one", second="two"):
    """Every part, of two sources and two shares."""
    names = (first, second)
    taken = TakeOver(layers=1, came=["model.0.conv.weight"], new=[], left=["model.1.bias"])
    table = [(name, share, 0.3 + 0.1 * k + share / 10) for k, name in enumerate(names) for share in (0.1, 1.0)]
    compared = [
        Compared(a=first, b=second, data_fraction=0.1, difference=known(0.1), p=0.012, shown=True),
        Compared(a=first, b=second, data_fraction=1.0, difference=unknown(0.0), p=None, shown=None),
    ]

    def covered(share):
        return Covered(share=share, top1=known(0.6 - share / 2), change=known(share))

    common = {"data": first, "data_sha256": ["0" * 64] * 2, "classes": [second, "b"], "comparisons": compared}
    bands = [
        Band(width=1, boundary=known(0.2), interior=known(0.6)),
        Band(width=10, boundary=known(0.4), interior=None),
    ]
    by_class = {second: 0.4, "b": None}
    points = [[0.0, 0.0], [4.0, -3.0], [-9.0, 2.0]]
    return Transfer(
        bench_freeze="0",
        command=f"bench-freeze transfer --weights {first}",
        finished=True,
        settings={},
        environment={},
        sources=[
            TransferSource(name=n, file=n, sha256="0" * 64, task="detect", layers=["Conv"], taken=taken) for n in names
        ],
        notes=[f"a note on {first}"],
        classification=Classification(
            **common | {"data_sha256": "0" * 64},
            train_images=10,
            test_images=5,
            majority=0.2,
            features=dict.fromkeys(names, 4),
            fits=[],
            accuracy=[
                ProbeAccuracy(source=n, data_fraction=s, top1=known(v), per_class={second: v, "b": 0.5})
                for n, s, v in table
            ],
        ),
        crops=Crops(
            **common,
            train_objects=9,
            test_objects=7,
            left_out=[0, 0],
            unseen=0,
            majority=0.4,
            settings={},
            losses={"objects that fill little": compared},
            accuracy=[
                ViewAccuracy(
                    source=n, fill=s, share=s, top1=known(v),
                    by_objects=[ViewGroup(objects="1", samples=7, top1=unknown(v))],
                )
                for n, s, v in table
            ],
        ),
        segmentation=Segmentation(
            **common,
            train_images=6,
            test_images=4,
            settings={},
            channels=dict.fromkeys(names, 4),
            accuracy=[
                SegmentationAccuracy(source=n, data_fraction=s, miou=known(v), per_class=by_class, bands=bands)
                for n, s, v in table
            ],
            band_comparisons={"1": compared},
        ),
        look=Look(
            **common | {"comparisons": {"energy inside boxes": compared}},
            train_objects=9,
            test_objects=7,
            of_objects=8,
            left_out=[0, 0],
            images=4,
            area_inside=0.23,
            settings={},
            sources=[
                LookAt(
                    source=n, energy_inside=known(0.47), spread=known(0.5), quarters=None,
                    whole=covered(0.0), without_quarter=covered(0.25), without_half=covered(0.5),
                    curve=[covered(0.25), covered(1.0)],
                )
                for n in names
            ],
        ),
        answers=[
            Answer(
                question=f"{first}?", published="Yes.",
                figures=[
                    AnswerFigure(
                        what="mean IoU", detector=first, classifier=second, difference=known(0.06), p=0.02,
                        verdict="shown by these data",
                    )
                ],
            ),
            Answer(question="And else?", published="No.", figures=[], not_measured=f"run {first} measures it"),
        ],
        side_by_side=SideBySide(
            data=first,
            data_sha256="0" * 64,
            images=3,
            labels=[0, 1, 1],
            seeds=[0, 1],
            pairs=[
                FeaturePair(
                    a=first, b=second, neighbours=2, overlap=known(0.5), a_in_b=known(0.8), b_in_a=known(0.7),
                    direction=known(0.1), direction_p=0.031,
                    distance_correlation=0.61, cka=[LayerCka(a=0, b=0, cka=0.91), LayerCka(a=2, b=1, cka=None)],
                )
            ],
            clusters=[Clustering(source=n, clusters=2, purity=[0.6, 0.7], nmi=[0.1, 0.2]) for n in names],
            queries=[Query(image=2, file=first, nearest={first: [1, 0], second: [0, 1]})],
            embeddings=[
                Embedding(source=n, perplexity=1.0, points=[points] * 2, between_seeds=0.5) for n in names
            ],
        ),
    )  # fmt: skip


def with_fine_tuned(found, depths=(9, 0)):
    """The same transfer, with all sources fine-tuned at each depth: better by a tenth than frozen."""
    source = found.sources[0].name
    fit = TunedFit(
        source=source, freeze=0, data_fraction=1.0, seed=0, train_samples=9, steps=4, losses=[1.0, 0.5], frozen=0,
        trained=5, still=[], score=0.4,
    )  # fmt: skip
    settings = {
        "optimizer": "AdamW", "lr0": 0.0003, "reader_lr0": 0.003, "schedule": "cosine", "epochs": 7, "train_batch": 16,
    }  # fmt: skip
    trained = {"fine_tuned": FineTuned(settings=settings, new=["weights", "bias"], fits=[fit])}

    def better(rows, name):
        own = [(row, getattr(row, name).value + 0.1) for row in rows]
        return [msgspec.structs.replace(row, **{name: known(value)}) for row, value in own]

    named, masked = found.classification, found.segmentation
    found.classification = msgspec.structs.replace(
        named,
        **trained,
        tuned_depths=[
            TunedClassification(freeze=k, accuracy=better(named.accuracy, "top1"), comparisons=named.comparisons)
            for k in depths
        ],
    )
    found.segmentation = msgspec.structs.replace(
        masked,
        **trained,
        tuned_depths=[
            TunedSegmentation(
                freeze=k, accuracy=better(masked.accuracy, "miou"), comparisons=masked.comparisons,
                band_comparisons=masked.band_comparisons,
            )
            for k in depths
        ],
    )  # fmt: skip
    return found
