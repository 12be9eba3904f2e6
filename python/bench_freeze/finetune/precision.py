"""The arithmetic of a training: mixed precision on a GPU unless float32 is requested, float32 on a CPU.

The CUDA part of this file has not run on a GPU yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from ..errors import InputError

Precision = Literal["bf16", "fp16", "fp32"]
AUTO = "auto"  # a value of `amp`: the best choice for the device
_SAME = {"true": "fp16", "false": "fp32"}  # Ultralytics' names

# GPUs on which Ultralytics trains in float32, because float16 gave NaN losses (ultralytics/utils/checks.py).
_WITHOUT_MIXED = re.compile(
    r"(nvidia|geforce|quadro|tesla).*?(1660|1650|1630|t400|t550|t600|t1000|t1200|t2000|k40m)", re.IGNORECASE
)


def precision_of(amp: object, device: str) -> Precision:
    """The precision of a training for a requested `amp`: auto, true, false, bf16, fp16 or fp32.

    Skips Ultralytics' own check of float16, which downloads a model and compares its boxes. A CPU trains in float32
    unless bf16 is requested by name. Raises InputError for any other word, and for bf16 on a GPU without bfloat16.
    """
    asked = _SAME.get(str(amp).lower(), str(amp).lower())
    if asked not in (AUTO, "bf16", "fp16", "fp32"):
        raise InputError(f"train_args: amp = {amp} is not a precision; give auto, true, false, bf16, fp16 or fp32.")
    if not device.startswith("cuda"):
        return "bf16" if asked == "bf16" else "fp32"
    import torch

    with torch.cuda.device(device):
        return on_gpu(asked, torch.cuda.get_device_name(), torch.cuda.is_bf16_supported(including_emulation=False))


def on_gpu(asked: str, name: str, has_bf16: bool) -> Precision:
    """The precision on a GPU called `name`; `asked` is auto or a precision. Raises InputError for bf16 without it."""
    if asked == "bf16" and not has_bf16:
        raise InputError(
            f"train_args: amp = bf16, and {name} has no bfloat16 of its own; leave it out, or give amp = fp16."
        )
    if asked == AUTO:
        if has_bf16:
            return "bf16"
        return "fp32" if _WITHOUT_MIXED.search(name) else "fp16"
    return "fp32" if asked == "fp32" else "bf16" if asked == "bf16" else "fp16"


def is_as_asked(amp: object, ran: object) -> bool:
    """Whether the precision that ran is the requested one; auto accepts any."""
    asked, got = (_SAME.get(str(value).lower(), str(value).lower()) for value in (amp, ran))
    return asked in (AUTO, got)


@contextmanager
def float32_as_asked(precision: Precision, device: str) -> Iterator[None]:
    """Turn TF32 off in this block if float32 was requested on a GPU: TF32 drops 13 bits of every factor.

    By default torch lets convolutions use TF32. In mixed precision this setting is left alone.
    """
    if not device.startswith("cuda") or precision != "fp32":
        yield
        return
    import torch

    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before
