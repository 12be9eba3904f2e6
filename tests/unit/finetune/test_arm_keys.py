"""The keys of trainings: artifacts of an earlier state of this package must be found again."""

import pytest

from bench_freeze.artifact import artifact_key
from bench_freeze.finetune.arm import Arm, training_inputs
from tests.builders import training

VERSIONS = {"torch": "2.15.0", "ultralytics": "8.4.190"}
LONG = {
    "epochs": 10, "imgsz": 320, "optimizer": "AdamW", "lr0": 0.001, "train_args": {"mosaic": 0.5}, "device": "cuda:0"
}  # fmt: skip


def key(values, arm):
    inputs = training_inputs(training(**values), arm, "0" * 64, "1" * 64, VERSIONS)
    return artifact_key("tuned", inputs)


@pytest.mark.parametrize(
    ("values", "arm", "known"),
    [
        ({}, Arm(22, 0), "4cf29eaee20d07a566c90ed9018de458310ab9cf0cb4a3b2f707adc66cf8ef9c"),
        (
            LONG | {"train_args": {"mosaic": 0.5, "amp": False}},
            Arm(10, 2),
            "2da3ac59e68b0fe8840e18656b5934e517d5fd75ec581902841fb44572014765",
        ),
    ],
)
def test_a_static_arm_has_the_key_that_it_always_had(values, arm, known):
    """On a GPU that of float32, which was the default."""
    assert key(values, arm) == known


def test_mixed_precision_on_a_gpu_makes_another_key():
    exact = {**LONG, "train_args": {"amp": False}}
    assert key({**LONG, "train_args": {}}, Arm(10, 2)) != key(exact, Arm(10, 2))
    assert key({}, Arm(10, 2)) == key({"train_args": {"amp": False}}, Arm(10, 2))


def test_augmentation_and_kept_features_make_other_keys():
    plain = key({"augment": False}, Arm(22, 0))
    assert len({key({}, Arm(22, 0)), plain, key({"augment": False, "cache_features": True}, Arm(22, 0))}) == 3
    off = {"mosaic": 0.0, "hsv_h": 0.0, "fliplr": 0.0}
    arguments = training_inputs(training(augment=False), Arm(22, 0), "", "", {})["arguments"]
    assert isinstance(arguments, dict)
    assert arguments.items() >= off.items()
