"""What `bench-freeze run` does at several freeze depths, as a user of plain Ultralytics would write it.

    python bench/whole_run_plain.py --weights W.pt --target T.yaml --base B.yaml --out DIR [--freeze 22,15,10] ...

For every depth: one `train`, one ONNX export, `val` of the ONNX file on the target set, and the tuned model over the
base images, because a deployed pair of models sees those, too. Once: the original's export and `val` on the base set.
Finally, original and tuned are timed, one after the other, from image files to detections. Ultralytics keeps its
defaults except for the flags, `val=False`, `plots=False`, and as many threads as there are cores (by default it takes
one less). Nothing here uses bench_freeze. The last line of the output is JSON: seconds by part, mAPs, latencies.

`val=False` leaves two validations in every training, after the last epoch and of best.pt; their time is reported as a
separate part.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STARTED_S = time.perf_counter()
SELECTION = {"conf": 0.001, "iou": 0.7, "max_det": 300}  # those of val
IMAGES = 16  # to time, from both sets

seconds: defaultdict[str, float] = defaultdict(float)


@contextmanager
def part(name: str) -> Iterator[None]:
    """Add the seconds of the block to a part."""
    began = time.perf_counter()
    yield
    seconds[name] += time.perf_counter() - began


def train(asked: argparse.Namespace, freeze: int) -> Path:
    """One training; the weights of its last epoch."""
    import torch
    from ultralytics import YOLO

    inside: list[float] = []

    def began(validator: object) -> None:
        inside.append(-time.perf_counter())

    def ended(validator: object) -> None:
        inside[-1] += time.perf_counter()

    model = YOLO(asked.weights)
    model.add_callback("on_train_start", lambda trainer: torch.set_num_threads(asked.threads))
    model.add_callback("on_val_start", began)
    model.add_callback("on_val_end", ended)
    with part("train"):
        model.train(
            data=asked.target, freeze=freeze, epochs=asked.epochs, imgsz=asked.imgsz, batch=asked.batch,
            optimizer=asked.optimizer, lr0=asked.lr0, seed=asked.seed, amp=False, device="cpu",
            val=False, plots=False, project=asked.out, name=f"freeze{freeze}",
        )  # fmt: skip
    seconds["validate inside train"] += sum(inside)
    seconds["train"] -= sum(inside)
    return Path(model.trainer.last)


def export(weights: Path, asked: argparse.Namespace) -> Any:
    """The ONNX file of a checkpoint, opened."""
    from ultralytics import YOLO

    with part("export"):
        file = YOLO(weights).export(format="onnx", imgsz=asked.imgsz, opset=18, simplify=False, device="cpu")
    return YOLO(file, task="detect")


def score(model: Any, data: str, split: str, asked: argparse.Namespace, name: str) -> float:
    """mAP of an ONNX file on a set."""
    with part("val"):
        found = model.val(
            data=data, split=split, imgsz=asked.imgsz, batch=1, device="cpu", plots=False, verbose=False,
            project=asked.out, name=name,
        )  # fmt: skip
    return float(found.box.map)


def detect_all(model: Any, images: list[Path], asked: argparse.Namespace) -> int:
    """Run a model over images; the number of detections."""
    with part("tuned on base set"):
        found = model.predict(images, stream=True, imgsz=asked.imgsz, device="cpu", verbose=False, **SELECTION)
        return sum(len(one) for one in found)


def time_pair(models: dict[str, Any], images: list[Path], asked: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Median seconds of both models one after the other: the engine alone, and files to detections."""
    whole: dict[str, list[float]] = {name: [] for name in models}
    engine: dict[str, list[float]] = {name: [] for name in models}
    with part("time"):
        for number in range(asked.warm_up + asked.samples):
            image = images[number % len(images)]
            for name, model in models.items():
                began = time.perf_counter()
                (found,) = model.predict(image, imgsz=asked.imgsz, device="cpu", verbose=False, **SELECTION)
                if number >= asked.warm_up:
                    whole[name].append(time.perf_counter() - began)
                    engine[name].append(found.speed["inference"] / 1e3)
    return {
        name: {"model_p50_s": statistics.median(engine[name]), "pipeline_p50_s": statistics.median(whole[name])}
        for name in models
    }


def images_of(data: str, split: str) -> list[Path]:
    """The image files of a split."""
    from ultralytics.data.utils import check_det_dataset

    folder = Path(check_det_dataset(data)[split])
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))


def main() -> None:
    """Train, export, score, time, and say what each took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--target", required=True, help="an Ultralytics data yaml, as --base")
    parser.add_argument("--base", required=True)
    parser.add_argument("--out", required=True, help="output folder, absolute")
    parser.add_argument("--freeze", default="22,15,10")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--optimizer", default="AdamW")
    parser.add_argument("--lr0", type=float, default=0.001)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=200, help="timed calls of each model of a pair")
    parser.add_argument("--warm-up", type=int, default=10)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(asked.threads)  # Ultralytics would set it to 1
    with part("import"):
        import torch
        import ultralytics  # noqa: F401

    torch.set_num_threads(asked.threads)
    base_images, target_images = images_of(asked.base, "val"), images_of(asked.target, "val")
    timed = [image for pair in zip(target_images, base_images, strict=False) for image in pair][:IMAGES]
    answer: dict[str, Any] = {"depths": {}}
    Path(asked.out).mkdir(parents=True, exist_ok=True)
    copied = Path(asked.out) / Path(asked.weights).name  # an export stands beside its checkpoint
    copied.write_bytes(Path(asked.weights).read_bytes())
    original = export(copied, asked)
    answer["base_map"] = score(original, asked.base, "val", asked, "original on base")
    for freeze in (int(depth) for depth in asked.freeze.split(",")):
        tuned = export(train(asked, freeze), asked)
        answer["depths"][freeze] = {
            "target_map": score(tuned, asked.target, "val", asked, f"freeze{freeze} on target"),
            "detections_on_base": detect_all(tuned, base_images, asked),
            "latency": time_pair({"original": original, "tuned": tuned}, timed, asked),
        }
    seconds["whole script"] = time.perf_counter() - STARTED_S
    print(json.dumps(answer | {"parts_s": seconds}))


if __name__ == "__main__":
    main()
