"""Quotas of control groups, from recorded files: both versions, hybrid, nested, in containers, damaged, missing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench_freeze.measure.telemetry.cgroup import CgroupSource, cgroup_conditions, quota_note
from bench_freeze.measure.telemetry.machine import MachineTelemetry
from bench_freeze.measure.verdict import judge
from tests.unit.measure.kernel_files import deny, write

V2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct"
V1_SET = "33 31 0:30 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset"
HYBRID_V2 = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw"
DOCKER_V1 = "1032 1031 0:29 /docker/4f6 /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct"


def v2(folder, maximum, periods=0, throttled=0, waited_us=0):
    stat = f"usage_usec 9\nuser_usec 5\nsystem_usec 4\nnr_periods {periods}\nnr_throttled {throttled}\n"
    return {f"{folder}/cpu.max": maximum, f"{folder}/cpu.stat": stat + f"throttled_usec {waited_us}\nnr_bursts 0"}


def v1(folder, quota, period=100000, periods=0, throttled=0, waited_ns=0):
    stat = f"nr_periods {periods}\nnr_throttled {throttled}\nthrottled_time {waited_ns}"
    return {
        f"{folder}/cpu.cfs_quota_us": quota,
        f"{folder}/cpu.cfs_period_us": period,
        f"{folder}/cpu.stat": stat,
    }


def machine(groups, *mounts):
    return {"proc/self/cgroup": groups, "proc/self/mountinfo": "\n".join(mounts)}


FS = "sys/fs/cgroup"
CPU = f"{FS}/cpu,cpuacct"
RECORDED = {
    "version 2": (machine("0::/user.slice/job", V2) | v2(f"{FS}/user.slice/job", "150000 100000"), 1.5),
    "version 2, another period": (machine("0::/job", V2) | v2(f"{FS}/job", "25000 50000"), 0.5),
    "version 2, no limit": (machine("0::/job", V2) | v2(f"{FS}/job", "max 100000"), None),
    "version 2, a container's own view": (machine("0::/", V2) | v2(FS, "200000 100000"), 2),
    "version 2, a group out of sight": (machine("0::/../other", V2) | v2(FS, "200000 100000"), 2),
    "version 2, nested, an ancestor is tighter": (
        machine("0::/a/b/c", V2) | v2(f"{FS}/a/b/c", "400000 100000") | v2(f"{FS}/a", "100000 100000"), 1
    ),
    "version 2, nested, the parent only": (
        machine("0::/kubepods/pod1/c", V2) | v2(f"{FS}/kubepods/pod1/c", "max 100000")
        | v2(f"{FS}/kubepods/pod1", "300000 100000"), 3
    ),
    "version 2, a blank in the mount's path": (
        machine("0::/job", V2.replace("/sys/fs/cgroup", "/my\\040groups")) | v2("my groups/job", "100000 100000"), 1
    ),
    "version 1": (machine("4:memory:/\n3:cpu,cpuacct:/job", V1_SET, V1) | v1(f"{CPU}/job", 150000), 1.5),
    "version 1, no limit": (machine("3:cpu,cpuacct:/job", V1) | v1(f"{CPU}/job", -1), None),
    "version 1, nested": (
        machine("3:cpuacct,cpu:/a/b", V1) | v1(f"{CPU}/a/b", -1) | v1(f"{CPU}/a", 50000, 100000), 0.5
    ),
    "version 1, Docker without a namespace": (
        machine("3:cpu,cpuacct:/docker/4f6", DOCKER_V1) | v1(CPU, 250000), 2.5
    ),
    "version 1, cpuset is no cpu": (machine("3:cpuset:/job", V1_SET) | v1(f"{FS}/cpuset/job", 50000), None),
    "hybrid, the limit is version 1's": (
        machine("3:cpu,cpuacct:/job\n0::/job", V1, HYBRID_V2) | v1(f"{CPU}/job", 100000)
        | {f"{FS}/unified/job/cgroup.procs": "1"}, 1
    ),
    "hybrid, both": (
        machine("3:cpu,cpuacct:/job\n0::/job", V1, HYBRID_V2) | v1(f"{CPU}/job", 300000)
        | v2(f"{FS}/unified/job", "200000 100000"), 2
    ),
    "the root group has no file": (machine("0::/", V2) | {f"{FS}/cgroup.controllers": "cpu"}, None),
    "nothing": ({}, None),
    "mounts are not shown": ({"proc/self/cgroup": "0::/job"} | v2(f"{FS}/job", "100000 100000"), None),
    "damaged mounts": (machine("0::/job", "30 24", "- cgroup2", V2) | v2(f"{FS}/job", "100000 100000"), 1),
}  # fmt: skip


@pytest.mark.parametrize("case", RECORDED)
def test_the_quota_is_the_least_of_all_groups_above_the_process(tmp_path, case):
    files, quota = RECORDED[case]
    state = CgroupSource(write(tmp_path, files)).read()
    assert state["quota_cores"] == quota
    assert state["unreadable"] == {}


@pytest.mark.parametrize("text", ["", "fast 100000", "100000", "100000 0", "-5 100000", "1e5 100000"])
def test_what_is_no_quota_is_said(tmp_path, text):
    files = machine("0::/job", V2) | v2(f"{FS}/job", text)
    state = CgroupSource(write(tmp_path, files)).read()
    assert state["quota_cores"] is None
    assert bool(state["unreadable"]) == bool(text)


def test_a_file_that_may_not_be_read_is_said(tmp_path, monkeypatch):
    write(tmp_path, machine("0::/job", V2) | v2(f"{FS}/job", "100000 100000"))
    deny(monkeypatch, "cpu.max")
    state = CgroupSource(tmp_path).read()
    assert state["quota_cores"] is None
    assert state["unreadable"] == {f"{FS}/job/cpu.max": "permission denied"}


def test_a_quota_that_was_used_up_makes_the_run_ambiguous(tmp_path):
    files = machine("0::/a/job", V2) | v2(f"{FS}/a/job", "max 100000")
    before = CgroupSource(write(tmp_path, files | v2(f"{FS}/a", "150000 100000", 10, 3, 50_000))).read()
    after = CgroupSource(write(tmp_path, v2(f"{FS}/a", "150000 100000", 50, 34, 1_250_000))).read()
    assert cgroup_conditions(before, before, 2).ambiguous == ()
    (told,) = cgroup_conditions(before, after, 2).ambiguous
    assert told == (
        "the control group's quota of 1.5 cores (its threads take 2) held the process back in 31 of 40 periods for "
        "1.20 s in all"
    )
    (told,) = cgroup_conditions(before, after, 1).ambiguous
    assert "threads" not in told


def test_version_1_counts_in_nanoseconds(tmp_path):
    files = machine("3:cpu,cpuacct:/job", V1)
    before = CgroupSource(write(tmp_path, files | v1(f"{CPU}/job", 100000))).read()
    after = CgroupSource(write(tmp_path, v1(f"{CPU}/job", 100000, 100000, 9, 2, 400_000_000))).read()
    (told,) = cgroup_conditions(before, after, 1).ambiguous
    assert told == "the control group's quota of 1 core held the process back in 2 of 9 periods for 0.40 s in all"


def test_groups_that_come_or_tell_nothing_are_no_reason(tmp_path):
    files = machine("0::/job", V2) | {f"{FS}/job/cpu.max": "100000 100000"}  # without cpu.stat
    silent = CgroupSource(write(tmp_path, files)).read()
    told = CgroupSource(write(tmp_path, v2(f"{FS}/job", "100000 100000", 9, 9, 9))).read()
    assert (silent["quota_cores"], silent["groups"][0]["throttled_periods"]) == (1, None)
    for before, after in ((silent, told), (told, silent), ({"groups": []}, told)):
        assert cgroup_conditions(before, after, 2).ambiguous == ()


@pytest.mark.parametrize(
    ("quota", "threads", "is_said"), [(None, 8, False), (1.5, 1, False), (2, 2, False), (1.5, 2, True)]
)
def test_a_quota_below_the_threads_is_said(quota, threads, is_said):
    note = quota_note({"quota_cores": quota}, threads)
    assert (note is not None) == is_said
    assert note is None or note.startswith("the control group has a quota of 1.5 cores and 2 threads would run")


def test_the_verdict_looks_at_it(tmp_path, monkeypatch):
    from bench_freeze.measure.stats import LatencyStats

    telemetry = MachineTelemetry(threads=2)
    reading = telemetry.read()
    assert "cgroup" in reading
    group = {"path": "/x", "version": 2, "quota_cores": 1.0, "periods": 5, "throttled_periods": 1, "throttled_s": 0.1}
    before = {**reading, "cgroup": {"groups": [{**group, "throttled_periods": 0}]}}
    after = {**reading, "cgroup": {"groups": [group]}}
    judged = judge(LatencyStats((0.01,) * 200, "samples", 5), telemetry.conditions(before, after))
    assert (judged.verdict, len(judged.reasons)) == ("AMBIGUOUS", 1)
    assert "held the process back in 1 of" not in judged.reasons[0]  # nr_periods did not grow here


BUSY = """
import json, sys, time
from bench_freeze.measure.telemetry.cgroup import CgroupSource
open(sys.argv[1] + "/cgroup.procs", "w").write("0")
source = CgroupSource()
def grown(before, after):
    return after["groups"][0]["throttled_periods"] > before["groups"][0]["throttled_periods"]
