"""The whole path on a GPU: build, run, capture, score, compare with ONNX Runtime on the CPU.

No machine with TensorRT has run this file yet; it is what `python bench/trt.py` runs there.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image

from bench_freeze.data.letterbox import letterbox_into
from bench_freeze.data.loader import decode_batch
from bench_freeze.data.source import open_base
from bench_freeze.deployment.pipeline import detect
from bench_freeze.engines.ort_engine import OrtEngine
from bench_freeze.engines.selection import select
from bench_freeze.engines.trt_engine import TrtEngine
from bench_freeze.errors import InputError
from bench_freeze.export.builder import PlanOptions
from bench_freeze.export.plan import build_plan
from bench_freeze.export.precision import precision_loss
from bench_freeze.kernels.device_array import to_numpy
from bench_freeze.kernels.nms_options import NmsOptions

pytestmark = [pytest.mark.trt, pytest.mark.slow]
# TF32 is on in a float32 plan, as TensorRT has it by default: ten bits of mantissa in convolutions.
SCORE_BOUND = {"fp32": 0.01, "fp16": 0.02, "int8": 0.15}
BOX_BOUND_PX = {"fp32": 0.2, "fp16": 0.3, "int8": 3.0}


@pytest.fixture(scope="module")
def engine_of(convert_dual, tmp_path_factory):
    """An engine on a plan that is built here, once for each: (batch, precision)."""
    folder, made = tmp_path_factory.mktemp("plans"), {}

    def make(batch, precision):
        if (batch, precision) not in made:
            plan = folder / f"{batch}_{precision}.plan"
            profile = None if batch else (1, 2, 4)
            build_plan(convert_dual(15, batch, precision), plan, PlanOptions(batch_profile=profile))
            made[batch, precision] = TrtEngine(plan)
        return made[batch, precision]

    yield make
    for engine in made.values():
        engine.close()


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("batch", [1, 2, None])
def test_a_plan_answers_as_onnx_runtime_does(engine_of, convert_dual, batch, precision, real_images):
    engine, reference = engine_of(batch, precision), OrtEngine(convert_dual(15, batch, precision))
    assert engine.card == reference.card
    for loss in precision_loss(reference, engine, real_images[:4]):
        if loss.sure:
            assert loss.score < SCORE_BOUND[precision], loss
            assert loss.box_px < BOX_BOUND_PX[precision], loss


@pytest.mark.parametrize("batch", [1, None])
def test_a_captured_graph_answers_as_the_first_calls_do(engine_of, batch, real_images):
    """Calls 1 and 2 warm up and record where shapes are static, later ones launch the graph, on other images too."""
    engine = engine_of(batch, "fp32")
    image, other = real_images[:1], real_images[1:2]
    outputs = [engine.infer(image) for _ in range(4)]
    for later in outputs[1:]:
        for name, values in later.items():
            np.testing.assert_array_equal(values, outputs[0][name])
    assert not np.array_equal(engine.infer(other)["base"], outputs[0]["base"])
    np.testing.assert_array_equal(engine.infer(image)["base"], outputs[0]["base"])


def test_sizes_of_a_free_batch(engine_of, real_images):
    engine = engine_of(None, "fp32")
    whole = engine.infer(real_images[:4])
    for size in (1, 3):
        for name, values in engine.infer(real_images[:size]).items():
            np.testing.assert_allclose(values, whole[name][:size], atol=0.5, rtol=1e-2)
    with pytest.raises(ValueError, match="at most 4"):
        engine.infer(np.repeat(real_images[:1], 5, axis=0))


@pytest.mark.parametrize("batch", [1, None])
def test_two_batches_in_flight_keep_their_order(engine_of, batch, real_images):
    engine = engine_of(batch, "fp16")
    batches = [real_images[i : i + 1] for i in (0, 1, 2, 1, 0)]
    expected = [engine.infer(images) for images in batches]
    found = list(engine.infer_many(iter(batches)))
    assert len(found) == len(batches)
    for a, b in itertools.zip_longest(expected, found):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_batches_that_nobody_collected_do_no_harm(engine_of, real_images):
    engine = engine_of(1, "fp32")
    expected = engine.infer(real_images[2:3])
    left = engine.infer_many(real_images[i : i + 1] for i in (0, 1, 0, 1))
    next(left)
    next(left)
    left.close()  # the third is under way, where the next call goes
    for name, values in engine.infer(real_images[2:3]).items():
        np.testing.assert_array_equal(values, expected[name])


@pytest.mark.parametrize("batch", [1, None])
def test_the_fused_scorer_selects_what_the_cpu_does(engine_of, batch, real_images, kernels):
    engine, first, second = engine_of(batch, "fp32"), NmsOptions(), NmsOptions(0.25, 0.5, 20)
    for i, settings in ((0, first), (1, first), (2, first), (0, second), (1, second), (1, first), (2, second)):
        images = real_images[i : i + 1]  # warm, recorded, launched; another setting beside it, and the first again
        found = engine.detect(images, settings)
        outputs = engine.infer(images)
        for head in engine.card.heads:
            expected = select(outputs[head.name], head, settings)
            for field, values in vars(expected).items():
                np.testing.assert_array_equal(getattr(found[head.name], field), values)


@pytest.fixture(scope="module")
def odd_images(embedded_base_folder, tmp_path_factory):
    """Real photographs of the embedded study as files of odd sizes, grey, transparent and tiny ones among them."""
    from bench_freeze.data.dataset import ImageRecord

    folder, records = tmp_path_factory.mktemp("odd"), []
    sizes = [(641, 479), (97, 203), (1, 1), (1279, 33), (160, 160), (1801, 1203), (3, 7)]
    sources = sorted(f for f in embedded_base_folder.rglob("*") if f.suffix in (".jpg", ".png"))
    for i, (size, source) in enumerate(zip(sizes, itertools.cycle(sources), strict=False)):
        path = folder / f"{i}.png"
        Image.open(source).convert(("RGB", "L", "RGBA")[i % 3]).resize(size).save(path)
        records.append(ImageRecord(i, path, *size))
    return records


def canvases_of(images, size):
    canvases = np.empty((len(images), 3, size, size), np.float32)
    for image, canvas in zip(images, canvases, strict=True):
        letterbox_into(image, canvas)
    return canvases


@pytest.mark.parametrize("batch", [1, 2, None])
def test_the_gpu_letterboxes_as_the_cpu_does(engine_of, batch, odd_images, kernels):
    """The canvas that the engine reads, within one grey level; unequal sizes in a batch, the last one padded."""
    engine = engine_of(batch, "fp32")
    assert engine.takes_decoded
    assert engine.identity.letterbox == "gpu"
    size, step = engine.card.imgsz, batch or 4
    for start in range(0, len(odd_images), step):
        images = decode_batch(odd_images[start : start + step], start, size).images
        expected, found = canvases_of(images, size), engine.infer(images)
        slot = engine._slots[0]
        read = to_numpy(slot.tensor(engine._input), slot.stream.handle)
        np.testing.assert_allclose(read[: len(images)], expected, rtol=0, atol=1.001 / 255)
        np.testing.assert_allclose(read[len(images) :], 114 / 255, rtol=0, atol=1e-6)
        assert list(engine.stage_seconds) == ["copy_in", "letterbox", "network", "copy_out"]
        if batch is None:
            for name, values in engine.infer(expected).items():
                sure = values[:, 4:].max(1) > 0.25
                moved = np.abs(found[name] - values)
                assert moved[:, 4:].max(1)[sure].max(initial=0) < 0.05
                assert moved[:, :4].max(1)[sure].max(initial=0) < 1.0


@pytest.mark.parametrize("batch", [2, None])
def test_detections_of_a_data_set_do_not_depend_on_who_letterboxes(engine_of, batch, embedded_files, kernels):
    engine, data = engine_of(batch, "fp32"), open_base(embedded_files[2], None, "val")
    on_gpu = detect(engine, data, NmsOptions(0.25), batch=batch or 4)["base"]
    engine.takes_decoded = False
    try:
        on_cpu = detect(engine, data, NmsOptions(0.25), batch=batch or 4)["base"]
    finally:
        engine.takes_decoded = True
    assert len(on_cpu) > 50
    assert len(on_gpu) == pytest.approx(len(on_cpu), rel=0.02)
    found = 0
    for i in range(len(on_cpu)):
        same = (on_gpu.image_index == on_cpu.image_index[i]) & (on_gpu.labels == on_cpu.labels[i])
        near = np.abs(on_gpu.boxes_xyxy[same] - on_cpu.boxes_xyxy[i]).max(1, initial=0) < 1.0
        found += bool((np.abs(on_gpu.scores[same][near] - on_cpu.scores[i]) < 0.05).any())
    assert found >= 0.98 * len(on_cpu)  # what lies at the threshold may go either way


def test_a_batch_below_the_smallest_of_the_plan_is_filled_up(convert_dual, real_images, tmp_path):
    plan = tmp_path / "m.plan"
    build_plan(convert_dual(15, None, "fp32"), plan, PlanOptions(batch_profile=(2, 2, 4)))
    engine = TrtEngine(plan)
    try:
        whole = engine.infer(real_images[:2])
        for name, values in engine.infer(real_images[:1]).items():
            np.testing.assert_allclose(values, whole[name][:1], atol=0.5, rtol=1e-2)
    finally:
        engine.close()


def test_stages_are_timed_by_the_gpu(engine_of, real_images):
    engine = engine_of(1, "fp32")
    for _ in range(3):
        engine.infer(real_images[:1])
    assert list(engine.stage_seconds) == ["copy_in", "network", "copy_out"]
    assert all(0 < seconds < 1 for seconds in engine.stage_seconds.values())
    stream, new_event, elapsed_ms = engine.event_parts()
    began, ended = new_event().record(stream), new_event().record(stream)
    ended.synchronize()
    assert 0 <= elapsed_ms(began, ended) < 1e3
    assert stream.handle != 0


def test_torch_lives_beside_it(engine_of, real_images):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this torch has no CUDA")
    engine = engine_of(1, "fp32")
    before = engine.infer(real_images[:1])["base"]
    assert float(torch.ones(8, device="cuda").sum()) == 8
    np.testing.assert_array_equal(engine.infer(real_images[:1])["base"], before)


def test_a_plan_of_another_gpu_is_refused(engine_of, convert_dual, tmp_path):
    import json

    plan = tmp_path / "m.plan"
    build_plan(convert_dual(15, 1, "fp32"), plan, PlanOptions())
    side_car = plan.with_name("m.plan.json")
    facts = json.loads(side_car.read_text())
    facts["target"]["capability"] = "10"
    side_car.write_text(json.dumps(facts))
    with pytest.raises(InputError, match="for GPUs of compute capability 10"):
        TrtEngine(plan)
