"""Decoded images through the pipeline: what an engine that letterboxes for itself is given, and what keys say of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bench_freeze.config.deployment import DeploymentOptions
from bench_freeze.data import loader
from bench_freeze.data.dataset import ImageRecord
from bench_freeze.data.letterbox import letterbox_into
from bench_freeze.data.loader import decode_batch, decode_batches, load_batch, load_batches
from bench_freeze.deployment import deployment, pipeline
from bench_freeze.deployment.pipeline import detect, pipeline_call
from bench_freeze.engines.base import EngineIdentity, Head, ModelCard
from bench_freeze.errors import InputError
from bench_freeze.kernels.nms_options import NmsOptions
from bench_freeze.measure.clock import FakeClock
from bench_freeze.measure.stages import StageClock

SIZE, ANCHORS = 32, 16
SIZES = [(1, 1), (31, 57), (90, 20), (32, 32), (64, 48), (7, 200), (33, 31)]  # height, width


class Canvases:
    """An engine on the CPU whose boxes and scores depend on what it sees; it takes batches of one size."""

    identity = EngineIdentity("test", "1", "fp32", "cpu", "NumPy")
    takes_decoded = False

    def __init__(self, batch: int | None) -> None:
        self.card = ModelCard((Head("base", ("a", "b"), "raw"),), SIZE, batch, None)
        self.given: list[Any] = []

    def infer(self, images: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        assert self.card.batch in (None, len(images))
        cells = images.reshape(len(images), 3, 4, SIZE // 4, 4, SIZE // 4).mean((3, 5)).reshape(-1, 3, ANCHORS)
        head = np.empty((len(images), 6, ANCHORS), np.float32)
        head[:, 0], head[:, 1] = np.arange(ANCHORS) % 4 * 8 + 4, np.arange(ANCHORS) // 4 * 8 + 4
        head[:, 2:4], head[:, 4:] = 4 + 12 * cells[:, :1], cells[:, 1:]
        return {"base": head}

    def close(self) -> None:
        pass


class Decoding(Canvases):
    """The same, that places images itself and fills a batch up."""

    takes_decoded = True
    stage_seconds = {"copy_in": 0.25, "letterbox": 0.5, "network": 1.0, "copy_out": 0.125}  # noqa: RUF012

    def infer(self, images: Any) -> dict[str, NDArray[np.float32]]:
        assert isinstance(images, tuple)
        self.given.append(images)
        canvases = np.full((self.card.batch or len(images), 3, SIZE, SIZE), 114 / 255, np.float32)
        for image, canvas in zip(images, canvases, strict=False):
            letterbox_into(image, canvas)
        return {name: values[: len(images)] for name, values in super().infer(canvases).items()}


@pytest.fixture
def records(tmp_path: Path) -> list[ImageRecord]:
    """Images of unequal, odd sizes, grey and transparent ones among them."""
    random, made = np.random.default_rng(0), []
    for i, (height, width) in enumerate(SIZES):
        path = tmp_path / f"{i}.png"
        mode = ("RGB", "L", "RGBA")[i % 3]
        Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode).save(path)
        made.append(ImageRecord(i, path, width, height))
    return made


def test_decoded_batches_are_what_the_canvases_are_made_of(records: list[ImageRecord]) -> None:
    pairs = zip(
        decode_batches(records, imgsz=SIZE, batch=3, workers=2),
        load_batches(records, imgsz=SIZE, batch=3, workers=2),
        strict=True,
    )
    for decoded, loaded in pairs:
        assert (decoded.start, decoded.letterboxes) == (loaded.start, loaded.letterboxes)
        for image, canvas in zip(decoded.images, loaded.images, strict=True):
            placed = np.empty_like(canvas)
            letterbox_into(image, placed)
            np.testing.assert_array_equal(placed, canvas)


def test_an_image_of_another_size_than_its_annotations_is_refused(records: list[ImageRecord]) -> None:
    wrong = [records[0], ImageRecord(9, records[1].path, 56, 31)]
    for read in (decode_batch, load_batch):
        with pytest.raises(InputError, match="57x31 pixels but the annotations are for 56x31"):
            read(wrong, 0, SIZE)


def test_large_images_are_not_all_read_ahead(records: list[ImageRecord], monkeypatch: pytest.MonkeyPatch) -> None:
    """At least one batch is under way, and what is read and not yet asked for stays within the bytes."""
    monkeypatch.setattr(loader, "READ_AHEAD_BYTES", 3 * 90 * 20 + 3 * 31 * 57)
    submitted: list[int] = []
    decode = loader.decode_batch

    def watched(chosen: Any, start: int, imgsz: int) -> Any:
        submitted.append(start)
        return decode(chosen, start, imgsz)

    monkeypatch.setattr(loader, "decode_batch", watched)
    batches = decode_batches(records, imgsz=SIZE, batch=1, workers=4)
    for i, batch in enumerate(batches):
        assert batch.start == i
        assert max(submitted) <= i + 3
    assert sorted(submitted) == list(range(len(records)))


@pytest.mark.parametrize("batch", [None, 3])
def test_detections_do_not_depend_on_who_letterboxes(records: list[ImageRecord], batch: int | None) -> None:
    data: Any = SimpleNamespace(images=records)
    plain, decoding = Canvases(batch), Decoding(batch)
    expected, found = (detect(e, data, NmsOptions(0.3), batch=3)["base"] for e in (plain, decoding))
    assert len(found) > len(records)
    for field, values in vars(expected).items():
        np.testing.assert_array_equal(getattr(found, field), values)
    assert [[image.shape[:2] for image in images] for images in decoding.given] == [SIZES[:3], SIZES[3:6], SIZES[6:]]


def test_the_stages_of_the_engine_take_the_place_of_the_loaders(
    records: list[ImageRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, laps = FakeClock(), {}

    def taking(seconds: float, do: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            clock.advance(seconds)
            return do(*arguments)

        return timed

    monkeypatch.setattr(loader, "read_image", taking(1.0, loader.read_image))  # type: ignore[attr-defined]
    monkeypatch.setattr(loader, "letterbox_into", taking(2.0, loader.letterbox_into))  # type: ignore[attr-defined]
    for engine in (Canvases(None), Decoding(None)):
        monkeypatch.setattr(engine, "infer", taking(2.0, engine.infer))
        stages = StageClock(clock)
        pipeline_call(engine, records[:2], NmsOptions(), stages)()
        laps[type(engine)] = stages.calls[0]
    assert laps[Canvases] == {"read": 2.0, "letterbox": 4.0, "engine": 2.0, "scorer": 0.0}
    own = {"copy_in": 0.25, "letterbox": 0.5, "network": 1.0, "copy_out": 0.125}
    assert laps[Decoding] == {"read": 2.0, "engine": 0.125, **own, "scorer": 0.0}


def test_a_key_names_the_letterbox_only_where_it_is_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    identities = {}
    for where in ("cpu", "gpu"):
        monkeypatch.setattr(deployment, "letterbox_device", lambda engine, where=where: where)
        plan: Any = SimpleNamespace(sha256=lambda name: "0" * 64)
        deployed = deployment.Deployment(SimpleNamespace(), "trt", DeploymentOptions(), None, plan, "1" * 64)
        assert deployed.letterbox == where
        identities[where] = deployed.identity()
    assert identities["gpu"] == {**identities["cpu"], "letterbox": "gpu"}
    assert "letterbox" not in identities["cpu"]


def test_only_an_engine_with_kernels_letterboxes_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench_freeze.engines.availability import letterbox_device
    from bench_freeze.kernels import device_array

    for reason, expected in (("", "gpu"), ("built without it", "cpu")):
        double = SimpleNamespace(cuda_unavailable_reason=lambda reason=reason: reason)
        monkeypatch.setattr(device_array, "native", double)
        assert letterbox_device("trt") == expected
        assert {letterbox_device(engine) for engine in ("torch", "ort", "ort-trt")} == {"cpu"}
    assert not pipeline.takes_decoded(Canvases(None))  # type: ignore[attr-defined]
