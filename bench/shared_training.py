"""What training several depths in lockstep saves, compared with separate Ultralytics runs and our own separate runs.

    python bench/shared_training.py --weights weights/yolov8n_coco.pt --target fruit9/fruit9.yaml --json FILE

All sides have the same images, epochs, batch size, augmentation, optimizer, seed, precision and number of threads,
without validation and plots. Each time is that of the whole job, from a loaded base model to the last tuned weights:
set-up, reading, training, and for ours the audit and writing the artifacts. Every round runs the sides forwards and
then backwards (A B C C B A), so that drift of the machine's speed affects all alike. Without --weights and --target,
the embedded problem is used. `--device cuda:0` trains on a GPU, `--amp false` or `--amp bf16` sets the precision. It
also checks whether arms that trained separately and together have bit-identical weights.

--cached also compares two trainings of all arms together without augmentation: with the outputs of the frozen layers
computed in every epoch, and cached per image (A B B A).
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from bench_freeze import demo
from bench_freeze.artifact import ArtifactStore
from bench_freeze.config.study import study_from
from bench_freeze.config.training import TrainingOptions
from bench_freeze.cores import usable_cores
from bench_freeze.data.dataset import DetectionSet
from bench_freeze.data.source import open_target
from bench_freeze.data.subset import keep_images
from bench_freeze.dualhead.checkpoint import Checkpoint, load_checkpoint
from bench_freeze.dualhead.quiet import quiet_ultralytics
from bench_freeze.environment import environment
from bench_freeze.finetune.arm import Arm, load_tuned, requested_arguments
from bench_freeze.finetune.precision import precision_of
from bench_freeze.finetune.training import fine_tune


def write_yolo_copy(data: DetectionSet, folder: Path) -> Path:
    """Copy the set in Ultralytics' layout, images as links, because Ultralytics writes a cache beside the labels."""
    from bench_freeze.finetune.training_data import training_labels

    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for image, label in zip(data.images, training_labels(data), strict=True):
        assert image.path is not None
        (folder / "images" / image.path.name).symlink_to(image.path.resolve())
        boxes = zip(label["cls"], label["bboxes"], strict=True)
        rows = [f"{int(classes[0])} {' '.join(str(float(v)) for v in box)}" for classes, box in boxes]
        (folder / "labels" / f"{image.path.stem}.txt").write_text("\n".join(rows))
    content = {"path": str(folder), "train": "images", "val": "images", "names": list(data.class_names)}
    (folder / "data.yaml").write_text(yaml.safe_dump(content))
    return folder / "data.yaml"


def ultralytics_runs(
    weights: Path, data: Path, training: TrainingOptions, arms: list[Arm], threads: int, folder: Path
) -> None:
    """One YOLO.train per depth."""
    import torch
    from ultralytics import YOLO
    from ultralytics.models.yolo.detect import DetectionTrainer

    class WithoutValidation(DetectionTrainer):
        def validate(self) -> tuple[dict[str, float], None]:
            return {}, None

        def final_eval(self) -> None:
            pass

    for arm in arms:
        model = YOLO(str(weights))
        model.add_callback("on_train_start", lambda trainer: torch.set_num_threads(threads))
        asked = requested_arguments(training, arm)
        asked["amp"] = precision_of(asked["amp"], training.device)
        model.train(
            trainer=WithoutValidation, data=str(data), device=training.device.removeprefix("cuda:"), val=False,
            plots=False, verbose=False, project=str(folder), name=f"freeze{arm.freeze}", exist_ok=True, **asked,
        )  # fmt: skip


def tensors_sha256(checkpoint: Checkpoint) -> str:
    """A digest of all tensors of a model, because its file contains dates."""
    digest = hashlib.sha256()
    for name, tensor in checkpoint.model.state_dict().items():
        digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    return digest.hexdigest()


def seconds_of(job: Callable[[], Any]) -> tuple[float, float]:
    """Wall time, and processor time of all threads, which other load on the machine disturbs less."""
    wall, processor = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        job()
    return time.perf_counter() - wall, time.process_time() - processor


def paired(seconds: dict[str, list[float]], over: str) -> dict[str, list[float]]:
    """For each round (A B C C B A), the ratio of a side's two times to those of the side `over`."""
    ours = seconds[over]
    return {
        side: [(own[k] + own[k + 1]) / (ours[k] + ours[k + 1]) for k in range(0, len(own), 2)]
        for side, own in seconds.items()
        if side != over
    }


