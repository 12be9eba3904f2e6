"""`bench-freeze eval` says what it left out and what it read in an unusual form."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from bench_freeze.cli import main
from tests.unit.data.coco_form_list import EQUAL, as_texts, make_pair


def files(folder: Path, *forms: str) -> list[str]:
    """The arguments for a pair of files in these forms."""
    rng = random.Random(3)
    pair = make_pair(rng)
    for form in forms:
        EQUAL[form](rng, *pair)
    for name, text in zip(("gt.json", "dt.json"), as_texts(pair), strict=True):
        (folder / name).write_bytes(text)
    return ["eval", "--gt", str(folder / "gt.json"), "--dt", str(folder / "dt.json")]


def test_notes_follow_the_twelve_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(files(tmp_path)) == 0
    plain = capsys.readouterr().out.splitlines()
    assert len(plain) == 12
    forms = ("float ids", "width null", "iscrowd 0.0", "image not listed", "results of other categories")
    arguments = files(tmp_path, *forms)
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:12] == plain
    assert all(line.startswith(f"note: {tmp_path}") for line in lines[12:])
    notes = "\n".join(lines[12:])
    for part in ("1 annotation(s) of images that", "are floats", "width are null", "1 of ", "iscrowd"):
        assert part in notes
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [f"note: {note}" for note in report["notes"]] == lines[12:]
    assert report["ignored_detections"] == 1
    assert main([*arguments, "--protocol", "voc-all"]) == 0
    assert capsys.readouterr().out.splitlines()[-len(report["notes"]) :] == lines[12:]


@pytest.mark.parametrize("protocol", ["coco", "voc-all", "voc-11"])
def test_ap_at_other_ious_is_said_beside_the_protocol_s_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], protocol: str
) -> None:
    arguments = [*files(tmp_path), "--protocol", protocol]
    assert main([*arguments, "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert "ap_by_iou" not in plain
    assert main([*arguments, "--json", "--iou", "0.10:0.05:0.95"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["stats"] == plain["stats"]
    assert len(report["ap_by_iou"]) == 18
    assert report["ap_by_iou"]["0.50"] == pytest.approx(plain["stats"]["AP50"], abs=1e-12)
    of_sizes = report["ap_by_iou_and_size"]
    assert list(of_sizes) == list(report["ap_by_iou"])
    assert {size for own in of_sizes.values() for size in own} == {"small", "medium", "large"}
    if protocol == "coco":
        for size in ("small", "medium", "large"):
            ten = [of_sizes[f"{iou:.2f}"][size] for iou in np.arange(0.5, 0.96, 0.05)]
            own = plain["stats"][f"AP_{size}"]
            assert own == pytest.approx(-1 if -1 in ten else np.mean(ten), abs=1e-12)
    values = list(report["ap_by_iou"].values())
    assert values[0] >= values[-1]
    assert main([*arguments, "--iou", "0.7"]) == 0
    assert " AP at IoU 0.70 = " in capsys.readouterr().out
    assert main([*arguments, "--iou", "2"]) == 2


def test_plain_files_have_no_notes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*files(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"] == []


@pytest.mark.parametrize("name", ["gt.json", "dt.json"])
@pytest.mark.parametrize(
    "text",
    [
        b'[{"image_id":"a"}, {"im',
        b'{"images": [{"id": 1.0}], "categories": [], "annotations": [\xff]}',
        b'[{"image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2], "score": 1e999}]',
        b'{"images": [{"id": 1e999}], "categories": [], "annotations": []}',
        b"[" * 100_000,
        b"\xef\xbb\xbf[]",
        b"",
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    name: str, text: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = files(tmp_path)
    (tmp_path / name).write_bytes(text)
    assert main(arguments) == 2
    message = capsys.readouterr().err
    assert f"{tmp_path / name}: " in message
    assert len(message.splitlines()) == 1
