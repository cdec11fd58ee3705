"""A pool holds the newest policies, whoever else writes its folder and whatever is torn in it."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from doubles.arena_writers import add_many, policy

from pipeline.play.arena.opponents.pool import OpponentPool, PoolError, TeamOpponentPool
from pipeline.play.arena.opponents.snapshots import PolicySnapshot, SnapshotError, read_snapshot


def value_of(snapshot: PolicySnapshot | None) -> float:
    assert snapshot is not None
    return float(snapshot.tensors["weight"][0, 0])


@pytest.fixture
def pool(tmp_path: Path) -> OpponentPool:
    return OpponentPool(tmp_path / "pool", max_size=3)


def test_a_policy_comes_back_as_it_was(pool: OpponentPool) -> None:
    file = pool.add(policy(0.5), 7)
    snapshot = read_snapshot(file)
    assert (snapshot.policy, snapshot.version, snapshot.players_a_side) == ("linear", 7, 1)
    assert snapshot.settings == {"width": 2, "names": ["a", "b"]}
    for name, tensor in policy(0.5).tensors.items():
        np.testing.assert_array_equal(snapshot.tensors[name], tensor)
        assert snapshot.tensors[name].dtype == tensor.dtype
    other = OpponentPool(pool.pool_dir / "other")
    assert other.add(policy(0.5), 7).read_bytes() == file.read_bytes()


def test_an_empty_pool_has_nobody(pool: OpponentPool) -> None:
    assert pool.size == 0
    assert (pool.snapshot_paths, pool.versions, pool.snapshots()) == ([], [], [])
    assert pool.sample() is pool.sample_latest() is None
    with pytest.raises(PoolError, match="0 snapshots"):
        OpponentPool(pool.pool_dir, 0)


def test_the_oldest_leave_a_full_pool(pool: OpponentPool) -> None:
    for version in (2, 9, 10, 11, 100):
        pool.add(policy(version), version)
    assert pool.versions == [10, 11, 100], "by number, not by the alphabet"
    assert pool.size == 3
    assert [value_of(read_snapshot(file)) for file in pool.snapshot_paths] == [10, 11, 100]
    assert value_of(pool.sample_latest()) == 100
    assert [value_of(one) for one in pool.snapshots()] == [10, 11, 100]
    assert sorted(pool.pool_dir.iterdir()) == sorted(pool.snapshot_paths)


def test_all_are_sampled_as_often_and_by_the_seed(pool: OpponentPool) -> None:
    for version in range(3):
        pool.add(policy(version), version)
    rng, again = np.random.default_rng(4), np.random.default_rng(4)
    drawn = [value_of(pool.sample(rng)) for _ in range(300)]
    assert drawn[:20] == [value_of(pool.sample(again)) for _ in range(20)]
    counts = np.bincount(np.array(drawn, int), minlength=3)
    assert (counts > 70).all()
    assert (counts < 130).all()


def test_a_version_is_taken_once_but_may_be_added_again(pool: OpponentPool) -> None:
    file = pool.add(policy(1), 1)
    assert pool.add(policy(1), 1) == file
    with pytest.raises(PoolError, match="there already"):
        pool.add(policy(2), 1)
    assert value_of(pool.sample_latest()) == 1
    for version in (-1, 10**8):
        with pytest.raises(PoolError, match=str(version)):
            pool.add(policy(1), version)


def test_pools_of_teams_and_others_share_a_folder(pool: OpponentPool) -> None:
    team = TeamOpponentPool(pool.pool_dir, 1)
    pool.add(policy(1), 1)
    for version in (1, 2):
        team.add(policy(version), version)
    (pool.pool_dir / "snapshot_v3.safetensors").write_bytes(b"of somebody else")
    assert (pool.versions, team.versions) == ([1], [2])
    assert (pool.pool_dir / "snapshot_v3.safetensors").exists()


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_a_torn_snapshot_is_told_and_passed_over(pool: OpponentPool, kept: int) -> None:
    pool.add(policy(1), 1)
    torn = pool.add(policy(2), 2)
    torn.write_bytes(torn.read_bytes()[:kept])

    with pytest.raises(SnapshotError, match="cannot be read"):
        read_snapshot(torn)
    with pytest.warns(UserWarning, match="snapshot_v00000002"):
        assert value_of(pool.sample_latest()) == 1
    with pytest.warns(UserWarning, match="snapshot_v00000002"):
        assert [value_of(one) for one in pool.snapshots()] == [1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        drawn = [value_of(pool.sample(np.random.default_rng(seed))) for seed in range(8)]
    assert drawn == [1] * 8
    # The run that was interrupted adds it again.
    pool.add(policy(2), 2)
    assert value_of(pool.sample_latest()) == 2


def test_tensors_of_another_program_are_no_snapshot(pool: OpponentPool) -> None:
    from safetensors.numpy import save_file

    pool.pool_dir.mkdir()
    for metadata in (None, {"facts": "{}"}, {"facts": "no JSON"}):
        save_file({"weight": np.zeros(2)}, pool.path_of(1), metadata)
        with pytest.raises(SnapshotError):
            read_snapshot(pool.path_of(1))


def test_one_that_leaves_meanwhile_is_nobody_without_a_word(
    pool: OpponentPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = pool.add(policy(2), 2)
    pool.add(policy(1), 1)
    paths = pool.snapshot_paths
    gone.unlink()
    monkeypatch.setattr(OpponentPool, "snapshot_paths", property(lambda _pool: list(paths)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert value_of(pool.sample_latest()) == 1
        assert value_of(pool.sample(np.random.default_rng(0))) == 1


@pytest.mark.slow
def test_a_folder_that_others_write_is_always_whole(pool: OpponentPool) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=add_many, args=(pool.pool_dir, 5, range(first, 200, 2)))
        for first in (0, 1)
    ]
    for writer in writers:
        writer.start()
    reader, seen = OpponentPool(pool.pool_dir, 5), []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        while any(writer.is_alive() for writer in writers):
            newest = reader.sample_latest()
            if newest is not None:
                seen.append((newest.version, value_of(newest)))
    for writer in writers:
        writer.join(60)

    assert [writer.exitcode for writer in writers] == [0, 0]
    assert all(version == value for version, value in seen)
    assert reader.versions == [195, 196, 197, 198, 199]
    assert sorted(pool.pool_dir.iterdir()) == sorted(reader.snapshot_paths)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit to the size of files")
@pytest.mark.slow
def test_a_full_disk_leaves_the_pool_as_it_was(pool: OpponentPool) -> None:
    for version in range(3):
        pool.add(policy(version), version)
    before = sorted(pool.pool_dir.iterdir())
    program = (
        "import resource, signal, sys\n"
        "import numpy as np\n"
        "from pipeline.play.arena.opponents.pool import OpponentPool\n"
        "pool = OpponentPool(sys.argv[1], 3)\n"
        "newest = pool.sample_latest()\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try:\n"
        "    pool.add(newest, 3)\n"
        "except OSError:\n"
        "    sys.exit(3)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(pool.pool_dir)], check=False)

    assert done.returncode == 3
    assert sorted(pool.pool_dir.iterdir()) == before
    pool.add(policy(3), 3)
    assert pool.versions == [1, 2, 3]
