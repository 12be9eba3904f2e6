"""Small models of Ultralytics' families, built from the package's own descriptions, as checkpoints."""

import functools
import io
from copy import deepcopy
from pathlib import Path

KINDS = {"detect": "DetectionModel", "classify": "ClassificationModel", "segment": "SegmentationModel"}


@functools.cache
def _described(yaml: str, width: float, classes: int, most: int):
    import torch
    from ultralytics.nn import tasks

    from bench_freeze.dualhead.quiet import quiet_ultralytics
    from bench_freeze.dualhead.structure import builder_defaults_kept

    quiet_ultralytics()
    described = tasks.yaml_model_load(yaml)
    described["scales"] = {"n": [0.33, width, most]}
    described["scale"] = "n"
    task = "classify" if "-cls" in yaml else "segment" if "-seg" in yaml else "detect"
    with torch.random.fork_rng(devices=[]), builder_defaults_kept():
        torch.manual_seed(len(yaml))
        model = getattr(tasks, KINDS[task])(described, ch=3, nc=classes, verbose=False)
        for module in model.modules():  # statistics that a training would leave: no two layers compute alike
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2)
    model.names = {k: f"class {k}" for k in range(classes)}
    return model.eval()


def family_model(yaml: str, width: float | None = None, classes: int = 3, most: int = 1024):
    """A model of a description such as yolo11n-cls.yaml, narrow (`most` channels before that), with a seed's values."""
    narrow = 0.25 if "yolo12" in yaml else 0.125  # its attention works on 32 channels or a multiple
    return deepcopy(_described(yaml, width or narrow, classes, most))


def write_checkpoint(path: Path, model) -> Path:
    """A checkpoint file as Ultralytics' training writes one."""
    import torch

    buffer = io.BytesIO()
    torch.save({"model": model, "ema": None, "train_args": {}}, buffer)
    path.write_bytes(buffer.getvalue())
    return path


def family_backbone(folder: Path, yaml: str, **options):
    """The backbone of such a checkpoint, read as a user's."""
    from bench_freeze.dualhead.backbone import load_backbone

    return load_backbone(write_checkpoint(folder / f"{Path(yaml).stem}.pt", family_model(yaml, **options)))
