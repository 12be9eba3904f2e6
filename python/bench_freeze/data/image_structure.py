"""Prove that a JPEG or PNG is complete, without decoding its pixels.

A proof means that the decoder cannot fail. Unusual files give no proof and are then decoded.
"""

from __future__ import annotations

import re
import struct
import zlib

# In the coded data of a JPEG, 0xFF is followed by 0x00 (a plain 0xFF), a restart marker, or another 0xFF as fill.
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_EOI = b"\xff\xd9"
_SOF, _DHT, _SOS, _DQT, _DRI, _COM = (0xC0, 0xC1), 0xC4, 0xDA, 0xDB, 0xDD, 0xFE
_READ_BY_DECODER = frozenset({_DHT, _DQT, _DRI, _SOS, *_SOF, 0xE0, 0xEE})  # the last two: JFIF, Adobe

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_INFLATE_AT_ONCE = 1 << 22


def jpeg_probe(content: bytes) -> bytes | None:
    """A tiny JPEG that decodes if and only if `content` does; None if the structure does not allow the conclusion.

    Only the segments of a sequential JPEG with one Huffman-coded scan can make decoding fail: libjpeg only warns about
    errors in the coded data, as long as the end marker follows the data. So the probe has the same segments, 16x16
    pixels and no data. Bytes after the end marker are legal; phones and stereo cameras write them.
    """
    at, frame, kept = 2, b"", [b"\xff\xd8"]
    while content[at : at + 1] == b"\xff" and len(content) >= at + 4:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        segment = content[at : at + 2 + length]
        if length < 2 or len(segment) != 2 + length:
            return None
        if marker in _SOF:
            if frame or not _plain_frame(segment):
                return None
            frame = segment
            kept.append(segment[:5] + struct.pack(">HH", 16, 16) + segment[9:])
        elif marker in _READ_BY_DECODER:
            kept.append(segment)
        elif marker != _COM and not 0xE0 <= marker <= 0xEF:
            return None
        at += 2 + length
        if marker == _SOS:
            return b"".join([*kept, _EOI]) if _is_whole_scan(content, at, frame, segment) else None
    return None


def _plain_frame(segment: bytes) -> bool:
    """Whether a frame header has 8 bits per sample, and a size that libjpeg accepts."""
    if len(segment) < 11:
        return False
    bits, height, width = struct.unpack_from(">BHH", segment, 4)
    return bool(bits == 8 and 0 < height <= 65500 and 0 < width <= 65500)


def _is_whole_scan(content: bytes, start: int, frame: bytes, scan: bytes) -> bool:
    """Whether this scan has all components of the frame and the end marker follows its data."""
    if not frame or len(scan) < 5 or scan[4] != frame[9]:
        return False
    end = _END_OF_SCAN.search(content, start)
    return end is not None and end.group() == _EOI


def png_is_whole(content: bytes) -> bool:
    """Whether all chunks of a PNG are present with correct checksums and the pixels inflate to the expected size.

    Also False if this check does not apply: interlaced and animated files, unusual chunks after the pixels.
    """
    view = memoryview(content)
    at, rows, seen_data = len(_PNG_START), _Rows.of(content), False
    while rows is not None and at + 12 <= len(content):
        length, name = int.from_bytes(view[at : at + 4], "big"), bytes(view[at + 4 : at + 8])
        data_end = at + 8 + length
        if data_end + 4 > len(content):
            return False
        if zlib.crc32(view[at + 4 : data_end]) != int.from_bytes(view[data_end : data_end + 4], "big"):
            return False
        if name == b"IDAT":
            seen_data = True
            if not rows.feed(view[at + 8 : data_end]):
                return False
        elif name == b"IEND":
            return rows.complete
        elif name in (b"acTL", b"fcTL", b"fdAT") or (seen_data and name != b"tEXt"):
            return False
        at = data_end + 4
    return False


class _Rows:
    """Counts the bytes of a PNG's pixels as they inflate, and checks each row's filter."""

    def __init__(self, stride: int, height: int) -> None:
        self._stride, self._total, self._count = stride, stride * height, 0
        self._inflate = zlib.decompressobj()

    @classmethod
    def of(cls, content: bytes) -> _Rows | None:
        """The rows that the header states; None if the header is unusual."""
        if content[12:16] != b"IHDR" or len(content) < 33:
            return None
        width, height, bits, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", content, 16)
        if interlaced or colour not in _PNG_CHANNELS:
            return None
        return cls(1 + (width * bits * _PNG_CHANNELS[colour] + 7) // 8, height)

    def feed(self, data: memoryview) -> bool:
        """Take the next part of the stream. Returns False once the stream is invalid."""
        left: bytes | memoryview = data
        try:
            while len(left):
                if self._inflate.eof:
                    return False
                block = self._inflate.decompress(left, _INFLATE_AT_ONCE)
                left = self._inflate.unconsumed_tail
                filters = block[-self._count % self._stride :: self._stride]
                self._count += len(block)
                if self._count > self._total or (filters and max(filters) > 4) or self._inflate.unused_data:
                    return False
        except zlib.error:
            return False
        return True

    @property
    def complete(self) -> bool:
        """Whether all rows and the stream's checksum arrived."""
        return self._inflate.eof and self._count == self._total


def cut_off(content: bytes, message: str) -> str | None:
    """Where a file that does not decode is cut off, in words; None if its end is present and it is damaged elsewhere.

    `message` is the decoder's error.
    """
    stated = _stated_length(content)
    if stated is not None and stated > len(content):
        return f"cut off after {len(content):,} of its {stated:,} bytes"
    ends_early = "truncated" in message.lower()
    if content.startswith(b"\xff\xd8"):
        ends_early = ends_early or _EOI not in content[-65536:]
    elif content.startswith(_PNG_START):
        ends_early = b"IEND" not in content[-65536:]
    return f"cut off after {len(content):,} bytes" if ends_early else None


def _stated_length(content: bytes) -> int | None:
    if content[:4] == b"RIFF" and len(content) >= 8:
        return int.from_bytes(content[4:8], "little") + 8
    if content[:2] == b"BM" and len(content) >= 6:
        return int.from_bytes(content[2:6], "little")
    return None
