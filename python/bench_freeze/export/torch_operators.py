"""The exporter's operators, read once a process.

torch asks onnxscript for its operators at every export, and onnxscript parses the source of each of its 550 functions
to know its domain. The list says nothing of the model, so a study's next exports get the first one's. Both names are
torch's own and may go; without them an export takes as long as torch makes it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

_kept: list[object] | None = None


@contextlib.contextmanager
def operators_read_once() -> Iterator[None]:
    """While it lasts, torch's exporter reads the operators of onnxscript the first time only."""
    try:
        from torch.onnx._internal._lazy_import import onnxscript_apis

        read = onnxscript_apis.get_torchlib_ops
    except (ImportError, AttributeError):
        yield
        return

    def once() -> list[object]:
        global _kept
        if _kept is None:
            _kept = list(read())
        return list(_kept)

    onnxscript_apis.get_torchlib_ops = once
    try:
        yield
    finally:
        onnxscript_apis.get_torchlib_ops = read
