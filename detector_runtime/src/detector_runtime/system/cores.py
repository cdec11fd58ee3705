"""How many processor cores this process may use.

A container sees all cores of its machine, but is stopped for a while once it has used its share. On
Linux that share is the CPU quota of the process's control group and of each group above it: cgroup
v2's `cpu.max`, v1's `cpu.cfs_quota_us` over `cpu.cfs_period_us` (cgroups(7); the kernel's
cgroup-v2.rst and sched-bwc.rst). More threads than that wait for each other.
"""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

CONTROLLER = "cpu"


def usable_cores(root: Path = Path("/")) -> int:
    """Cores that this process may run on, and no more than its CPU quota pays for; at least 1.

    Part of a core in the quota counts as one. `root` is the folder that holds `proc` and `sys`.
    """
    cores = cores_to_run_on()
    quota = cpu_quota(root)
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def cores_to_run_on() -> int:
    """Logical cores that the scheduler may put this process on, whatever its quota."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def cpu_quota(root: Path = Path("/")) -> float | None:
    """The smallest CPU quota that holds for this process, in cores; None where there is none.

    `root` is the folder that holds `proc` and `sys`. What cannot be read sets no limit.
    """
    quotas = (_quota_of(folder) for folder in _control_groups(root))
    return min((quota for quota in quotas if quota is not None), default=None)


def _control_groups(root: Path) -> Iterator[Path]:
    """Folders of the process's control groups and of all above them, as far as they are shown."""
    members = dict(_memberships(root))
    for is_v2, top, point in _mounts(root):
        if is_v2 not in members:
            continue
        parts = _below(members[is_v2], top)
        shown = root.joinpath(*point.parts[1:])
        yield shown
        for depth in range(1, len(parts) + 1):
            yield shown.joinpath(*parts[:depth])


def _memberships(root: Path) -> Iterator[tuple[bool, PurePosixPath]]:
    """Of each hierarchy with a CPU controller, whether it is v2 and the process's group there."""
    for line in _lines(root / "proc" / "self" / "cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            yield True, PurePosixPath(path)
        elif CONTROLLER in controllers.split(","):
            yield False, PurePosixPath(path)


def _mounts(root: Path) -> Iterator[tuple[bool, PurePosixPath, PurePosixPath]]:
    """Of each hierarchy with a CPU controller, whether it is v2, the control group that is mounted
    (in a container not always the highest one), and where it is."""
    for line in _lines(root / "proc" / "self" / "mountinfo"):
        before, _, after = line.partition(" - ")
        place, kind = before.split(" "), after.split(" ")
        if len(place) < 5 or len(kind) < 3:
            continue
        is_v2 = kind[0] == "cgroup2"
        if is_v2 or (kind[0] == "cgroup" and CONTROLLER in kind[2].split(",")):
            # Blanks and backslashes are octal numbers there.
            paths = (re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), p) for p in place[3:5])
            top, point = map(PurePosixPath, paths)
            yield is_v2, top, point


def _below(group: PurePosixPath, top: PurePosixPath) -> tuple[str, ...]:
    """The way from a mount's top to a group; empty for one that the mount does not show."""
    if ".." in group.parts or ".." in top.parts or not group.is_relative_to(top):
        return ()
    return group.relative_to(top).parts


def _quota_of(folder: Path) -> float | None:
    """The quota of one control group in cores."""
    text = " ".join(_lines(folder / "cpu.max"))
    if not text:
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        text = " ".join(line for name in names for line in _lines(folder / name)[:1])
    match = re.fullmatch(r"(\d+) (\d+)", text)
    if match is None:
        # "max" in v2 and -1 in v1: no limit.
        return None
    quota, period = int(match[1]), int(match[2])
    return quota / period if quota and period else None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []
