"""Images without a mark are read alike by every decoder; the others bring the decoder into the key of their set."""

import hashlib
import io
import random
from dataclasses import fields

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from bench_freeze.data import decoder_mark
from bench_freeze.data.dataset import GroundTruth, ImageRecord, content_sha256
from bench_freeze.data.image_decode import decode, read_header
from bench_freeze.data.image_format import Fault
from bench_freeze.data.images import inspect_image
from tests import image_files as made

FILES = {
    name: content
    for makers in (made.jpegs, made.pngs, made.bmps, made.tiffs, made.others)
    for name, content in makers()
}


def readings(content):
    """The pixels by the decoder that scored and by the one that trained before there was one for both."""
    with Image.open(io.BytesIO(content)) as image:
        pillow = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    opencv = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return pillow, opencv[..., ::-1]


def mark(content):
    try:
        return read_header(content).mark
    except Fault:
        return None


def assert_read_alike(content):
    pixels = decode(content)
    for other in readings(content):
        np.testing.assert_array_equal(other, pixels)


@pytest.mark.parametrize("name", [name for name, content in FILES.items() if mark(content) == ""])
def test_every_decoder_reads_an_unmarked_file_alike(name):
    assert_read_alike(FILES[name])


def test_ordinary_files_have_no_mark():
    unmarked = {name for name, content in FILES.items() if mark(content) == ""}
    assert {"420.jpg", "gray.jpg", "exif6.jpg", "rgb8.png"} <= unmarked
    assert len(unmarked) > 30


@pytest.mark.parametrize("start", ["gray16", "rgba8", "palette", "cmyk", "xmp"])
def test_what_decoders_read_in_several_ways_is_marked(start):
    found = {name: mark(content) for name, content in FILES.items() if name.startswith(start)}
    marks = {name: value for name, value in found.items() if value is not None}
    assert marks
    assert set(marks.values()) == {f"decoder-{decoder_mark.DECODER}"}


def test_damaged_exif_is_marked_where_it_could_be_read_in_two_ways():
    rng = random.Random(0)
    unmarked = 0
    for _ in range(1500):
        block = bytearray(b"Exif\0\0" + made.exif(rng.randrange(0, 10), rng.choice("<>"), rng.choice((3, 4))))
        for _ in range(rng.choice((0, 0, 1, 2))):
            block[rng.randrange(len(block))] = rng.choice((0, 1, 3, 4, 6, 8, 255, rng.randrange(256)))
        if rng.random() < 0.2:
            del block[rng.randrange(6, len(block)) :]
        content = made.jpeg_with([bytes(block)])
        if mark(content) == "":
            unmarked += 1
            assert_read_alike(content)
    assert 200 < unmarked < 1300


def test_an_orientation_behind_the_pixels_of_a_png_is_marked():
    content = made.png(made.RGB, 8, 2, after=[(b"eXIf", made.exif(6))])
    assert mark(content)


TRUTH = GroundTruth(
    image_ids=np.array([4, 7]),
    category_ids=np.array([1]),
    class_names=("plum",),
    image_index=np.array([0], np.int32),
    labels=np.array([0], np.int32),
    boxes_xywh=np.array([[1.0, 2.0, 3.0, 4.0]]),
    area=np.array([12.0]),
    is_crowd=np.array([False]),
    annotation_ids=np.array([1]),
)


def key_before_there_was_a_mark(images, truth):
    """As the keys of finished studies have it."""
    digest = hashlib.sha256()
    for image in images:
        digest.update(np.array([image.image_id, image.width, image.height], dtype=np.int64).tobytes())
        digest.update(image.sha256.encode())
    for column in fields(truth):
        value = getattr(truth, column.name)
        if value is not None:
            digest.update("\0".join(value).encode() if isinstance(value, tuple) else value.tobytes())
    return digest.hexdigest()


def records(*facts):
    return tuple(
        ImageRecord(i, None, fact.width, fact.height, fact.sha256, fact.mark)
        for i, fact in zip((4, 7), facts, strict=True)
    )


def test_the_key_of_a_set_changes_with_the_decoder_only_where_a_file_is_marked(tmp_path, monkeypatch):
    def facts(name):
        (tmp_path / name).write_bytes(FILES[name])
        return inspect_image(tmp_path / name)

    plain = records(facts("420.jpg"), facts("rgb8.png"))
    assert content_sha256(plain, TRUTH) == key_before_there_was_a_mark(plain, TRUTH)
    odd = records(facts("420.jpg"), facts("gray16.png"))
    now = content_sha256(odd, TRUTH)
    assert now != key_before_there_was_a_mark(odd, TRUTH)
    monkeypatch.setattr(decoder_mark, "DECODER", decoder_mark.DECODER + 1)
    later = records(facts("420.jpg"), facts("gray16.png"))
    assert content_sha256(later, TRUTH) != now
    assert content_sha256(records(facts("420.jpg"), facts("rgb8.png")), TRUTH) == content_sha256(plain, TRUTH)
