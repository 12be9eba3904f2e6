"""A cache of the frozen trunk's outputs, computed once per image, for trainings without augmentation.

Without augmentation an image gives the same input in every epoch. With frozen statistics the frozen layers then give
the same outputs, whatever else is in the batch. The outputs that later layers read are computed before the first epoch
that needs them, in the order of the data set, so they depend neither on shuffling nor on whether a training was
resumed. From then on no image is decoded and no frozen layer runs; the order, batches and labels are those of a
training without a cache. The last digits may differ from such a training, because a convolution may round differently
in another batch.

The outputs are kept in the training's scratch folder: one float32 file per layer, one row per image. The operating
system caches what fits into memory. The files are read, not memory-mapped, because mapped pages would count towards the
peak memory of the process. Every row is verified by its checksum when it is read.
"""

from __future__ import annotations

import shutil
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor, nn

from ..cores import usable_cores
from ..dualhead.model import run_layers
from ..errors import InputError
from ..finite import require_finite
from .data_order import generator_states, restore_generators
from .loop import SharedTrunk
from .trainee import Trainee, run_trunk
from .trainer import FreezeTrainer
from .training_data import Batch


class FeatureCache(SharedTrunk):
    """The shared trunk of a group of arms, read from files instead of computed.

    `reads_images` says whether some arm freezes nothing in some epoch. In that case images are decoded in every epoch,
    and the cache saves only the frozen layers of the other arms.
    """

    def __init__(self, folder: Path, trainer: FreezeTrainer, *, reads_images: bool) -> None:
        self._folder, self._trainer, self._reads_images = folder, trainer, reads_images
        self._dataset = trainer.train_loader.dataset
        self._rows: dict[int, _Rows] = {}
        self._image_shape: tuple[int, ...] = ()

    def begin_epoch(self, trainees: list[Trainee]) -> None:
        """Compute the outputs that this epoch needs and the cache lacks; drop those that no arm reads any longer."""
        stems = {stem(t.detector, t.shared_depth) for t in trainees}
        read = frozenset[int]().union(*(layers_read(trainees[0].detector, depth) for depth in stems)) - {-1}
        for layer in self._rows.keys() - read:
            self._rows.pop(layer).remove()
        missing = read - self._rows.keys()
        if missing:
            deepest = max(trainees, key=lambda trainee: trainee.shared_depth)
            before = generator_states(cuda=self._trainer.device.type == "cuda")  # reading samples draws numbers
            self._compute(missing, deepest)
            restore_generators(before)

    def outputs(self, trainees: list[Trainee], batch: Batch) -> dict[int, Tensor]:
        """The cached outputs for a batch, by layer. If no images are read, the batch gets zeros of their shape."""
        device = self._trainer.device
        if not self._reads_images:
            batch["img"] = torch.zeros((), device=device).expand(len(batch["index"]), *self._image_shape)
        found = {layer: rows.read(batch["index"]).to(device) for layer, rows in self._rows.items()}
        by_depth = {trainee.shared_depth: trainee for trainee in trainees}
        for depth, trainee in by_depth.items():
            first = stem(trainee.detector, depth)
            between = trainee.detector.model[first:depth]
            with torch.no_grad():
                run_layers(between, found.get(first - 1), found, frozenset(range(first, depth)))
        return found

    def close(self) -> None:
        """Close and remove the files."""
        while self._rows:
            self._rows.popitem()[1].remove()

    def _compute(self, layers: frozenset[int], deepest: Trainee) -> None:
        count, size = len(self._dataset), self._trainer.batch_size
        labels: list[Batch] = []
        with ThreadPoolExecutor(usable_cores()) as pool:
            for start in range(0, count, size):
                samples = list(pool.map(self._dataset.read, range(start, min(start + size, count))))
                images = self._trainer.preprocess_batch({"img": torch.stack([s.pop("img") for s in samples])})["img"]
                labels.extend(samples)
                with deepest.precision():
                    outputs = run_trunk(deepest.detector, max(layers) + 1, images, layers)
                if start == 0:
                    self._make_room({layer: outputs[layer] for layer in layers}, count)
                    self._image_shape = tuple(images.shape[1:])
                require_finite({f"layer {layer}": outputs[layer] for layer in layers}, "the frozen trunk's output")
                for layer in layers:
                    self._rows[layer].append(outputs[layer])
        if not self._reads_images:
            self._dataset.labels_only = labels

    def _make_room(self, outputs: dict[int, Tensor], count: int) -> None:
        """Create a file per layer. Raises InputError if the disk has no room for them."""
        needed = count * sum(output[0].numel() * 4 for output in outputs.values())
        free = shutil.disk_usage(self._folder).free
        if needed > free:
            raise InputError(
                f"cache_features needs {needed / 1e9:.1f} GB in {self._folder.parent} for the frozen layers' outputs "
                f"on {count} images, and {free / 1e9:.1f} GB are free; free some, lower --imgsz, or leave it out."
            )
        for layer, output in outputs.items():
            self._rows[layer] = _Rows(self._folder / f"layer-{layer}.float32", output)


class _Rows:
    """One layer's outputs in a file, one row per image."""

    def __init__(self, path: Path, like: Tensor) -> None:
        self._path, self._shape, self._dtype = path, like.shape[1:], like.dtype
        self._row_bytes = like[0].numel() * 4
        self._checksums: list[int] = []
        self._file = path.open("w+b")

    def append(self, outputs: Tensor) -> None:
        rows = outputs.float().cpu().contiguous().numpy()
        self._checksums.extend(zlib.crc32(row.data) for row in rows)
        self._file.write(rows.data)

    def read(self, images: tuple[int, ...]) -> Tensor:
        rows = torch.empty(len(images), *self._shape)
        for row, image in zip(rows, images, strict=True):
            self._file.seek(image * self._row_bytes)
            whole = self._file.readinto(row.numpy().data) == self._row_bytes
            if not whole or zlib.crc32(row.numpy().data) != self._checksums[image]:
                raise InputError(
                    f"{self._path} is not what was written, in the row of image {image}; run the same command again, "
                    "it continues after the last finished epoch."
                )
        return rows.to(self._dtype)

    def remove(self) -> None:
        self._file.close()
        self._path.unlink()


def stem(detector: nn.Module, depth: int) -> int:
    """The depth without its last weightless layers (upsampling, concatenation), which are cheaper to run than store."""
    while depth and not detector.model[depth - 1].state_dict():
        depth -= 1
    return depth


def layers_read(detector: nn.Module, depth: int) -> frozenset[int]:
    """The layers below `depth` whose outputs are read by layers from `depth` on; -1 is the image."""
    found: set[int] = set()
    for layer in detector.model[depth:]:
        sources = [layer.f] if isinstance(layer.f, int) else layer.f
        found |= {layer.i - 1 if source == -1 else source for source in sources}
    return frozenset(source for source in found if source < depth)
