"""Ultralytics' detection trainer, used for its parts: the epochs are run by `loop.py`, not by Ultralytics.

The data, the head and the BatchNorm policy are ours; the optimizer, schedule, moving average and augmentation are
Ultralytics'. The trainer does not validate, so that no choice is made on the split that is reported: by default the
result is the moving average of the weights after the last epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from ultralytics.data.build import InfiniteDataLoader, build_dataloader
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils.torch_utils import unwrap_model

from ..config.recipe import Stage
from ..config.training import FrozenBatchNorm
from ..cores import usable_cores
from ..data.dataset import DetectionSet
from ..errors import InputError
from .decoded import Decoded, decoded_images
from .groups import split_groups
from .head_init import HeadStart
from .training_data import CheckedDataset


class FreezeTrainer(DetectionTrainer):
    """A DetectionTrainer for one arm of a study."""

    def __init__(
        self,
        overrides: dict[str, object],
        *,
        data_set: DetectionSet,
        build_model: Callable[[], tuple[nn.Module, HeadStart]],
        frozen_bn: FrozenBatchNorm,
        stages: tuple[Stage, ...] = (),
        layer_decay: float = 1.0,
        augment: bool = True,
        shared_loader: InfiniteDataLoader | None = None,
    ) -> None:
        self.stages = stages
        self._layer_decay = layer_decay
        self.augments = augment
        self._data_set = data_set
        self._build_model = build_model
        self._frozen_bn = frozen_bn
        self._loader = shared_loader
        super().__init__(overrides=overrides)
        for name, default in _UNSUPPORTED.items():
            if getattr(self.args, name, default) not in (default, False):
                raise InputError(f"train_args: '{name}' is not supported: {_WHY_NOT[name]}; leave it out.")
        if self.device.type == "cpu":
            torch.set_num_threads(usable_cores())  # Ultralytics leaves one core idle: half of a two-core machine

    def run_callbacks(self, event: str) -> None:
        """Run no callbacks, so that no installed logger, telemetry or service takes part."""

    def _setup_train(self) -> None:
        """Ultralytics' set-up without its check of float16, which downloads a model: `precision.py` decides instead."""
        precision = self.args.amp
        if precision == "fp16":
            self.args.amp = False
        super()._setup_train()
        self.uses_tf32 = bool(torch.backends.cudnn.allow_tf32)  # as set for the training; it is restored afterwards
        if precision == "fp16":
            self.args.amp, self.amp = precision, True
            self.scaler = torch.amp.GradScaler(self.device.type)

    def get_dataset(self) -> dict[str, object]:
        """Class names and counts; the data are already in memory."""
        names = dict(enumerate(self._data_set.class_names))
        return {"train": "", "val": "", "names": names, "nc": len(names), "channels": 3}

    def setup_model(self) -> None:
        """Build the model, after the trainer has seeded every generator."""
        self.model, self.head_start = self._build_model()

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> CheckedDataset:
        """The training set: augmented in mode train if this arm augments, else only letterboxed."""
        return CheckedDataset(
            self._data_set,
            decoded=None if self.args.cache else self.decoded_images(self._data_set, self.args.workers),
            imgsz=self.args.imgsz,
            batch_size=batch,
            augment=mode == "train" and self.augments,
            hyp=self.args,
            rect=False,
            cache=self.args.cache or None,
            single_cls=False,
            stride=max(int(unwrap_model(self.model).stride.max()), 32),
            pad=0.0,
            prefix=f"{mode}: ",
            task="detect",
            data=self.data,
            fraction=1.0,
        )

    def decoded_images(self, data: DetectionSet, workers: int) -> Decoded:
        """The store that keeps a data set's decoded images between epochs, if there is room."""
        return decoded_images(data, self.args.imgsz, Path(self.args.project), workers)

    def get_dataloader(
        self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train"
    ) -> InfiniteDataLoader:
        """Ultralytics' loader over the training set, one for all arms that share the data order.

        Ultralytics also asks for a validation loader; that one never runs, so it gets the same object.
        """
        if self._loader is None:
            dataset = self.build_dataset(dataset_path, mode, batch_size)
            self._loader = build_dataloader(
                dataset, batch=batch_size, workers=self.args.workers, shuffle=True, rank=rank, device=self.device
            )
        return self._loader

    def build_optimizer(self, model: nn.Module, **settings: object) -> torch.optim.Optimizer:
        """Ultralytics' optimizer, with its groups split if the recipe lets layers learn differently.

        It holds every parameter from the start. Parameters without a gradient are skipped, so a layer that is unfrozen
        later begins without momentum and without second moments.
        """
        optimizer = super().build_optimizer(model, **settings)
        if len(self.stages) > 1 or self._layer_decay != 1:
            groups = split_groups(optimizer.param_groups, unwrap_model(model), self.stages, self._layer_decay)
            optimizer.param_groups[:] = groups
        return optimizer

    def freeze_below(self, depth: int) -> None:
        """Freeze layers 0..depth-1 and let all others train. `_model_train` sets the BatchNorm modes to match."""
        self.freeze_layer_names = [f"model.{k}." for k in range(depth)] + [".dfl"]
        for name, parameter in self.model.named_parameters():
            frozen = any(part in name for part in self.freeze_layer_names)
            parameter.requires_grad = not frozen and parameter.dtype.is_floating_point

    @property
    def keeps_frozen_statistics(self) -> bool:
        """Whether frozen BatchNorm runs in eval mode, which makes a frozen layer a fixed function of its input."""
        return self._frozen_bn == "eval"

    def _model_train(self) -> None:
        """Set training mode; frozen BatchNorm stays in eval mode unless the policy lets its statistics drift."""
        if self._frozen_bn == "train":
            self.model.train()
            return
        self.model.train()
        for name, module in self.model.named_modules():
            # SyncBatchNorm and others are not subclasses of BatchNorm2d, so Ultralytics' own check would miss them.
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and any(
                f"{name}.".startswith(frozen) for frozen in self.freeze_layer_names
            ):
                module.eval()

    def tuned_model(self) -> nn.Module:
        """The result: the moving average of the weights, as Ultralytics ships it."""
        model: nn.Module = self.ema.ema
        return model

    def effective_arguments(self, resting: int = 0) -> dict[str, object]:
        """The arguments that the training really ran with, read from the optimizer, not from the request.

        `resting` is the number of weights that a recipe keeps fixed; they do not count as trainable.
        """
        unscaled = [g for g in self.optimizer.param_groups if g.get("scale", 1) == 1]
        group = max(unscaled, key=lambda g: len(g["params"]))
        momentum = group.get("momentum", group.get("betas", (None,))[0])
        arguments = {
            key: value
            for key, value in vars(self.args).items()
            if key not in NOT_TRAINING and isinstance(value, str | int | float | bool | list | None)
        }
        return arguments | {
            "optimizer": type(self.optimizer).__name__,
            "lr0": group["initial_lr"],
            "momentum": momentum,
            "batch": self.batch_size,
            "accumulate": self.accumulate,
            "trainable_parameters": sum(p.numel() for p in self.model.parameters() if p.requires_grad) - resting,
            **(self._on_gpu() if self.device.type == "cuda" else {}),
        }

    def _on_gpu(self) -> dict[str, object]:
        """Further settings on a GPU; `workers` is one, because each worker draws its own augmentations."""
        filters = next(p for p in self.model.parameters() if p.dim() == 4)
        return {
            "channels_last": filters.is_contiguous(memory_format=torch.channels_last),
            "tf32": self.uses_tf32,
            "workers": self._loader.num_workers if self._loader is not None else 0,
            "pinned_memory": self._loader is not None and bool(self._loader.pin_memory),
        }


