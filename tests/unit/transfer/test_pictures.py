"""Pictures of the page: small whatever is drawn, and a page of the most that there can be stays below 10 MB."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from bench_freeze.console import Console
from bench_freeze.data.dataset import ImageRecord
from bench_freeze.report.html.transfer_page import transfer_page
from bench_freeze.report.html.transfer_pictures import TransferPictures
from bench_freeze.results.transfer import Embedding, Query
from bench_freeze.transfer.clusters import MOST_EMBEDDED
from bench_freeze.transfer.pictures import LARGE, activation_pictures, thumbnails
from tests.transfers import a_transfer
from tests.unit.transfer.test_views import detection_set


def opened(address):
    kind, content = address.split(";base64,")
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    assert kind == f"data:image/{picture.format.lower()}"
    return picture


@pytest.fixture
def noise(tmp_path):
    """One image of noise, the worst to compress, of 300 x 200 pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    return ImageRecord(0, tmp_path / "noise.png", 300, 200)


def test_thumbnails_keep_the_shape_of_their_images(noise):
    with Console(plain=True).step("thumbnails") as step:
        (address,) = thumbnails([noise], step)
    assert opened(address).size == (LARGE, round(LARGE * 2 / 3))


def test_a_tint_is_densest_where_the_activations_are(noise):
    data = detection_set([(300, 200)], [(0, 1, 30, 40, 60, 50)], paths=[noise.path])
    energy = np.full((1, 7, 7), 0.01, np.float32)
    energy[0, 2, 5] = 1.0
    (found,) = activation_pictures(data, {"a": energy, "b": np.zeros((1, 7, 7), np.float32)}, 224)
    assert found.name == "noise.png"
    assert opened(found.picture).size == (224, 224)
    scale = 1 / 300
    assert found.boxes[0] == pytest.approx((30 * scale, (40 + 50) * scale, 60 * scale, 50 * scale), abs=0.005)
    (_, tint), (_, nothing) = found.maps
    alpha = np.asarray(opened(tint))[..., 3]
    y, x = np.unravel_index(alpha.argmax(), alpha.shape)
    assert (y * 7 // alpha.shape[0], x * 7 // alpha.shape[1]) == (2, 5)
    assert np.asarray(opened(nothing))[..., 3].max() == 0


@pytest.mark.slow
def test_the_largest_page_stays_below_10_mb(noise):
    with Console(plain=True).step("thumbnails") as step:
        images = thumbnails([noise] * MOST_EMBEDDED, step)
    found = a_transfer()
    points = np.random.default_rng(1).normal(size=(9, MOST_EMBEDDED, 2)).round(3).tolist()
    side = found.side_by_side
    maps = [Embedding(source=own.source, perplexity=30.0, points=points, between_seeds=0.5) for own in side.embeddings]
    from msgspec.structs import replace

    found.side_by_side = replace(
        side, images=MOST_EMBEDDED, labels=[0] * MOST_EMBEDDED, seeds=list(range(9)), embeddings=maps * 2,
        queries=[Query(image=5, file="a.jpg", nearest={"one": [1, 2, 3]})],
    )  # fmt: skip
    page = transfer_page(found, TransferPictures(images=images))
    assert len(page.encode()) < 10e6
