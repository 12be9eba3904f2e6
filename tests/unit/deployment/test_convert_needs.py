"""What a board may lack, where torch is not installed."""

from __future__ import annotations

import sys

import pytest

from bench_freeze import cli
from bench_freeze.environment import package_version
from tests.tiny_onnx import write_two_heads


@pytest.mark.parametrize("absent", [("onnx",), ("onnxruntime",), ("onnx", "onnxruntime")])
def test_a_precision_needs_packages_that_it_names(tmp_path, monkeypatch, capsys, absent):
    write_two_heads(tmp_path / "model.onnx")
    for name in absent:
        monkeypatch.setitem(sys.modules, name, None)
    command = ["export", "--onnx", str(tmp_path / "model.onnx"), "--precision", "fp16", "--out"]
    assert cli.main([*command, str(tmp_path / "half.onnx")]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"making an fp16 model needs {' and '.join(absent)}; install with: pip install 'bench-freeze[ort]'" in said
    assert not (tmp_path / "half.onnx").exists()


@pytest.mark.skipif(package_version("onnx") is None, reason="needs onnx")
def test_a_precision_is_made_without_torch(tmp_path, monkeypatch):
    write_two_heads(tmp_path / "model.onnx")
    for name in ("torch", "torchvision", "ultralytics", "onnxscript"):
        monkeypatch.setitem(sys.modules, name, None)
    command = ["export", "--onnx", str(tmp_path / "model.onnx"), "--precision", "fp16", "--out"]
    assert cli.main([*command, str(tmp_path / "half.onnx")]) == 0
    assert (tmp_path / "half.onnx").exists()
