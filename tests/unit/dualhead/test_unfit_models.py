"""A model that cannot be measured and trained is refused when it is read, with what is wrong with it."""

from copy import deepcopy

import pytest

from bench_freeze.dualhead.checkpoint import load_checkpoint
from tests.unit.dualhead.checkpoint_files import check_equal, refused, saved

pytestmark = pytest.mark.slow


def changed(model, how):
    """A change of a model by its name."""
    import torch
    from torch import nn

    conv = model.model[3]
    weight = conv.conv.weight

    def fuse_one():
        del conv.bn
        conv.forward = conv.forward_fuse

    changes = {
        "fused": lambda: model.fuse(verbose=False),
        "one layer fused": fuse_one,
        "folded by hand": lambda: setattr(conv, "bn", nn.Identity()),
        "NaN weight": lambda: weight.data[0].fill_(float("nan")),
        "infinite statistics": lambda: conv.bn.running_mean.fill_(float("inf")),
        "negative variance": lambda: conv.bn.running_var.fill_(-1),
        "too large for float32": lambda: setattr(conv.conv, "weight", nn.Parameter(weight.double() * 1e60)),
        "meta": lambda: conv.to("meta"),
        "int8": lambda: setattr(conv.conv, "weight", nn.Parameter(weight.to(torch.int8), requires_grad=False)),
        "float8": lambda: setattr(
            conv.conv, "weight", nn.Parameter(weight.to(torch.float8_e4m3fn), requires_grad=False)
        ),
        "sparse": lambda: setattr(conv.conv, "weight", nn.Parameter(weight.detach().to_sparse())),
        "cut": lambda: setattr(conv.conv, "weight", nn.Parameter(weight[:, :2].detach().clone())),
        "one channel": lambda: setattr(
            model.model[0].conv, "weight", nn.Parameter(model.model[0].conv.weight[:, :1].detach().clone())
        ),
        "no names": lambda: delattr(model, "names"),
        "gap": lambda: setattr(model, "names", {k + (k > 2): name for k, name in model.names.items()}),
        "one name less": lambda: model.names.popitem(),
        "one name more": lambda: model.names.update({len(model.names): "another"}),
        "more classes in the head": lambda: setattr(model.model[-1], "nc", model.model[-1].nc + 1),
        "a damaged part": lambda: conv.conv._parameters.update(weight="text"),
        "no description": lambda: delattr(model, "yaml"),
        "activation": lambda: model.yaml.update(activation="print('run')"),
        "activation, hidden": lambda: model.yaml.update(activation="nn.SiLU(print('run'))"),
        "activation, attribute": lambda: model.yaml.update(activation="nn.modules.conv.os.system('true')"),
        "a row that calls": lambda: model.yaml["backbone"].__setitem__(-1, [-1, 1, "check_requirements", ["x"]]),
        "a row that downloads": lambda: model.yaml["backbone"].__setitem__(-1, [-1, 1, "TorchVision", ["resnet18"]]),
        "a row of a model": lambda: model.yaml["backbone"].__setitem__(-1, [-1, 1, "DetectionModel", [{}]]),
        "a row of nothing": lambda: model.yaml["head"].__setitem__(0, "Conv"),
    }
    changes[how]()
    return model


@pytest.mark.parametrize(
    ("how", "parts"),
    [
        ("fused", ("is fused", "model.0 (Conv)", "model.fuse")),
        ("one layer fused", ("is fused", "model.3 (Conv)")),
        ("folded by hand", ("is fused", "model.3 (Conv)")),
        ("NaN weight", ("model.3.conv.weight", "NaN")),
        ("infinite statistics", ("model.3.bn.running_mean", "infinite")),
        ("negative variance", ("returns NaN",)),
        ("too large for float32", ("model.3.conv.weight", "infinite")),
        ("meta", ("model.3.conv.weight", "no values")),
        ("int8", ("model.3.conv.weight", "int8", "quantized")),
        ("float8", ("model.3.conv.weight", "float8", "quantized")),
        ("sparse", ("model.3.conv.weight", "not a dense")),
        ("cut", ("fails on a 64 x 64 RGB picture",)),
        ("one channel", ("fails on a 64 x 64 RGB picture",)),
        ("no names", ("no 'names'",)),
        ("gap", ("class number 3 has no name",)),
        ("one name less", ("numbers of classes do not agree",)),
        ("one name more", ("numbers of classes do not agree",)),
        ("more classes in the head", ("classes", "training wrote")),
        ("a damaged part", ("model.3.conv.weight is of type str",)),
        ("no description", ("no 'yaml'",)),
        ("activation", ("activation", "none of it was run")),
        ("activation, hidden", ("activation", "none of it was run")),
        ("activation, attribute", ("activation", "none of it was run")),
        ("a row that calls", ("names 'check_requirements'",)),
        ("a row that downloads", ("names 'TorchVision'",)),
        ("a row of a model", ("names 'DetectionModel'",)),
        ("a row of nothing", ("is not a layer",)),
    ],
)
def test_a_model_that_cannot_be_used_is_refused(model, tmp_path, how, parts):
    file = saved(tmp_path, changed(model, how))
    if how == "more classes in the head":
        parts = ("fails on",)
    refused(file, *parts)


def test_what_only_looks_odd_is_loaded(model, original, tmp_path):
    """Fewer channels inside a block, a plain activation in the description, a model that was saved alone."""
    import torch

    model.yaml["activation"] = "torch.nn.LeakyReLU(0.1, inplace=True)"
    check_equal(load_checkpoint(saved(tmp_path, model)).model, original)
    torch.save(model, tmp_path / "alone.pt")
    check_equal(load_checkpoint(tmp_path / "alone.pt").model, original)
    first, second = model.model[2].m[0].cv1, model.model[2].m[0].cv2
    with torch.no_grad():
        for part in (first.conv, first.bn, second.conv):
            for name, tensor in [*part.named_parameters(), *part.named_buffers()]:
                if tensor.dim():
                    narrow = tensor[:, :2] if part is second.conv else tensor[:2]
                    parts = part._parameters if name in part._parameters else part._buffers
                    parts[name] = torch.nn.Parameter(narrow.clone()) if parts is part._parameters else narrow.clone()
    found = load_checkpoint(saved(tmp_path, deepcopy(model)))
    check_equal(found.model, model.eval())
    assert found.model.model[2].m[0].cv1.conv.weight.shape[0] == 2
