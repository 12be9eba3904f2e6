"""The options of a first study, in order: `run --help` shows them on one screen."""

from __future__ import annotations

FIRST: dict[str, str] = {
    "weights": "checkpoint to fine-tune: yolo11n.pt (also --model)",
    "target": "data set to learn: data.yaml or COCO json (also --data)",
    "base": "data set that must not be forgotten (default: coco.yaml)",
    "freeze": "depths to compare; N freezes layers 0 to N-1",
    "epochs": "epochs of every training",
    "imgsz": "image side in pixels",
    "train_batch": "training batch size",
    "seeds": "seeds; three show how much trainings differ",
    "device": "cpu, or the GPU: 0, cuda:0",
    "engine": "runs the models: ort, trt, ort-trt, torch",
    "preset": "quick, paper or thorough; other flags override it",
    "out": "folder of everything (default: runs/NAME OF THE DATA)",
}
METAVARS = {"weights": "FILE", "target": "FILE", "base": "FILE", "device": "NAME", "engine": "NAME"}
