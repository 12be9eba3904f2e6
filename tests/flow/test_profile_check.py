"""`profile` of two real models on real images, then `check`: the worse one does not pass."""

import json
import os
from pathlib import Path

import pytest

from bench_freeze import cli
from bench_freeze.evaluate.match_file import load_matches
from bench_freeze.results.profile import decode_profile

IMAGES, SIDE = 12, 160


@pytest.fixture(scope="module")
def profiles(tmp_path_factory):
    """Profiles of YOLOv8n as it is and with noise in its neck, on the first 12 images of coco206."""
    import torch

    if "BENCH_FREEZE_DATA" not in os.environ:
        pytest.skip("BENCH_FREEZE_DATA names no folder with real data")
    data = Path(os.environ["BENCH_FREEZE_DATA"])
    folder = tmp_path_factory.mktemp("profiles")
    instances = json.loads((data / "coco206/annotations/instances_val2017.json").read_text())
    instances["images"] = instances["images"][:IMAGES]
    kept = {image["id"] for image in instances["images"]}
    instances["annotations"] = [a for a in instances["annotations"] if a["image_id"] in kept]
    (folder / "C12.json").write_text(json.dumps(instances))
    checkpoint = torch.load(data / "weights/yolov8n_coco.pt", map_location="cpu", weights_only=False)
    torch.save(checkpoint, folder / "a.pt")
    torch.manual_seed(0)
    with torch.no_grad():
        for layer in checkpoint["model"].model[12:22]:
            for parameter in layer.parameters():
                parameter.add_(0.03 * torch.randn(parameter.shape).to(parameter.dtype))
    torch.save(checkpoint, folder / "b.pt")
    for name in ("a", "b"):
        onnx, out = str(folder / f"{name}.onnx"), str(folder / f"{name}.profile.json")
        export = ["export", "--weights", str(folder / f"{name}.pt"), "--imgsz", str(SIDE), "--out", onnx]
        assert cli.main(export) == 0
        base = ["--base", str(folder / "C12.json"), "--base-images", str(data / "coco206/images/val2017")]
        assert cli.main(["profile", onnx, *base, "--seconds", "1", "--samples", "30", "--out", out]) == 0
    return folder


def test_a_profile_keeps_the_match_data_of_its_accuracy(profiles):
    profile = decode_profile((profiles / "a.profile.json").read_bytes())
    (scored,) = profile.accuracy
    assert profile.matches.file == "a.profile.matches.zip"
    (evaluation,) = load_matches(profiles / profile.matches.file).values()
    assert evaluation.counts.images == scored.images == IMAGES
    assert evaluation.ap() == scored.alone.map > 0.1


def test_the_worse_one_does_not_pass(profiles, capsys, monkeypatch):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    a, b = profiles / "a.profile.json", profiles / "b.profile.json"

    def check(current, *flags):
        capsys.readouterr()
        flags = ("--max-latency-increase", "off", *flags)
        code = cli.main(["check", str(current), "--baseline", str(a), "--json", "-", *flags])
        return code, {f["rule"]: f for f in json.loads(capsys.readouterr().out)["findings"]}

    code, found = check(b, "--max-map-drop", "0.001")
    assert code in (1, 3)  # twelve images prove little, and never pass it
    assert found["base_map"]["status"] in ("REGRESSION", "AMBIGUOUS")
    values = [decode_profile(path.read_bytes()).accuracy[0].alone.map for path in (a, b)]
    assert [found["base_map"][name] for name in ("reference", "current")] == pytest.approx(values)
    code, found = check(a, "--max-map-drop", "0.001")
    assert code == 0
    assert found["base_map"]["change"] == 0
