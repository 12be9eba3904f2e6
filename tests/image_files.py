"""Image files of every format, mode and orientation, written byte by byte where no library would write them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 37, 53  # no side a multiple of a block
ORIENTATIONS = range(10)  # 0 and 9 are none


def _pictures():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    rgb = np.stack([x * 255 // (WIDTH - 1), y * 255 // (HEIGHT - 1), (x * 7 + y * 3) % 256], -1).astype(np.uint8)
    rgb[5:12, 5:20] = rng.integers(0, 256, (7, 15, 3))
    alpha = ((x * 11 + y * 13) % 256).astype(np.uint8)
    low = rng.integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint16)
    deep = np.dstack([rgb, alpha]).astype(np.uint16) * 256 + low
    return rgb, alpha, deep


RGB, ALPHA, RGBA16 = _pictures()
GRAY = RGB[..., 2].copy()
FLIPPED = Image.fromarray(RGB[::-1].copy())
RGBA = np.dstack([RGB, ALPHA])
GRAY16 = RGBA16[..., 2].copy()
PALETTE = np.random.default_rng(1).integers(0, 256, 768, dtype=np.uint8).tobytes()


def saved(pixels, format, mode=None, **options) -> bytes:
    """What Pillow writes of an array."""
    file = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(file, format, **options)
    return file.getvalue()


def exif(orientation: int, order: str = "<", type_: int = 3) -> bytes:
    """A TIFF structure with one entry, the orientation, of type SHORT or LONG."""
    value = struct.pack(order + ("HH" if type_ == 3 else "I"), *([orientation, 0] if type_ == 3 else [orientation]))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, 1)
    return head + struct.pack(order + "HHI", 0x0112, type_, 1) + value + bytes(4)


def jpeg_with(segments: list[bytes], pixels=RGB, **options) -> bytes:
    """A JPEG with APP1 segments of the given contents behind its start."""
    content = saved(pixels, "JPEG", **options)
    app1 = b"".join(b"\xff\xe1" + struct.pack(">H", len(s) + 2) + s for s in segments)
    return content[:2] + app1 + content[2:]


def packed(row, bits: int, order: str = ">") -> bytes:
    """Samples of 1 to 16 bits as bytes."""
    if bits in (8, 16):
        return np.asarray(row).astype(f"{order}u{bits // 8}").tobytes()
    each = (np.asarray(row).astype(int)[:, None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(each.astype(np.uint8).ravel()).tobytes()


def chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(pixels, bits: int, colour: int, before=(), after=(), split=1) -> bytes:
    """A PNG; `before` and `after` are chunks around its pixels, which lie in `split` chunks."""
    height, width = pixels.shape[:2]
    rows = zlib.compress(b"".join(b"\0" + packed(row.reshape(-1), bits) for row in pixels))
    size = -(-len(rows) // split)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)),
            *(chunk(name, data) for name, data in before),
            *(chunk(b"IDAT", rows[i : i + size]) for i in range(0, len(rows), size)),
            *(chunk(name, data) for name, data in after),
            chunk(b"IEND", b""),
        ]
    )


def tiff(pixels, bits=8, photometric=2, order="<", planar=1, extra=(), kind=1, tags=(), palette=None) -> bytes:
    """An uncompressed TIFF of [H, W, C] samples; `tags` are (number, type, values) more."""
    height, width, channels = pixels.shape
    planes = [pixels] if planar == 1 else [pixels[..., k : k + 1] for k in range(channels)]
    strips = [b"".join(packed(row.reshape(-1), bits, order) for row in plane) for plane in planes]
    strips = [strip + bytes(len(strip) % 2) for strip in strips]
    starts = [8 + sum(map(len, strips[:k])) for k in range(len(strips))]
    entries = {
        256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * channels), 259: (3, [1]), 262: (3, [photometric]),
        273: (4, starts), 277: (3, [channels]), 278: (4, [height]), 279: (4, [len(s) for s in strips]),
        284: (3, [planar]), 339: (3, [kind] * channels),
    }  # fmt: skip
    if extra:
        entries[338] = (3, list(extra))
    if palette is not None:
        entries[320] = (3, list(palette))
    entries.update({number: (type_, values) for number, type_, values in tags})
    at = 8 + sum(map(len, strips))
    behind = at + 2 + 12 * len(entries) + 4
    directory, values_behind = struct.pack(order + "H", len(entries)), b""
    for number in sorted(entries):
        type_, values = entries[number]
        raw = struct.pack(order + str(len(values)) + {1: "B", 3: "H", 4: "I"}[type_], *values)
        directory += struct.pack(order + "HHI", number, type_, len(values))
        if len(raw) <= 4:
            directory += raw.ljust(4, b"\0")
        else:
            directory += struct.pack(order + "I", behind + len(values_behind))
            values_behind += raw + bytes(len(raw) % 2)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", at)
    return head + b"".join(strips) + directory + bytes(4) + values_behind


def bmp(rows: list[bytes], bits: int, masks=(), palette=b"", top_down=False) -> bytes:
    """A BMP of rows that are packed already, from the top; `masks` are those of its channels."""
    rows = [row + bytes(-len(row) % 4) for row in rows]
    data = b"".join(rows if top_down else rows[::-1])
    fields = struct.pack(f"<{len(masks)}I", *masks)
    start = 14 + 40 + len(fields) + len(palette)
    height = -len(rows) if top_down else len(rows)
    info = struct.pack(
        "<IiiHHIIiiII", 40, WIDTH, height, 1, bits, 3 if masks else 0, len(data), 2835, 2835, len(palette) // 4, 0
    )
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + info + fields + palette + data


def xmp(orientation: int) -> bytes:
    """An XMP packet that states an orientation."""
    about = f'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{orientation}"/>'
    syntax = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{syntax}">{about}</rdf:RDF></x:xmpmeta>'.encode()


def jpegs() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of JPEGs of every kind."""
    for name, options in {
        "420": {}, "422": {"subsampling": 1}, "444": {"subsampling": 0}, "progressive": {"progressive": True},
        "rgb": {"keep_rgb": True}, "restarts": {"restart_marker_blocks": 2}, "optimized": {"optimize": True},
    }.items():  # fmt: skip
        yield f"{name}.jpg", saved(RGB, "JPEG", **options)
    yield "gray.jpg", saved(GRAY, "JPEG")
    yield "mpo.mpo", saved(RGB, "MPO", save_all=True, append_images=[FLIPPED.copy()])
    yield "behind.jpg", saved(RGB, "JPEG") + b"SEFH, as phones write it"
    inks = saved(RGB, "JPEG", "CMYK", quality=95)
    adobe = inks.find(b"\xff\xee")
    length = 2 + int.from_bytes(inks[adobe + 2 : adobe + 4], "big")
    yield "cmyk.jpg", inks
    yield "cmyk_without_adobe.jpg", inks[:adobe] + inks[adobe + length :]
    yield "ycck.jpg", inks[: adobe + length - 1] + b"\2" + inks[adobe + length :]
    for o in ORIENTATIONS:
        yield f"exif{o}.jpg", jpeg_with([b"Exif\0\0" + exif(o, "<>"[o % 2])])
        yield f"exif{o}_gray.jpg", jpeg_with([b"Exif\0\0" + exif(o, "<>"[o % 2])], GRAY)
    packet = b"http://ns.adobe.com/xap/1.0/\0" + xmp(3)
    yield "xmp3.jpg", jpeg_with([packet])
    yield "xmp3_exif6.jpg", jpeg_with([packet, b"Exif\0\0" + exif(6)])
    yield "exif6_exif3.jpg", jpeg_with([b"Exif\0\0" + exif(6), b"Exif\0\0" + exif(3)])
    yield "exif6_long_little.jpg", jpeg_with([b"Exif\0\0" + exif(6, "<", 4)])
    yield "exif6_long_big.jpg", jpeg_with([b"Exif\0\0" + exif(6, ">", 4)])
    yield "exif_cut.jpg", jpeg_with([b"Exif\0\0" + exif(6)[:15]])
    yield "exif_nonsense.jpg", jpeg_with([b"Exif\0\0MM\0*\xff\xff\xff\xff"])


