"""An export that takes an earlier model's trace writes the file that torch alone writes, byte for byte."""

import gc
import json
import weakref
from copy import deepcopy
from types import SimpleNamespace

import onnx
import pytest
import torch
from tests.families import family_model
from torch import nn

from bench_freeze.dualhead.model import DualHead, SingleHead, head_kind, prepare_for_inference, set_export_mode
from bench_freeze.engines.base import Head, ModelCard
from bench_freeze.engines.model_card import CARD_KEY
from bench_freeze.export import onnx_export
from bench_freeze.export.onnx_export import export_onnx
from bench_freeze.export.traces import Traces

SIZE = 64


@pytest.fixture(autouse=True)
def no_traces_of_other_tests():
    onnx_export._traces.cache_clear()


def by_torch_alone(module, card, path):
    """What torch's exporter writes by itself, with the card, and without the places of sources."""
    module = deepcopy(module)
    set_export_mode(module)
    torch.onnx.export(
        module,
        (torch.zeros(card.batch or 2, 3, card.imgsz, card.imgsz),),
        str(path),
        dynamo=True,
        external_data=False,
        opset_version=18,
        input_names=["images"],
        output_names=[head.name for head in card.heads],
        dynamic_shapes=None if card.batch else ({0: torch.export.Dim("batch", min=1, max=4096)},),
        verbose=False,
    )
    model = onnx.load(path)
    entry = model.metadata_props.add()
    entry.key, entry.value = CARD_KEY, json.dumps(card.to_dict(), sort_keys=True)
    onnx_export._forget_sources(model)
    onnx.save(model, path)
    return path.read_bytes()


def with_values(model, seed):
    """The model with other values; seed None gives all biases one value, which lets the optimiser merge them."""
    torch.manual_seed(seed or 0)
    with torch.no_grad():
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            if seed is None:
                tensor.copy_(torch.zeros_like(tensor) if name.endswith("bias") else tensor)
            elif tensor.is_floating_point():
                tensor.mul_(1 + torch.rand_like(tensor) / 10)
    return model


def built(yaml, graft_at, seed, prepare=prepare_for_inference):
    base = prepare(with_values(family_model(yaml), seed))
    if graft_at is None:
        return SingleHead(base).eval()
    return DualHead(base, prepare(with_values(family_model(yaml, classes=4), seed)), graft_at).eval()


def card_of(module, batch):
    tails = (module.layers,) if isinstance(module, SingleHead) else (module.base_tail, module.target_tail)
    kind = head_kind(SimpleNamespace(model=tails[0]))
    heads = (Head("base", tuple("abc"), kind), Head("target", tuple("abcd"), kind))
    return ModelCard(heads[: len(tails)], SIZE, batch, None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("yaml", "graft_at", "batch", "seed", "prepare"),
    [
        ("yolov8n.yaml", 22, 1, 2, prepare_for_inference),
        ("yolov8n.yaml", 5, None, None, prepare_for_inference),
        ("yolo11n.yaml", None, None, 2, prepare_for_inference),
        ("yolo11n.yaml", None, 1, 2, nn.Module.eval),  # the optimiser folds its BatchNorm
        ("yolov10n.yaml", 10, 2, 2, prepare_for_inference),
    ],
)
def test_a_reused_trace_gives_the_file_of_torch_alone(yaml, graft_at, batch, seed, prepare, tmp_path):
    first, second = built(yaml, graft_at, 1, prepare), built(yaml, graft_at, seed, prepare)
    card, path = card_of(first, batch), tmp_path / "model.onnx"
    assert export_onnx(first, card, path, opset=18) is not None
    earlier = path.read_bytes()
    assert export_onnx(second, card, path, opset=18) is None
    assert path.read_bytes() != earlier
    assert path.read_bytes() == by_torch_alone(second, card, tmp_path / "alone.onnx")
    assert export_onnx(first, card, path, opset=18) is None
    assert path.read_bytes() == earlier


class Scaled(nn.Module):
    """A convolution, and the numbers that scale it: as a constant, as a buffer that no checkpoint has, as an object."""

    def __init__(self, constant=1.0, buffer=1.0, held=None):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.constant = torch.tensor([constant])
        self.register_buffer("buffer", torch.tensor([buffer]), persistent=False)
        if held is not None:
            self.held = SimpleNamespace(by=held)

    def forward(self, images):
        held = self.held.by if hasattr(self, "held") else 5.0
        return self.conv(images) * self.constant * self.buffer * held


def optimised(traces, module, **options):
    """The optimised model, and whether a kept trace was used."""
    given = {"free_batch": False, "opset": 18} | options
    program = traces.program(module.eval(), torch.zeros(2, 3, 8, 8), **given)
    program.optimize()
    return without_sources(program.model_proto), program.exported_program is None


def alone(module):
    program = torch.onnx.export(module.eval(), (torch.zeros(2, 3, 8, 8),), dynamo=True, opset_version=18, verbose=False)
    return without_sources(program.model_proto)


def without_sources(model):
    onnx_export._forget_sources(model)
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("one", "other", "reused"),
    [
        ({}, {}, True),
        ({}, {"buffer": 3.0}, True),
        ({"buffer": 3.0}, {}, True),
        ({"constant": 2.0}, {"constant": 3.0}, False),
        ({"held": 2.0}, {"held": 3.0}, False),
        ({"held": 2.0}, {"held": 2.0}, False),
    ],
)
def test_a_trace_is_reused_only_for_what_it_took_as_inputs(one, other, reused):
    traces, modules = Traces(), (Scaled(**one), Scaled(**other))
    assert optimised(traces, modules[0]) == (alone(modules[0]), False)
    assert optimised(traces, modules[1]) == (alone(modules[1]), reused)


def test_other_images_batches_and_opsets_have_traces_of_their_own():
    traces, module = Traces(), Scaled()
    seen = [optimised(traces, module), optimised(traces, module, free_batch=True), optimised(traces, module)]
    assert [reused for _, reused in seen] == [False, False, True]
    assert seen[0][0] == seen[2][0] != seen[1][0]
    assert not any(optimised(traces, module, opset=20)[1] for _ in range(2))
    assert not optimised(traces, module, reuse=False)[1]
    with torch.no_grad():
        assert not optimised(traces, module)[1]
    larger = traces.program(module, torch.zeros(2, 3, 9, 9), free_batch=False, opset=18)
    assert larger.exported_program is not None


def test_only_the_last_traces_are_kept():
    traces, modules = Traces(most=2), [Scaled(constant=float(k)) for k in range(3)]
    assert [optimised(traces, modules[k])[1] for k in (0, 1, 0, 2, 0, 1)] == [False, False, True, False, True, False]


def test_a_kept_trace_holds_no_weights():
    traces, module = Traces(), Scaled()
    held = [weakref.ref(tensor) for tensor in (*module.parameters(), *module.buffers())]
    storages = [weakref.ref(module)]
    optimised(traces, module)
    assert optimised(traces, Scaled())[1], "nothing was kept"
    del module
    gc.collect()
    assert [reference() for reference in (*held, *storages)] == [None] * 4
