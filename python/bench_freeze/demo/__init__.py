"""The embedded study: data, weights and default values that `bench-freeze` uses when no data are named.

Everything is generated or stored in this package, so the study runs without a network and without a data set.
"""

from __future__ import annotations

from pathlib import Path

DEMO_BASE_IMAGES = 200
DEMO_TARGET_TRAIN = 400
DEMO_TARGET_VAL = 120
DEMO_TARGET_TEST = 60
DEMO_SEED = 7

STUDY_FILE = Path(__file__).with_name("study.toml")
"""Default values of the embedded study; weights and sets come from `prepare`."""


def prepare(folder: Path) -> tuple[Path, Path, Path]:
    """Write the base checkpoint, the target set and the base set under `folder`.

    Returns the paths of the checkpoint (.pt), the target's YAML file and the base's annotation file. Repeating the call
    writes the same contents again. Needs torch and Ultralytics, which are imported here and not with the package.
    """
    from .checkpoint import write_base_checkpoint
    from .coco_layout import write_base_set
    from .yolo_layout import write_target_set

    weights = write_base_checkpoint(folder / "base.pt")
    target = write_target_set(
        folder / "target", train=DEMO_TARGET_TRAIN, val=DEMO_TARGET_VAL, test=DEMO_TARGET_TEST, seed=DEMO_SEED
    )
    base = write_base_set(folder / "base", images=DEMO_BASE_IMAGES, seed=DEMO_SEED, split="val")
    return weights, target, base
