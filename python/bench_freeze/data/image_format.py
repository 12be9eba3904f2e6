"""The format of a file by its first bytes, never by its name."""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "missing", "not_a_file", "unreadable", "empty", "not_an_image", "unsupported", "no_decoder", "damaged", "too_large"
]


class Fault(Exception):
    """Why bytes are not a readable image: a kind, and a reason that completes "it is ..."."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind: Kind = kind
        self.reason = reason


# By their first bytes. Pillow reads more formats; these are the ones that Ultralytics trains on.
_IMAGES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),  # BigTIFF
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),  # a bare code stream
)
_OTHER_IMAGES = (
    (b"GIF8", "a GIF image"),
    (b"8BPS", "a Photoshop document"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"\0\0\x01\0", "an icon"),
    (b"v/1\x01", "an OpenEXR image"),
    (b"#?RADIANCE", "a Radiance HDR image"),
    (b"IIRO", "a raw photo"),
    (b"FUJIFILM", "a raw photo"),
)
_OTHER_FILES = (
    (b"\0\x05\x16\x07", "macOS metadata of a file, not the file itself"),
    (b"\0\x05\x16\0", "macOS metadata of a file, not the file itself"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x7fELF", "a program"),
)
_MARKUP = ((b"<!doctype html", "an HTML page"), (b"<html", "an HTML page"), (b"<svg", "an SVG drawing"))
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})


def image_format(content: bytes) -> str:
    """The format of an image by Pillow's name for it: JPEG, PNG, BMP, TIFF, WEBP, AVIF, HEIF or JPEG2000.

    Raises Fault that names the actual format.
    """
    if not content:
        raise Fault("empty", "an empty file")
    for start, name in _IMAGES:
        if content.startswith(start):
            return name
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    if content[4:8] == b"ftyp":
        return _boxed_format(content)
    raise _not_read(content)


def _boxed_format(content: bytes) -> str:
    length = min(int.from_bytes(content[:4], "big"), 256)
    brands = {content[at : at + 4] for at in (8, *range(16, length, 4))}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEIF_BRANDS:
        return "HEIF"
    if content[8:11] == b"crx":
        raise Fault("unsupported", "a raw photo, which has to be developed to JPEG or TIFF first")
    raise Fault("not_an_image", "a video or another media file")


def _not_read(content: bytes) -> Fault:
    head = content[:4096]
    for start, name in _OTHER_IMAGES:
        if head.startswith(start):
            return Fault("unsupported", f"{name}, which has to be converted to JPEG or PNG first")
    if head[:1] == b"P" and head[1:2] in b"1234567Ff" and head[2:3].isspace():
        return Fault("unsupported", "a PNM image, which has to be converted to JPEG or PNG first")
    for start, name in _OTHER_FILES:
        if head.startswith(start):
            return Fault("not_an_image", name)
    if not content.strip(b"\0"):
        return Fault("not_an_image", "nothing but zero bytes")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for start, name in _MARKUP:
        if text.startswith(start):
            return Fault("not_an_image", name)
    if text.startswith(b"<?xml"):
        named = [name for start, name in _MARKUP if start in text]
        return Fault("not_an_image", named[0] if named else "an XML file")
    if _is_text(head):
        return Fault("not_an_image", "a JSON file" if text[:1] in (b"{", b"[") else "a text file")
    return Fault("not_an_image", "not in a known image format")


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8", errors="strict")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # not only a character that the cut divides
            return False
        text = head[: error.start].decode()
    return all(c.isprintable() or c in "\t\r\n\f" for c in text)
