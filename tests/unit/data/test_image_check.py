"""The check of image files: what it accepts decodes, what it refuses is named for what it is, nothing is read twice."""

import contextlib
import os
import random
import socket
import struct
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from bench_freeze.data import file_cache, image_decode, images
from bench_freeze.data.image_structure import jpeg_probe, png_is_whole
from bench_freeze.data.images import ImageFacts, Unreadable, check_images, image_size, inspect_images, read_image
from bench_freeze.errors import InputError
from tests import image_files as made

WHOLE = {
    name: content
    for makers in (made.jpegs, made.pngs, made.bmps, made.tiffs, made.others)
    for name, content in makers()
    if not name.startswith(("gif_", "ppm_", "dng_", "preview_"))
}
FORMATS = {
    "jpeg": (".jpg", ".mpo"), "png": (".png",), "tiff": (".tif",), "bmp": (".bmp",), "webp": (".webp",),
    "others": (".avif", ".jp2"),
}  # fmt: skip
SPECIAL_BYTES = (0x00, 0xFF, 0xD8, 0xD9, 0xDA, 0xC0, 0xC2, 0xC4, 0xDB, 0xDD, 0xD0)


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The content cut, or with bytes changed, taken out, put in or copied over others; half the time near its start."""
    new, kind = bytearray(content), rng.randrange(6)
    end = min(len(new), 700) if rng.random() < 0.5 else len(new)
    at, count = rng.randrange(end), rng.choice((1, 2, 8, 100))
    if kind == 0:
        return bytes(new[: rng.randrange(len(new))])
    if kind <= 2:
        for _ in range(rng.choice((1, 1, 2, 5))):
            new[rng.randrange(end)] = rng.choice(SPECIAL_BYTES) if rng.random() < 0.3 else rng.randrange(256)
    elif kind == 3:
        del new[at : at + count]
    elif kind == 4:
        new[at:at] = rng.randbytes(count)
    else:
        source = rng.randrange(len(new))
        new[at : at + count] = new[source : source + count]
    return bytes(new)


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_accepted_decodes_with_the_size_that_was_said(tmp_path, format):
    rng = random.Random(format)
    sources = [content for name, content in WHOLE.items() if name.endswith(FORMATS[format]) and len(content) < 20_000]
    files = []
    for number in range(600):
        files.append(tmp_path / f"{number}{FORMATS[format][0]}")
        files[-1].write_bytes(damaged(rng.choice(sources), rng))
    accepted = 0
    for file, found in zip(files, inspect_images(files), strict=True):
        if isinstance(found, Unreadable):
            with pytest.raises(InputError) as error:
                read_image(file)
            assert str(found.error()) == str(error.value)
        else:
            assert read_image(file).shape[1::-1] == (found.width, found.height)
            accepted += 1
    assert 10 < accepted < 590, "damage that is always or never found tests nothing"


@pytest.mark.parametrize("format", ["jpeg", "png"])
def test_the_structure_proves_nothing_that_does_not_decode(tmp_path, format):
    """Where the structure says whole, the decoder must agree; and it must say so of ordinary files."""
    rng = random.Random(format)
    proves = (lambda c: jpeg_probe(c) and images._decodes(jpeg_probe(c))) if format == "jpeg" else png_is_whole
    sources = [content for name, content in WHOLE.items() if name.endswith(FORMATS[format])]
    proven = 0
    for content in [*sources, *(damaged(rng.choice(sources), rng) for _ in range(3000))]:
        if proves(content):
            proven += 1
            with contextlib.suppress(image_decode.Fault):  # type: ignore[attr-defined]  # too large, which read_header refuses too  # type: ignore[attr-defined]
                image_decode.read_header(content)
                image_decode.decode(content)
                continue
            with pytest.raises(image_decode.Fault):  # type: ignore[attr-defined]
                image_decode.read_header(content)
    assert proven > len(sources) / 2
    for plain in ("420.jpg", "gray.jpg", "behind.jpg", "cmyk.jpg", "exif6.jpg") if format == "jpeg" else (
        "gray1.png", "rgb8.png", "rgba16.png", "palette4.png", "text_behind.png"
    ):  # fmt: skip
        assert proves(WHOLE[plain]), plain


def test_a_png_with_right_checksums_and_wrong_pixels_is_refused(tmp_path):
    def chunks(content):
        at, found = 8, []
        while at < len(content):
            length = struct.unpack_from(">I", content, at)[0] + 12
            found.append(content[at : at + length])
            at += length
        return found

    whole = made.png(made.RGB, 8, 2, split=5)
    parts = chunks(whole)
    assert [part[4:8] for part in parts].count(b"IDAT") == 5
    file = tmp_path / "x.png"
    for wrong in (
        [*parts[:3], *parts[4:]],  # a part of the pixels is missing
        [*parts[:1], *parts[-1:]],  # all of them
        [*parts[:2], parts[3], parts[2], *parts[4:]],  # two are exchanged
        [*parts[:-2], *parts[-1:]],  # the last is missing
    ):
        file.write_bytes(whole[:8] + b"".join(wrong))
        (found,) = inspect_images([file])
        assert isinstance(found, Unreadable)
        assert found.kind == "damaged"
        with pytest.raises(InputError):
            read_image(file)


LARGER = np.random.default_rng(3).integers(0, 256, (80, 80, 3), dtype=np.uint8)
NAMED = {
    "empty": (b"", "empty", "an empty file"),
    "html": (b"\n<!DOCTYPE html><html><body>404</body></html>", "not_an_image", "an HTML page"),
    "apple": (b"\0\x05\x16\x07\0\2\0\0Mac OS X        ", "not_an_image", "macOS metadata"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "not_an_image", "Git LFS pointer"),
    "svg": (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "not_an_image", "an SVG drawing"),
    "json": (b'{"error": "not found"}', "not_an_image", "a JSON file"),
    "text": ("Zugriff verweigert: größer".encode(), "not_an_image", "a text file"),
    "zeros": (bytes(5000), "not_an_image", "nothing but zero bytes"),
    "noise": (bytes(range(128, 256)) * 9, "not_an_image", "not in a known image format"),
    "pdf": (b"%PDF-1.7\n\xe2\xe3", "not_an_image", "a PDF document"),
    "video": (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "not_an_image", "a video"),
    "gif": (made.saved(made.RGB, "GIF"), "unsupported", "a GIF image"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "no_decoder", "needs the package pi-heif"),
    "cut": (made.saved(LARGER, "JPEG")[:2000], "damaged", "cut off after 2,000 bytes"),
    "cut_png": (made.saved(LARGER, "PNG")[:2000], "damaged", "cut off after 2,000 bytes"),
    "cut_bmp": (made.saved(LARGER, "BMP")[:2000], "damaged", "cut off after 2,000 of its "),
    "cut_webp": (made.saved(LARGER, "WEBP", lossless=True)[:1500], "damaged", "cut off after 1,500 of its "),
    "jpeg_start": (b"\xff\xd8\xff\xe0", "damaged", "cut off after 4 bytes"),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_file_is_named_for_what_it_is(tmp_path, name):
    content, kind, words = NAMED[name]
    file = tmp_path / f"{name}.jpg"
    file.write_bytes(content)
    (found,) = inspect_images([file])
    assert isinstance(found, Unreadable)
    assert (found.path, found.kind) == (file, kind)
    assert words in found.reason
    headless = [] if kind == "damaged" else [image_size]  # which looks no further than the header
    for read in (read_image, lambda path: check_images([path]), *headless):
        with pytest.raises(InputError, match=words) as error:
            read(file)
        assert str(file) in str(error.value)


@pytest.mark.slow
def test_the_sentences_are_the_same_once_ultralytics_is_imported(tmp_path):
    """It replaces Pillow's opener by one that looks for a package and may install it."""
    for name, (content, _, _) in NAMED.items():
        (tmp_path / f"{name}.jpg").write_bytes(content)
    program = (
        "import sys\nfrom pathlib import Path\nif sys.argv[2] == 'with': import ultralytics.data.utils\n"
        "from bench_freeze.data.images import inspect_images\n"
        "assert ('ultralytics' in sys.modules) == (sys.argv[2] == 'with')\n"
        "for found in inspect_images(sorted(Path(sys.argv[1]).iterdir())): print(found.kind, found.error())"
    )
    said = [
        subprocess.run([sys.executable, "-c", program, str(tmp_path), how], capture_output=True, text=True, check=True)
        for how in ("with", "without")
    ]
    assert said[0].stdout.splitlines()[-len(NAMED) :] == said[1].stdout.splitlines()
    assert len(said[1].stdout.splitlines()) == len(NAMED)


