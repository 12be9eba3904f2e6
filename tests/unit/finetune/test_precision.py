"""In what arithmetic a training runs, by what was asked for and what the device has."""

import pytest

from bench_freeze.errors import InputError
from bench_freeze.finetune.arm import Arm, changed_arguments, requested_arguments
from bench_freeze.finetune.precision import is_as_asked, on_gpu, precision_of
from tests.builders import training


@pytest.mark.parametrize(
    ("amp", "expected"),
    [(False, "fp32"), ("auto", "fp32"), (True, "fp32"), ("fp16", "fp32"), ("fp32", "fp32"), ("bf16", "bf16")],
)
def test_a_cpu_trains_in_float32_unless_bf16_is_named(amp, expected):
    assert precision_of(amp, "cpu") == expected


@pytest.mark.parametrize("asked", ["auto", "bf16", "fp16", "fp32"])
@pytest.mark.parametrize(
    ("name", "has_bf16"),
    [
        ("NVIDIA H200", True),
        ("Orin", True),
        ("Tesla T4", False),
        ("NVIDIA GeForce RTX 2080 Ti", False),
        ("NVIDIA GeForce GTX 1660 Ti", False),
        ("NVIDIA T400 4GB", False),
        ("Quadro T1000", False),
    ],
)
def test_a_gpu_trains_in_what_it_is_best_at_or_in_what_is_asked(asked, name, has_bf16):
    """As torch and Ultralytics tell of these GPUs: bfloat16 from Ampere on, and float16 that fails on some."""
    if asked == "bf16" and not has_bf16:
        with pytest.raises(InputError, match=f"{name} has no bfloat16 of its own"):
            on_gpu(asked, name, has_bf16)
        return
    fails = any(number in name for number in ("1660", "T400", "T1000"))
    best = "bf16" if has_bf16 else "fp32" if fails else "fp16"
    assert on_gpu(asked, name, has_bf16) == (best if asked == "auto" else asked)


def test_gpus_without_mixed_precision_are_those_of_ultralytics():
    import inspect
    import re

    from ultralytics.utils import checks

    from bench_freeze.finetune import precision

    (theirs,) = re.findall(r'r"(\(nvidia\|.*)"', inspect.getsource(checks.check_amp))
    assert precision._WITHOUT_MIXED.pattern == theirs


def test_another_word_is_refused():
    with pytest.raises(InputError, match="amp = half is not a precision; give auto"):
        precision_of("half", "cpu")


def test_what_is_asked_for_by_device():
    assert requested_arguments(training(), Arm(22, 0))["amp"] is False
    assert requested_arguments(training(device="cuda:0"), Arm(22, 0))["amp"] == "auto"
    exact = training(device="cuda:0", train_args={"amp": False})
    assert requested_arguments(exact, Arm(22, 0))["amp"] is False


@pytest.mark.parametrize(
    ("asked", "ran", "is_so"),
    [
        ("auto", "bf16", True),
        ("auto", False, True),
        (True, "fp16", True),
        (True, False, False),
        (False, False, True),
        (False, "bf16", False),
        ("bf16", "bf16", True),
        ("fp32", False, True),
    ],
)
def test_a_choice_that_was_left_open_is_no_change(asked, ran, is_so):
    assert is_as_asked(asked, ran) is is_so
    assert changed_arguments({"amp": asked}, {"amp": ran}) == ({} if is_so else {"amp": (asked, ran)})