def pngs() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of PNGs of every kind."""
    gray_alpha, deep_alpha = np.dstack([GRAY, ALPHA]), np.dstack([GRAY16, GRAY16[::-1]])
    for name, pixels, bits, colour in (
        ("gray1", GRAY >> 7, 1, 0), ("gray2", GRAY >> 6, 2, 0), ("gray4", GRAY >> 4, 4, 0), ("gray8", GRAY, 8, 0),
        ("gray16", GRAY16, 16, 0), ("rgb8", RGB, 8, 2), ("rgb16", RGBA16[..., :3], 16, 2), ("la8", gray_alpha, 8, 4),
        ("la16", deep_alpha, 16, 4), ("rgba8", RGBA, 8, 6), ("rgba16", RGBA16, 16, 6),
    ):  # fmt: skip
        yield f"{name}.png", png(pixels, bits, colour)
        yield f"{name}_background.png", png(pixels, bits, colour, [(b"bKGD", b"\0\1" * (1 if colour in (0, 4) else 3))])
    for bits in (1, 2, 4, 8):
        plain = [(b"PLTE", PALETTE[: 3 * 2**bits])]
        yield f"palette{bits}.png", png(GRAY >> (8 - bits), bits, 3, plain)
        see_through = [*plain, (b"tRNS", ALPHA.tobytes()[: 2**bits])]
        yield f"palette{bits}_transparent.png", png(GRAY >> (8 - bits), bits, 3, see_through)
    yield "gray1_key.png", png(GRAY >> 7, 1, 0, [(b"tRNS", b"\0\1")])
    yield "gray16_key.png", png(GRAY16, 16, 0, [(b"tRNS", struct.pack(">H", int(GRAY16[6, 6])))])
    yield "rgb8_key.png", png(RGB, 8, 2, [(b"tRNS", struct.pack(">HHH", *map(int, RGB[6, 6])))])
    yield "interlaced.png", interlaced_png()
    yield "animated.png", saved(RGB, "PNG", save_all=True, append_images=[FLIPPED.copy()])
    yield "xmp3.png", png(RGB, 8, 2, [(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(3))])
    yield "exif6_behind.png", png(RGB, 8, 2, after=[(b"eXIf", exif(6))])
    yield "text_behind.png", png(RGB, 8, 2, after=[(b"tEXt", b"date\0today")], split=7)
    for o in ORIENTATIONS:
        yield f"exif{o}.png", png(RGB, 8, 2, [(b"eXIf", exif(o, "<>"[o % 2]))])
        yield f"exif{o}_16.png", png(GRAY16, 16, 0, [(b"eXIf", exif(o, "<>"[o % 2]))])


def interlaced_png() -> bytes:
    """RGB in seven passes (Adam7)."""
    rows = b""
    for y, x, down, right in (
        (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)
    ):  # fmt: skip
        rows += b"".join(b"\0" + row.tobytes() for row in RGB[y::down, x::right])
    plain = png(RGB, 8, 2)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 1)
    return plain[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def bmps() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of BMPs of 1 to 32 bits."""
    padded = b"".join(PALETTE[i : i + 3] + b"\0" for i in range(0, 768, 3))
    for bits in (1, 4, 8):
        rows = [packed(row >> (8 - bits), bits) for row in GRAY]
        yield f"palette{bits}.bmp", bmp(rows, bits, palette=padded[: 4 * 2**bits])
    five = (RGB >> 3).astype(int)
    x555 = five[..., 0] << 10 | five[..., 1] << 5 | five[..., 2]
    x565 = five[..., 0] << 11 | (RGB[..., 1] >> 2).astype(int) << 5 | five[..., 2]
    yield "555.bmp", bmp([packed(row, 16, "<") for row in x555], 16)
    yield "565.bmp", bmp([packed(row, 16, "<") for row in x565], 16, (0xF800, 0x7E0, 0x1F))
    yield "24.bmp", bmp([row.tobytes() for row in RGB[..., ::-1]], 24)
    four = [row.tobytes() for row in np.dstack([RGB[..., ::-1], ALPHA])]
    yield "32.bmp", bmp(four, 32)
    yield "32_masks.bmp", bmp(four, 32, (0xFF0000, 0xFF00, 0xFF))
    yield "32_top_down.bmp", bmp(four, 32, top_down=True)
    yield "rgba.bmp", saved(RGBA, "BMP")


