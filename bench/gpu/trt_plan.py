"""The steps on a machine with TensorRT, in their order: what tells most comes first, and what takes long comes late."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .step import Reader, Step, read_json, read_pytest, read_status
from .trt_readers import read_doctor, read_profile, read_rows

TRAINING = "--freeze 15 --epochs 10 --imgsz 320 --optimizer AdamW --lr0 0.001 --train-batch 16"
EMBEDDED = "--freeze 22 --epochs 3"
DEVICE = ("--device", "cuda:0")
TESTS = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "trt", "tests/trt")


@dataclass(frozen=True)
class Places:
    """Folders of a run: the checkout, what is made on the way, the results, and weights and data sets if there are."""

    root: Path
    work: Path
    out: Path
    data: Path | None = None

    @property
    def study(self) -> Path:
        """The output folder of both studies: the second finds the trainings of the first."""
        return self.work / "study"

    @property
    def plan(self) -> Path:
        """The plan that is profiled."""
        return self.work / "model.plan"

    @property
    def environment(self) -> dict[str, str]:
        """Of every step."""
        return {"PYTHONPATH": str(self.root), "PYTHONUNBUFFERED": "1"}


def steps(places: Places) -> list[Step]:
    """All steps."""
    return [*_machine(), *_study(places), *_one_plan(places), *_ort_trt(places)]


def study_flags(places: Places, engines: str, precisions: str) -> list[str]:
    """The command of a study, behind the program's name."""
    if places.data is None:
        what = EMBEDDED.split()
    else:
        data = places.data
        what = [
            *("--weights", str(data / "weights/yolov8n_coco.pt")),
            *("--target", str(data / "fruit9/fruit9.yaml")),
            *("--base", str(data / "coco206/annotations/instances_val2017.json")),
            *TRAINING.split(),
        ]
    builds = ["--builds", "3"] if "trt" in engines.split(",") else []
    asked = ["--engine", engines, "--precision", precisions, *builds, "--construction", "branched", *DEVICE]
    return ["run", *asked, *what, "--out", str(places.study)]


def _machine() -> list[Step]:
    """What is here, and whether TensorRT runs on it at all. An absent back end fails its test, as TensorRT does."""
    required = {"REQUIRE_TRT": "1", "REQUIRE_CUDA": "1"}
    return [
        _program("versions"),
        _bench_freeze("doctor", 60, ("doctor", *DEVICE, "--json"), read_doctor),
        _program("extension"),
        _python("tests/trt", 900, TESTS, read_pytest, environment=required),
    ]


def _study(places: Places) -> list[Step]:
    """Plans in three precisions, three builds each, beside ONNX Runtime on the same GPU; its results go to OUT.

    They are kept even where the study ended with less than all: an engine that failed is one row of them.
    """
    results = places.study / "results.json"
    command = study_flags(places, "ort,trt", "fp32,fp16,int8")
    table = (
        "report",
        str(results),
        "--markdown",
        str(places.out / "study.md"),
        "--html",
        str(places.out / "study.html"),
    )
    return [
        _bench_freeze("study", 1800, command, partial(read_rows, places.study), makes=(results,)),
        Step("study kept", ("cp", str(results), str(places.out / "study.json")), 10, read_status),
        _bench_freeze("study's page", 60, table, read_status, needs=("study kept",)),
    ]


def _one_plan(places: Places) -> list[Step]:
    """The study's last plan in fp16 as `bench-freeze profile` measures it, and in every power mode of a board."""
    profile, modes = places.out / "profile.json", places.out / "power_modes.json"
    asked = ("profile", str(places.plan), *DEVICE)
    rate = ("--rate", "30", "--concurrency", "1,2,4", "--out", str(profile))
    absent = "" if shutil.which("nvpmodel") else "there is no nvpmodel: this is no Jetson"
    take = ("--study", str(places.study), "--to", str(places.plan))
    return [
        _program("last_plan", 10, *take, name="a plan", needs=("study kept",), makes=(places.plan,)),
        _bench_freeze("profile", 300, (*asked, *rate), partial(read_profile, profile), needs=("a plan",)),
        _bench_freeze(
            "power modes",
            900,
            (*asked, "--power-modes", "all", "--out", str(modes)),
            partial(read_profile, modes),
            needs=("a plan",),
            left_out=absent,
        ),
    ]


def _ort_trt(places: Places) -> list[Step]:
    """The same models by ONNX Runtime's TensorRT provider. It writes over the results of the study, which are kept."""
    command = study_flags(places, "ort-trt", "fp32,fp16")
    return [_bench_freeze("ort-trt", 600, command, partial(read_rows, places.study), needs=("study kept",))]


def _bench_freeze(name: str, seconds: float, words: tuple[str, ...] | list[str], read: Reader, **others: Any) -> Step:
    return _python(name, seconds, ("-m", "bench_freeze", *words), read, **others)


def _python(name: str, seconds: float, words: tuple[str, ...], read: Reader = read_status, **others: Any) -> Step:
    return Step(name, (sys.executable, *words), seconds, read, **others)


def _program(program: str, seconds: float = 30, *flags: str, name: str | None = None, **others: Any) -> Step:
    """One of this folder's programs."""
    words = ("-m", f"bench.gpu.{program}", "--json", "{result}", *flags)
    return _python(name or program, seconds, words, read_json, **others)
