"""Small pictures for the page: thumbnails of images, and activations as a tint over their image."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..analysis.labelled import objects_on_canvas
from ..console import Step
from ..data.dataset import DetectionSet, ImageRecord
from ..data.letterbox import letterbox_into
from ..data.loader import decode_image
from ..report.html.transfer_pictures import LookedImage

MOST_LOOKED = 6  # images whose activations are shown
LOOKED_SIDE, MAP_SIDE = 224, 112  # pixels
# Thumbnails of all images on which features are compared: below 5 MB of page in total, even for noise.
LARGE, LARGE_UP_TO, SMALL = 64, 1000, 40
QUALITY = 60
TINT = (255, 70, 0)


def thumbnails(images: Sequence[ImageRecord], step: Step) -> tuple[str, ...]:
    """A small JPEG of every image as a data: address; many images get smaller ones."""
    side = LARGE if len(images) <= LARGE_UP_TO else SMALL
    found = []
    for image in images:
        picture = Image.fromarray(decode_image(image))
        picture.thumbnail((side, side))
        found.append(_jpeg(picture))
        step(len(found), len(images))
    return tuple(found)


def activation_pictures(
    data: DetectionSet, energies: Mapping[str, NDArray[np.float32]], imgsz: int
) -> tuple[LookedImage, ...]:
    """A few images with boxes, spread over the set; `energies` are [images, h, w] by source, on `imgsz` canvases."""
    truth = data.ground_truth
    known = np.unique(truth.image_index[~truth.is_crowd])
    chosen = known[np.unique(np.linspace(0, len(known) - 1, min(MOST_LOOKED, len(known))).round().astype(int))]
    found = []
    for k in chosen.tolist():
        canvas = np.empty((3, imgsz, imgsz), np.float32)
        placement = letterbox_into(decode_image(data.images[k]), canvas)
        picture = Image.fromarray((canvas.transpose(1, 2, 0) * 255).round().astype(np.uint8))
        picture.thumbnail((LOOKED_SIDE, LOOKED_SIDE))
        _, boxes = objects_on_canvas(truth, k, placement)
        found.append(
            LookedImage(
                name=truth.image_name(k) if (file := data.images[k].path) is None else file.name,
                picture=_jpeg(picture),
                boxes=tuple((x, y, right - x, bottom - y) for x, y, right, bottom in boxes.tolist()),
                maps=tuple((source, _tint(energy[k])) for source, energy in energies.items()),
            )
        )
    return tuple(found)


def _tint(energy: NDArray[np.float32]) -> str:
    """A colour whose opacity grows with the norm of the activations, relative to the picture's maximum."""
    norm = np.sqrt(energy / max(float(energy.max()), 1e-30))
    alpha = Image.fromarray((norm * 220).round().astype(np.uint8)).resize(
        (MAP_SIDE, MAP_SIDE), Image.Resampling.BILINEAR
    )
    picture = Image.new("RGB", alpha.size, TINT)
    picture.putalpha(alpha)
    return _address(picture, "png")


def _jpeg(picture: Image.Image) -> str:
    return _address(picture, "jpeg", quality=QUALITY, optimize=True)


def _address(picture: Image.Image, kind: str, **options: int) -> str:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return f"data:image/{kind};base64,{b64encode(file.getvalue()).decode()}"
