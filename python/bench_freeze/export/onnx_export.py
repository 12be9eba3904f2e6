"""Checkpoint to ONNX: one file with named heads and a model card inside, checked by onnx."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..engines.base import ModelCard
from ..engines.ort_engine import CARD_KEY
from ..errors import BenchFreezeError, InputError, disk_full
from ..finite import require_finite, require_finite_constants

if TYPE_CHECKING:
    from onnx import ModelProto
    from onnx_ir import Graph
    from torch import nn
    from torch.export import ExportedProgram

    from .traces import Traces

MODEL = "model.onnx"
INPUT = "images"
FIRST_OPSET = 18  # torch exports its operators in it, and converts them to older opsets only in part


def check_opset(opset: int, option: str = "--opset") -> None:
    """Raise InputError for an opset that torch's exporter cannot write; the installed onnx limits newer ones."""
    import onnx

    last = onnx.defs.onnx_opset_version()
    if not FIRST_OPSET <= opset <= last:
        raise InputError(
            f"{option} {opset} is not possible: the exporter of the torch and onnx that are installed writes opsets "
            f"{FIRST_OPSET} to {last}; give one of these, {FIRST_OPSET} for the oldest runtimes."
        )


def export_onnx(
    module: nn.Module, card: ModelCard, path: Path, *, opset: int, reuse: bool = True
) -> ExportedProgram | None:
    """Write a DualHead or SingleHead module as ONNX with its card in the metadata. Returns torch's traced program.

    A module of the structure of an earlier one takes that one's trace, for the same file in less time; there is no
    program then. `reuse` False traces anew. If the card has no batch, the batch dimension is free. Raises InputError
    if torch cannot export the model in this opset, AuditError for weights or constants that are not finite, and
    BenchFreezeError if the result is not a valid model.
    """
    import onnx
    import torch

    from ..dualhead.model import set_export_mode

    module = deepcopy(module)
    require_finite(module.state_dict(), "the model to export")
    set_export_mode(module)
    batch = card.batch or 2  # tracing with one image would fix a free batch dimension at 1
    images = torch.zeros(batch, 3, card.imgsz, card.imgsz)
    try:
        with _silenced():
            program = _traces().program(module, images, free_batch=card.batch is None, opset=opset, reuse=reuse)
            program.optimize()  # and names and file, in torch's own order
            _name(program.model.graph, [head.name for head in card.heads])
            program.save(str(path), external_data=False)
    except Exception as error:  # the exporter raises its own classes and wraps others
        full = disk_full(error)
        if full is not None:
            raise full from None
        reason = " ".join(str(error).split())[:300]
        hint = "" if opset == FIRST_OPSET else f" with another opset, such as --opset {FIRST_OPSET}, it may"
        raise InputError(
            f"torch could not export the model with opset {opset} ({reason});{hint or ' please report it'}."
        ) from error
    model = onnx.load(path)
    written = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), None)
    if written != opset:
        raise InputError(f"torch wrote opset {written} although {opset} was requested; use --opset {written}.")
    entry = model.metadata_props.add()
    entry.key, entry.value = CARD_KEY, json.dumps(card.to_dict(), sort_keys=True)
    _forget_sources(model)
    require_finite_constants(model, "the exported model")
    onnx.save(model, path)
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except onnx.checker.ValidationError as error:
        raise BenchFreezeError(f"{path} is not a valid ONNX model: {error}") from error
    return program.exported_program


@cache
def _traces() -> Traces:
    """The traces of this process."""
    from .traces import Traces

    return Traces()


def _name(graph: Graph, heads: list[str]) -> None:
    """Name the graph's input and outputs."""
    for value, name in zip((*graph.inputs, *graph.outputs), (INPUT, *heads), strict=True):
        value.name = name


def _forget_sources(model: ModelProto) -> None:
    """Remove the exporter's source files and stack traces: their paths would make the hash depend on the machine."""
    del model.graph.metadata_props[:]
    for item in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        del item.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
    for function in model.functions:
        for node in function.node:
            del node.metadata_props[:]


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Keep the exporter's progress lines and deprecation warnings off the user's terminal."""
    levels = {name: logging.getLogger(name).level for name in ("torch.onnx", "onnxscript", "onnx_ir")}
    try:
        for name in levels:
            logging.getLogger(name).setLevel(logging.ERROR)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
