"""`bench_freeze.load`: a model as a callable, with the decoder, letterbox, engine and selection of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..data.letterbox import Letterbox, letterbox_into
from ..deployment.pipeline import detect_batch
from ..engines.abilities import takes_decoded
from ..engines.base import Decoded
from ..errors import InputError
from ..kernels.nms_options import NmsOptions
from .detections import ImageDetections
from .opened import Opened, Wanted, open_model
from .pixels import rgb_pixels

Confidence = float | Literal["best"] | None
Found = dict[str, ImageDetections]  # by head
UNKNOWN_THRESHOLD = 0.25  # for "best" if none was measured: Ultralytics' default
OneImage = str | Path | Image.Image | NDArray[np.uint8]


def load(
    path: str | Path,
    *,
    engine: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    conf: Confidence = None,
    iou: float | None = None,
    max_det: int | None = None,
    head: str | None = None,
    imgsz: int | None = None,
    trust_checkpoint: bool = False,
) -> Model:
    """Load a model as a callable: an ONNX file, a plan, a .pt checkpoint, a shipped folder or a run's output folder.

    `engine` and `device` default to those of the study if `path` is a folder, else to ONNX Runtime on the CPU. `conf`
    is a score threshold for all classes, or "best" for each class's threshold of best F1; the default keeps every
    detection that a study would score. `iou` and `max_det` configure non-maximum suppression. `head` selects one head.
    `imgsz` is for checkpoints only (640). ONNX files and plans need no torch.

    Raises InputError, with the reason, for a model that cannot run here.

    Example:
        >>> from bench_freeze import load
        >>> model = load("model.onnx", conf=0.3)
        >>> model("image.png")["target"].names
        ('pear',)
    """
    wanted = Wanted(engine, device, threads, imgsz, trust_checkpoint)
    return Model(open_model(Path(path), wanted, lambda _: None), conf=conf, iou=iou, max_det=max_det, head=head)


class Model:
    """A loaded model. Call it with images; close it, or use it in a `with` block, to free the engine.

    Example:
        >>> import numpy as np
        >>> from bench_freeze import load
        >>> grey = np.full((48, 64, 3), 128, np.uint8)
        >>> with load("model.onnx", conf=0.3) as model:
        ...     found = model(["image.png", grey])
        >>> [len(image["target"]) for image in found], model.class_names["target"]
        ([1, 1], ('pear', 'plum'))
    """

    def __init__(
        self,
        opened: Opened,
        *,
        conf: Confidence = None,
        iou: float | None = None,
        max_det: int | None = None,
        head: str | None = None,
    ) -> None:
        self._engine = opened.engine
        self._known = opened.heads
        card = opened.engine.card
        self.class_names: Mapping[str, tuple[str, ...]] = {own.name: own.class_names for own in card.heads}
        self.heads: tuple[str, ...] = tuple(self.class_names)
        if head is not None and head not in self.class_names:
            raise InputError(f"head '{head}': the model has {' and '.join(self.heads)} only; name one of these.")
        self.heads = self.heads if head is None else (head,)
        self.imgsz = card.imgsz
        self.batch = opened.batch
        self.identity = opened.engine.identity
        self._selection = _selection(opened.selection, conf, iou, max_det)
        self._thresholds = {name: self._best(name) for name in self.heads} if conf == "best" else {}

    @overload
    def __call__(self, images: OneImage) -> Found: ...
    @overload
    def __call__(self, images: list[OneImage] | tuple[OneImage, ...]) -> list[Found]: ...
    def __call__(self, images: Any) -> Found | list[Found]:
        """Detect in one image, or in each of a list; returns detections by head name, or a list of those, in order.

        An image is a path, a PIL image, or an array [height, width, 3] of uint8 in RGB order. Boxes are in pixels of
        the image as given. Raises InputError for anything else, and for a file that cannot be read.
        """
        if not isinstance(images, list | tuple):
            return self.detect([rgb_pixels(images)])[0]
        found: list[Found] = []
        for start in range(0, len(images), self.batch):
            found += self.detect([rgb_pixels(image) for image in images[start : start + self.batch]])
        return found

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Found]:
        """Detect in one batch of at most `batch` RGB arrays."""
        return self.infer(*self.prepare(images))

    def prepare(
        self, images: Sequence[NDArray[np.uint8]]
    ) -> tuple[NDArray[np.float32] | Decoded, tuple[Letterbox, ...]]:
        """Letterbox a batch of RGB arrays; returns the engine's input and each image's placement. May run in another
        thread."""
        if takes_decoded(self._engine):
            return tuple(images), tuple(Letterbox.fit(i.shape[1], i.shape[0], self.imgsz) for i in images)
        canvases = np.empty((len(images), 3, self.imgsz, self.imgsz), np.float32)
        return canvases, tuple(letterbox_into(image, canvases[k]) for k, image in enumerate(images))

    def infer(self, batch: NDArray[np.float32] | Decoded, placed: Sequence[Letterbox]) -> list[Found]:
        """Run the engine and the selection on a prepared batch."""
        raw = detect_batch(self._engine, batch, placed, self._selection)
        found: list[Found] = [{} for _ in placed]
        for name in self.heads:
            detections, boxes = raw[name]
            ids = self._known[name].category_ids if name in self._known else None
            for k, own in enumerate(boxes):
                n = int(detections.count[k])
                one = ImageDetections(
                    boxes_xyxy=own,
                    scores=detections.scores[k, :n].copy(),
                    labels=detections.labels[k, :n].copy(),
                    class_names=self.class_names[name],
                    category_ids=None if ids is None else tuple(ids),
                )
                found[k][name] = self._kept(name, one)
        return found

    def close(self) -> None:
        """Free the engine. The model cannot be called afterwards."""
        self._engine.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def has_thresholds(self) -> bool:
        """Whether thresholds of best F1 were measured for this model's classes."""
        return any(best is not None for head in self._known.values() for best in head.thresholds)

    def _kept(self, name: str, found: ImageDetections) -> ImageDetections:
        thresholds = self._thresholds.get(name)
        return found if thresholds is None else found.only(found.scores.astype(np.float64) >= thresholds[found.labels])

    def _best(self, name: str) -> NDArray[np.float64]:
        """[C] score threshold of each class; a class without a measured one gets the head's."""
        head = self._known.get(name)
        classes = len(self.class_names[name])
        if head is None:
            return np.full(classes, UNKNOWN_THRESHOLD)
        rest = UNKNOWN_THRESHOLD if head.threshold is None else head.threshold
        return np.array([rest if best is None else best.score for best in head.thresholds])


def _selection(own: NmsOptions, conf: Confidence, iou: float | None, max_det: int | None) -> NmsOptions:
    changes: dict[str, Any] = {}
    if isinstance(conf, str):
        if conf != "best":
            raise InputError(f"conf = '{conf}' is not known; give a number from 0 to 1, or best.")
    elif conf is not None:
        changes["score_threshold"] = _fraction("conf", conf)
    if iou is not None:
        changes["iou_threshold"] = _fraction("iou", iou)
    if max_det is not None:
        changes["max_detections"] = max_det
    return replace(own, **changes)


def _fraction(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(f"{name} = {value} is out of range; give a number from 0 to 1.")
    return float(value)
