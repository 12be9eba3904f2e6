"""What is tuned are the checkpoint's own modules, whatever its yaml says, and the base output is compared with it."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from tests.builders import study
from torch import nn
from ultralytics.nn.modules import Conv
from ultralytics.nn.modules.head import Detect
from ultralytics.nn.tasks import DetectionModel, yaml_model_load

from bench_freeze.artifact import ArtifactStore
from bench_freeze.deployment.deployment import Candidate, deploy
from bench_freeze.deployment.unchanged import compare_base_output
from bench_freeze.dualhead.checkpoint import load_checkpoint, save_checkpoint
from bench_freeze.dualhead.quiet import quiet_ultralytics
from bench_freeze.dualhead.structure import alike, built_from_yaml, own_modules
from bench_freeze.errors import AuditError, InputError
from bench_freeze.finetune.head_init import from_scratch, with_new_head
from bench_freeze.study.preflight import check_start

pytestmark = pytest.mark.slow
NAMES = ("one", "2", "three")
POLICIES = ("reinit", "shape_match", "width_preserving", "name_remap")
SIZE = 64


class Same(Conv):
    """A subclass that adds nothing."""


class Scaled(Conv):
    """A subclass with a forward of its own, which folding BatchNorm would lose.

    The factor is large because a head with random weights hardly answers to its input.
    """

    def forward(self, x):
        return -300 * super().forward(x)


def replace_activations(make, layers=range(30)):
    def change(model):
        for k, layer in enumerate(model.model):
            for module in layer.modules() if k in layers else ():
                for name, child in module.named_children():
                    if isinstance(child, nn.SiLU):
                        setattr(module, name, make())

    return change


def set_all(kind, **values):
    def change(model):
        found = [module for module in model.modules() if isinstance(module, kind)]
        assert found
        for module in found:
            for name, value in values.items():
                setattr(module, name, value)

    return change


def on_layer(k, **values):
    def change(model):
        for name, value in values.items():
            setattr(model.model[k].conv, name, value)

    return change


def to_class(kind):
    def change(model):
        model.model[3].__class__ = kind

    return change


def replace_layer(k, make):
    def change(model):
        old, new = model.model[k], make(model.model[k])
        new.i, new.f, new.type, new.np = old.i, old.f, "own", 0
        model.model[k] = new

    return change


def prune(model):
    """Half of the channels between the two convolutions of a bottleneck."""
    first, second = model.model[4].m[0].cv1, model.model[4].m[0].cv2
    half = first.conv.out_channels // 2
    for tensor in (first.conv.weight, first.bn.weight, first.bn.bias, first.bn.running_mean, first.bn.running_var):
        tensor.data = tensor.data[:half].clone()
    first.conv.out_channels = first.bn.num_features = second.conv.in_channels = half
    second.conv.weight.data = second.conv.weight.data[:, :half].clone()


def fewer_bins(model):
    head = model.model[-1]
    new = Detect(head.nc, 8, False, [level[0].conv.in_channels for level in head.cv2])
    new.i, new.f, new.type, new.np, new.stride = head.i, head.f, head.type, 0, head.stride
    new.bias_init()
    model.model[-1] = new


def narrow_boxes(model):
    """A head that its class would not build: other widths in the box branch."""
    for level in model.model[-1].cv2:
        level[1] = Conv(level[1].conv.in_channels, 40, 3)
        level[2] = nn.Conv2d(40, level[2].out_channels, 1)


def own_attribute(model):
    model.model[5].gain = 3


CHANGES = {
    "another activation": replace_activations(nn.Hardswish),
    "another activation in some layers": replace_activations(nn.ReLU6, (1, 4, 18)),
    "another slope": replace_activations(lambda: nn.LeakyReLU(0.3)),
    "activations with weights": replace_activations(nn.PReLU),
    "activations with weights in the neck": replace_activations(nn.PReLU, (12, 15)),
    "another eps": set_all(nn.BatchNorm2d, eps=0.05, momentum=0.2),
    "another upsampling": set_all(nn.Upsample, mode="bilinear"),
    "another stride": on_layer(0, stride=(4, 4)),
    "another dilation and padding": on_layer(3, dilation=(2, 2), padding=(2, 2)),
    "other padding values": on_layer(5, padding_mode="reflect"),
    "a subclass": to_class(Same),
    "an attribute of its own": own_attribute,
    "a layer that does nothing": replace_layer(9, lambda old: nn.Identity()),
    "a layer that writes into its input": replace_layer(10, lambda old: nn.Sequential(nn.ReLU(inplace=True), old)),
    "pruned channels": prune,
    "another number of bins": fewer_bins,
    "a head of other widths": narrow_boxes,
}


@pytest.fixture(scope="module")
def ordinary():
    """A YOLOv8n with random weights and statistics that are not those of a new BatchNorm."""
    quiet_ultralytics()
    torch.manual_seed(0)
    model = DetectionModel("yolov8n.yaml", nc=6, verbose=False).eval()
    model.names = dict(enumerate(("1", "2", "3", "4", "5", "6")))
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 1.5)
    return model


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((2, 3, SIZE, SIZE), dtype=np.float32)


@pytest.fixture
def changed(request, ordinary, tmp_path):
    """A checkpoint on disk whose modules are not its yaml's, read back."""
    model = deepcopy(ordinary)
    CHANGES[request.param](model)
    save_checkpoint(tmp_path / "changed.pt", model, half=False)
    return load_checkpoint(tmp_path / "changed.pt", trust=request.param == "a subclass")  # a class that is not known


