"""Two modules share a key only if they would be traced to one graph: what must differ, what must not, what has none."""

import threading
from copy import deepcopy
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from ultralytics.nn.modules.head import Detect, v10Detect

from bench_freeze.dualhead.model import DualHead, SingleHead, set_export_mode
from bench_freeze.export.structure_key import NotKeyed, structure_key
from tests.families import family_model


def made(yaml="yolov8n.yaml"):
    module = SingleHead(family_model(yaml)).eval()
    set_export_mode(module)
    return module


@pytest.fixture(scope="module")
def key():
    return structure_key(made())


def test_copies_and_other_weights_share_the_key(key):
    module = made()
    assert structure_key(deepcopy(module)) == key
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.data = torch.rand(tensor.shape).to(tensor.dtype)
    assert structure_key(module) == key
    assert hash(structure_key(module)) == hash(key)


def first(module, kind):
    return next(m for m in module.modules() if isinstance(m, kind))


def change_parameter(change):
    def edit(module):
        conv = first(module, nn.Conv2d)
        conv.weight = change(conv.weight)

    return edit


EDITS = {
    "stride": lambda m: setattr(first(m, nn.Conv2d), "stride", (1, 1)),
    "padding": lambda m: setattr(first(m, nn.Conv2d), "padding", (0, 0)),
    "activation": lambda m: setattr(m.layers[0], "act", nn.ReLU()),
    "in place or not": lambda m: setattr(m.layers[0], "act", nn.SiLU(inplace=False)),
    "no layer": lambda m: setattr(m.layers[0], "act", None),
    "epsilon": lambda m: setattr(first(m, nn.BatchNorm2d), "eps", 2e-3),
    "training": lambda m: first(m, nn.BatchNorm2d).train(),
    "classes": lambda m: setattr(m.layers[-1], "nc", 2),
    "reg_max": lambda m: setattr(m.layers[-1], "reg_max", 15),
    "strides": lambda m: setattr(m.layers[-1], "stride", m.layers[-1].stride * 2),
    "anchors": lambda m: setattr(m.layers[-1], "anchors", torch.ones(1)),
    "max_det": lambda m: setattr(m.layers[-1], "max_det", 100),
    "xyxy": lambda m: setattr(m.layers[-1], "xyxy", True),
    "1 or 1.0": lambda m: setattr(m.layers[-1], "legacy", 1),
    "where a layer reads": lambda m: setattr(m.layers[-1], "f", [15, 18, 20]),
    "kept outputs": lambda m: setattr(m, "_kept", m._kept | {0}),
    "precision": change_parameter(lambda w: nn.Parameter(w.half())),
    "shape": change_parameter(lambda w: nn.Parameter(w[:4])),
    "order in memory": change_parameter(lambda w: nn.Parameter(w.contiguous(memory_format=torch.channels_last))),
    "gradients": change_parameter(lambda w: nn.Parameter(w.detach(), requires_grad=not w.requires_grad)),
    "no bias or one": lambda m: setattr(first(m, nn.Conv2d), "bias", nn.Parameter(torch.zeros(8))),
    "one module twice": lambda m: m.layers.__setitem__(1, m.layers[0]),
    "a buffer that is not kept": lambda m: m.register_buffer("extra", torch.ones(1), persistent=False),
    "a buffer that is kept": lambda m: m.register_buffer("extra", torch.ones(1)),
    "a hook": lambda m: m.layers[0].register_forward_hook(print),
    "a method": lambda m: setattr(m.layers[-1], "postprocess", torch.sigmoid),
}


def test_whatever_changes_a_graph_changes_the_key(key):
    keys = {"": key}
    for name, edit in EDITS.items():
        module = made()
        edit(module)
        keys[name] = structure_key(module)
        assert structure_key(deepcopy(module)) == keys[name], name
    for name, one in keys.items():
        assert [other for other, value in keys.items() if value == one] == [name]


@pytest.mark.parametrize(
    ("name", "value"), [("max_det", 100), ("agnostic_nms", True), ("forward", nn.Identity.forward)]
)
def test_what_a_class_gives_its_instances_is_in_the_key(key, monkeypatch, name, value):
    monkeypatch.setattr(Detect, name, value)
    assert structure_key(made()) != key


def test_families_depths_and_tied_weights_differ():
    a, b = family_model("yolov8n.yaml"), family_model("yolov8n.yaml", classes=4)
    keys = [structure_key(DualHead(a, b, depth)) for depth in (5, 10, 22)]
    keys += [structure_key(DualHead(a, a, 5)), structure_key(DualHead(a, deepcopy(a), 5)), structure_key(made())]
    keys += [structure_key(made("yolo11n.yaml")), structure_key(made("yolov10n.yaml"))]
    assert len(set(keys)) == len(keys)


def test_the_selected_branch_and_the_detections_of_a_head_with_two_differ():
    one, other, fewer = (made("yolov10n.yaml") for _ in range(3))
    assert isinstance(other.layers[-1], v10Detect)
    other.layers[-1].end2end = not other.layers[-1].end2end
    fewer.layers[-1].max_det = 10
    assert len({structure_key(module) for module in (one, other, fewer)}) == 3


def scaled(by):
    return lambda x: x * by


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (True, 1),
        (0.0, -0.0),
        (1, 1.0),
        ([1, 2], (1, 2)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (torch.tensor([1.0]), torch.tensor([2.0])),
        (torch.tensor([1]), torch.tensor([1.0])),
        ([torch.tensor(0.0)], [torch.tensor(-0.0)]),
        (torch.float16, torch.float32),
        (torch.device("cpu"), torch.device("meta")),
        (scaled(2), scaled(3)),
        (partial(torch.mul, 2), partial(torch.mul, 3)),
        (nn.ReLU, nn.SiLU),
        ([nn.Linear(1, 1)], [nn.Linear(1, 1)]),  # outside the tree its weights are constants
        (torch.ones(2).numpy(), torch.zeros(2).numpy()),
    ],
)
def test_unlike_values_of_an_attribute_differ(one, other):
    keys = []
    for value in (one, deepcopy(one), other):
        module = nn.ReLU()
        module.attribute = value
        keys.append(structure_key(module))
    assert keys[0] == keys[1] != keys[2]


def itself():
    held = []
    held.append(held)
    return held


@pytest.mark.parametrize(
    "value",
    [
        SimpleNamespace(by=2),
        threading.Lock(),
        iter([1]),
        torch.ones(2).add,
        torch.ones(2, dtype=torch.complex64),
        torch.ones(2).to_sparse(),
        torch.ones(2, device="meta"),
        [{"deep": (SimpleNamespace(),)}],
        itself(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_told_apart_has_no_key(value):
    module = nn.Sequential(nn.ReLU())
    module[0].attribute = value
    with pytest.raises(NotKeyed):
        structure_key(module)
