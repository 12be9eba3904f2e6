"""Detections as a list of COCO dicts: pycocotools' numbers to the last bit, whatever types the values have."""

import numpy as np
import pytest

from bench_freeze import Evaluator
from bench_freeze.errors import InputError

CATEGORIES = (1, 3, 90)


def made(seed, images=12):
    """Random ground truth and detections, some of them ties, some of a category that is not listed."""
    rng = np.random.default_rng(seed)
    truth: dict = {
        "images": [{"id": int(k), "width": 100, "height": 100} for k in rng.permutation(images) + 5],
        "categories": [{"id": c, "name": f"c{c}"} for c in CATEGORIES],
        "annotations": [],
    }
    found = []
    for image in truth["images"]:
        for _ in range(rng.integers(0, 5)):
            box = [float(v) for v in (*rng.integers(0, 60, 2), *rng.integers(4, 40, 2))]
            category = int(rng.choice(CATEGORIES))
            number = len(truth["annotations"]) + 1
            truth["annotations"].append(
                {"id": number, "image_id": image["id"], "category_id": category, "bbox": box, "area": box[2] * box[3]}
                | {"iscrowd": int(rng.random() < 0.1)}
            )
            moved = [float(v) for v in np.array(box) + rng.normal(0, 3, 4).clip(-3, 3)]
            found.append(
                {"image_id": image["id"], "category_id": category, "bbox": moved, "score": round(rng.random(), 1)}
            )
        for _ in range(rng.integers(0, 4)):
            box = [float(v) for v in (*rng.uniform(0, 60, 2), *rng.uniform(4, 40, 2))]
            found.append(
                {"image_id": image["id"], "category_id": int(rng.choice(CATEGORIES)), "bbox": box, "score": 0.3}
            )
    rng.shuffle(found)
    return truth, found


def by_pycocotools(truth, found):
    coco = pytest.importorskip("pycocotools.coco")
    from pycocotools.cocoeval import COCOeval

    known = coco.COCO()
    known.dataset = truth
    known.createIndex()
    scored = COCOeval(known, known.loadRes([dict(row) for row in found]), "bbox")
    scored.evaluate()
    scored.accumulate()
    scored.summarize()
    return scored


@pytest.mark.parametrize("seed", range(12))
def test_a_list_of_dicts_scores_as_pycocotools_scores_it(seed):
    truth, found = made(seed)
    theirs = by_pycocotools(truth, found)
    whole = Evaluator(truth)
    whole.update(detections=found)
    ours = whole.result()
    for name in ("precision", "recall", "scores"):
        assert np.array_equal(getattr(ours, name), theirs.eval[name]), name
    assert list(ours.stats().values()) == theirs.stats.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_parts_and_types_do_not_change_it(seed):
    truth, found = made(seed)
    whole = Evaluator(truth)
    whole.update(detections=found)
    parts = Evaluator(truth)
    ids = [image["id"] for image in truth["images"]]
    for some in (ids[:5], ids[5:]):
        own = [row for row in found if row["image_id"] in some]
        typed = [
            {
                "image_id": np.int64(row["image_id"]),
                "category_id": np.int32(row["category_id"]),
                "bbox": np.array(row["bbox"]) if row["score"] > 0.5 else [np.float64(v) for v in row["bbox"]],
                "score": np.float64(row["score"]),
                "segmentation": [],
            }
            for row in own
        ]
        parts.update(some, detections=typed)
    assert np.array_equal(parts.result().precision, whole.result().precision)
    assert parts.result().counts.skipped_images == 0


TRUTH = {
    "images": [{"id": 1}, {"id": 2}],
    "categories": [{"id": 3, "name": "pear"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 1, 9, 9], "area": 81}],
}
ROW = {"image_id": 1, "category_id": 3, "bbox": [1, 1, 9, 9], "score": 0.5}


@pytest.mark.parametrize(
    ("rows", "more", "sentence"),
    [
        ([ROW | {"image_id": 7}], {}, "names image 7, which the ground truth does not list"),
        ([ROW, {"image_id": 1}], {}, "detections.1. has no 'category_id'"),
        ([ROW, 3], {}, "detections.1. is a int"),
        ([ROW | {"bbox": [1, 1, -9, 9]}], {}, "must not be negative"),
        ([ROW | {"score": float("nan")}], {}, "finite"),
        ([ROW | {"bbox": [1, 1, 9]}], {}, "bbox"),
        ([ROW], {"image_ids": [2]}, "to an image that image_ids does not name"),
        ([ROW], {"image_ids": [1, 9]}, "image id 9 is not in the ground truth"),
        ([ROW], {"letterbox": []}, "leave it out"),
        ([ROW], {"predictions": np.zeros((1, 5, 1))}, "one of the two|image_ids is missing"),
        (None, {}, "image_ids is missing"),
        ([], {}, "image_ids is missing"),
    ],
)
def test_what_is_not_sound_is_named_and_changes_nothing(rows, more, sentence):
    evaluator = Evaluator(TRUTH)
    with pytest.raises(InputError, match=sentence):
        evaluator.update(detections=rows, **more)
    assert evaluator.result().counts.skipped_images == 2


def test_an_image_comes_whole_and_unknown_categories_are_said():
    evaluator = Evaluator(TRUTH)
    with pytest.warns(UserWarning, match="1 of 2 detection.s. are of categories that the ground truth does not list"):
        evaluator.update(detections=[ROW, ROW | {"category_id": 8}])
    with pytest.raises(InputError, match="was added before"):
        evaluator.update(detections=[ROW])
    evaluator.update([2], detections=[(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))])
    assert evaluator.result().counts.skipped_images == 0
