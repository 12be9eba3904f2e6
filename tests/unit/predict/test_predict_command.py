"""`bench-freeze predict` on real files: images, a video, and what is said at the end."""

import json

import numpy as np
import pytest
from PIL import Image

from bench_freeze.cli import main
from tests.unit.shipping.studies import keep, model, study

cv2 = pytest.importorskip("cv2")
SIZE = (48, 64)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a model, and the current one."""
    monkeypatch.chdir(tmp_path)
    model(tmp_path / "m.onnx")
    return tmp_path


def photos(folder, count=3):
    folder.mkdir()
    for k in range(count):
        Image.fromarray(np.full((*SIZE, 3), 70 + 5 * k, np.uint8)).save(folder / f"{k}.png")


def clip(path, count=12, rate=10):
    """A video whose frame k is grey of 20 + 15 k."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, SIZE[::-1])
    for k in range(count):
        writer.write(np.full((*SIZE, 3), min(20 + 15 * k, 255), np.uint8))
    writer.release()


def test_pictures_of_a_folder_and_a_line_on_speed(place, capsys):
    photos(place / "photos")
    assert main(["predict", "m.onnx", "photos"]) == 0
    out, err = capsys.readouterr()
    assert out == "runs/predict\n"
    assert "3 images in " in err
    assert "engine busy" in err
    assert sorted(path.name for path in (place / "runs/predict").iterdir()) == ["0.jpg", "1.jpg", "2.jpg"]
    assert main(["predict", "m.onnx", "photos/1.png"]) == 0  # beside the first, never over it
    assert [path.name for path in (place / "runs/predict2").iterdir()] == ["1.jpg"]


def test_one_bad_image_among_many_is_named_at_the_end(place, capsys):
    photos(place / "photos", 30)
    (place / "photos/17.png").write_bytes(b"no image")
    assert main(["predict", "m.onnx", "photos", "--format", "csv", "--out", "out"]) == 2
    err = capsys.readouterr().err
    assert "1 of 30 images could not be read, the others are done: photos/17.png" in err
    lines = (place / "out/detections.csv").read_text().splitlines()[1:]
    assert {line.partition(",")[0] for line in lines} == {f"photos/{k}.png" for k in range(30) if k != 17}


def test_only_bad_images(place, capsys):
    (place / "photos").mkdir()
    (place / "photos/1.png").write_bytes(b"no image")
    assert main(["predict", "m.onnx", "photos", "--out", "out"]) == 2
    assert "1 of 1 images could not be read" in capsys.readouterr().err


def test_a_video_becomes_a_video_of_the_same_length_and_rate(place, capsys):
    clip(place / "clip.mp4")
    assert main(["predict", "m.onnx", "clip.mp4", "--out", "out"]) == 0
    assert capsys.readouterr().out == "out/clip.mp4\n"
    made = cv2.VideoCapture(str(place / "out/clip.mp4"))
    assert made.get(cv2.CAP_PROP_FPS) == 10
    frames = []
    while (read := made.read())[0]:
        frames.append(read[1])
    assert len(frames) == 12
    assert frames[0].shape == (*SIZE, 3)
    assert np.ptp(frames[5]) > 60  # something is drawn


def test_labels_of_a_video_name_its_frames_in_order(place):
    clip(place / "clip.mp4")
    assert main(["predict", "m.onnx", "clip.mp4", "--format", "coco", "--out", "out", "--max-frames", "7"]) == 0
    about = json.loads((place / "out/images.json").read_text())
    assert [image["id"] for image in about["images"]] == list(range(1, 8))
    rows = json.loads((place / "out/target.json").read_text())
    best = [max(row["score"] for row in rows if row["image_id"] == k) for k in range(1, 8)]
    assert best == sorted(best)  # the grey rises, and with it the score
    assert main(["predict", "m.onnx", "clip.mp4", "--format", "yolo", "--out", "yolo", "--head", "base"]) == 0
    assert sorted(path.name for path in (place / "yolo/base/labels").iterdir())[:2] == [
        "clip_000001.txt", "clip_000002.txt",
    ]  # fmt: skip
    assert not (place / "yolo/target").exists()


def test_a_video_that_is_cut_off_is_said(place, capsys):
    clip(place / "clip.avi", 60)
    content = (place / "clip.avi").read_bytes()
    (place / "cut.avi").write_bytes(content[: len(content) // 2])
    status = main(["predict", "m.onnx", "cut.avi", "--format", "csv", "--out", "out"])
    err = capsys.readouterr().err
    assert (status == 0 and "could be read" in err) or (status == 2 and "cannot be read" in err)


def test_coco_is_what_is_scored_and_pictures_are_what_is_used(place, capsys):
    photos(place / "photos")
    Image.fromarray(np.full((*SIZE, 3), 30, np.uint8)).save(place / "photos/dark.png")
    counts = {}
    for form in ("coco", "csv"):
        assert main(["predict", "m.onnx", "photos", "--format", form, "--out", form]) == 0
        counts[form] = capsys.readouterr().err.rsplit("detections: ", 1)[1]
    assert main(["predict", "m.onnx", "photos", "--format", "csv", "--out", "low", "--conf", "0.001"]) == 0
    low = capsys.readouterr().err.rsplit("detections: ", 1)[1]
    assert counts["coco"] == low != counts["csv"]  # 0.25 where no thresholds are known


def test_an_output_folder_is_a_model(place, capsys):
    results = study(place / "out")
    assert main(["ship", "out"]) == 0
    results.best = "best"
    keep(place / "out", results)
    photos(place / "photos")
    assert main(["predict", "out", "photos", "--format", "yolo", "--out", "labels"]) == 0
    assert (place / "labels/target/classes.txt").read_text() == "plum\nfig\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.onnx", "photos"), "there is no such model"),
        (("m.onnx", "none"), "no such file or folder"),
        (("m.onnx", "3"), "camera 3 was not found"),
        (("m.onnx", "notes.mp4"), "cannot be read as an image or a video"),
        (("m.onnx", "photos", "--out", "photos"), "exists already"),
        (("m.onnx", "photos", "--conf", "high"), "give a number from 0 to 1, or best"),
        (("m.onnx", "photos", "--conf", "1.5"), "out of range"),
        (("m.onnx", "photos", "--max-det", "0"), "give at least 1"),
        (("m.onnx", "photos", "--head", "third"), "has base and target only"),
        (("m.onnx", "photos", "--engine", "tensorflow"), "is not known"),
    ],
)
def test_what_cannot_be_is_a_sentence_and_leaves_nothing(place, capsys, arguments, words):
    photos(place / "photos")
    (place / "notes.mp4").write_text("words")
    before = sorted(place.rglob("*"))
    assert main(["predict", *arguments]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
    assert sorted(place.rglob("*")) == before


def test_the_source_is_looked_for_before_the_model_is_read(place, capsys):
    (place / "broken.onnx").write_bytes(b"no model")
    assert main(["predict", "broken.onnx", "none"]) == 2
    assert "none: there is no such file" in capsys.readouterr().err