def test_only_files_are_read(tmp_path, monkeypatch):
    """A named pipe without a writer would be waited for without end."""
    paths = {name: tmp_path / f"{name}.jpg" for name in ("pipe", "folder", "socket", "device", "link", "broken")}
    os.mkfifo(paths["pipe"])
    paths["folder"].mkdir()
    paths["device"].symlink_to("/dev/zero")
    (tmp_path / "image").write_bytes(made.saved(made.RGB, "JPEG"))
    paths["link"].symlink_to(tmp_path / "image")
    paths["broken"].symlink_to(tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path)  # a socket's name may not be long
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("socket.jpg")
    found = dict(zip(paths, inspect_images(list(paths.values())), strict=True))
    listener.close()
    assert isinstance(found.pop("link"), ImageFacts)
    kinds = {name: (each.kind, each.reason) for name, each in found.items()}
    assert kinds == {
        "pipe": ("not_a_file", "a named pipe, not a file"),
        "folder": ("not_a_file", "a folder, not a file"),
        "socket": ("not_a_file", "a socket, not a file"),
        "device": ("not_a_file", "a device, not a file"),
        "broken": ("missing", "no such file"),
    }
    with pytest.raises(InputError, match="there is no such image"):
        read_image(paths["broken"])


def test_an_image_of_too_many_pixels_is_refused_by_its_header(tmp_path):
    whole = made.png(made.GRAY, 8, 0)
    header = b"IHDR" + struct.pack(">II", 20_001, 10_000) + whole[24:29]
    file = tmp_path / "x.png"
    file.write_bytes(whole[:12] + header + struct.pack(">I", made.zlib.crc32(header)) + whole[33:])  # type: ignore[attr-defined]
    (found,) = inspect_images([file])
    assert found.kind == "too_large"
    with pytest.raises(InputError, match="20001x10000 pixels, more than the limit of 200 megapixels"):
        read_image(file)


