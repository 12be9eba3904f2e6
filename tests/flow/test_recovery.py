"""Heads trained on features that do not move: the trunk stays, they learn, and a control keeps them honest."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from bench_freeze.analysis.labelled import labelled_batches
from bench_freeze.analysis.numbers.budget import Budget
from bench_freeze.analysis.numbers.head_training import Trunk, fresh_head, head_output, train_heads
from bench_freeze.analysis.numbers.labelled import LabelledImages
from bench_freeze.data.source import open_base
from bench_freeze.data.subset import keep_images

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base_set(embedded_data):
    return open_base(embedded_data[2], None, "val", lambda done, total: None)


def batches(data, count):
    few = keep_images(data, np.arange(count))
    return list(labelled_batches(few, imgsz=160, batch=8, workers=1))


def loss_of(detector, head, trunk, batch):
    """Ultralytics' loss of a head, without training it."""
    from copy import deepcopy

    from ultralytics.cfg import get_cfg

    model = deepcopy(detector)
    model.model[-1], model.args = head.train(), get_cfg()
    targets = {
        "batch_idx": torch.as_tensor(batch.image).float(),
        "cls": torch.as_tensor(batch.labels).float(),
        "bboxes": torch.as_tensor(batch.boxes_cxcywh).float(),
    }
    with torch.no_grad():
        return float(model.init_criterion()(head(trunk.features(batch.images)), targets)[0].sum())


def test_a_trunk_gives_what_the_detector_feeds_its_head(base, canvases):
    features = Trunk(base.model, "cpu").features(canvases)
    assert torch.equal(torch.as_tensor(head_output(base.model.model[-1], features)), base.model(canvases)[0])


def test_fresh_heads_are_drawn_from_their_seed_alone(base):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    heads = [fresh_head(base.model, seed) for seed in (0, 0, 1)]
    assert torch.equal(torch.random.get_rng_state(), before)
    weights = [head.cv2[0][0].conv.weight for head in heads]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert [p.shape for p in heads[0].parameters()] == [p.shape for p in base.model.model[-1].parameters()]


def test_heads_learn_together_as_they_learn_alone_and_the_given_ones_stay(base, base_set):
    trunk, data = Trunk(base.model, "cpu"), batches(base_set, 16)
    starts = [fresh_head(base.model, 0), base.model.model[-1]]
    untouched = [{k: v.clone() for k, v in head.state_dict().items()} for head in starts]
    budget = Budget(epochs=4, batch=8)
    together = train_heads(trunk, base.model, starts, lambda epoch: data, 16, budget, "cpu")
    alone = train_heads(trunk, base.model, starts[:1], lambda epoch: data, 16, budget, "cpu")
    assert not any(module.training for module in together[0].modules())
    for name, value in alone[0].state_dict().items():
        assert torch.equal(value, together[0].state_dict()[name]), name
    for start, before in zip(starts, untouched, strict=True):
        assert all(torch.equal(value, before[name]) for name, value in start.state_dict().items())
    losses = [loss_of(base.model, head, trunk, data[0]) for head in (starts[0], together[0])]
    assert losses[1] < 0.85 * losses[0]


def test_statistics_at_the_end_are_those_of_the_images(base, base_set):
    trunk, data = Trunk(base.model, "cpu"), batches(base_set, 16)
    (head,) = train_heads(trunk, base.model, [base.model.model[-1]], lambda epoch: data, 16, Budget(1, batch=8), "cpu")
    first = head.cv2[0][0]
    with torch.no_grad():
        means = [first.conv(trunk.features(batch.images)[0]).mean(dim=(0, 2, 3)) for batch in data]
    assert first.bn.running_mean == pytest.approx(torch.stack(means).mean(0), abs=1e-4)


@pytest.mark.parametrize("selects", [False, True])
def test_a_head_with_one_to_one_matching_learns_and_answers_as_the_original(selects):
    from ultralytics.nn.tasks import DetectionModel

    detector = DetectionModel("yolo26n.yaml", nc=3, verbose=False).eval()
    if selects:
        detector.end2end = True
    rng = np.random.default_rng(0)
    corner = rng.random((4, 2)) * 0.5
    boxes = np.concatenate([corner, corner + 0.4], axis=1)
    batch = LabelledImages(
        rng.random((2, 3, 64, 64), dtype=np.float32), np.zeros((2, 4)), np.array([0, 0, 1, 1]), np.arange(4) % 3, boxes
    )
    trunk = Trunk(detector, "cpu")
    (head,) = train_heads(
        trunk, detector, [fresh_head(detector, 0)], lambda epoch: [batch], 2, Budget(1, batch=2), "cpu"
    )
    features = trunk.features(batch.images)
    wanted = head_output(detector.model[-1], features).shape
    assert head_output(head, features).shape == wanted
    assert (wanted[-1] == 6) == selects


def test_labelled_batches_place_boxes_where_the_objects_are(base_set):
    truth = base_set.ground_truth
    order = np.array([3, 0])
    (batch,) = labelled_batches(base_set, imgsz=160, batch=8, workers=1, order=order)
    assert isinstance(batch, LabelledImages)
    for i, k in enumerate(order):
        rows = np.flatnonzero((truth.image_index == k) & ~truth.is_crowd)
        own = batch.boxes_xyxy[batch.image == i]
        assert batch.labels[batch.image == i].tolist() == truth.labels[rows].tolist()
        image = base_set.images[k]
        left, top, right, bottom = batch.content_xyxy[i]
        widths = (own[:, 2] - own[:, 0]) / (right - left) * image.width
        assert widths == pytest.approx(truth.boxes_xywh[rows, 2], abs=1e-6)
        assert ((own[:, :2] >= [left, top]) & (own[:, 2:] <= [right + 1e-9, bottom + 1e-9])).all()
    assert batch.boxes_cxcywh[:, 2:] == pytest.approx(batch.boxes_xyxy[:, 2:] - batch.boxes_xyxy[:, :2])


def test_a_part_of_a_data_set_keeps_its_own_rows(base_set):
    part = keep_images(base_set, np.array([1, 4]))
    truth, whole = part.ground_truth, base_set.ground_truth
    assert [image.image_id for image in part.images] == [base_set.images[k].image_id for k in (1, 4)]
    assert len(truth) == np.isin(whole.image_index, [1, 4]).sum()
    assert truth.boxes_xywh[truth.image_index == 1] == pytest.approx(whole.boxes_xywh[whole.image_index == 4])
    assert part.sha256 != base_set.sha256
    assert all(a <= b for a, b in pairwise(truth.image_index))
