"""CUDA's and TensorRT's libraries are where pip has put them: they are loaded before a session on a GPU."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench_freeze.engines.ort_engine import ProviderName, _preload


def test_what_does_not_load_is_said_in_the_error_and_not_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    ort = SimpleNamespace(preload_dlls=lambda: print("Failed to load\nlibcudnn.so.9: cannot open"))
    assert _preload(ort, "cuda") == " ONNX Runtime says: Failed to load libcudnn.so.9: cannot open"
    assert capsys.readouterr().out == ""


def test_an_onnx_runtime_that_is_older_or_quiet() -> None:
    assert _preload(SimpleNamespace(), "cuda") == ""
    assert _preload(SimpleNamespace(preload_dlls=lambda: None), "tensorrt") == ""


@pytest.mark.parametrize(("chosen", "loaded"), [("cuda", False), ("tensorrt", True)])
def test_tensorrt_of_pip_is_loaded_for_its_provider(
    chosen: ProviderName, loaded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel's module loads the libraries when it is imported, as tensorrt_libs of TensorRT 10 does."""
    (tmp_path / "tensorrt_libs.py").write_text("print('libnvinfer_builder_resource.so: cannot open')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorrt_libs", raising=False)
    said = _preload(SimpleNamespace(), chosen)
    assert ("tensorrt_libs" in sys.modules) == loaded
    assert ("cannot open" in said) == loaded
    sys.modules.pop("tensorrt_libs", None)