def test_the_limit_is_the_same_in_every_format(tmp_path, monkeypatch):
    assert Image.MAX_IMAGE_PIXELS >= image_decode.MAX_PIXELS, "Pillow would warn of, or refuse, what is allowed"
    monkeypatch.setattr(image_decode, "MAX_PIXELS", made.WIDTH * made.HEIGHT - 1)
    names = (
        "420.jpg",
        "rgb8.png",
        "rgb8_le.tif",
        "turn6_rgb8_be.tif",
        "24.bmp",
        "lossless.webp",
        "rgb.jp2",
        "rgb.avif",
    )
    for name in names:
        (tmp_path / name).write_bytes(WHOLE[name])
    found = inspect_images([tmp_path / name for name in names])
    assert [each.kind for each in found] == ["too_large"] * len(names)
    assert all(each.reason.startswith("53x37 pixels") for each in found)


def test_facts_come_in_order_with_progress_and_the_first_bad_one_is_raised(tmp_path):
    sizes = [(20 + i, 90 - i) for i in range(70)]
    for i, (width, height) in enumerate(sizes):
        Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(tmp_path / f"{i:02}.png")
    files = sorted(tmp_path.iterdir())
    files.insert(5, files[3])  # a file may be listed twice
    sizes.insert(5, sizes[3])
    seen = []
    facts = check_images(files, lambda done, total: seen.append((done, total)))
    assert [(fact.width, fact.height) for fact in facts] == sizes
    assert seen == [(i, 71) for i in range(1, 72)]
    files[40].write_bytes(b"")
    files[60].write_text("<html>")
    with pytest.raises(InputError, match=files[40].name):
        check_images(files)
    assert [isinstance(found, Unreadable) for found in inspect_images(files)].count(True) == 2


@pytest.fixture
def reads(monkeypatch, tmp_path):
    """The names of the files whose bytes are read, with a store of this test's own and files that count as old."""
    names, content = [], images._content
    monkeypatch.setattr(images, "_content", lambda path: (names.append(path.name), content(path))[1])  # type: ignore[func-returns-value]
    monkeypatch.setenv("BENCH_FREEZE_CACHE", str(tmp_path / "store"))
    monkeypatch.setattr(file_cache, "RACY_NS", 0)
    return names


def test_the_second_check_reads_only_what_changed(tmp_path, reads):
    files = [tmp_path / f"{name}.jpg" for name in "abc"]
    for i, file in enumerate(files):
        file.write_bytes(made.saved(made.RGB[: 20 + i], "JPEG"))
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"")
    first = inspect_images([*files, bad])
    assert sorted(reads) == ["a.jpg", "b.jpg", "bad.jpg", "c.jpg"]
    reads.clear()
    assert inspect_images([*files, bad]) == first
    assert reads == ["bad.jpg"]  # it may be whole next time
    reads.clear()
    before = files[1].stat()
    other = bytearray(files[1].read_bytes())
    other[-3] ^= 1
    files[1].write_bytes(other)  # as long as before, and as old
    os.utime(files[1], ns=(before.st_atime_ns, before.st_mtime_ns))
    again = inspect_images(files)
    assert reads == ["b.jpg"]
    assert again[1].sha256 != first[1].sha256
    assert [again[0], again[2]] == [first[0], first[2]]


def test_a_check_that_breaks_off_keeps_what_it_found(tmp_path, reads):
    files = [tmp_path / f"{i}.png" for i in range(40)]
    for i, file in enumerate(files):
        file.write_bytes(b"" if i == 20 else made.png(made.GRAY, 8, 0))
    with pytest.raises(InputError):
        check_images(files)
    reads.clear()
    with pytest.raises(InputError):
        check_images(files)
    assert not {f"{i}.png" for i in range(20)} & set(reads)
