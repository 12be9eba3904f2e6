"""The only module that loads torch files. It loads from bytes, so what was hashed is what is loaded.

A pickle can run any code while it is loaded. Here torch's restricted loader with an allow-list (`safe_globals.py`) is
used; a file with any other name is refused before anything is loaded. The only exception is a user's checkpoint with
--trust-checkpoint.
"""

from __future__ import annotations

import io
import threading
import warnings

from ..errors import InputError
from .pickle_scan import globals_of, pickle_of

_lock = threading.Lock()  # torch's list of safe globals is shared by the whole process
_SHOWN = 6


def load_plain(content: bytes, where: str) -> object:
    """Load tensors, numbers, strings and containers of them, which is what our own files hold.

    `where` names the file in messages. Raises InputError for a file that is damaged or contains anything else.
    """
    check_plain(content, where)
    return _load(content, globals_of(pickle_of(content, where)), where, models=False)


def check_plain(content: bytes, where: str) -> None:
    """Raise InputError for a file that needs more than plain values. Damaged files are ignored."""
    try:
        names = globals_of(pickle_of(content, where))
    except InputError:
        return
    refused = refused_globals(names, models=False)
    if refused:
        raise InputError(_not_ours(where, refused))


def load_model_file(content: bytes, where: str, *, suffix: str = "", trust: bool = False, own: bool = False) -> object:
    """Load the content of a checkpoint. `suffix`, its file name's extension, helps to identify files of other kinds.

    Raises InputError for other kinds of files, damaged ones, and those that need names outside the allow-list. With
    `trust` the file may run code. `own` marks a file that should be one of ours.
    """
    names = globals_of(pickle_of(content, where, suffix))
    if trust:
        return _load_trusted(content, where)
    refused = refused_globals(names, models=True)
    if refused:
        raise InputError(_not_ours(where, refused) if own else _refusal(where, refused))
    return _load(content, names, where, models=True)


def refused_globals(names: tuple[str, ...], *, models: bool = True) -> tuple[str, ...]:
    """The names that are not on the allow-list."""
    from .safe_globals import allowed

    fine = allowed(names, models=models)
    return tuple(name for name in names if name not in fine)


def _not_ours(where: str, refused: tuple[str, ...]) -> str:
    return (
        f"{where} would load {_listed(refused)}, which no file of bench-freeze needs. A file can run any program when "
        "it is loaded, so it was refused; it was not made by bench-freeze, delete it."
    )


def _refusal(where: str, refused: tuple[str, ...]) -> str:
    if all(name.startswith(("models.", "utils.")) for name in refused):
        return (
            f"{where} is a checkpoint of the old YOLOv5 repository ({_listed(refused)}), which Ultralytics cannot load"
            "; train it with Ultralytics (yolov5nu.pt and others), and give that checkpoint."
        )
    quantized = [name for name in refused if ".quantized" in name or ".ao." in name or "modelopt" in name]
    if quantized:
        return (
            f"{where} is a quantized model ({_listed(tuple(quantized))}), which cannot be fine-tuned here; give the "
            "checkpoint before quantization."
        )
    return (
        f"{where} would load {_listed(refused)}, which no Ultralytics detection checkpoint needs. A checkpoint can run "
        "any program when it is loaded, so it was refused; if you know where the file comes from and trust it, add "
        "--trust-checkpoint."
    )


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _load(content: bytes, names: tuple[str, ...], where: str, *, models: bool) -> object:
    import torch

    from .safe_globals import allowed

    entries = [entry for each in allowed(names, models=models).values() for entry in each]
    try:
        with _lock, torch.serialization.safe_globals(entries), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling may raise almost anything
        if content[:2] != b"PK" and models:
            raise InputError(
                f"{where} has the form that torch wrote before version 1.6, or another program's, which cannot be read "
                "without running it; load it where you trust it and save it again with torch.save, or add "
                "--trust-checkpoint."
            ) from None
        raise InputError(f"{where} cannot be loaded ({_reason(error)}); fetch or copy it again.") from None


def _load_trusted(content: bytes, where: str) -> object:
    import torch
    from ultralytics.nn.tasks import temporary_modules

    renamed = {"utils": "utils", "v8": "models.yolo", "data": "data"}
    try:
        with temporary_modules(
            modules={f"ultralytics.yolo.{old}": f"ultralytics.{new}" for old, new in renamed.items()},
            attributes={
                "ultralytics.nn.modules.block.Silence": "torch.nn.Identity",
                "ultralytics.nn.tasks.YOLOv10DetectionModel": "ultralytics.nn.tasks.DetectionModel",
                "ultralytics.utils.loss.v10DetectLoss": "ultralytics.utils.loss.E2EDetectLoss",
                "pathlib.WindowsPath": "pathlib.PosixPath",
            },
        ):
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=False)
    except Exception as error:  # unpickling may raise almost anything
        raise InputError(
            f"{where} cannot be loaded, although it is trusted ({_reason(error)}); what it needs must be installed."
        ) from None


def _reason(error: Exception) -> str:
    text = (str(error).partition("WeightsUnpickler error: ")[2] or str(error)).strip()  # without torch's own advice
    if text.startswith("Unsupported operand"):
        return "it is not of pickle protocol 2, which torch writes; save it again with torch.save"
    return " ".join(text.partition("\n")[0].split())[:160].rstrip(".") or type(error).__name__
