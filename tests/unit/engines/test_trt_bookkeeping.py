"""What TrtEngine does around TensorRT and CUDA: batches, memory, recordings. Nothing here says that a plan runs.

A network that NumPy computes stands in the plan's place, on host memory; what is put on a stream happens only when the
stream is waited for, so memory that is written over or given back too early shows. tests/trt runs the real thing.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench_freeze.data.letterbox import letterbox_into
from bench_freeze.engines import cuda_graph, cuda_letterbox, trt_engine
from bench_freeze.engines.base import Head, ModelCard
from bench_freeze.engines.selection import select
from bench_freeze.engines.trt_engine import TrtEngine
from bench_freeze.engines.trt_runner import Slot
from bench_freeze.errors import InputError
from bench_freeze.kernels import cuda, device_array
from bench_freeze.kernels.nms_options import NmsOptions
from tests.cuda_double import HostDouble, HostDriver, HostGraph, host_array

SIZE, ANCHORS = 32, 16
HEADS = (Head("base", ("a", "b"), "raw"), Head("target", ("c", "d"), "raw"))


def network(canvases: np.ndarray, shift: int) -> np.ndarray:
    """[B, 3, S, S] -> [B, 6, 16]: boxes and scores that depend on what is seen."""
    cells = canvases.reshape(len(canvases), 3, 4, SIZE // 4, 4, SIZE // 4).mean((3, 5)).reshape(-1, 3, ANCHORS)
    head = np.empty((len(canvases), 6, ANCHORS), np.float32)
    head[:, 0], head[:, 1] = np.arange(ANCHORS) % 4 * 8 + 4, np.arange(ANCHORS) // 4 * 8 + 4
    head[:, 2:4] = 4 + 12 * cells[:, :1]
    head[:, 4:] = np.roll(cells[:, 1:], shift, axis=2)
    return head


class Context:
    """Stands where an execution context does."""

    def __init__(self, runner: Runner) -> None:
        self._runner, self._addresses, self.batch = runner, {}, runner.largest

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.batch = shape[0]
        return self._runner.smallest <= shape[0] <= self._runner.largest

    def execute_async_v3(self, stream: int) -> bool:
        batch, addresses = self.batch, dict(self._addresses)

        def work() -> None:
            canvases = host_array(addresses["images"], (batch, 3, SIZE, SIZE), np.float32)
            for shift, head in enumerate(HEADS):
                host_array(addresses[head.name], (batch, 6, ANCHORS), np.float32)[:] = network(canvases, shift)

        self._runner.cuda.double.streams.put(stream, work)
        return True


class Runner:
    """Stands where a TrtRunner does; its slots are the real ones."""

    def __init__(self, driver: HostDriver, sizes: tuple[int, int], is_static: bool) -> None:
        self.cuda, self.device, self.is_static = driver, 0, is_static
        self.smallest, self.largest = sizes
        self.inputs, self.outputs = ["images"], [head.name for head in HEADS]
        self.engine = SimpleNamespace(create_execution_context=lambda: Context(self))
        self.slot = partial(Slot, self)
        self.is_closed = False

    def shape(self, name: str) -> tuple[int, ...]:
        batch = self.largest if self.is_static else -1
        return (batch, 3, SIZE, SIZE) if name == "images" else (batch, 6, ANCHORS)

    def dtype(self, name: str) -> np.dtype[Any]:
        return np.dtype(np.float32)

    def close(self) -> None:
        self.is_closed = True


Make = Callable[..., TrtEngine]


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> HostDriver:
    double = HostDouble()
    for module in (cuda, cuda_letterbox, device_array):
        monkeypatch.setattr(module, "native", double)
    monkeypatch.setattr(cuda_graph, "CudaGraph", partial(HostGraph, double.streams))
    return HostDriver(double)


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, driver: HostDriver) -> Make:
    def engine(smallest: int, largest: int, *, is_static: bool) -> TrtEngine:
        card = ModelCard(HEADS, SIZE, largest if is_static else None, None)
        file = SimpleNamespace(plan=None, content=b"", card=lambda shape: card)
        for name, value in {
            "availability": lambda *_: SimpleNamespace(usable=True),
            "cuda_device": lambda device: SimpleNamespace(name="host memory"),
            "read_plan": lambda path: file,
            "runtime_member": lambda title: "host",
            "TrtRunner": lambda *_: Runner(driver, (smallest, largest), is_static),
        }.items():
            monkeypatch.setattr(trt_engine, name, value)
        return TrtEngine(Path("m.plan"))

    return engine


def picture(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (*random.integers(1, 90, 2), 3), dtype=np.uint8)


def canvases_of(images: tuple[np.ndarray, ...]) -> np.ndarray:
    canvases = np.empty((len(images), 3, SIZE, SIZE), np.float32)
    for image, canvas in zip(images, canvases, strict=True):
        letterbox_into(image, canvas)
    return canvases


def assert_detects(engine: TrtEngine, images: tuple[np.ndarray, ...], settings: NmsOptions, *, decoded: bool) -> None:
    canvases = canvases_of(images)
    found = engine.detect(images if decoded else canvases, settings)
    assert found is not None
    for shift, head in enumerate(HEADS):
        expected = select(network(canvases, shift), head, settings)
        assert expected.count.sum() > 0
        for field, values in vars(expected).items():
            np.testing.assert_array_equal(getattr(found[head.name], field), values)


@pytest.mark.parametrize("is_static", [True, False])
def test_settings_may_come_and_go_and_come_again(make: Make, *, is_static: bool) -> None:
    """Each has its own recording, whose memory lives as long: warm, recorded, launched, for two in turn."""
    engine = make(1, 1, is_static=is_static)
    first, second = NmsOptions(score_threshold=0.3), NmsOptions(score_threshold=0.4, max_detections=5)
    for i, settings in enumerate((first, first, first, second, second, first, second, first)):
        assert_detects(engine, (picture(i),), settings, decoded=i % 2 == 0)
    for i in range(3):  # a recording of the network alone beside them
        canvases = canvases_of((picture(i),))
        np.testing.assert_array_equal(engine.infer(canvases)["target"], network(canvases, 1))


@pytest.mark.parametrize("decoded", [True, False])
def test_a_small_last_batch_is_filled_up_and_cut_again(make: Make, *, decoded: bool) -> None:
    engine = make(3, 5, is_static=False)
    for count in (5, 4, 1, 5, 3, 2):
        images = tuple(picture(10 * count + i) for i in range(count))
        assert_detects(engine, images, NmsOptions(0.3), decoded=decoded)
        outputs = engine.infer(images if decoded else canvases_of(images))
        np.testing.assert_array_equal(outputs["base"], network(canvases_of(images), 0))
    with pytest.raises(ValueError, match="at most 5, not 6"):
        engine.infer((picture(0),) * 6)


def test_a_fixed_batch_is_filled_up_with_grey_on_the_gpu(make: Make) -> None:
    engine = make(4, 4, is_static=True)
    for count in (4, 4, 4, 1):
        assert_detects(engine, tuple(picture(count + i) for i in range(count)), NmsOptions(0.3), decoded=True)
    slot = engine._slots[0]
    grey = host_array(slot.tensor("images").address, (4, 3, SIZE, SIZE), np.float32)[1:]
    np.testing.assert_array_equal(grey, np.float32(114) / np.float32(255))


def test_two_batches_in_flight_keep_their_order_and_one_that_was_left_does_no_harm(make: Make) -> None:
    engine = make(1, 1, is_static=True)
    batches = [(picture(i),) for i in range(5)]
    expected = [network(canvases_of(images), 0) for images in batches]
    for found, wanted in zip(engine.infer_many(batches), expected, strict=True):
        np.testing.assert_array_equal(found["base"], wanted)
    left = engine.infer_many(canvases_of(images) for images in batches)
    np.testing.assert_array_equal(next(left)["base"], expected[0])
    next(left)
    left.close()  # type: ignore[attr-defined]  # the third is under way  # type: ignore[attr-defined]
    np.testing.assert_array_equal(engine.infer(canvases_of(batches[3]))["base"], expected[3])
    left = engine.infer_many(batches)
    next(left)
    next(left)
    left.close()  # type: ignore[attr-defined]
    large = (np.full((1500, 1500, 3), 9, np.uint8),)  # its memory takes the place of what the others still travel to
    np.testing.assert_array_equal(engine.infer(large)["base"], network(canvases_of(large), 0))


def test_stages_name_the_letterbox_where_the_gpu_does_it(make: Make) -> None:
    engine = make(1, 1, is_static=True)
    assert engine.takes_decoded
    assert engine.identity.letterbox == "gpu"
    engine.infer((picture(1),))
    assert list(engine.stage_seconds) == ["copy_in", "letterbox", "network", "copy_out"]
    engine.infer(canvases_of((picture(1),)))
    assert list(engine.stage_seconds) == ["copy_in", "network", "copy_out"]


@pytest.mark.parametrize("is_static", [True, False])
def test_memory_is_given_back(make: Make, driver: HostDriver, *, is_static: bool) -> None:
    engine = make(2, 2, is_static=is_static)
    for _ in range(3):
        engine.detect((picture(1),), NmsOptions())
        engine.infer((picture(2),))
    assert driver.allocated == 4  # input, two heads, decoded images
    assert driver.double.memory
    slot = weakref.ref(engine._slots[0])
    engine.close()
    assert (driver.allocated, driver.double.memory) == (0, {})
    assert (
        slot() is None
    )  # at once: PyCUDA's objects must not wait for a garbage collection, in whatever thread it runs


def test_without_kernels_the_pipeline_gives_it_canvases(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trt_engine, "letterbox_device", lambda engine: "cpu")
    engine = make(1, 1, is_static=True)
    assert (engine.takes_decoded, engine.identity.letterbox) == (False, "cpu")
    assert engine.detect(canvases_of((picture(1),)), NmsOptions()) is None
    with pytest.raises(ValueError, match="takes canvases only"):
        engine.infer((picture(1),))


def test_static_tensors_need_no_batch_in_front(driver: HostDriver) -> None:
    """The plans of `diff` have inner tensors of every shape as inputs and outputs, whose first axis may be anything."""
    shapes = {"images": (2, 3), "weights": (5, 2), "scale": (), "sum": (), "same": (5, 2), "none": (0, 4)}

    class Sums:
        def __init__(self) -> None:
            self.addresses: dict[str, int] = {}

        def set_tensor_address(self, name: str, address: int) -> bool:
            self.addresses[name] = address
            return True

        def execute_async_v3(self, stream: int) -> bool:
            def work() -> None:
                values = {name: host_array(self.addresses[name], shapes[name], np.float32) for name in shapes}
                values["sum"][...] = values["images"].sum() + values["weights"].sum() * values["scale"]
                values["same"][...] = values["weights"]

            driver.double.streams.put(stream, work)
            return True

    runner = SimpleNamespace(
        cuda=driver,
        device=0,
        is_static=True,
        smallest=2,
        largest=2,
        inputs=["images", "weights", "scale"],
        outputs=["sum", "same", "none"],
        engine=SimpleNamespace(create_execution_context=Sums),
        shape=shapes.__getitem__,
        dtype=lambda name: np.dtype(np.float32),
    )
    slot = Slot(runner)
    random = np.random.default_rng(0)
    for _ in range(3):
        values = {name: random.random(shapes[name], np.float32) for name in ("weights", "images")}
        slot.enqueue({**values, "scale": np.float32(2).reshape(())})
        found = slot.collect()
        assert found["sum"] == pytest.approx(values["images"].sum() + 2 * values["weights"].sum(), rel=1e-5)
        np.testing.assert_array_equal(found["same"], values["weights"])
        assert found["none"].shape == (0, 4)
    with pytest.raises(ValueError, match=r"takes weights as \[5, 2\], not \[2, 5\]"):
        slot.enqueue({"weights": np.zeros((2, 5), np.float32)})
    slot.close()


@pytest.mark.parametrize("by_driver", [True, False])
def test_what_cannot_be_recorded_runs_as_it_is_and_says_so(
    make: Make, monkeypatch: pytest.MonkeyPatch, *, by_driver: bool
) -> None:
    def refuse(stream: int, work: Callable[[], None]) -> None:
        assert by_driver, "TensorRT for RTX had said that it must not be recorded"
        raise RuntimeError("the NVIDIA driver refused cuStreamEndCapture with error 901")

    monkeypatch.setattr(cuda_graph, "CudaGraph", refuse)
    if not by_driver:
        monkeypatch.setattr(Context, "is_stream_capturable", lambda self, stream: False, raising=False)
    words = "error 901" if by_driver else "allocates memory while it runs"
    engine = make(1, 1, is_static=True)
    for i in range(4):
        canvases = canvases_of((picture(i),))
        if i == 1:
            with pytest.warns(UserWarning, match=f"network runs without a CUDA graph.*{words}"):
                outputs = engine.infer(canvases)
        else:
            outputs = engine.infer(canvases)
        np.testing.assert_array_equal(outputs["base"], network(canvases, 0))


@pytest.mark.parametrize(
    ("limit", "pinned_limit", "sentence"),
    [
        (9000, 1 << 40, "0 MiB for tensor images do not fit into the GPU's memory"),
        (1 << 40, 9000, "of the host's memory cannot be pinned"),
    ],
)
def test_memory_that_cannot_be_had_is_a_sentence_and_nothing_stays_held(
    make: Make, driver: HostDriver, limit: int, pinned_limit: int, sentence: str
) -> None:
    """PyCUDA's MemoryError is none of Python's."""
    driver.limit, driver.pinned_limit = limit, pinned_limit
    with pytest.raises(InputError, match=sentence):
        Slot(Runner(driver, (2, 2), is_static=True))
    assert driver.allocated == 0
