"""Silences Ultralytics, which logs to standard output."""

from __future__ import annotations

import os
import sys


def quiet_ultralytics() -> None:
    """Silence Ultralytics' log and turn off its package installer; its errors and our own messages remain.

    Ultralytics reads the variables when it is imported. Its first import on a machine would describe its settings file.
    """
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_VERBOSE", "false")
    if "ultralytics" in sys.modules:
        import logging

        logging.getLogger("ultralytics").setLevel(logging.ERROR)
