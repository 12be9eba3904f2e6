"""Trainings on a real local Ray of two workers, one of which is killed."""

import os
import signal
import threading
import time

import pytest
from tests.builders import study

from bench_freeze.artifact import ArtifactStore
from bench_freeze.console import Step
from bench_freeze.data.source import open_target
from bench_freeze.data.subset import keep_images
from bench_freeze.finetune.arm import CHECKPOINT, Arm
from bench_freeze.finetune.training import fine_tune

pytestmark = pytest.mark.slow

VALUES = {
    "epochs": 4, "imgsz": 64, "train_batch": 4, "optimizer": "AdamW", "lr0": 0.002, "share": False,
    "executor": "ray", "workers_per_node": 2,
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

    data = keep_images(open_target(embedded_data[1], None, None, "val")[0], range(10))
    asked = study(**VALUES)
    arms = [Arm(22, 0), Arm(15, 0)]
    on_ray, here = tmp_path / "ray", tmp_path / "here"
    jobs = [Job(asked.training, (arm,), base, data, None, on_ray) for arm in arms]
    killed, done = [], []
    watcher = threading.Thread(target=kill_one_at_work, args=(on_ray, killed), daemon=True)
    on_ray.mkdir()
    watcher.start()
    train_on_ray(
        asked.cluster, asked.training.device, jobs, Step(lambda finished, total: done.append((finished, total)))
    )
    watcher.join()
    assert killed
    assert done == [(1, 2), (2, 2)]
    made = fine_tune(asked.training, arms, base, data, ArtifactStore(on_ray), lambda finished, total: None)
    assert not any(new for _, new in made)
    expected = fine_tune(asked.training, arms, base, data, ArtifactStore(here), lambda finished, total: None)
    assert [a.sha256(CHECKPOINT) for a, _ in made] == [a.sha256(CHECKPOINT) for a, _ in expected]
    assert not list(on_ray.glob("progress-*"))


def test_ray_is_named_when_it_is_missing(monkeypatch, tmp_path):
    import sys

    from bench_freeze.errors import InputError
    from bench_freeze.finetune.on_ray import train_on_ray

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"bench-freeze\[ray\]"):
        train_on_ray(study(**VALUES).cluster, "cpu", [], Step(lambda finished, total: None))
