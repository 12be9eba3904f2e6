"""The whole path on a GPU: build, run, capture, score, compare with ONNX Runtime on the CPU.

No machine with TensorRT has run this file yet; it is what `python bench/trt.py` runs there.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bench_freeze.deployed.selection import NmsSettings, select
from bench_freeze.engines.ort_engine import OrtEngine
from bench_freeze.engines.trt_engine import TrtEngine
from bench_freeze.errors import InputError
from bench_freeze.export.builder import PlanOptions
from bench_freeze.export.plan import build_plan
from bench_freeze.export.precision import precision_loss
from bench_freeze.scorer.device_array import cuda_available

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


def test_the_fused_scorer_selects_what_the_cpu_does(engine_of, real_images):
    if not cuda_available():
        pytest.skip("this build of the extension has no CUDA back end")
    engine, settings = engine_of(1, "fp32"), NmsSettings()
    for i in (0, 1, 2, 0):  # warm, recorded, launched twice
        images = real_images[i : i + 1]
        found = engine.detect(images, settings)
        outputs = engine.infer(images)
        for head in engine.card.heads:
            expected = select(outputs[head.name], head, settings)
            for field, values in vars(expected).items():
                np.testing.assert_array_equal(getattr(found[head.name], field), values)


def test_stages_are_timed_by_the_gpu(engine_of, real_images):
    engine = engine_of(1, "fp32")
    for _ in range(3):
        engine.infer(real_images[:1])
    assert list(engine.stage_seconds) == ["copy_in", "network", "copy_out"]
    assert all(0 < seconds < 1 for seconds in engine.stage_seconds.values())
    began, ended = engine.events
    assert began.time_till(ended) * 1e-3 == pytest.approx(engine.stage_seconds["network"])
    assert engine.stream != 0


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
