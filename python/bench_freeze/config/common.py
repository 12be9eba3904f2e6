"""What the groups of a study have in common: how a field becomes a flag, and the options that several share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def flag(group: str, help: str, default: Any = None, metavar: str | None = None) -> Any:
    """A field of a study: a flag on the command line, in this group of the help, and a key in a study file."""
    return field(default=default, metadata={"group": group, "help": help, "metavar": metavar})


@dataclass(frozen=True, kw_only=True)
class CommonOptions:
    """What trainings, deployments and analyses share: the image size, where they run, and with how many threads."""

    imgsz: int = flag("models", "image side in pixels, for training and for the engine", 640)
    device: str = flag("engine", "cpu or cuda:N", "cpu")
    workers: int | None = flag(
        "engine", "threads that read and letterbox images (default: as many as there are cores, at most 8)"
    )
