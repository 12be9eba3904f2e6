"""How the target head starts under each policy, on a real YOLOv8n-shaped pair of class lists."""

import pytest
import torch

from bench_freeze.finetune.head_init import with_new_head

pytestmark = pytest.mark.slow
NAMES = ("mandarin", "orange", "pear", "Banana")


@pytest.fixture(scope="module")
def coco_like():
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(1)
    model = DetectionModel("yolov8n.yaml", verbose=False).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.01)
    names = (*(f"class {k}" for k in range(78)), "banana", "orange")
    return model, names


def start(coco_like, policy):
    torch.manual_seed(0)
    model, report = with_new_head(*coco_like, NAMES, policy)  # type: ignore[call-arg]
    return model, report, model.model[-1], coco_like[0].model[-1]


@pytest.mark.parametrize("policy", ["reinit", "shape_match", "width_preserving", "name_remap"])
def test_all_other_layers_are_copies(coco_like, policy):
    model, report, head, _ = start(coco_like, policy)
    assert report.policy == policy
    for own, original in zip(model.model[:-1], coco_like[0].model[:-1], strict=True):
        for name, value in original.state_dict().items():
            assert torch.equal(own.state_dict()[name], value)
    assert head.cv3[0][-1].out_channels == len(NAMES)
    assert all(p.requires_grad for n, p in head.named_parameters() if not n.startswith("dfl"))
    model.train()
    assert model(torch.rand(1, 3, 64, 64))["scores"].shape[1] == len(NAMES)


def test_reinit_copies_nothing_of_the_box_branch(coco_like):
    _, _, head, original = start(coco_like, "reinit")
    assert not torch.equal(head.cv2[0][0].conv.weight, original.cv2[0][0].conv.weight)


def test_shape_match_keeps_boxes_and_narrows_classes(coco_like):
    _, _, head, original = start(coco_like, "shape_match")
    assert torch.equal(head.cv2[0][0].conv.weight, original.cv2[0][0].conv.weight)
    assert torch.equal(head.cv2[0][-1].bias, original.cv2[0][-1].bias)
    assert head.cv3[0][0].conv.out_channels == 64  # Ultralytics' width for few classes
    assert original.cv3[0][0].conv.out_channels == 80


def test_width_preserving_keeps_the_class_branch_but_its_last_layer(coco_like):
    _, report, head, original = start(coco_like, "width_preserving")
    assert torch.equal(head.cv3[1][0].conv.weight, original.cv3[1][0].conv.weight)
    assert torch.equal(head.cv3[1][1].bn.running_var, original.cv3[1][1].bn.running_var)
    assert report.remapped_classes == ()
    assert report.new_tensors == 6  # weight and bias of three levels


def test_name_remap_copies_the_rows_of_shared_classes(coco_like):
    _, report, head, original = start(coco_like, "name_remap")
    assert report.remapped_classes == ("orange", "Banana")
    for level in range(3):
        assert torch.equal(head.cv3[level][-1].weight[1], original.cv3[level][-1].weight[79])
        assert torch.equal(head.cv3[level][-1].bias[3], original.cv3[level][-1].bias[78])
        assert not torch.equal(head.cv3[level][-1].weight[0], original.cv3[level][-1].weight[0])


def test_equal_class_counts_do_not_copy_rows_by_position(coco_like):
    torch.manual_seed(0)
    model, names = coco_like
    other = tuple(f"other {k}" for k in range(80))
    fresh, report = with_new_head(model, names, other, "shape_match")
    assert not torch.equal(fresh.model[-1].cv3[0][-1].weight, model.model[-1].cv3[0][-1].weight)
    assert report.new_tensors == 6


def test_the_same_seed_gives_the_same_head(coco_like):
    first, second = start(coco_like, "name_remap")[2], start(coco_like, "name_remap")[2]
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
