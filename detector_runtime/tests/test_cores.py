"""Trees of control groups as Linux shows them, written into a folder that stands for `/`."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector_runtime.models import base as models
from detector_runtime.system.cores import cores_to_run_on, cpu_quota, usable_cores

V2 = "29 22 0:26 {top} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "33 31 0:30 {top} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
MEMORY = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"


def proc(root: Path, groups: Sequence[str], mounts: Sequence[str]) -> Path:
    folder = root / "proc" / "self"
    folder.mkdir(parents=True)
    (folder / "cgroup").write_text("".join(f"{line}\n" for line in groups))
    (folder / "mountinfo").write_text("".join(f"{line}\n" for line in mounts))
    return root


def v2(root: Path, group: str, text: str) -> None:
    folder = root / "sys/fs/cgroup" / group
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cpu.max").write_text(f"{text}\n")


def v1(root: Path, group: str, quota: int, period: int = 100_000) -> None:
    folder = root / "sys/fs/cgroup/cpu,cpuacct" / group
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (folder / "cpu.cfs_period_us").write_text(f"{period}\n")


QUOTAS = st.none() | st.tuples(st.integers(1_000, 6_400_000), st.sampled_from([10_000, 100_000]))


@settings(deadline=None)
@given(st.lists(QUOTAS, min_size=1, max_size=6))
def test_of_nested_groups_the_smallest_quota_counts(
    tmp_path_factory: pytest.TempPathFactory, quotas: list[tuple[int, int] | None]
) -> None:
    path = [f"level{number}" for number in range(1, len(quotas))]
    least = min((quota / period for quota, period in filter(None, quotas)), default=None)
    second = proc(tmp_path_factory.mktemp("v2"), [f"0::/{'/'.join(path)}"], [V2.format(top="/")])
    first = proc(
        tmp_path_factory.mktemp("v1"), [f"4:cpu,cpuacct:/{'/'.join(path)}"], [V1.format(top="/")]
    )
    for depth, quota in enumerate(quotas):
        group = "/".join(path[:depth])
        v2(second, group, f"{quota[0]} {quota[1]}" if quota else "max 100000")
        v1(first, group, *(quota or (-1,)))
    for root in (first, second):
        assert cpu_quota(root) == least
        cores = cores_to_run_on()
        assert usable_cores(root) == (min(cores, math.ceil(least)) if least else cores)


@pytest.mark.parametrize(("quota", "cores"), [(50_000, 1), (100_000, 1), (150_000, 2)])
def test_part_of_a_core_counts_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: int, cores: int
) -> None:
    monkeypatch.setattr("detector_runtime.system.cores.cores_to_run_on", lambda: 16)
    root = proc(tmp_path, ["0::/"], [V2.format(top="/")])
    v2(root, "", f"{quota} 100000")
    assert usable_cores(root) == cores


def test_a_container_sees_its_own_group_as_the_top_of_the_mount(tmp_path: Path) -> None:
    # Without a namespace of its own for groups: the path is the host's, the mount begins lower.
    inside = "/docker/0123abcd"
    root = proc(tmp_path, [f"0::{inside}/worker"], [V2.format(top=inside)])
    v2(root, "", "300000 100000")
    v2(root, "worker", "200000 100000")
    v2(root, "docker/0123abcd", "1000 100000")
    assert cpu_quota(root) == 2.0


def test_a_group_outside_of_the_mount_leaves_the_mounts_own_quota(tmp_path: Path) -> None:
    # With a namespace, of a process that was moved in from outside.
    root = proc(tmp_path, ["0::/../../system.slice"], [V2.format(top="/")])
    v2(root, "", "100000 100000")
    assert cpu_quota(root) == 1.0


def test_both_versions_may_be_mounted_at_once(tmp_path: Path) -> None:
    unified = "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
    groups = ["9:name=systemd:/", "4:memory:/jobs", "2:cpuset:/", "1:cpu,cpuacct:/jobs/one", "0::/"]
    root = proc(tmp_path, groups, [MEMORY, V1.format(top="/"), unified])
    v1(root, "", -1)
    v1(root, "jobs", 250_000)
    v1(root, "jobs/one", -1)
    assert cpu_quota(root) == 2.5


@pytest.mark.parametrize("text", ["", "max", "nonsense", "1 2 3", "-1 100000", "100000 0", "0 1"])
def test_what_makes_no_sense_is_no_limit(tmp_path: Path, text: str) -> None:
    root = proc(tmp_path, ["0::/", "", "nonsense"], [V2.format(top="/"), "", "too short - x"])
    v2(root, "", text)
    assert cpu_quota(root) is None


def test_without_control_groups_there_is_no_quota(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None
    assert usable_cores(tmp_path) == cores_to_run_on()


def test_a_mount_point_may_have_blanks(tmp_path: Path) -> None:
    mount = "29 22 0:26 / /sys/fs/c\\040group rw - cgroup2 cgroup2 rw"
    root = proc(tmp_path, ["0::/"], [mount])
    folder = root / "sys/fs/c group"
    folder.mkdir(parents=True)
    (folder / "cpu.max").write_text("100000 100000")
    assert cpu_quota(root) == 1.0


def test_this_machine_has_at_least_one_core() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux alone binds processes")
def test_a_process_that_is_bound_to_one_core_has_one() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("shown", "paid", "threads"), [(16, 16, 4), (16, 3, 3), (16, 1, 1), (4, 4, 2), (2, 2, 2)]
)
def test_a_model_takes_physical_cores_within_the_quota(
    monkeypatch: pytest.MonkeyPatch, shown: int, paid: int, threads: int
) -> None:
    monkeypatch.setattr(models.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(models, "cores_to_run_on", lambda: shown)
    monkeypatch.setattr(models, "usable_cores", lambda: paid)
    assert models.default_threads() == threads
