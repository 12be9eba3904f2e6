"""Ultralytics without its own words: its log goes to standard output."""

from __future__ import annotations

import logging
import os


def quiet_ultralytics() -> None:
    """Keep Ultralytics' own log and package installer silent; errors and our own messages remain."""
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    logging.getLogger("ultralytics").setLevel(logging.ERROR)
