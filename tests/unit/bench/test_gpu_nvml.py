"""Answers of NVML are written down as json, whatever form they have, and asked for as before."""

import ctypes
import json

import pytest
from bench.gpu.nvml import Recorder, plain

from bench_freeze.measure.telemetry.nvml import NvmlGpu


class Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class NVMLError(Exception):
    pass


class Api:
    """A driver that knows some questions, refuses others, and a package that lacks the rest."""

    NVMLError = NVMLError

    def nvmlDeviceGetHandleByIndex(self, index):
        return ctypes.c_void_p(7)

    def nvmlDeviceGetName(self, handle):
        return b"NVIDIA H200"

    def nvmlDeviceGetMemoryInfo(self, handle):
        return Memory(100, 60, 40)

    def nvmlDeviceGetPowerUsage(self, handle):
        raise NVMLError("Not Supported")


def test_a_reading_through_the_recorder_is_the_reading_and_every_question_is_kept():
    recorder = Recorder(Api())
    reading = NvmlGpu(0, recorder).read()
    assert reading == NvmlGpu(0, Api()).read()
    asked = {note["call"]: note for note in json.loads(json.dumps(recorder.asked))}
    assert asked["nvmlDeviceGetMemoryInfo"]["answer"] == {"total": 100, "free": 60, "used": 40}
    assert asked["nvmlDeviceGetName"]["answer"] == "NVIDIA H200"
    assert asked["nvmlDeviceGetPowerUsage"]["error"] == "NVMLError: Not Supported"
    assert asked["nvmlDeviceGetMigMode"]["error"] == "this nvidia-ml-py has no such call"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, None), (3, 3), (b"ab", "ab"), ([1, (2, b"c")], [1, [2, "c"]]), (object(), "object")],
)
def test_forms_of_answers(value, expected):
    assert plain(value) == expected
