"""The page and the tables of a transfer: every number is there, every name is shown and none is obeyed."""

import re
from html.parser import HTMLParser

import msgspec
import pytest

from bench_freeze.report.html.transfer_page import HEIGHT, MAP_SIDE, WIDTH, transfer_page
from bench_freeze.report.transfer_text import transfer_text
from bench_freeze.results.take_over import TakeOver
from bench_freeze.results.transfer import (
    Band,
    Classification,
    Clustering,
    Compared,
    Crops,
    Embedding,
    Estimated,
    FeaturePair,
    LayerCka,
    ProbeAccuracy,
    Segmentation,
    SegmentationAccuracy,
    SideBySide,
    Transfer,
    TransferSource,
    ViewAccuracy,
    ViewGroup,
    decode_transfer,
    encode_transfer,
)
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
        side_by_side=SideBySide(
            data=first,
            data_sha256="0" * 64,
            images=3,
            labels=[0, 1, 1],
            seeds=[0, 1],
            pairs=[
                FeaturePair(
                    a=first, b=second, neighbours=2, overlap=known(0.5), a_in_b=known(0.8), b_in_a=known(0.7),
                    distance_correlation=0.61, cka=[LayerCka(a=0, b=0, cka=0.91), LayerCka(a=2, b=1, cka=None)],
                )
            ],
            clusters=[Clustering(source=n, clusters=2, purity=[0.6, 0.7], nmi=[0.1, 0.2]) for n in names],
            embeddings=[
                Embedding(source=n, perplexity=1.0, points=[points] * 2, between_seeds=0.5) for n in names
            ],
        ),
    )  # fmt: skip


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
    assert len(circles) == 3 * 4 + 4 + 4 * 3  # three plots by share, one by band, four maps of three images
    for circle in circles:
        assert 0 <= float(circle["cx"]) <= max(WIDTH, MAP_SIDE)
        assert 0 <= float(circle["cy"]) <= max(HEIGHT, MAP_SIDE)
    assert {tag for tag, _ in page.tags} & {"script", "img", "link", "iframe"} == set()


@pytest.mark.parametrize("name", [*NAMES.values(), MARKUP])
def test_names_are_shown_and_not_obeyed(name):
    plain, page = transfer_page(a_transfer()), transfer_page(a_transfer(first=name))
    assert [tag for tag, _ in Parsed(page).tags] == [tag for tag, _ in Parsed(plain).tags]
    text = transfer_text(a_transfer(first=name))
    for output in (page, text):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", output)
    assert len(text.splitlines()) == len(transfer_text(a_transfer()).splitlines())


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
