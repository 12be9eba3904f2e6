"""Common parts of the option groups: how a field becomes a flag, and options that several groups share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def flag(group: str, help: str, default: Any = None, metavar: str | None = None) -> Any:
    """Declare a field of a study: a flag in this group of the help, and a key in a study file."""
    return field(default=default, metadata={"group": group, "help": help, "metavar": metavar})


@dataclass(frozen=True, kw_only=True)
class CommonOptions:
    """Options shared by training, deployment and analysis: image size, device, threads."""

    imgsz: int = flag("models", "image side in pixels, for training and deployment", 640)
    device: str = flag("engine", "cpu or cuda:N", "cpu")
    workers: int | None = flag("engine", "threads that read and letterbox images (default: one per core, at most 8)")
