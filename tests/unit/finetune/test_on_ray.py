"""Which trainings go where on a machine with several GPUs, on a real Ray that is told of GPUs."""

import time
from pathlib import Path

import pytest

from bench_freeze.errors import InputError
from bench_freeze.finetune import on_ray
from bench_freeze.finetune.arm import Arm
from bench_freeze.finetune.on_ray import Job, spread
from tests.builders import study

pytestmark = pytest.mark.slow


def jobs(*sizes):
    arms = iter(range(100))
    return [
        Job(study().training, tuple(Arm(next(arms), 0) for _ in range(size)), None, None, None, Path("none"))
        for size in sizes
    ]


@pytest.mark.parametrize(
    ("sizes", "places", "expected"),
    [
        ((5,), 1, [5]),
        ((5,), 2, [3, 2]),
        ((5,), 4, [1, 1, 1, 2]),
        ((5,), 8, [1, 1, 1, 1, 1]),
        ((3, 3), 2, [3, 3]),
        ((3, 3), 4, [2, 1, 2, 1]),
        ((1, 4), 3, [1, 2, 2]),
        ((), 4, []),
    ],
)
def test_groups_are_split_until_every_gpu_has_one(sizes, places, expected):
    before = jobs(*sizes)
    after = spread(before, places)
    assert [len(job.arms) for job in after] == expected
    assert [arm for job in after for arm in job.arms] == [arm for job in before for arm in job.arms]


def gpu_of_this_task():
    """Held for a while, so that tasks must run at the same time to have GPUs of their own."""
    import ray

    time.sleep(3)
    return ray.get_gpu_ids(), time.time()


@pytest.mark.parametrize(("share", "at_a_time"), [(1.0, 4), (0.5, 8)])
def test_all_gpus_of_a_machine_are_used_at_once(share, at_a_time):
    """Ray is told of four GPUs that are not there, and hands them out as it would."""
    ray = pytest.importorskip("ray", reason="needs ray: pip install 'bench-freeze[ray]'")
    cluster = study(executor="ray", device="cuda:0", gpus_per_arm=share).cluster
    on_ray._connect(ray, cluster, 4)
    try:
        assert on_ray._places(ray.cluster_resources()["GPU"], cluster) == at_a_time
        task = ray.remote(**on_ray._resources(cluster, "cuda:0"))(gpu_of_this_task)
        found = ray.get([task.remote() for _ in range(at_a_time)])
    finally:
        ray.shutdown()
    used = [gpu for gpus, _ in found for gpu in gpus]
    assert sorted(used) == sorted([0, 1, 2, 3] * (at_a_time // 4))


def test_a_cluster_without_a_gpu_is_a_sentence_and_no_wait():
    with pytest.raises(InputError, match="gpus_per_arm = 1, and Ray has 0 GPUs; give --device cpu"):
        on_ray._places(0.0, study(executor="ray", device="cuda:0").cluster)