# Arguments that would make a result depend on the clock or change the model without the study's knowledge.
_UNSUPPORTED = {"time": None, "compile": False, "quantize": None, "distill_model": None}
_WHY_NOT = {
    "time": "the result would depend on the speed of the machine",
    "compile": "arms that share a trunk run layer by layer",
    "quantize": "precisions are made at export, with --precision",
    "distill_model": "distillation is a recipe of this tool, --recipe distill",
}

# Ultralytics settings for files, logging, prediction and export, which are not part of a training's identity.
NOT_TRAINING = frozenset({
    "model", "data", "project", "name", "exist_ok", "save_dir", "save", "save_period", "plots", "verbose", "resume",
    "val", "split", "mode", "task", "source", "show", "save_txt", "save_json", "save_conf", "save_crop", "save_frames",
    "show_labels", "show_conf", "show_boxes", "line_width", "format", "keras", "optimize", "int8", "half", "dynamic",
    "simplify", "opset", "workspace", "nms", "conf", "iou", "max_det", "vid_stride", "stream_buffer", "visualize",
    "augment", "retina_masks", "embed", "cfg", "tracker", "profile", "device", "workers", "pretrained", "dnn",
    "agnostic_nms",
})  # fmt: skip


def overrides_for(folder: Path, **arguments: object) -> dict[str, object]:
    """The overrides for Ultralytics of a training whose files, if any, go to `folder`."""
    return {
        "project": str(folder.parent),
        "name": folder.name,
        "exist_ok": True,
        "save_dir": str(folder),
        "task": "detect",
        "model": "in-memory.pt",
        "data": "in-memory.yaml",
        "plots": False,
        "val": False,
        "verbose": False,
        **arguments,
    }
