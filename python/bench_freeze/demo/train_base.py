"""Retrain the embedded base model: `python -m bench_freeze.demo.train_base --out FILE`.

It takes a quarter of an hour on two cores. The pictures depend on the seed alone. The weights also depend on the
machine's arithmetic, so a rerun gives a model of the same quality but not the same bytes.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .checkpoint import build_model
from .scenes import BASE_NAMES, base_scenes
from .yolo_layout import write_yolo_split, write_yolo_yaml

if TYPE_CHECKING:
    import torch

# Half the width of YOLOv8n and at most 64 channels: 23 layers in the usual places, in just over a megabyte.
SCALE = [0.33, 0.125, 512]
VAL_IMAGES = 300
# The demo's base set is drawn with another seed, so this model was neither trained nor selected on it.
TRAIN_SEED = 20_000


def narrow_yaml() -> dict[str, Any]:
    """The YOLOv8 description that Ultralytics ships, narrowed, as plain types."""
    from ultralytics.nn.tasks import yaml_model_load

    description: dict[str, Any] = yaml_model_load("yolov8n.yaml")
    description["scales"] = {"n": SCALE}
    description["nc"] = len(BASE_NAMES)
    return description


def train(folder: Path, *, images: int, epochs: int, seed: int) -> tuple[Path, dict[str, float]]:
    """Generate the sets under `folder` and train there; returns Ultralytics' checkpoint and its validation metrics."""
    import torch
    from ultralytics import YOLO

    from ..dualhead.checkpoint import save_checkpoint

    names = dict(enumerate(BASE_NAMES))
    for split, count in {"train": images, "val": VAL_IMAGES}.items():
        write_yolo_split(folder / "set", split, base_scenes(split, count, TRAIN_SEED + seed, crowds=False), BASE_NAMES)
    data = write_yolo_yaml(folder / "set" / "base.yaml", ("train", "val"), BASE_NAMES)
    torch.manual_seed(seed)
    start = folder / "start.pt"
    save_checkpoint(start, build_model(narrow_yaml(), names), half=False)
    yolo = YOLO(start)
    # Ultralytics leaves one core unused on a CPU.
    yolo.add_callback("on_train_start", lambda trainer: torch.set_num_threads(os.cpu_count() or 1))
    metrics = yolo.train(
        data=str(data),
        epochs=epochs,
        imgsz=160,
        batch=32,
        optimizer="AdamW",
        lr0=0.004,
        cos_lr=True,
        warmup_epochs=1,
        close_mosaic=max(1, epochs // 4),
        device="cpu",
        cache="ram",
        val=False,
        plots=False,
        seed=seed,
        project=str(folder),
        name="run",
        exist_ok=True,
    )
    scores = {"mAP50": float(metrics.box.map50), "mAP50-95": float(metrics.box.map)}
    return folder / "run" / "weights" / "last.pt", scores


def tensors_of(checkpoint: Path, about: dict[str, Any]) -> dict[str, Any]:
    """The stored part of a trained checkpoint: plain types and half-precision tensors."""
    from ..dualhead.checkpoint import load_checkpoint

    state: dict[str, torch.Tensor] = load_checkpoint(checkpoint).model.state_dict()
    halved = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    return {"yaml": narrow_yaml(), "names": dict(enumerate(BASE_NAMES)), "state_dict": halved, "about": about}


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the embedded base model from scratch.")
    parser.add_argument("--out", type=Path, required=True, help="the file of tensors to write")
    parser.add_argument("--images", type=int, default=2500, help="training pictures (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=40, help="epochs (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of pictures and training (default: %(default)s)")
    options = parser.parse_args()

    import torch
    import ultralytics

    with tempfile.TemporaryDirectory() as folder:
        checkpoint, scores = train(Path(folder), images=options.images, epochs=options.epochs, seed=options.seed)
        versions = {"python": platform.python_version(), "torch": str(torch.__version__)}
        about = {
            "seed": options.seed,
            "epochs": options.epochs,
            "images": options.images,
            "versions": {**versions, "ultralytics": ultralytics.__version__},
            **{key: round(value, 4) for key, value in scores.items()},
        }
        torch.save(tensors_of(checkpoint, about), options.out)
    print(f"{options.out}: {options.out.stat().st_size} bytes, {about}")


if __name__ == "__main__":
    main()