def activations(head):
    return {n: type(m) for n, m in head.named_modules(remove_duplicate=False) if n.endswith("act")}


def tuned_from(base, names=NAMES, policy="name_remap"):
    torch.manual_seed(1)
    model, _ = with_new_head(base.model, base.class_names, names, policy)
    return model


def as_checkpoint(base, model, names=NAMES):
    from dataclasses import replace

    return replace(base, model=model.eval(), class_names=names)


@pytest.mark.parametrize("changed", CHANGES, indirect=True)
def test_the_tuned_model_has_the_checkpoints_modules(changed, images):
    head = changed.layers.head
    assert changed.own_modules is not None
    for policy in POLICIES:
        model = tuned_from(changed, policy=policy)
        assert all(
            alike(*pair, lenient=True) for pair in zip(changed.model.model[:head], model.model[:head], strict=True)
        )
        own, theirs = changed.model.model[:head].state_dict(), model.model[:head].state_dict()
        assert all(torch.equal(theirs[name], tensor) for name, tensor in own.items())
        assert activations(changed.model.model[-1]) == activations(model.model[-1])
        if policy == POLICIES[-1]:
            output = deepcopy(model)(torch.from_numpy(images))  # a pass moves statistics
            assert output["scores"].shape[1] == len(NAMES)
            assert output["boxes"].requires_grad
    for freeze in (22, 9):
        candidate = Candidate("branched", changed, as_checkpoint(changed, model), freeze)
        assert compare_base_output(candidate, SIZE, images).images == 2


@pytest.mark.parametrize("changed", CHANGES, indirect=True)
def test_random_weights_are_in_the_checkpoints_modules(changed, images):
    torch.manual_seed(1)
    model, _ = from_scratch(changed.model, NAMES)
    head = changed.layers.head
    assert all(alike(*pair, lenient=True) for pair in zip(changed.model.model[:head], model.model[:head], strict=True))
    values = dict(model.named_parameters())
    same = [n for n, p in changed.model.named_parameters() if p.shape == values[n].shape and torch.equal(p, values[n])]
    # What every start sets to a constant may be equal, a convolution never.
    assert not [name for name in same if name.endswith("conv.weight") and ".dfl." not in name]
    assert torch.isfinite(model.train()(torch.from_numpy(images))["boxes"]).all()