def compare(sides: dict[str, Callable[[], None]], rounds: int, over: str) -> dict[str, Any]:
    """Run the sides forwards and backwards; print and return their times and ratios."""
    taken: dict[str, list[float]] = {side: [] for side in sides}
    processor: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side in (*sides, *reversed(sides)):
            wall, cpu = seconds_of(sides[side])
            taken[side].append(wall)
            processor[side].append(cpu)
            print(f"{side:<14} {wall:8.2f} s, processor {cpu:8.2f} s", flush=True)
    pairs, processor_pairs = paired(taken, over), paired(processor, over)
    for side, ratios in pairs.items():
        shown = ", ".join(f"{ratio:.3f}" for ratio in ratios)
        print(
            f"{side} over {over}: {statistics.median(ratios):.3f} (rounds {shown}); processor time "
            f"{statistics.median(processor_pairs[side]):.3f}"
        )
    return {
        "seconds": taken, "ratios": pairs, "processor_seconds": processor, "processor_ratios": processor_pairs
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--target", type=Path, help="an Ultralytics data yaml")
    parser.add_argument("--freeze", default="22,15,10")
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2, help="rounds of A B C C B A")
    parser.add_argument("--mosaic", action="store_true", help="mosaic in all epochs but the last")
    parser.add_argument(
        "--cached", action="store_true", help="also compare cached and computed frozen layers, without augmentation"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda:N")
    parser.add_argument("--amp", choices=("false", "bf16"), help="precision (default: the device's own)")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    import ultralytics  # noqa: F401  (sets up its log, which is then silenced)

    quiet_ultralytics()

    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        weights, target = options.weights, options.target
        if weights is None or target is None:
            weights, target, _ = demo.prepare(scratch / "embedded")
        whole, _ = open_target(target, None, None, "val")
        data = keep_images(whole, range(min(options.images, len(whole.images))))
        values = {"epochs": options.epochs, "imgsz": options.imgsz, "train_batch": options.batch}
        train_args: dict[str, object] = {"close_mosaic": 1} if options.mosaic else {}
        if options.amp is not None:
            train_args["amp"] = options.amp if options.amp == "bf16" else False
        values |= {"optimizer": "AdamW", "lr0": 0.001, "train_args": train_args, "device": options.device}
        training = study_from(values, "the benchmark").training
        arms = [Arm(int(freeze), 0) for freeze in options.freeze.split(",")]
        base = load_checkpoint(weights)
        copy = write_yolo_copy(data, scratch / "yolo")
        threads = usable_cores()

        weights_of: dict[bool, list[str]] = {}  # digests of the weights, by whether the arms trained together

        def ours(options: TrainingOptions) -> None:
            with tempfile.TemporaryDirectory() as out:
                made = fine_tune(options, arms, base, data, ArtifactStore(Path(out)), lambda done, total: None)
                weights_of[options.share] = [tensors_sha256(load_tuned(artifact)) for artifact, _ in made]

        apart = study_from(values | {"share": False}, "the benchmark").training
        sides: dict[str, Callable[[], None]] = {
            "ultralytics": lambda: ultralytics_runs(weights, copy, training, arms, threads, scratch / "runs"),
            "ours apart": lambda: ours(apart),
            "ours together": lambda: ours(training),
        }
        figures = compare(sides, options.rounds, "ours together")
        figures["same_weights"] = weights_of[True] == weights_of[False]
        print(f"weights of arms apart and together: {'the same' if figures['same_weights'] else 'DIFFERENT'}")
        if options.cached:
            plain = study_from(values | {"train_args": {}, "augment": False}, "the benchmark")
            cached = study_from(values | {"train_args": {}, "augment": False, "cache_features": True}, "the benchmark")
            both = {"computed": lambda: ours(plain.training), "kept": lambda: ours(cached.training)}
            figures["without_augmentation"] = compare(both, options.rounds, "kept")
    if options.json:
        figures = {
            "freeze": options.freeze, "images": len(data.images), "epochs": options.epochs, "imgsz": options.imgsz,
            "batch": options.batch, "threads": threads, "mosaic": options.mosaic, "device": options.device,
            "amp": options.amp, **figures,
            "environment": environment(),
        }  # fmt: skip
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
