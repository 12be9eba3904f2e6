"""What the header of an Ultralytics plan says, read without TensorRT."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench_freeze.engines.plan_file import read_plan
from bench_freeze.errors import InputError

HEADER = {
    "task": "detect",
    "batch": 1,
    "imgsz": [64, 64],
    "stride": 32,
    "names": {"0": "cat", "1": "dog"},
    "end2end": False,
    "args": {"nms": False, "half": True},
}


def plan(folder: Path, **changes):
    text = json.dumps({key: v for key, v in (HEADER | changes).items() if v != "left out"}).encode()
    path = folder / "m.engine"
    path.write_bytes(len(text).to_bytes(4, "little") + text + b"plan")
    return read_plan(path)


def test_the_header_decides(tmp_path):
    card = plan(tmp_path).card((1, 6, 84))
    assert (card.heads[0].kind, card.heads[0].class_names) == ("raw", ("cat", "dog"))
    assert (card.imgsz, card.batch, card.precision) == (64, 1, "fp16")
    assert plan(tmp_path).card((-1, 6, 84)).batch is None
    own = plan(tmp_path, args={"nms": True})
    assert own.card((1, 6, 6)).heads[0].kind == "detections"
    assert "is not known" in own.notes[0]
    old = plan(tmp_path, args={"half": True}, end2end="left out", stride="left out")  # says neither nms nor end2end
    assert (old.card((1, 6, 84)).heads[0].kind, old.card((1, 300, 6)).heads[0].kind) == ("raw", "detections")
    assert plan(tmp_path, end2end=True).notes == plan(tmp_path).notes == ()


@pytest.mark.parametrize(
    ("changes", "shape", "words"),
    [
        ({"args": {"nms": True}}, (1, 6, 84), "detections, 6"),
        ({}, (1, 300, 6), "transposed"),
        ({}, (1, 7, 84), "2 classes"),
        ({"batch": 2}, (1, 6, 84), "batches of 2"),
        ({"batch": "x"}, (1, 6, 84), "batch"),
        ({"imgsz": [64, 96]}, (1, 6, 84), "96x64"),
        ({"imgsz": None}, (1, 6, 84), "imgsz"),
        ({"names": {"0": "a", "2": "b"}}, (1, 6, 84), "class number 1"),
        ({"args": None}, (1, 6, 84), "args"),
        ({"end2end": "yes"}, (1, 6, 84), "end2end"),
    ],
)
def test_contradictions_are_refused(tmp_path, changes, shape, words):
    with pytest.raises(InputError, match=words):
        plan(tmp_path, **changes).card(shape)


def test_another_task_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not name a detector"):
        plan(tmp_path, task="segment")
