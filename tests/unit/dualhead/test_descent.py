"""The freeze depth of a checkpoint, found by its bits: checkpoints of every depth, and what must not count."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from bench_freeze.dualhead.checkpoint import load_checkpoint, save_checkpoint
from bench_freeze.dualhead.descent import check_same_architecture, descent_of, with_the_bases_digits
from bench_freeze.errors import InputError

NAMES = ("the base", "tuned.pt")


@pytest.fixture(scope="module")
def base(weights):
    """The demo's checkpoint, which is float16."""
    found = load_checkpoint(weights)
    assert found.half
    return found


@pytest.fixture(scope="module")
def fine_base(base):
    """The same with digits that float16 does not hold."""
    model = deepcopy(base.model)
    torch.manual_seed(5)
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point():
                tensor.mul_(1 + 1e-5 * torch.rand_like(tensor))
    return replace(base, model=model, half=False, sha256="fine")


def trained(base, freeze, *, half, seed=0):
    """As a training with `freeze` leaves a checkpoint: every parameter and statistic behind it moved."""
    model = deepcopy(base.model)
    torch.manual_seed(seed)
    with torch.no_grad():
        for layer in model.model[freeze:]:
            for name, tensor in (*layer.named_parameters(), *layer.named_buffers()):
                if tensor.is_floating_point() and "dfl" not in name:
                    tensor.add_(0.02 * (1 + torch.rand_like(tensor)))
    model = model.half().float() if half else model
    return replace(base, model=model, half=half, sha256=f"tuned {freeze}")


def has_parameters(base, k):
    return any(True for _ in base.model.model[k].parameters())


@pytest.mark.slow
@pytest.mark.parametrize(("base_half", "tuned_half"), [(True, True), (True, False), (False, True), (False, False)])
def test_every_depth_in_every_pair_of_precisions(base, fine_base, base_half, tuned_half):
    own = base if base_half else fine_base
    for freeze in range(own.layers.head + 1):
        found = descent_of(own, trained(own, freeze, half=tuned_half))
        # Reference: a layer without parameters behind the frozen ones cannot be told from a frozen one.
        last = max((k for k in range(freeze) if has_parameters(own, k)), default=-1)
        moved = (k for k in range(freeze, own.layers.head) if has_parameters(own, k))
        assert found.shallowest == last + 1
        assert found.deepest == next(moved, own.layers.head)
        assert found.shallowest <= freeze <= found.deepest
        assert found.named_depth((freeze,)) == freeze
        assert found.descends == (freeze > 0)
        assert found.half == (base_half or tuned_half)
        assert found.drifted == ()
        if found.deepest < own.layers.head:
            assert found.differs.startswith(f"model.{found.deepest}.")
        else:
            assert found.differs is None


def test_the_usual_name_of_a_depth_is_preferred_among_those_that_are_one_training(base):
    found = descent_of(base, trained(base, 15, half=True))
    assert (found.shallowest, found.deepest) == (13, 15)
    assert found.named_depth((22, 15, 10)) == 15
    assert found.named_depth((14, 15)) == 14
    assert found.named_depth((22, 10)) == 15


@pytest.mark.slow
def test_one_flipped_bit_ends_the_prefix_at_its_layer(base):
    for k in (k for k in range(base.layers.head) if has_parameters(base, k)):
        tuned = trained(base, base.layers.head, half=False)
        name, parameter = list(tuned.model.model[k].named_parameters())[-1]
        bits = parameter.data.view(torch.int32)
        bits.view(-1)[-1] ^= 1 << 13  # the last digit that float16 holds of a normal number
        exact = replace(base, half=False)
        found = descent_of(exact, tuned)
        assert (found.deepest, found.differs) == (k, f"model.{k}.{name}")
        bits.view(-1)[-1] ^= 1 << 13
        bits.view(-1)[-1] ^= 1  # a digit that float32 alone holds
        assert descent_of(exact, tuned).deepest == k
        assert descent_of(base, tuned).deepest == base.layers.head  # the base's file has float16


def test_statistics_that_drifted_are_named_and_change_no_depth(base):
    tuned = trained(base, 15, half=True)
    for k in (0, 2, 9):
        for name, buffer in tuned.model.model[k].named_buffers():
            if name.endswith("running_mean"):
                buffer.add_(0.25)
    for buffer in (b for n, b in tuned.model.model[4].named_buffers() if n.endswith("num_batches_tracked")):
        buffer.add_(100)  # has no part in the result
    found = descent_of(base, tuned)
    assert (found.deepest, found.drifted) == (15, (0, 2, 9))
    assert found.drifted_below(9) == (0, 2)
    kept = {name: tensor.clone() for name, tensor in tuned.model.model[2].named_buffers()}
    with_the_bases_digits(base, tuned, found, 15)
    assert all(torch.equal(tensor, kept[name]) for name, tensor in tuned.model.model[2].named_buffers())


@pytest.mark.parametrize("freeze", [0, 10, 22])
def test_frozen_layers_get_every_digit_of_the_base_and_no_other_changes(fine_base, freeze):
    tuned = trained(fine_base, freeze, half=True)
    before = deepcopy(tuned.model.state_dict())
    assert with_the_bases_digits(fine_base, tuned, descent_of(fine_base, tuned), freeze) == (freeze > 0)
    for name, tensor in tuned.model.state_dict().items():
        expected = fine_base.model.state_dict() if int(name.split(".")[1]) < freeze else before
        assert torch.equal(tensor, expected[name]), name


def test_nothing_changes_where_both_files_hold_the_same_digits(base, tmp_path):
    tuned = trained(base, 10, half=True)
    save_checkpoint(tmp_path / "a.pt", tuned.model, half=True)
    assert not with_the_bases_digits(base, tuned, descent_of(base, tuned), 10)
    save_checkpoint(tmp_path / "b.pt", tuned.model, half=True)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


def test_a_wider_model_and_another_family_have_another_architecture(base):
    from ultralytics.nn.tasks import DetectionModel

    from bench_freeze.dualhead.layers import read_layer_map

    def other(change):
        yaml = deepcopy(base.model.yaml)
        change(yaml)
        model = DetectionModel(yaml, ch=3, nc=len(base.class_names), verbose=False)
        return replace(base, model=model, layers=read_layer_map(model))

    def wider(yaml):
        scale = yaml.get("scale") or next(iter(yaml["scales"]))
        depth, width, most = yaml["scales"][scale]
        yaml["scales"] = {**yaml["scales"], scale: [depth, width * 2, most]}

    with pytest.raises(InputError, match=r"tuned.pt has a different architecture from the base: in layer 0 \(Conv\)"):
        check_same_architecture(base, other(wider), NAMES)
    with pytest.raises(InputError, match=r"tuned.pt has different layers from the base"):
        check_same_architecture(base, other(lambda yaml: yaml["backbone"][1].__setitem__(2, "GhostConv")), NAMES)
    activated = replace(base, model=deepcopy(base.model))
    activated.model.model[3].act = torch.nn.ReLU()
    with pytest.raises(InputError, match=r"in layer 3 \(Conv\) act\(type\) is not as in the base"):
        check_same_architecture(base, activated, NAMES)
    check_same_architecture(base, trained(base, 10, half=True), NAMES)
