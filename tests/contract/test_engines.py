"""One contract for every engine: the same model through torch, ONNX Runtime and a recording of it."""

import numpy as np
import pytest
import torch

from bench_freeze.dualhead.model import DualHead, prepare_for_inference
from bench_freeze.engines.base import Head, ModelCard, infer_padded
from bench_freeze.engines.ort_engine import OrtEngine
from bench_freeze.engines.replay_engine import ReplayEngine
from bench_freeze.engines.torch_engine import TorchEngine
from bench_freeze.errors import AuditError, InputError
from bench_freeze.export.onnx_export import export_onnx
from bench_freeze.export.parity import compare_engines

pytestmark = pytest.mark.slow
SIZE, BATCH = 64, 2


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((BATCH, 3, SIZE, SIZE), dtype=np.float32)


@pytest.fixture(scope="module")
def model():
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(0)
    base = prepare_for_inference(DetectionModel("yolov8n.yaml", nc=5, verbose=False))
    tuned = prepare_for_inference(DetectionModel("yolov8n.yaml", nc=3, verbose=False))
    return DualHead(base, tuned, 0).eval()


@pytest.fixture(scope="module")
def card():
    heads = (Head("base", tuple("abcde"), "raw"), Head("target", tuple("xyz"), "raw"))
    return ModelCard(heads, SIZE, BATCH, 0)


@pytest.fixture(scope="module", params=["torch", "ort", "replay"])
def engine(request, model, card, images, tmp_path_factory):
    if request.param == "torch":
        return TorchEngine(model, card, "cpu")
    if request.param == "ort":
        file = tmp_path_factory.mktemp("onnx") / "model.onnx"
        export_onnx(model, card, file, opset=18)
        return OrtEngine(file)
    recorded = TorchEngine(model, card, "cpu").infer(images)
    return ReplayEngine(card, [recorded])


def test_outputs_are_named_typed_and_shaped_as_promised(engine, images):
    outputs = engine.infer(images)
    assert list(outputs) == ["base", "target"]
    anchors = (SIZE // 8) ** 2 + (SIZE // 16) ** 2 + (SIZE // 32) ** 2
    assert outputs["base"].shape == (BATCH, 4 + 5, anchors)
    assert outputs["target"].shape == (BATCH, 4 + 3, anchors)
    assert all(o.dtype == np.float32 and np.isfinite(o).all() for o in outputs.values())


def test_the_card_says_what_the_model_is(engine, card):
    assert engine.card == card
    assert ModelCard.from_dict(card.to_dict()) == card


def test_the_identity_is_complete(engine):
    assert engine.identity.name in ("torch", "ort", "replay")
    assert engine.identity.version
    assert engine.identity.precision == "fp32"


def test_the_same_images_give_the_same_outputs(engine, images):
    first, second = engine.infer(images), engine.infer(images)
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("shape", [(BATCH, 3, SIZE, SIZE + 32), (BATCH + 1, 3, SIZE, SIZE), (BATCH, 1, SIZE, SIZE)])
def test_a_wrong_shape_is_refused(engine, shape):
    with pytest.raises(ValueError, match="the model takes"):
        engine.infer(np.zeros(shape, dtype=np.float32))


def test_a_smaller_batch_is_filled_and_cut(engine, images):
    whole, part = engine.infer(images), infer_padded(engine, images[:1])
    assert all(part[name].shape[0] == 1 for name in part)
    assert all(np.allclose(part[name], whole[name][:1], atol=1e-4) for name in part)


def test_all_engines_agree(engine, model, card, images):
    differences = compare_engines(TorchEngine(model, card, "cpu"), engine, images)
    assert [d.head for d in differences] == ["base", "target"]


def test_a_different_model_fails_parity_and_names_the_output(model, card, images):
    source = TorchEngine(model, card, "cpu")
    wrong = {name: output.copy() for name, output in source.infer(images).items()}
    wrong["target"][0, 5, 3] += 0.5
    with pytest.raises(AuditError, match=r"output 'target'.*0\.5 in scores"):
        compare_engines(source, ReplayEngine(card, [wrong]), images)
    wrong["target"][0, 5, 3] = np.nan
    with pytest.raises(AuditError, match="output 'target'"):
        compare_engines(source, ReplayEngine(card, [wrong]), images)


def test_a_free_batch_dimension_takes_any_batch(model, card, images, tmp_path):
    free = ModelCard(card.heads, SIZE, None, 0)
    export_onnx(model, free, tmp_path / "free.onnx", opset=18)
    engine = OrtEngine(tmp_path / "free.onnx")
    for count in (1, 2, 3):
        batch = np.repeat(images, 2, axis=0)[:count]
        assert engine.infer(batch)["base"].shape[0] == count
        compare_engines(TorchEngine(model, free, "cpu"), engine, batch)


def test_the_exported_file_holds_no_path(model, card, tmp_path):
    import bench_freeze

    export_onnx(model, card, tmp_path / "m.onnx", opset=18)
    content = (tmp_path / "m.onnx").read_bytes()
    root = bench_freeze.__file__.partition("/python/")[0].encode()
    assert root not in content
    assert b"site-packages" not in content


def test_an_opset_that_cannot_be_written_is_refused(model, card, tmp_path):
    with pytest.raises(InputError, match="opset"):
        export_onnx(model, card, tmp_path / "m.onnx", opset=5)


def test_a_foreign_onnx_file_is_refused(tmp_path):
    import onnx
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    ])  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), tmp_path / "x.onnx")
    with pytest.raises(InputError, match="does not say what its heads are"):
        OrtEngine(tmp_path / "x.onnx")
    (tmp_path / "y.onnx").write_text("no model")
    with pytest.raises(InputError, match="cannot be loaded"):
        OrtEngine(tmp_path / "y.onnx")


