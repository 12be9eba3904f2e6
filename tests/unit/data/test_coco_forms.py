"""COCO files in every form: the numbers of pycocotools to the last bit, or a sentence."""

from __future__ import annotations

import contextlib
import copy
import io
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench_freeze.data.coco import instances_from, parse_instances, parse_results
from bench_freeze.errors import InputError
from bench_freeze.evaluate import Evaluation, Evaluator, evaluate

from .coco_form_list import (
    ACCEPTED,
    CRASH,
    CRASH_TEXTS,
    EQUAL,
    EQUAL_TEXTS,
    REFUSED,
    REFUSED_TEXTS,
    Pair,
    as_texts,
    make_pair,
)

Texts = tuple[bytes, bytes]


def ours(texts: Texts) -> Evaluation:
    truth = parse_instances("gt.json", texts[0]).ground_truth
    return evaluate(truth, parse_results("dt.json", texts[1], truth).detections)


def theirs(texts: Texts, folder: Path) -> Any:
    """The evaluation of pycocotools, or what it raised."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    files = [folder / "gt.json", folder / "dt.json"]
    for file, text in zip(files, texts, strict=True):
        file.write_bytes(text)
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        try:
            truth = COCO(str(files[0]))
            evaluation = COCOeval(truth, truth.loadRes(str(files[1])), "bbox")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        except Exception as error:  # whatever it stumbles over
            return error
    return evaluation


def assert_equal(texts: Texts, folder: Path) -> None:
    expected, found = theirs(texts, folder), ours(texts)
    assert not isinstance(expected, Exception), expected
    for name in ("precision", "recall", "scores"):
        np.testing.assert_array_equal(getattr(found, name), expected.eval[name], err_msg=name, strict=True)
    assert list(found.stats().values()) == expected.stats.tolist()


def changed(seed: int, *changes: Any) -> Texts:
    rng = random.Random(seed)
    pair: Pair = make_pair(rng)
    for change in changes:
        change(rng, *pair)
    return as_texts(pair)


@pytest.fixture(autouse=True)
def reference() -> None:
    pytest.importorskip("pycocotools")


@pytest.mark.parametrize("form", EQUAL)
def test_forms_that_are_read(form: str, tmp_path: Path) -> None:
    for seed in range(4):
        assert_equal(changed(seed, EQUAL[form]), tmp_path)


@pytest.mark.parametrize("form", EQUAL_TEXTS)
def test_texts_that_are_read(form: str, tmp_path: Path) -> None:
    assert_equal(EQUAL_TEXTS[form](*changed(1)), tmp_path)


@pytest.mark.parametrize("form", REFUSED)
def test_forms_that_are_refused(form: str, tmp_path: Path) -> None:
    change, message = REFUSED[form]
    texts = changed(2, change)
    assert not isinstance(error := theirs(texts, tmp_path), Exception), error
    with pytest.raises(InputError, match=rf"^(gt|dt)\.json: .*{message}"):
        ours(texts)


@pytest.mark.parametrize("form", REFUSED_TEXTS)
def test_texts_that_are_refused(form: str, tmp_path: Path) -> None:
    change, message = REFUSED_TEXTS[form]
    texts = change(*changed(2))
    assert not isinstance(error := theirs(texts, tmp_path), Exception), error
    with pytest.raises(InputError, match=rf"^(gt|dt)\.json: .*{message}"):
        ours(texts)


@pytest.mark.parametrize("form", [*CRASH, *CRASH_TEXTS])
def test_where_pycocotools_crashes_there_is_a_sentence(form: str, tmp_path: Path) -> None:
    texts = changed(3, CRASH[form]) if form in CRASH else CRASH_TEXTS[form](*changed(3))
    assert isinstance(theirs(texts, tmp_path), Exception)
    with pytest.raises(InputError, match=r"^(gt|dt)\.json: .") as caught:
        ours(texts)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("form", ACCEPTED)
def test_what_pycocotools_stumbles_over_and_is_plain(form: str, tmp_path: Path) -> None:
    texts = changed(4, ACCEPTED[form])
    assert isinstance(theirs(texts, tmp_path), Exception)
    ours(texts)


@pytest.mark.parametrize("seed", range(200))
def test_several_forms_at_once(seed: int, tmp_path: Path) -> None:
    """Two or three of all that there are: equal, or refused for one that is listed."""
    forms, texts = _drawn(seed)
    expected = theirs(texts, tmp_path)
    try:
        found = ours(texts)
    except InputError:
        assert isinstance(expected, Exception) or set(forms) & {*REFUSED, *CRASH}, forms
        return
    if isinstance(expected, Exception):
        assert set(forms) & {*ACCEPTED}, (forms, expected)
        return
    np.testing.assert_array_equal(found.precision, expected.eval["precision"], err_msg=str(forms))
    assert list(found.stats().values()) == expected.stats.tolist()


def _drawn(seed: int) -> tuple[list[str], Texts]:
    """Forms, and a pair of files that has all of them."""
    rng = random.Random(seed)
    every = [*EQUAL, *EQUAL, *EQUAL, *REFUSED, *CRASH, *ACCEPTED]
    while True:
        forms = list(dict.fromkeys(rng.sample(every, rng.randint(2, 3))))
        if sum("ids" in form for form in forms) > 1:  # two numberings may make two ids one
            continue
        changes = [EQUAL.get(f) or CRASH.get(f) or ACCEPTED.get(f) or REFUSED[f][0] for f in forms]
        try:
            return forms, changed(seed, *changes)
        except (KeyError, TypeError, AttributeError, ValueError, IndexError):
            pass  # one change takes away what another changes: draw others


def test_mutations_are_read_or_refused_with_a_sentence() -> None:
    """20,000 damaged texts: no exception but InputError."""
    rng = random.Random(0)
    pairs = [as_texts(_small(changed_pair)) for changed_pair in _odd_pairs()]
    truth = parse_instances("gt.json", as_texts(_small(make_pair(random.Random(0))))[0]).ground_truth
    bytes_ = b'0123456789.-+eE[]{},:" \\ntfu\x00\xff\xe9\xc3'
    read = 0
    for number in range(20_000):
        pair = rng.choice(pairs)
        is_truth = number % 2
        text = bytearray(pair[0] if is_truth else pair[1])
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(text))
            kind = rng.random()
            if kind < 0.5:
                text[at] = rng.choice(bytes_)
            elif kind < 0.7:
                text.insert(at, rng.choice(bytes_))
            elif kind < 0.8:
                del text[at : at + rng.randint(1, 30)]
            elif kind < 0.9:
                text[at:at] = text[at : at + rng.randint(1, 40)]
            else:
                text[at:at] = rng.choice([b"1e999", b"NaN", b"null", b'"a"', b"[[", b"9" * 30, b"1.0", b"-", b"{}"])
            if not text:
                text = bytearray(b"[")
        try:
            if is_truth:
                parse_instances("gt.json", bytes(text))
            else:
                parse_results("dt.json", bytes(text), truth)
        except InputError:
            continue
        read += 1
    assert 500 < read < 15_000  # both ways are taken


def _odd_pairs() -> list[Pair]:
    pairs = []
    for form in ("as it is", "float ids", "text ids", "iscrowd 1.0", "image not listed", "width null"):
        rng = random.Random(0)
        pair = make_pair(rng)
        EQUAL[form](rng, *pair)
        pairs.append(pair)
    return pairs


def _small(pair: Pair) -> Pair:
    gt, dt = copy.deepcopy(pair)
    return gt | {"annotations": gt["annotations"][:4]}, dt[:4]


def test_notes_name_each_form_with_an_example() -> None:
    forms = ("float ids", "width null", "file_name a number", "iscrowd 0.0", "image not listed", "name a number")
    notes = "\n".join(parse_instances("gt.json", changed(5, *(EQUAL[form] for form in forms))[0]).notes)
    for part in (
        r"1 annotation\(s\) of images that the file does not list .* such as annotations\[\d+\] \(image 777\)",
        r"id\(s\) of images are floats, such as images\[0\] \(\d+\.0\)",
        r"value\(s\) of width are null",
        r"1 value\(s\) of file_name .* such as images\[1\] \(12\)",
        r"value\(s\) of iscrowd are floats",
        r"1 name\(s\) of categories are not text, such as categories\[0\] \(3\)",
    ):
        assert re.search(part, notes), part
    assert parse_instances("gt.json", changed(5)[0]).notes == ()


def test_categories_that_results_name_and_are_not_listed_are_noted() -> None:
    for form in ("results of other categories", "results of no category"):
        gt, dt = changed(6, EQUAL[form])
        results = parse_results("dt.json", dt, parse_instances("gt.json", gt).ground_truth)
        assert results.ignored_detections == 1
        assert f"1 of {len(results.detections) + 1} detection(s)" in results.notes[0]


def test_text_ids_are_those_of_the_file_in_the_evaluator() -> None:
    rng = random.Random(7)
    gt, _ = make_pair(rng)
    EQUAL["text ids of images"](rng, gt, [])
    truth = instances_from(gt).ground_truth
    keys = sorted(entry["id"] for entry in gt["images"])
    assert truth.image_keys == tuple(keys)
    evaluator = Evaluator(truth)
    none = [(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))]
    evaluator.update([keys[1]], detections=none)
    with pytest.raises(InputError, match=f"image id '{keys[1]}' was added before"):
        evaluator.update([keys[1]], detections=none)
    with pytest.raises(InputError, match="image id 'other' is not in the ground truth"):
        evaluator.update(["other"], detections=none)
    with pytest.raises(InputError, match="not a list of text"):
        evaluator.update([1], detections=none)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300, np.float32(64), np.int64(64), "64"])
def test_content_as_a_dict_may_hold_what_json_cannot(value: Any) -> None:
    rng = random.Random(9)
    gt, _ = make_pair(rng)
    expected = instances_from(copy.deepcopy(gt)).ground_truth
    gt["images"][0]["width"] = value
    gt["annotations"][0]["id"] = np.int64(gt["annotations"][0]["id"])
    gt["annotations"][1]["bbox"] = np.array(gt["annotations"][1]["bbox"], np.float32)
    found = instances_from(gt).ground_truth
    np.testing.assert_array_equal(found.boxes_xywh, expected.boxes_xywh)
    np.testing.assert_array_equal(found.annotation_ids, expected.annotation_ids)
    gt["annotations"][1]["area"] = float("nan")
    with pytest.raises(InputError, match=r"annotations\[1\] .*all of it finite"):
        instances_from(gt)


def test_the_library_warns_of_what_is_left_out() -> None:
    rng = random.Random(8)
    gt, dt = make_pair(rng)
    EQUAL["image not listed"](rng, gt, dt)
    with pytest.warns(UserWarning, match=r"1 annotation\(s\) of images that the file does not list"):
        Evaluator(gt)
