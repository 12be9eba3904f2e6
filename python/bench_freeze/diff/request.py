"""The request of `bench-freeze diff`, and the two models and the images that it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

if TYPE_CHECKING:
    from ..dualhead.branch import HeadBranch
    from .side import Side

ENGINES = {".onnx": "ort", ".pt": "torch", ".plan": "trt", ".engine": "trt"}


@dataclass(frozen=True)
class DiffRequest:
    """Two forms of one model, as [ENGINE:]FILE, and the images to run both on.

    `tuned`, `freeze` and `construction` turn a checkpoint into a dual-head model. `imgsz` is for two checkpoints. Each
    folder and data set gives `count` images.
    """

    sides: tuple[str, str]
    tuned: str | None
    freeze: int | None
    construction: str | None
    head_branch: HeadBranch
    trust_checkpoint: bool
    imgsz: int | None
    device: str
    images: tuple[str, ...]
    data: tuple[str, ...]
    count: int

    def check(self) -> None:
        """Raise InputError for an invalid request, before anything is opened."""
        if self.count < 1:
            raise InputError(f"--count {self.count}: give at least 1 image.")
        kinds = [_split(text)[0] for text in self.sides]
        of_a_checkpoint = (self.tuned, self.freeze, self.construction, self.trust_checkpoint or None)
        if "torch" not in kinds and any(given is not None for given in of_a_checkpoint):
            raise InputError(
                "--tuned, --freeze, --construction and --trust-checkpoint belong to a checkpoint; neither A nor B is "
                "one."
            )

    def open(self) -> tuple[Side, Side]:
        """Open both sides; checkpoints last, since they take image size and batch from the other side."""
        sides: dict[int, Side] = {}
        described = [_split(text) for text in self.sides]
        for i, (engine, path) in sorted(enumerate(described), key=lambda item: item[1][0] == "torch"):
            other = next(iter(sides.values()), None)
            sides[i] = self._side(engine, path, other)
        return sides[0], sides[1]

    def _side(self, engine: str, path: Path, other: Side | None) -> Side:
        if engine == "ort":
            from .side import OrtSide

            return OrtSide(path)
        if engine == "trt":
            from ..engines.availability import engine_device, require_engine
            from .trt_side import TrtSide

            require_engine("trt", self.device)
            return TrtSide(path, engine_device("trt", self.device))
        from ..deployment.export_files import candidate_of
        from ..dualhead.quiet import quiet_ultralytics
        from .torch_side import TorchSide

        quiet_ultralytics()
        candidate = candidate_of(
            str(path),
            self.tuned,
            self.freeze,
            self.construction,
            head_branch=self.head_branch,
            trust=self.trust_checkpoint,
            option="A:" if _split(self.sides[0])[1] == path else "B:",
        )
        imgsz = other.card.imgsz if other is not None else self.imgsz or 640
        batch = other.card.batch if other is not None else None
        return TorchSide(path.name, candidate, imgsz, batch or 1)

    def batches(self, a: Side, b: Side) -> Sequence[NDArray[np.float32]]:
        """The images in batches that both sides take."""
        if a.card.imgsz != b.card.imgsz:
            raise InputError(
                f"A takes images of {a.card.imgsz} pixels and B of {b.card.imgsz}; export both at one size."
            )
        fixed = {card.batch for card in (a.card, b.card) if card.batch is not None}
        if len(fixed) > 1:
            raise InputError(
                f"A takes batches of {a.card.batch} and B of {b.card.batch}; export both with one batch size."
            )
        batch = fixed.pop() if fixed else 1
        images = self._images(a.card.imgsz)
        if len(images) < batch:
            raise InputError(f"{len(images)} images do not fill a batch of {batch}; give more with --count.")
        return [images[i : i + batch] for i in range(0, len(images) - batch + 1, batch)]

    def _images(self, imgsz: int) -> NDArray[np.float32]:
        import numpy as np

        from ..data.images import spread
        from ..data.loader import load_batch
        from ..data.source import open_base
        from ..deployment.sample_images import sample_images

        parts = [sample_images([folder], imgsz, self.count) for folder in self.images]
        for name in self.data:
            records = spread(open_base(Path(name), None, "val").images, self.count)
            parts.append(load_batch(records, 0, imgsz).images)
        return np.concatenate(parts) if parts else sample_images([], imgsz, self.count)


def _split(text: str) -> tuple[str, Path]:
    """ "trt:model.onnx" or "model.onnx" as engine and file."""
    engine, colon, rest = text.partition(":")
    if colon and engine in ("torch", "ort", "trt"):
        path = Path(rest)
    else:
        path = Path(text)
        engine = ENGINES.get(path.suffix, "")
    if not engine:
        raise InputError(f"{text}: its name does not say what it is; give ENGINE:FILE with torch, ort or trt.")
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; give an ONNX file, a plan, or a checkpoint.")
    if engine == "ort" and path.suffix != ".onnx":
        raise InputError(f"{text}: ONNX Runtime reads .onnx files only.")
    return engine, path