@pytest.mark.parametrize("changed", CHANGES, indirect=True)
def test_whoever_differs_from_its_yaml_has_keys_of_its_own(changed, ordinary, tmp_path):
    save_checkpoint(tmp_path / "ordinary.pt", ordinary, half=False)
    plain = load_checkpoint(tmp_path / "ordinary.pt")
    assert plain.own_modules is None
    assert plain.architecture != changed.architecture
    assert changed.own_modules == own_modules(deepcopy(changed.model))
    other_classes = tuned_from(changed, tuple("abcdefgh"))
    assert own_modules(other_classes) == changed.own_modules


@pytest.mark.parametrize("family", ["yolov8n", "yolov9t", "yolov10n", "yolo11n", "yolo12n", "yolo26n", "yolov5n-p6"])
@pytest.mark.parametrize("classes", [1, 80, 150])
def test_an_ordinary_checkpoint_starts_as_ultralytics_would_start_it(family, classes):
    """Tensors and the generator behind them, against the model that is built from the yaml."""
    quiet_ultralytics()
    torch.manual_seed(3)
    base = DetectionModel(f"{family}.yaml", nc=7, verbose=False).eval()
    names = tuple(f"class {k}" for k in range(classes))
    torch.manual_seed(4)
    expected = DetectionModel(deepcopy(base.yaml), nc=classes, verbose=False)
    behind = torch.rand(4)
    for make in (from_scratch, lambda model, new: with_new_head(model, tuple("abcdefg"), new, "reinit")):
        torch.manual_seed(4)
        model, _ = make(base, names)
        assert torch.equal(torch.rand(4), behind)
        found = model.state_dict()
        for name, tensor in expected.state_dict().items():
            if make is from_scratch or name.startswith(f"model.{len(base.model) - 1}."):
                assert torch.equal(found[name], tensor), name
            else:
                assert torch.equal(found[name], base.state_dict()[name]), name
        assert model.yaml == expected.yaml
        wanted = {name: p.requires_grad for name, p in expected.named_parameters()}
        assert {name: p.requires_grad for name, p in model.named_parameters()} == wanted


def test_what_a_training_left_in_a_checkpoint_is_not_taken_along(ordinary):
    base = deepcopy(ordinary)
    base.criterion, base.class_weights, base.nc = object(), torch.ones(6), 6
    model = with_new_head(base, tuple("123456"), NAMES, "name_remap")[0]
    assert not hasattr(model, "criterion")
    assert not hasattr(model, "class_weights")
    assert (model.nc, model.model[-1].nc, model.model[-1].no, model.yaml["nc"]) == (3, 3, 67, 3)
    assert (base.nc, base.model[-1].nc) == (6, 6)


def test_an_activation_of_one_yaml_is_not_anothers():
    quiet_ultralytics()
    own = yaml_model_load("yolov8n.yaml") | {"activation": "nn.ReLU()", "nc": 4}
    model = DetectionModel(deepcopy(own), verbose=False)
    assert own_modules(model) is None
    default, legacy = Conv.default_act, Detect.legacy
    model.yaml["head"][0][2] = "NoSuchModule"  # the parser fails after it has set its defaults
    assert built_from_yaml(model, 4) is None
    assert (Conv.default_act, Detect.legacy) == (default, legacy)
    assert own_modules(model) is not None
    tuned = with_new_head(model, tuple("abcd"), NAMES, "reinit")[0]
    assert not [m for m in tuned.modules() if isinstance(m, nn.SiLU)]
    assert [
        m
        for m in with_new_head(DetectionModel("yolov8n.yaml", nc=4, verbose=False), tuple("abcd"), NAMES, "reinit")[
            0
        ].modules()
        if isinstance(m, nn.SiLU)
    ]


def test_a_branched_model_of_other_modules_is_refused_though_its_tensors_are_the_same(ordinary, images, tmp_path):
    """What today's training would have made of such a checkpoint, and what an export of two files may be given."""
    save_checkpoint(tmp_path / "ordinary.pt", ordinary, half=False)
    base = load_checkpoint(tmp_path / "ordinary.pt")
    for name in ("another activation in some layers", "another eps", "another upsampling"):
        model = tuned_from(base)
        CHANGES[name](model)
        candidate = Candidate("branched", base, as_checkpoint(base, model), 22)
        with pytest.raises(
            AuditError, match="base output of the branched model with freeze = 22 is not the original's"
        ):
            compare_base_output(candidate, SIZE, images)


