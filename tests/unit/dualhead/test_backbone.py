"""Backbones are taken over in whole layers: these compute what they computed, and every tensor is accounted for."""

import pytest
import torch

from bench_freeze.dualhead.backbone import fitting_layers, load_backbone, random_backbone, take_over
from bench_freeze.dualhead.new_head import with_random_weights
from bench_freeze.errors import InputError
from tests.families import family_backbone, family_model, write_checkpoint

pytestmark = pytest.mark.slow

# A source, the detector that it goes into, and how many layers of the detector's backbone it fills.
PAIRS = [
    ("yolov8n.yaml", "yolov8n.yaml", 10),
    ("yolov8n-cls.yaml", "yolov8n.yaml", 9),
    ("yolov8n-seg.yaml", "yolov8n.yaml", 10),
    ("yolo11n-cls.yaml", "yolo11n.yaml", 9),
    ("yolo11n-seg.yaml", "yolo11n.yaml", 11),
    ("yolo12n-cls.yaml", "yolo12n.yaml", 9),
    ("yolo26n-cls.yaml", "yolo26n.yaml", 9),
    ("yolo26n-seg.yaml", "yolo26n.yaml", 11),
    ("yolov10n.yaml", "yolov10n.yaml", 11),
    ("yolov5n.yaml", "yolov5n.yaml", 10),
]
SEED = 7


def outputs(model, layers, image):
    found = []
    with torch.no_grad():
        for layer in model.model[:layers]:
            assert layer.f == -1 or layers <= 12
            image = layer(image)
            found.append(image)
    return found


@pytest.mark.parametrize(("yaml", "into", "layers"), PAIRS)
def test_what_was_taken_computes_what_it_computed_and_all_is_accounted_for(tmp_path, yaml, into, layers):
    source = family_backbone(tmp_path, yaml, classes=5)
    detector = family_backbone(tmp_path, into)
    assert fitting_layers(source, detector, ("source", "detector")) == layers
    torch.manual_seed(SEED)
    model = with_random_weights(detector.model, 4)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    taken = take_over(source, model, layers)

    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    pairs = zip(outputs(model.eval(), layers, image), outputs(source.model, layers, image), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)

    own, theirs = model.state_dict(), source.model.state_dict()
    assert sorted(taken.came + taken.new) == sorted(own)
    assert sorted(taken.came + taken.left) == sorted(theirs)
    assert all(torch.equal(own[name], theirs[name]) for name in taken.came)
    assert all(torch.equal(own[name], before[name]) for name in taken.new)
    assert taken.came
    assert all(parameter.requires_grad for name, parameter in model.named_parameters() if ".dfl." not in name)


def test_what_a_source_lacks_starts_equal_for_all_sources(tmp_path):
    detector = family_backbone(tmp_path, "yolo11n.yaml")
    states = []
    for yaml in ("yolo11n.yaml", "yolo11n-cls.yaml", "yolo11n-seg.yaml"):
        source = family_backbone(tmp_path, yaml)
        torch.manual_seed(SEED)
        model = with_random_weights(detector.model, 4)
        taken = take_over(source, model, fitting_layers(source, detector, (yaml, "detector")))
        states.append({name: model.state_dict()[name] for name in taken.new})
    common = set.intersection(*map(set, states))
    assert {name for name in model.state_dict() if int(name.split(".")[1]) > 10} <= common
    for name in common:
        assert all(torch.equal(states[0][name], other[name]) for other in states[1:])


MISFITS = [
    ("yolov8n.yaml", "yolo11n.yaml", "layer 2 is C2f there and C3k2 in"),
    ("yolo11n-cls.yaml", "yolov8n.yaml", "layer 2 is C3k2 there and C2f in"),
    ("yolov10n.yaml", "yolov8n.yaml", "there"),
    ("yolov8n-p6.yaml", "yolov8n.yaml", "layers there and"),
]


@pytest.mark.parametrize(("yaml", "into", "text"), MISFITS)
def test_a_backbone_of_another_family_is_a_sentence(tmp_path, yaml, into, text):
    source, detector = family_backbone(tmp_path, yaml), family_backbone(tmp_path, into)
    with pytest.raises(InputError, match=rf"(?s)backbone of {yaml}.*{text}.*Nothing is loaded in part"):
        fitting_layers(source, detector, (yaml, into))


@pytest.mark.parametrize("yaml", ["yolo11n.yaml", "yolo11n-cls.yaml"])
def test_a_backbone_of_another_size_is_a_sentence(tmp_path, yaml):
    detector = family_backbone(tmp_path, "yolo11n.yaml")
    with pytest.raises(InputError, match=r"layer 0 \(Conv\) has different widths or settings"):
        fitting_layers(family_backbone(tmp_path, yaml, width=0.25), detector, ("large", "small"))


def stride(layer):
    layer[3].conv.stride = (1, 1)


def activation(layer):
    layer[3].act = torch.nn.ReLU()


def reads_another(layer):
    layer[4].f = 2


@pytest.mark.parametrize("change", [stride, activation, reads_another])
def test_equal_shapes_alone_do_not_fit(tmp_path, change):
    """What loading by names and shapes would take without a word."""
    source = family_backbone(tmp_path, "yolo11n-cls.yaml")
    change(source.model.model)
    with pytest.raises(InputError, match=r"layer [34] \(\w+\) has different widths or settings"):
        fitting_layers(source, family_backbone(tmp_path, "yolo11n.yaml"), ("changed", "detector"))


def test_random_weights_are_the_seed_s_and_leave_the_generator_alone(tmp_path):
    like = family_backbone(tmp_path, "yolo11n.yaml")
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    one, same, other = (random_backbone(like, seed) for seed in (5, 5, 6))
    assert torch.equal(torch.rand(3), expected)
    assert one.sha256 == same.sha256 != other.sha256
    assert one.kinds == like.kinds
    weights = [own.model.state_dict()["model.0.conv.weight"] for own in (like, one, other)]
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[1], weights[2])
    assert not any(
        torch.equal(one.model.state_dict()[n], t)
        for n, t in like.model.state_dict().items()
        if "conv.w" in n and int(n.split(".")[1]) < like.end
    )


def fused(model):
    model.fuse(verbose=False)


def not_a_number(model):
    model.model[2].cv1.conv.weight.data[0] = float("nan")


def no_description(model):
    model.yaml = None


@pytest.mark.parametrize(
    ("damage", "text"), [(fused, "is fused"), (not_a_number, "NaN or infinite"), (no_description, "no 'yaml'")]
)
@pytest.mark.parametrize("yaml", ["yolo11n-cls.yaml", "yolo11n-seg.yaml"])
def test_a_file_that_is_no_sound_checkpoint_is_a_sentence(tmp_path, damage, text, yaml):
    model = family_model(yaml)
    damage(model)
    path = write_checkpoint(tmp_path / "bad.pt", model)
    with pytest.raises(InputError, match=f"bad.pt.*{text}"):
        load_backbone(path)


def test_the_task_and_the_stride_are_read_from_the_layers(tmp_path):
    found = {yaml: family_backbone(tmp_path, yaml) for yaml in ("yolo11n.yaml", "yolo11n-cls.yaml", "yolov8n-p6.yaml")}
    assert [own.task for own in found.values()] == ["detect", "classify", "detect"]
    assert [own.stride for own in found.values()] == [32, 32, 64]
