"""The CPU quota of this process's control groups, and how often it throttled the process.

Both cgroup versions are read, together on a machine that has both (hybrid). The quota of any ancestor counts, so every
group from the process's own up to the mounted one is read. In a container, ancestors above the mount are invisible.
Source: Documentation/admin-guide/cgroup-v2.rst and Documentation/scheduler/sched-bwc.rst of Linux.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..verdict import Conditions
from .source import Folder

UNLIMITED = ("max", "-1")
STAT_UNITS = {"throttled_usec": 1e-6, "throttled_time": 1e-9}  # version 2, version 1


@dataclass(frozen=True)
class _Mount:
    """A mounted hierarchy: the group `root` appears at `point`."""

    version: int
    root: PurePosixPath
    point: Path  # below the folder's root


class CgroupSource:
    """The control groups of this process that have a CPU quota."""

    name = "cgroup"

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def read(self) -> dict[str, Any]:
        """See Source.read; `quota_cores` is the smallest of all `groups`, None without a quota.

        Each group has its own `quota_cores` and three counts since it was created: the `periods` of the quota, the
        `throttled_periods` in which it was used up, and `throttled_s`, the seconds that its tasks waited, summed over
        processors.
        """
        folder = Folder(self._root)
        groups = [group for path, version in _chain(folder) if (group := _group(folder, path, version)) is not None]
        return {
            "quota_cores": min((group["quota_cores"] for group in groups), default=None),
            "groups": groups,
            "unreadable": folder.unreadable,
        }


def cgroup_conditions(before: dict[str, Any], after: dict[str, Any], threads: int) -> Conditions:
    """Judge the run between two readings: a quota that was used up during the run makes it ambiguous."""
    earlier = {group["path"]: group for group in before["groups"]}
    told = []
    for group in after["groups"]:
        start = earlier.get(group["path"])
        if start is None or start["throttled_periods"] is None or group["throttled_periods"] is None:
            continue
        throttled = group["throttled_periods"] - start["throttled_periods"]
        if throttled <= 0:
            continue
        waited = _grown(start["throttled_s"], group["throttled_s"])
        periods = _grown(start["periods"], group["periods"])
        of = f" of {periods:.0f}" if periods else ""
        for_s = f" for {waited:.2f} s in all" if waited else ""
        why = f" (its threads take {threads})" if group["quota_cores"] < threads else ""
        told.append(
            f"the control group's quota of {_cores(group['quota_cores'])}{why} held the process back in "
            f"{throttled}{of} periods{for_s}"
        )
    return Conditions(ambiguous=tuple(told))


def quota_note(reading: dict[str, Any], threads: int) -> str | None:
    """A warning where the quota is smaller than the number of threads; None otherwise."""
    quota = reading["quota_cores"]
    if quota is None or quota >= threads:
        return None
    return (
        f"the control group has a quota of {_cores(quota)} and {threads} threads would run; give it {threads} or more, "
        f"or use fewer threads: a quota that is used up stops all of them until its next period."
    )


def _grown(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else end - start


def _cores(quota: float) -> str:
    return f"{quota:g} core{'' if quota == 1 else 's'}"


def _chain(folder: Folder) -> Iterator[tuple[Path, int]]:
    """Folders of the groups that contain this process, innermost first, each with its cgroup version."""
    own = _own_groups(folder)
    for mount in _mounts(folder):
        name = own.get(mount.version)
        if name is None:
            continue
        inside = name.relative_to(mount.root) if name.is_relative_to(mount.root) else PurePosixPath()
        if ".." in inside.parts:  # a group outside this process's view, as in a container that joined another
            inside = PurePosixPath()
        if not (folder.root / mount.point / inside).is_dir():
            inside = PurePosixPath()
        for part in (inside, *inside.parents):
            yield mount.point / part, mount.version


def _own_groups(folder: Folder) -> dict[int, PurePosixPath]:
    """This process's group by cgroup version; for version 1, that of the cpu controller."""
    found: dict[int, PurePosixPath] = {}
    for line in (folder.text("proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        if number == "0" and not controllers:
            found[2] = PurePosixPath(name)
        elif "cpu" in controllers.split(","):
            found[1] = PurePosixPath(name)
    return found


def _mounts(folder: Folder) -> list[_Mount]:
    """The mounts of hierarchies that can limit processor time: the first of each version, in mount order."""
    found: dict[int, _Mount] = {}
    for line in (folder.text("proc/self/mountinfo") or "").splitlines():
        before, separator, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if not separator or len(fields) < 5 or len(kind) < 3:
            continue
        version = {"cgroup2": 2, "cgroup": 1}.get(kind[0])
        if version is None or (version == 1 and "cpu" not in kind[2].split(",")):
            continue
        root, point = (_unescaped(text) for text in fields[3:5])
        found.setdefault(version, _Mount(version, PurePosixPath(root), Path(point.lstrip("/"))))
    return list(found.values())


def _unescaped(text: str) -> str:
    """A path from mountinfo, with octal escapes of white space and backslashes decoded."""
    for code, letter in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, letter)
    return text


def _group(folder: Folder, path: Path, version: int) -> dict[str, Any] | None:
    """One group's quota and counts; None for a group without a quota."""
    if version == 2:
        quota, _, period = (folder.text(path / "cpu.max") or "max").partition(" ")
    else:
        quota = folder.text(path / "cpu.cfs_quota_us") or "-1"
        period = folder.text(path / "cpu.cfs_period_us") or ""
    if quota in UNLIMITED:
        return None
    if not quota.isdigit() or not period.isdigit() or not int(period):
        folder.unreadable[str(path)] = f"not a quota: {quota[:20]!r} of {period[:20]!r} microseconds"
        return None
    lines = (line.split() for line in (folder.text(path / "cpu.stat") or "").splitlines())
    stat = {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}
    waited = [stat[name] * unit for name, unit in STAT_UNITS.items() if name in stat]
    return {
        "path": f"/{path}",
        "version": version,
        "quota_cores": int(quota) / int(period),
        "periods": stat.get("nr_periods"),
        "throttled_periods": stat.get("nr_throttled"),
        "throttled_s": waited[0] if waited else None,
    }
