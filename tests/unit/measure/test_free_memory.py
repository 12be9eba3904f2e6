"""What is free: the kernel's estimate, or less where a control group allows less."""

import pytest

from bench_freeze.measure.free_memory import free_host_bytes

GIB = 2**30
MEMINFO = "MemTotal:       33554432 kB\nMemFree:         1048576 kB\nMemAvailable:   16777216 kB\n"  # 16 GiB


@pytest.mark.parametrize(
    ("limit", "used", "stat", "free"),
    [
        (None, None, None, 16 * GIB),
        ("max", 3 * GIB, "inactive_file 0", 16 * GIB),
        (f"{8 * GIB}", 3 * GIB, f"anon 5\ninactive_file {GIB}\n", 6 * GIB),
        (f"{8 * GIB}", 3 * GIB, None, 5 * GIB),
        (f"{8 * GIB}", 9 * GIB, None, 0),
        (f"{64 * GIB}", 3 * GIB, None, 16 * GIB),
    ],
)
def test_free_memory_of_the_host(tmp_path, limit, used, stat, free):
    files = {"memory.max": limit, "memory.current": used, "memory.stat": stat}
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text(MEMINFO)
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    for name, content in files.items():
        if content is not None:
            (tmp_path / "sys/fs/cgroup" / name).write_text(f"{content}\n")
    assert free_host_bytes(tmp_path) == free


def test_a_machine_that_tells_nothing(tmp_path):
    assert free_host_bytes(tmp_path) is None


def test_this_machine_has_memory():
    assert free_host_bytes() > 0