before = after = source.read()
end = time.monotonic() + 60
while not grown(before, after) and time.monotonic() < end:  # a busy machine may give it less than its quota
    after = source.read()
print(json.dumps([before, after]))
"""


@pytest.fixture
def quota_group():
    """A group of this machine with a quota of a fiftieth of a core; needs root and a mounted hierarchy."""
    for point, name, text in (
        ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "2000"),
        ("/sys/fs/cgroup", "cpu.max", "2000 100000"),
    ):
        folder = Path(point) / f"bench-freeze-test-{os.getpid()}"  # one of a run that was killed may be there
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            if (folder / name).is_file():  # the kernel's own: a folder that is no hierarchy has none
                (folder / name).write_text(text)
                yield folder
                return
        except OSError:
            pass
        finally:
            folder.rmdir()
    pytest.skip("no control group can be made here")


@pytest.mark.slow
def test_the_kernels_own_files_tell_the_same(quota_group):
    done = subprocess.run([sys.executable, "-c", BUSY, str(quota_group)], capture_output=True, text=True, check=True)
    before, after = json.loads(done.stdout)
    assert before["quota_cores"] == after["quota_cores"] == pytest.approx(0.02)
    (told,) = cgroup_conditions(before, after, 1).ambiguous
    assert told.startswith("the control group's quota of 0.02 cores (its threads take 1) held the process back in ")
