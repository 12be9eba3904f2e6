"""Dual-head models: what each construction promises about its outputs, at every depth, exactly."""

import pytest
import torch

from bench_freeze.dualhead.layers import read_layer_map
from bench_freeze.dualhead.model import DualHead, SingleHead, graft_position, head_kind, prepare_for_inference
from bench_freeze.errors import InputError

pytestmark = pytest.mark.slow


@torch.no_grad()
def test_branched_leaves_the_base_output_alone_at_every_depth(base, tuned_like, canvases):
    original = base.model(canvases)[0]
    for freeze in range(base.layers.head + 1):
        tuned = tuned_like(freeze)
        model = DualHead(base.model, tuned, graft_position("branched", freeze, base.layers)).eval()
        base_output, target_output = model(canvases)
        assert torch.equal(base_output, original), f"freeze {freeze}"
        assert torch.equal(target_output, tuned(canvases)[0]), f"freeze {freeze}"


@torch.no_grad()
def test_grafted_shows_what_was_forgotten(base, tuned_like, canvases):
    original = base.model(canvases)[0]
    for freeze in (base.layers.head, 15, 10, 0):
        tuned = tuned_like(freeze)
        model = DualHead(base.model, tuned, graft_position("grafted", freeze, base.layers)).eval()
        base_output, target_output = model(canvases)
        assert torch.equal(base_output, original) == (freeze == base.layers.head), f"freeze {freeze}"
        assert torch.equal(target_output, tuned(canvases)[0])


@torch.no_grad()
def test_folding_batchnorm_keeps_branched_exact(base, tuned_like, canvases):
    original = SingleHead(prepare_for_inference(base.model)).eval()(canvases)[0]
    for freeze in (22, 15, 10, 3):
        tuned = prepare_for_inference(tuned_like(freeze))
        model = DualHead(prepare_for_inference(base.model), tuned, freeze).eval()
        assert torch.equal(model(canvases)[0], original)


@torch.no_grad()
def test_every_graft_position_is_the_ladder_between_both(base, tuned_like, canvases):
    """Layers 0..k-1 tuned, the rest original: nothing changes up to the freeze depth."""
    original, tuned = base.model(canvases)[0], tuned_like(12)
    for k in range(base.layers.head + 1):
        changed = not torch.equal(DualHead(base.model, tuned, k).eval()(canvases)[0], original)
        # The first layer that moved is 12; below and at it nothing can change, past it everything must.
        assert changed == (k > 12), f"k {k}"


@pytest.mark.parametrize(
    ("name", "depths", "backbone_end"),
    [("yolov8n", (22, 15, 10), 10), ("yolo11n", (23, 16, 11), 11), ("yolo26n", (23, 16, 11), 11)],
)
@torch.no_grad()
def test_the_layer_map_is_read_from_any_family(name, depths, backbone_end):
    from ultralytics.nn.tasks import DetectionModel

    model = DetectionModel(f"{name}.yaml", verbose=False).eval()
    layers = read_layer_map(model)
    assert layers.default_depths() == depths
    assert layers.backbone_end == backbone_end
    assert layers.stride == 32
    images = torch.rand(1, 3, 64, 64)
    dual = DualHead(model, model, backbone_end).eval()
    assert all(torch.equal(output, model(images)[0]) for output in dual(images))


@torch.no_grad()
def test_a_head_that_selects_its_own_detections_is_recognised():
    from ultralytics.nn.tasks import DetectionModel

    model = DetectionModel("yolo26n.yaml", verbose=False).eval()
    assert head_kind(model) == "raw"
    model.end2end = True
    fused = prepare_for_inference(model)
    assert head_kind(fused) == "detections"
    assert SingleHead(fused)(torch.rand(1, 3, 64, 64))[0].shape[-1] == 6


def test_depths_beyond_the_model_are_refused(base):
    with pytest.raises(InputError, match="layers are 0 to 22"):
        base.layers.check_depth(23)
    with pytest.raises(InputError, match="is not possible"):
        base.layers.check_depth(-1)
    base.layers.check_depth(22)


def test_a_model_without_a_detect_head_is_refused():
    from ultralytics.nn.tasks import DetectionModel, SegmentationModel

    with pytest.raises(InputError, match="no detector"):
        read_layer_map(SegmentationModel("yolov8n-seg.yaml", verbose=False))
    with pytest.raises(InputError, match="not a detector"):
        read_layer_map(torch.nn.Linear(1, 1))
    assert read_layer_map(DetectionModel("yolov8n.yaml", verbose=False)).head == 22


@torch.no_grad()
def test_the_ladder_shares_features_and_equals_each_rung_from_scratch(base, tuned_like, canvases):
    from bench_freeze.dualhead.ladder import GraftLadder

    original, tuned = base.model(canvases)[0], tuned_like(12)
    ladder = GraftLadder(base.model, tuned)
    rungs = dict(ladder.outputs(canvases))
    assert list(rungs) == list(range(base.layers.head + 1))
    for k in (0, 5, 12, 13, 15, 18, 22):
        assert torch.equal(rungs[k], DualHead(base.model, tuned, k).eval()(canvases)[0]), f"k {k}"
        assert torch.equal(rungs[k], original) == (k <= 12)
    assert [k for k, _ in ladder.outputs(canvases, [15, 3])] == [3, 15]
