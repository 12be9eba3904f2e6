"""Bad input through the command line: one sentence, status 2, before any training."""

import json
import shutil

import pytest

from bench_freeze import cli

pytestmark = pytest.mark.slow


@pytest.fixture
def data(embedded_data, tmp_path):
    """A private copy of the embedded data, and a way to run a study on it."""
    folder = tmp_path / "data"
    root = embedded_data[0].parent
    shutil.copytree(root, folder)

    class Data:
        weights, target, base = (folder / p.relative_to(root) for p in embedded_data)

        def run(self, *extra):
            arguments = ["--weights", self.weights, "--target", self.target, "--base", self.base, "--imgsz", "160"]
            return cli.main([*map(str, arguments), "--out", str(tmp_path / "out"), *extra])

    return Data()


def refused(capsys, status, *parts):
    error = capsys.readouterr().err
    last = error.strip().splitlines()[-1]
    assert status == 2, error
    assert last.startswith("bench-freeze: ")
    for part in parts:
        assert part in last
    assert "Traceback" not in error


def test_a_depth_beyond_the_model(data, capsys):
    refused(capsys, data.run("--freeze", "23"), "freeze = 23", "use 0 to 22")


def test_a_capacity_that_cannot_be_matched(data, capsys):
    refused(capsys, data.run("--match-capacity", "23"), "match_capacity = 23", "use 0 to 22")
    refused(capsys, data.run("--match-capacity", "10"), "match_capacity = 10", "(22, 15, 10)", "deeper one")
    refused(capsys, data.run("--match-capacity", "22", "--head-init", "reinit"), "head_init = reinit")


def test_a_checkpoint_that_is_none(data, capsys):
    data.weights.write_text("not a checkpoint")
    refused(capsys, data.run(), data.weights.name, "not an Ultralytics checkpoint")


def test_a_checkpoint_that_is_no_detector(data, capsys):
    import torch
    from ultralytics.nn.tasks import ClassificationModel

    torch.save({"model": ClassificationModel("yolov8n-cls.yaml", nc=3, verbose=False)}, data.weights)
    refused(capsys, data.run(), data.weights.name, "no detector", "Classify")


def test_missing_weights(data, capsys):
    data.weights.unlink()
    refused(capsys, data.run(), "no such checkpoint")


def test_a_missing_image_of_the_base_set(data, capsys):
    image = sorted((data.base.parent.parent / "val").glob("*.png"))[3]
    image.unlink()
    refused(capsys, data.run(), image.name, "no such image")


def test_an_unreadable_image_of_the_target_set(data, capsys):
    image = sorted((data.target.parent / "images" / "train").glob("*.png"))[0]
    image.write_bytes(image.read_bytes()[:200])
    refused(capsys, data.run(), image.name, "cannot be read as an image")


def test_a_label_row_that_does_not_parse(data, capsys):
    label = sorted((data.target.parent / "labels" / "train").glob("*.txt"))[5]
    label.write_text("0 0.5 0.5 zero 0.1\n")
    refused(capsys, data.run(), label.name, "row 1", "not made of numbers")


def test_a_class_out_of_range(data, capsys):
    label = sorted((data.target.parent / "labels" / "val").glob("*.txt"))[5]
    label.write_text("17 0.5 0.5 0.1 0.1\n")
    refused(capsys, data.run(), label.name, "class 17")


@pytest.mark.parametrize("key", ["images", "annotations", "categories"])
def test_a_json_without_a_needed_key(data, capsys, key):
    content = json.loads(data.base.read_text())
    del content[key]
    data.base.write_text(json.dumps(content))
    refused(capsys, data.run(), data.base.name, key)


def test_an_annotation_without_a_box(data, capsys):
    content = json.loads(data.base.read_text())
    del content["annotations"][2]["bbox"]
    data.base.write_text(json.dumps(content))
    refused(capsys, data.run(), data.base.name, "bbox")


def test_a_json_that_is_cut_off(data, capsys):
    data.base.write_text(data.base.read_text()[:500])
    refused(capsys, data.run(), data.base.name)


def test_images_of_another_size(data, capsys):
    content = json.loads(data.base.read_text())
    content["images"][0]["width"] += 1
    data.base.write_text(json.dumps(content))
    refused(capsys, data.run(), content["images"][0]["file_name"], "use the images")


def test_a_base_class_without_a_partner(data, capsys):
    content = json.loads(data.base.read_text())
    name = content["categories"][0]["name"]
    content["categories"][0]["name"] = "something else"
    data.base.write_text(json.dumps(content))
    refused(capsys, data.run(), f"class '{name}'", "--unmatched-classes ignore")


def test_an_image_size_between_strides(data, capsys):
    refused(capsys, data.run("--imgsz", "150"), "imgsz = 150")


def test_a_training_argument_that_ultralytics_does_not_know(data, capsys):
    refused(capsys, data.run("--freeze", "22", "--epochs", "1", "--train-args", "mozaic=1"), "mozaic")


def test_an_optimizer_that_does_not_exist(data, capsys):
    refused(capsys, data.run("--freeze", "22", "--epochs", "1", "--optimizer", "Magic"), "Magic")


def test_a_data_file_of_unknown_kind(data, capsys):
    other = data.base.with_suffix(".xml")
    data.base.rename(other)
    data.base = other
    refused(capsys, data.run(), "neither a COCO json nor a data yaml")
