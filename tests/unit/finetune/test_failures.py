"""Errors around a training: what is a lack of memory, by the words of whatever part lacks it."""

import pytest
import torch

from bench_freeze.errors import BenchFreezeError, InputError
from bench_freeze.finetune.arm import Arm
from bench_freeze.finetune.failures import OutOfMemory, training_sentences
from bench_freeze.finetune.group import Member, TrainingGroup, halved
from tests.builders import training


def group(*depths):
    members = tuple(Member(Arm(depth, 0), {}, None) for depth in depths)
    return TrainingGroup(training(train_batch=16, imgsz=640), None, None, members)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.43 GiB"
        ),
        RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("std::bad_alloc"),
        MemoryError(),
    ],
    ids=repr,
)
def test_memory_that_any_part_lacks(error):
    with pytest.raises(OutOfMemory) as found, training_sentences(group(22, 15)):
        raise error
    assert str(found.value) == (
        "the training of freeze 22 seed 0, freeze 15 seed 0 ran out of memory on cpu; lower --train-batch (now 16) or "
        "--imgsz (now 640)."
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("CUDA error: an illegal memory access was encountered"), BenchFreezeError),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), BenchFreezeError),
        (FileNotFoundError("no such file"), InputError),
    ],
    ids=repr,
)
def test_other_errors_are_no_lack_of_memory(error, kind):
    with pytest.raises(kind) as found, training_sentences(group(22)):
        raise error
    assert not isinstance(found.value, OutOfMemory)


def test_what_sentences_are_of_is_no_error_of_the_driver():
    with pytest.raises(KeyError), training_sentences(group(22)):
        raise KeyError("ours")


@pytest.mark.parametrize(("count", "sizes"), [(2, (1, 1)), (3, (2, 1)), (7, (4, 3)), (8, (4, 4))])
def test_halves(count, sizes):
    first, second = halved(tuple(range(count)))
    assert (len(first), len(second)) == sizes
    assert (*first, *second) == tuple(range(count))
