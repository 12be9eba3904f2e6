"""The model card read from Ultralytics' own metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench_freeze.engines.base import Head
from bench_freeze.engines.ultralytics_card import is_ultralytics, ultralytics_card
from bench_freeze.errors import InputError

METADATA = {"task": "detect", "names": "{0: 'cat', 1: 'dog'}", "imgsz": "[640, 640]", "stride": "32"}
IMAGES: list[int | str | None] = ["batch", 3, 640, 640]


def card(output: list[int | str | None], **changes: str) -> Any:
    return ultralytics_card(Path("m.onnx"), METADATA | changes, [IMAGES, output])


def test_raw_and_selected_outputs() -> None:
    raw = card(["batch", 6, 8400])
    assert raw.heads == (Head("base", ("cat", "dog"), "raw"),)
    assert (raw.imgsz, raw.batch, raw.graft_at) == (640, None, None)
    assert card([1, 300, 6]).heads[0].kind == "detections"
    fixed = ultralytics_card(Path("m.onnx"), METADATA, [[2, 3, 640, 640], [2, 6, 8400]])
    assert fixed.batch == 2


@pytest.mark.parametrize(
    ("output", "changes", "message"),
    [
        ([1, 6, 8400], {"task": "segment"}, "'segment'"),
        ([1, 6, 8400], {"imgsz": "[480, 640]"}, "640x480"),
        ([1, 6, 8400], {"names": "cat, dog"}, "names or imgsz"),
        ([1, 7, 8400], {}, r"\[images, 6, anchors\]"),
    ],
)
def test_refuses_what_it_cannot_run(output: list[int | str | None], changes: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        card(output, **changes)


def test_other_files_are_not_ultralytics() -> None:
    assert is_ultralytics(METADATA)
    assert not is_ultralytics({"producer": "x"})
