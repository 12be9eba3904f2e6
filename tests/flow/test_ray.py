"""Trainings on a real local Ray of two workers, one of which is killed."""

import os
import signal
import threading
import time

import pytest
from tests.builders import study

from bench_freeze.artifact import ArtifactStore
from bench_freeze.console import Step
from bench_freeze.data.classes import map_classes
from bench_freeze.data.source import open_target
from bench_freeze.data.subset import keep_images
from bench_freeze.dualhead.branch import DEFAULT
from bench_freeze.finetune.arm import CHECKPOINT, Arm
from bench_freeze.finetune.held_out import HeldOut
from bench_freeze.finetune.training import fine_tune, no_epoch
from bench_freeze.kernels.nms_options import NmsOptions

pytestmark = pytest.mark.slow

VALUES = {
    "epochs": 4, "imgsz": 64, "train_batch": 4, "optimizer": "AdamW", "lr0": 0.002, "share": False,
    "executor": "ray", "workers_per_node": 2, "val_every": 2, "keep": "best",
}  # fmt: skip


def kill_one_at_work(folder, killed):
    """Kill the first worker that has finished an epoch."""
    import psutil

    end = time.monotonic() + 300
    while time.monotonic() < end and not killed:
        if list(folder.glob("progress-*.pt")):
            for process in psutil.Process().children(recursive=True):
                if "ray::_train_job" in " ".join(process.cmdline()):
                    os.kill(process.pid, signal.SIGKILL)
                    killed.append(process.pid)
                    return
        time.sleep(0.01)


def test_ray_gives_the_same_results_though_a_worker_is_killed(embedded_data, base, tmp_path):
    pytest.importorskip("ray", reason="needs ray: pip install 'bench-freeze[ray]'")
    from bench_freeze.finetune.on_ray import Job, train_on_ray

    split, _ = open_target(embedded_data[1], None, None, "val")
    data, aside = keep_images(split, range(10)), keep_images(split, range(10, 16))
    none = map_classes(base.class_names, base.class_names, unmatched="error", head="head", data="base")
    held_out = HeldOut(aside, 16, None, none, NmsOptions(0.001, 0.7, 300), DEFAULT)
    asked = study(**VALUES)
    arms = [Arm(22, 0), Arm(15, 0)]
    on_ray, here = tmp_path / "ray", tmp_path / "here"
    jobs = [Job(asked.training, (arm,), base, data, None, on_ray, held_out) for arm in arms]
    killed, done = [], []
    watcher = threading.Thread(target=kill_one_at_work, args=(on_ray, killed), daemon=True)
    on_ray.mkdir()
    watcher.start()
    told = []
    step = Step(
        lambda finished, total: done.append((finished, total)),
        lambda finished, total, details: told.append((finished, total, details())),
    )
    train_on_ray(asked.cluster, asked.training.device, jobs, step)
    watcher.join()
    assert killed
    assert done == [(1, 2), (2, 2)]
    assert any("epoch" in text for _, _, texts in told for text in texts)  # while they trained
    made = fine_tune(asked.training, arms, base, data, ArtifactStore(on_ray), no_epoch, held_out=held_out)
    assert not any(new for _, new in made)
    expected = fine_tune(asked.training, arms, base, data, ArtifactStore(here), no_epoch, held_out=held_out)
    assert [a.sha256(CHECKPOINT) for a, _ in made] == [a.sha256(CHECKPOINT) for a, _ in expected]
    for (one, _), (other, _) in zip(made, expected, strict=True):
        assert one.facts["held_out"]["points"] == other.facts["held_out"]["points"]
    assert not list(on_ray.glob("progress-*"))


def test_ray_is_named_when_it_is_missing(monkeypatch, tmp_path):
    import sys

    from bench_freeze.errors import InputError
    from bench_freeze.finetune.on_ray import train_on_ray

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"bench-freeze\[ray\]"):
        train_on_ray(study(**VALUES).cluster, "cpu", [], Step(lambda finished, total: None))
