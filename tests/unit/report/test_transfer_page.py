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
from bench_freeze.results.transfer import decode_transfer, encode_transfer
from bench_freeze.results.transfer_accuracy import Band
from tests.hostile import NAMES
from tests.transfers import a_transfer, known, with_fine_tuned

MARKUP = "<script>alert(1)</script>&\"'"


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
