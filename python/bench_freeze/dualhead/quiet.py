"""Silences Ultralytics, which logs to standard output."""

from __future__ import annotations

import logging
import os


def quiet_ultralytics() -> None:
    """Silence Ultralytics' log and turn off its package installer; its errors and our own messages remain."""
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    logging.getLogger("ultralytics").setLevel(logging.ERROR)
