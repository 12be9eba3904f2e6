"""What a command says on a machine where Ultralytics never ran: our own words, not Ultralytics' about its settings."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_ultralytics_is_silent_on_its_first_import(tmp_path):
    own = {name: value for name, value in os.environ.items() if not name.startswith("YOLO_")}
    command = [sys.executable, "-m", "bench_freeze", "run", "--plan", "--out", "runs/demo"]
    environment = own | {"HOME": str(tmp_path), "YOLO_CONFIG_DIR": str(tmp_path / "config")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "config").rglob("settings.json"))  # Ultralytics was imported
    assert "ltralytics" not in done.stdout + done.stderr
