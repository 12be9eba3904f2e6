"""The page and the tables of a transfer: every number is there, every name is shown and none is obeyed."""

import re
from html.parser import HTMLParser

import msgspec
import pytest

from bench_freeze.report.html.transfer_drawn import HEIGHT, WIDTH
from bench_freeze.report.html.transfer_page import transfer_page
from bench_freeze.report.html.transfer_parts import MAP_SIDE
from bench_freeze.report.html.transfer_pictures import LookedImage, TransferPictures
from bench_freeze.report.transfer_text import transfer_text
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
    decode_transfer,
    encode_transfer,
)
from bench_freeze.results.transfer_accuracy import Band, ProbeAccuracy, SegmentationAccuracy
from bench_freeze.results.tuned import FineTuned, TunedClassification, TunedFit, TunedSegmentation
from tests.hostile import NAMES

MARKUP = "<script>alert(1)</script>&\"'"


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


class Parsed(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_a_document_is_read_back_as_it_was_written():
    found = a_transfer()
    assert decode_transfer(encode_transfer(found)) == found


def test_every_number_stands_on_the_page_and_every_drawing_inside_its_frame():
    page = Parsed(transfer_page(a_transfer()))
    for text in ("0.3100", "0.2600 to 0.3600", "+0.1000", "0.012", "shown by these data", "one scored image", "0.910"):
        assert text in page.text
    circles = [attrs for tag, attrs in page.tags if tag == "circle"]
    # Three plots by share, one by band, two by the share covered, four maps of three images.
    assert len(circles) == 3 * 4 + 4 + 2 * 6 + 4 * 3
    for circle in circles:
        assert 0 <= float(circle["cx"]) <= max(WIDTH, MAP_SIDE)
        assert 0 <= float(circle["cy"]) <= max(HEIGHT, MAP_SIDE)
    assert {tag for tag, _ in page.tags} & {"script", "img", "link", "iframe"} == set()
    assert "image" not in {tag for tag, _ in page.tags}
    assert "mean IoU, one - two: +0.0600 [+0.0100 to +0.1100], p 0.020: shown by these data." in page.text
    assert "not measured here: run one measures it." in page.text


def test_fine_tuned_rows_stand_beside_frozen_ones_under_their_names():
    found = with_fine_tuned(a_transfer())
    assert decode_transfer(encode_transfer(found)) == found
    plain, page = Parsed(transfer_page(a_transfer())), Parsed(transfer_page(found))
    for text in (page.text, transfer_text(found)):
        for words in ("frozen", "fine-tuned, freeze 9", "fine-tuned, freeze 0"):
            assert words in text
        assert "7 epochs, batches of 16, learning rate 0.0003 (reader 0.003), cosine after a warm-up" in text
        assert "0.4100" in text  # frozen 0.3100
    for words in ("fine-tuned", "Fine-tuned"):
        assert words not in plain.text
        assert words not in transfer_text(a_transfer())
    circles = [sum(tag == "circle" for tag, _ in own.tags) for own in (plain, page)]
    assert circles[1] - circles[0] == 2 * (2 * 4 + 4)  # each depth: two plots by share, one by band
    rows = [sum(tag == "tr" for tag, _ in own.tags) for own in (plain, page)]
    assert rows[1] - rows[0] == 2 * 2 * 4 + 2 * 2 * (1 + 2)  # accuracies; differences with their headings


DOT = "data:image/png;base64,iVBORw0KGgo="


def drawn(name="one"):
    """Thumbnails of three images, and one that was looked at."""
    seen = LookedImage(name=name, picture=DOT, boxes=((0.1, 0.2, 0.3, 0.4),), maps=((name, DOT), ("two", DOT)))
    return TransferPictures(images=(DOT,) * 3, looked=(seen,))


def test_every_picture_is_in_the_page_once_and_all_others_point_to_it():
    page = Parsed(transfer_page(a_transfer(), drawn()))
    images = [attrs for tag, attrs in page.tags if tag == "image"]
    assert {own["href"] for own in images} == {DOT}
    assert len(images) == 3 + 1 + 2  # thumbnails, the image that was looked at, its tints
    known = {f"#{own['id']}" for own in images if "id" in own}
    used = [attrs["href"] for tag, attrs in page.tags if tag == "use"]
    assert set(used) == known
    # Every point of four maps; a query and its neighbours, by two sources; the tints' own picture.
    assert len(used) == 4 * 3 + 2 * (1 + 2) + 2
    policy = next(attrs["content"] for tag, attrs in page.tags if "content-security-policy" in str(attrs).lower())
    assert "img-src data:" in policy
    assert "http" not in policy


def test_neighbours_of_the_query_s_class_are_outlined():
    page = transfer_page(a_transfer(), drawn())
    assert page.count('class="alike"') == 2 * 2  # of labels 0, 1, 1: the query and the image of its class


@pytest.mark.parametrize("name", [*NAMES.values(), MARKUP])
def test_names_are_shown_and_not_obeyed(name):
    plain, hostile = (with_fine_tuned(own) for own in (a_transfer(), a_transfer(first=name)))
    plain, page = transfer_page(plain, drawn()), transfer_page(hostile, drawn(name))
    assert [tag for tag, _ in Parsed(page).tags] == [tag for tag, _ in Parsed(plain).tags]
    text = transfer_text(hostile)
    for output in (page, text):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", output)
    assert len(text.splitlines()) == len(transfer_text(with_fine_tuned(a_transfer())).splitlines())


def test_a_set_without_boundaries_has_no_plot_of_them():
    found = a_transfer()
    accuracy = [
        msgspec.structs.replace(own, bands=[Band(width=10, boundary=None, interior=known(0.5))])
        for own in found.segmentation.accuracy
    ]
    found.segmentation = msgspec.structs.replace(found.segmentation, accuracy=accuracy, band_comparisons={})
    page = Parsed(transfer_page(found))
    assert "near boundaries" not in page.text
    assert "mIoU" in transfer_text(found)
    assert decode_transfer(encode_transfer(found)) == found