def test_a_gpu_that_is_not_there_is_never_replaced_by_the_cpu(model, card, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(InputError, match="torch finds no usable NVIDIA GPU"):
        TorchEngine(model, card, "cuda:0")
    export_onnx(model, card, tmp_path / "m.onnx", opset=18)
    with pytest.raises(InputError, match="cuda:0"):
        OrtEngine(tmp_path / "m.onnx", "cuda:0")


def test_replay_takes_the_scripted_time(card, images):
    passed = []
    engine = ReplayEngine(card, [{"base": images, "target": images}], [0.25, 0.5], passed.append)
    for _ in range(3):
        engine.infer(images)
    assert passed == [0.25, 0.5, 0.25]


@pytest.mark.parametrize("batch", [BATCH, None])
def test_bound_memory_gives_the_same_outputs(model, card, images, batch, tmp_path):
    """The path that GPUs take, on the CPU's memory: bound inputs and outputs, bit for bit what a plain run gives."""
    from dataclasses import replace

    import onnxruntime as ort

    from bench_freeze.engines.ort_binding import BoundSession

    file = tmp_path / "model.onnx"
    export_onnx(model, replace(card, batch=batch), file, opset=18)
    plain, session = OrtEngine(file), ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    bound = BoundSession(session, "cpu", 0)
    sizes = [BATCH, BATCH] if batch else [2, 2, 1, 2]
    earlier = []
    for i, size in enumerate(sizes):
        some = np.ascontiguousarray(np.roll(images, i, axis=2)[:size])
        outputs, expected = bound.run(some), plain.infer(some)
        assert list(outputs) == ["base", "target"]
        for name, values in outputs.items():
            np.testing.assert_array_equal(values, expected[name])
        earlier.append((outputs, expected))
    for outputs, expected in earlier:  # results are the caller's: later runs on the same memory leave them alone
        np.testing.assert_array_equal(outputs["base"], expected["base"])
    assert list(bound.stage_seconds) == ["copy_in", "network", "copy_out"]
    assert all(seconds > 0 for seconds in bound.stage_seconds.values())


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_is_not_there_is_refused(model, card, provider, tmp_path):
    import onnxruntime as ort

    file = tmp_path / "model.onnx"
    export_onnx(model, card, file, opset=18)
    with pytest.raises(InputError, match="does not run on device cpu"):
        OrtEngine(file, "cpu", provider=provider)
    if not any(
        name in ort.get_available_providers() for name in ("CUDAExecutionProvider", "TensorrtExecutionProvider")
    ):
        with pytest.raises(InputError, match="has no (CUDA|Tensorrt)ExecutionProvider"):
            OrtEngine(file, "cuda:0", provider=provider)


def test_a_session_that_fell_back_to_another_provider_is_refused(model, card, monkeypatch, tmp_path):
    """ONNX Runtime does not fail when a provider that it claims to have cannot start: it takes the CPU."""
    import onnxruntime as ort

    file = tmp_path / "model.onnx"
    export_onnx(model, card, file, opset=18)
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    with pytest.raises(InputError, match="could not start CUDAExecutionProvider and would run on CPUExecutionProvider"):
        OrtEngine(file, "cuda:0")