def tiffs() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of TIFFs: by hand in both byte orders, compressed by libtiff."""
    gray, gray16, deep = GRAY[..., None], GRAY16[..., None], RGBA16[..., :3]
    for end, order in (("le", "<"), ("be", ">")):
        for bits in (1, 2, 4, 8):
            for photometric, name in enumerate(("white0", "gray")):
                yield f"{name}{bits}_{end}.tif", tiff(gray >> (8 - bits), bits, photometric, order)
            colours = np.random.default_rng(2).integers(0, 256, 3 * 2**bits)
            yield f"palette{bits}_{end}.tif", tiff(gray >> (8 - bits), bits, 3, order, palette=colours * 257)
        yield f"palette8_of_bytes_{end}.tif", tiff(gray, 8, 3, order, palette=colours)
        yield f"gray16_{end}.tif", tiff(gray16, 16, 1, order)
        yield f"white0_16_{end}.tif", tiff(gray16, 16, 0, order)
        yield f"rgb8_{end}.tif", tiff(RGB, order=order)
        yield f"rgb16_{end}.tif", tiff(deep, 16, order=order)
        yield f"rgb8_planes_{end}.tif", tiff(RGB, order=order, planar=2)
        yield f"rgb16_planes_{end}.tif", tiff(deep, 16, order=order, planar=2)
        for extra, name in enumerate(("unstated", "premultiplied", "alpha")):
            yield f"rgba8_{name}_{end}.tif", tiff(RGBA, order=order, extra=[extra])
            yield f"rgba16_{name}_{end}.tif", tiff(RGBA16, 16, order=order, extra=[extra])
            yield f"la8_{name}_{end}.tif", tiff(np.dstack([GRAY, ALPHA]), 8, 1, order, extra=[extra])
        yield f"inks8_{end}.tif", tiff(RGBA, 8, 5, order)
        yield f"inks16_{end}.tif", tiff(RGBA16, 16, 5, order)
        yield f"lab_{end}.tif", tiff(RGB, 8, 8, order)
        for bits in (10, 12, 14):
            yield f"gray{bits}_{end}.tif", tiff(gray16 >> (16 - bits), bits, 1, order)
        yield f"signed16_{end}.tif", tiff(gray16, 16, 1, order, kind=2)
        for tag, name in ((700, "xmp6"), (50706, "dng"), (254, "preview")):
            values = list(xmp(6)) if tag == 700 else [1, 4, 0, 0] if tag == 50706 else [1]
            yield f"{name}_{end}.tif", tiff(RGB, order=order, tags=[(tag, 4 if tag == 254 else 1, values)])
            if tag == 700:
                yield f"{name}_gray_{end}.tif", tiff(gray, 8, 1, order, tags=[(tag, 1, values)])
        for o in ORIENTATIONS:
            turn = [(274, 3, [o])]
            yield f"turn{o}_rgb8_{end}.tif", tiff(RGB, order=order, tags=turn)
            yield f"turn{o}_gray8_{end}.tif", tiff(gray, 8, 1, order, tags=turn)
            yield f"turn{o}_rgb16_{end}.tif", tiff(deep, 16, order=order, tags=turn)
            yield f"turn{o}_gray16_{end}.tif", tiff(gray16, 16, 1, order, tags=turn)
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        for name, pixels in (("gray1", GRAY > 127), ("gray8", GRAY), ("rgb8", RGB), ("gray16", GRAY16)):
            for o in (1, 6):
                yield f"{compression}_{name}_{o}.tif", saved(pixels, "TIFF", compression=compression, tiffinfo={274: o})
    yield "jpeg.tif", saved(RGB, "TIFF", compression="jpeg")
    yield "group4.tif", saved(GRAY > 127, "TIFF", compression="group4")
    yield "ycbcr.tif", saved(RGB, "TIFF", "YCbCr")
    yield "float.tif", saved(GRAY.astype(np.float32), "TIFF")
    yield "int32.tif", saved(GRAY.astype(np.int32), "TIFF")
    yield "pages.tif", saved(RGB, "TIFF", save_all=True, append_images=[FLIPPED.copy()])
    yield "pages_gray.tif", saved(GRAY, "TIFF", save_all=True, append_images=[FLIPPED.convert("L")])


def others() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of WebP, AVIF and JPEG 2000, and of files whose name says something else."""
    yield "lossy.webp", saved(RGB, "WEBP", quality=80)
    yield "lossy_alpha.webp", saved(RGBA, "WEBP", quality=80)
    yield "lossless.webp", saved(RGB, "WEBP", lossless=True)
    yield "lossless_alpha.webp", saved(RGBA, "WEBP", lossless=True, exact=True)
    yield "animated.webp", saved(RGB, "WEBP", save_all=True, append_images=[FLIPPED.copy()], lossless=True)
    yield "xmp3.webp", saved(RGB, "WEBP", lossless=True, xmp=xmp(3))
    yield "xmp3.avif", saved(RGB, "AVIF", xmp=xmp(3))
    for o in ORIENTATIONS:
        yield f"exif{o}.webp", saved(RGBA, "WEBP", lossless=True, exact=True, exif=exif(o, "<>"[o % 2]))
        yield f"exif{o}.avif", saved(RGB, "AVIF", exif=exif(o))
    for name, pixels in (("gray", GRAY), ("rgb", RGB), ("rgba", RGBA)):
        yield f"{name}.avif", saved(pixels, "AVIF")
        yield f"{name}.jp2", saved(pixels, "JPEG2000")
    yield "gray16.jp2", saved(GRAY16, "JPEG2000")
    yield "la.jp2", saved(np.dstack([GRAY, ALPHA]), "JPEG2000")
    yield "lossy.jp2", saved(RGB, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[10])
    yield "bare.jp2", saved(RGB, "JPEG2000", no_jp2=True)
    for format in ("PNG", "TIFF", "WEBP", "AVIF", "JPEG2000", "BMP", "GIF", "PPM"):
        yield f"{format.lower()}_named.jpg", saved(RGB, format)
