"""A folder of policies as they were: of a fixed size, the oldest leave it.

Several processes may write and read it at the same time: what it holds is what lies in the folder.
A file appears whole. One that is damaged all the same is told and passed over.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.errors import OutpostError
from pipeline.files import replacing, write_once
from pipeline.play.arena.opponents.snapshots import (
    SUFFIX,
    PolicySnapshot,
    SnapshotError,
    read_snapshot,
)

MAX_SIZE = 10
VERSIONS = 10**8


class PoolError(OutpostError, ValueError):
    """A snapshot that a pool cannot take, or a pool that cannot be."""


class VersionTakenError(PoolError):
    """A snapshot of a version that the pool has with other weights."""


class OpponentPool:
    """The newest snapshots of a policy, for it to play against."""

    stem = "snapshot"
    """How the names of its files begin."""

    def __init__(self, pool_dir: Path | str, max_size: int = MAX_SIZE) -> None:
        """
        Args:
            pool_dir: need not exist yet.
            max_size: snapshots that are kept.

        Raises:
            PoolError: none are to be kept.
        """
        if max_size < 1:
            raise PoolError(f"A pool of {max_size} snapshots holds none.", "Keep at least one.")
        self.pool_dir = Path(pool_dir)
        self.max_size = max_size

    @property
    def size(self) -> int:
        """How many snapshots there are."""
        return len(self.snapshot_paths)

    @property
    def snapshot_paths(self) -> list[Path]:
        """The files, the oldest version first."""
        return [self.path_of(version) for version in self.versions]

    @property
    def versions(self) -> list[int]:
        """The versions, rising."""
        pattern = re.compile(rf"{self.stem}_v(\d{{8}}){re.escape(SUFFIX)}")
        found = (pattern.fullmatch(file.name) for file in self.pool_dir.glob(f"*{SUFFIX}"))
        return sorted(int(match[1]) for match in found if match)

    def path_of(self, version: int) -> Path:
        """Where a version lies, or would."""
        return self.pool_dir / f"{self.stem}_v{version:08}{SUFFIX}"

    def add(self, snapshot: PolicySnapshot, version: int) -> Path:
        """Keep a policy as it is now; the oldest leave the pool when it is full.

        A version that is there already with the same weights stays as it is, so that whoever was
        interrupted may add it again. Older snapshots leave when the new one is written.

        Args:
            version: above all in the pool, which is how the oldest are known.

        Raises:
            VersionTakenError: the version is there with other weights.
            PoolError: it is no version.
            OSError: it cannot be written, as on a full disk. The pool is then as it was.
        """
        if not 0 <= version < VERSIONS:
            raise PoolError(
                f"Snapshots cannot have the version {version}.",
                f"Count versions from 0, to {VERSIONS - 1} at most.",
            )
        file = self.path_of(version)
        content = replace(snapshot, version=version).to_bytes()
        self.pool_dir.mkdir(parents=True, exist_ok=True)
        if not write_once(file, content, private=False):
            _check_taken(file, content)
        for old in self.snapshot_paths[: -self.max_size]:
            old.unlink(missing_ok=True)
        return file

    def read(self, version: int) -> PolicySnapshot | None:
        """A snapshot; None where it has left the pool, or, with a warning, is damaged."""
        return _read_or_warn(self.path_of(version))

    def sample(self, rng: np.random.Generator | None = None) -> PolicySnapshot | None:
        """One of the snapshots, all as likely; None where there is none.

        Args:
            rng: of the choice; a fresh one by default.
        """
        drawn = rng or np.random.default_rng()
        paths = self.snapshot_paths
        while paths:
            file = paths.pop(int(drawn.integers(len(paths))))
            if (snapshot := _read_or_warn(file)) is not None:
                return snapshot
        return None

    def sample_latest(self) -> PolicySnapshot | None:
        """The newest snapshot; None where there is none."""
        found = (_read_or_warn(file) for file in reversed(self.snapshot_paths))
        return next((snapshot for snapshot in found if snapshot is not None), None)

    def snapshots(self) -> list[PolicySnapshot]:
        """All snapshots, the oldest first."""
        found = (_read_or_warn(file) for file in self.snapshot_paths)
        return [snapshot for snapshot in found if snapshot is not None]


class TeamOpponentPool(OpponentPool):
    """The newest snapshots of a policy that plays for every player of a team."""

    stem = "team_snapshot"


def _check_taken(file: Path, content: bytes) -> None:
    """Refuse to write over another snapshot; one that is damaged makes room."""
    try:
        taken = read_snapshot(file).to_bytes()
    except SnapshotError:
        with replacing(file) as fresh:
            fresh.write_bytes(content)
        return
    if taken != content:
        raise VersionTakenError(
            f"{file} is there already, with other weights.",
            "Give each snapshot a version of its own, above those before.",
        )


def _read_or_warn(file: Path) -> PolicySnapshot | None:
    """A snapshot; None where another process has removed it, or, with a warning, a damaged one."""
    try:
        return read_snapshot(file)
    except SnapshotError as error:
        if file.exists():
            warnings.warn(error.problem, stacklevel=3)
        return None