def test_a_deployment_says_how_its_base_output_was_compared(ordinary, images, tmp_path):
    save_checkpoint(tmp_path / "ordinary.pt", ordinary, half=False)
    base = load_checkpoint(tmp_path / "ordinary.pt")
    tuned = as_checkpoint(base, tuned_from(base))
    options, store = study(imgsz=SIZE, engine=["torch"]).deployment, ArtifactStore(tmp_path / "store")
    kept = {}
    for construction in ("branched", "grafted", "plain"):
        candidate = Candidate(construction, base, tuned, 12)
        kept[construction] = deploy(candidate, "torch", "fp32", options, store, images, None)[0].base_output
    assert (kept["grafted"], kept["plain"]) == (None, None)
    assert kept["branched"].images == 2
    exported = deploy(Candidate("grafted", base, tuned, 22), "ort", "fp32", options, store, images, None)[0].base_output
    assert exported.box_px < 0.05
    assert exported.score < 1e-3


REFUSED = {
    "a forward that folding loses": (to_class(Scaled), "its output differs from that of its own forward"),
    "a norm that cannot be folded": (
        lambda model: setattr(model.model[2].cv1, "bn", nn.GroupNorm(4, model.model[2].cv1.conv.out_channels)),
        "cannot be studied",
    ),
    "channels that do not fit": (on_layer(3, in_channels=5, groups=5), "the model fails on a 64 x 64 RGB picture"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_studied_is_refused_before_a_training(ordinary, images, tmp_path, name):
    change, sentence = REFUSED[name]
    model = deepcopy(ordinary)
    change(model)
    save_checkpoint(tmp_path / "changed.pt", model, half=False)
    with pytest.raises(InputError, match=sentence):
        _start_from(tmp_path / "changed.pt", images)


def _start_from(file, images):
    check_start(study(imgsz=SIZE), load_checkpoint(file, trust=True), "the base head", NAMES, images)


@pytest.mark.parametrize("changed", CHANGES, indirect=True)
def test_what_can_be_studied_passes(changed, images):
    before = torch.random.get_rng_state()
    for values in ({}, {"scratch": True, "head_init": "reinit", "construction": ["branched", "plain"]}):
        check_start(study(imgsz=SIZE, **values), changed, "the base head", NAMES, images)
    assert torch.equal(torch.random.get_rng_state(), before)


def renumbered(model):
    model.model[5].i = 6


def dropped(model):
    model.model = nn.Sequential(*[layer for k, layer in enumerate(model.model) if k != 9])


def added(model):
    layer = nn.Identity()
    layer.i, layer.f, layer.type, layer.np = 1, -1, "own", 0
    layers = list(model.model)
    model.model = nn.Sequential(layers[0], layer, *layers[1:])
    for k, own in enumerate(model.model):
        own.i = k
        if k > 1:
            own.f = [f + 1 if f >= 0 else f for f in own.f] if isinstance(own.f, list) else own.f
    model.save = [k + 1 for k in model.save]


def nameless(model):
    model.model[9] = nn.Identity()


def not_kept(model):
    model.save = [k for k in model.save if k != 4]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (renumbered, "layer 5 (Conv) says that it is layer 6"),
        (dropped, "layer 9 (Upsample) says that it is layer 10"),
        (added, "has 24 layers and its yaml lists 23"),
        (nameless, "layer 9 (Identity) says neither its number nor what it reads"),
        (not_kept, "reads layer 4, which the model does not keep"),
    ],
)
def test_layers_that_do_not_fit_together_are_refused(ordinary, tmp_path, change, sentence):
    model = deepcopy(ordinary)
    change(model)
    save_checkpoint(tmp_path / "changed.pt", model, half=False)
    with pytest.raises(InputError) as refused:
        load_checkpoint(tmp_path / "changed.pt")
    assert sentence in str(refused.value)
    assert "changed.pt" in str(refused.value)
