"""The exporter's operators are read once: what torch writes stays the same, and is undone afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench_freeze.export import torch_operators
from bench_freeze.export.torch_operators import operators_read_once

pytestmark = pytest.mark.slow


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every reading of the operators by onnxscript."""
    lazy = pytest.importorskip("torch.onnx._internal._lazy_import")
    seen: list[int] = []
    read = lazy.onnxscript_apis.get_torchlib_ops

    def counted() -> Any:
        seen.append(1)
        return read()

    monkeypatch.setattr(torch_operators, "_kept", None)
    monkeypatch.setattr(lazy.onnxscript_apis, "get_torchlib_ops", counted)
    return seen


def exported(path: Path) -> bytes:
    import torch

    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.SiLU()).eval()
    torch.onnx.export(module, (torch.zeros(1, 3, 8, 8),), str(path), dynamo=True, external_data=False, verbose=False)
    return path.read_bytes()


def test_exports_after_the_first_do_not_read_them_and_are_the_same(reads: list[int], tmp_path: Path) -> None:
    alone = exported(tmp_path / "alone.onnx")
    assert len(reads) == 1  # so it is this name that torch asks by
    for number in range(3):
        with operators_read_once():
            assert exported(tmp_path / f"{number}.onnx") == alone
    assert len(reads) == 2
    assert exported(tmp_path / "after.onnx") == alone
    assert len(reads) == 3


def test_a_torch_without_these_names_exports_as_it_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    alone = exported(tmp_path / "alone.onnx")
    monkeypatch.setitem(sys.modules, "torch.onnx._internal._lazy_import", None)
    with operators_read_once():
        assert exported(tmp_path / "again.onnx") == alone
