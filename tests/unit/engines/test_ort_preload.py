"""CUDA's libraries are where pip has put them: ONNX Runtime is asked to load them before a session on a GPU."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bench_freeze.engines.ort_engine import _preload


def test_what_does_not_load_is_said_in_the_error_and_not_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    ort = SimpleNamespace(preload_dlls=lambda: print("Failed to load\nlibcudnn.so.9: cannot open"))
    assert _preload(ort) == " ONNX Runtime says: Failed to load libcudnn.so.9: cannot open"
    assert capsys.readouterr().out == ""


def test_an_onnx_runtime_that_is_older_or_quiet() -> None:
    assert _preload(SimpleNamespace()) == ""
    assert _preload(SimpleNamespace(preload_dlls=lambda: None)) == ""
