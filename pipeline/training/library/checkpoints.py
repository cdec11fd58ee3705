"""The checkpoints of trainings: a manifest that is only ever appended to, and old ones pruned.

Detectors and policies that play are recorded in the same way. A detector counts epochs of a stage,
a policy steps of its environment.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from filelock import FileLock
from pydantic import Field, ValidationError

from pipeline.errors import OutpostError
from pipeline.jobs.program.constants import CHECKPOINT_FILE
from pipeline.manifests import Record, sha256_of

MANIFEST_FILE = "manifest.jsonl"
METRIC = "map50_95"
"""By which the best checkpoint is chosen, as in training itself."""
KEEP_LAST = 3
"""Periodic checkpoints that stay, where nothing else is said."""


class CheckpointMissingError(OutpostError, FileNotFoundError):
    """A checkpoint that is not where it was looked for."""


class ManifestError(OutpostError):
    """A manifest of checkpoints that cannot be read, or a file that it cannot record."""


class CheckpointKind(StrEnum):
    """Why a checkpoint was kept."""

    PERIODIC = "periodic"
    """Every few epochs or steps, with all that going on from it takes; old ones are pruned."""
    BEST = "best"
    """The finished weights that validated best."""
    FINAL = "final"
    """The finished weights of the last epoch or step."""
    SNAPSHOT = "snapshot"
    """A policy as it was, for later ones to play against."""


class CheckpointRecord(Record):
    """One line of a manifest."""

    path: str = Field(description="Relative to the manifest's folder, with slashes.")
    kind: CheckpointKind
    stage: str = Field("", description="Of training, of a detector.")
    epoch: int = Field(0, ge=0, description="Of that stage, from 1; 0 where steps are counted.")
    step: int = Field(0, ge=0, description="Of the environment, of a policy.")
    seed: int | None = Field(None, description="Of the training.")
    curriculum_level: int | None = Field(None, description="At which a policy was trained.")
    config_hash: str = Field("", description="Of the training's configuration.")
    metrics: dict[str, float | None] = Field(
        {}, description="precision, recall, map50, map50_95 on the validation list, each in 0..1."
    )
    sha256: str
    bytes: int
    recorded_at: str = Field(description="UTC, ISO 8601.")
    run_id: str = Field("", description="Of the training that wrote it.")


class CheckpointManifest:
    """The checkpoints that were ever kept in a folder, in the order in which they were."""

    def __init__(self, file: Path) -> None:
        """`file` need not exist yet. Checkpoints lie in its folder or below."""
        self.file = file

    def append(self, record: CheckpointRecord) -> None:
        """Add a record; those of several processes never mix.

        Raises:
            OSError: it cannot be written, as on a full disk. The manifest is then as it was.
        """
        with self._locked():
            self._append(record)

    def register(
        self,
        artifact_path: Path,
        *,
        artifact_type: CheckpointKind,
        step: int,
        seed: int | None,
        curriculum_level: int | None,
        run_id: str,
        config_hash: str,
    ) -> CheckpointRecord:
        """Record a checkpoint of a policy, unless it is recorded already.

        Whoever was interrupted between writing a checkpoint and recording it, or just after,
        registers it again: the same file of the same kind and step has one line.

        Returns:
            Its record, which may be an earlier one.

        Raises:
            CheckpointMissingError: there is no such file.
            ManifestError: it lies outside of the manifest's folder.
            OSError: the manifest cannot be written; it is then as it was.
        """
        path, digest = self._relative(artifact_path), _digest_of(artifact_path)
        with self._locked():
            known = self._entry(path, artifact_type, step)
            if known is not None and known.sha256 == digest:
                return known
            record = CheckpointRecord(
                path=path,
                kind=artifact_type,
                step=step,
                seed=seed,
                curriculum_level=curriculum_level,
                config_hash=config_hash,
                sha256=digest,
                bytes=artifact_path.stat().st_size,
                recorded_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
                run_id=run_id,
            )
            self._append(record)
        return record

    def records(self) -> tuple[CheckpointRecord, ...]:
        """All records, oldest first; those of pruned checkpoints as well.

        Raises:
            ManifestError: a line is none.
        """
        if not self.file.is_file():
            return ()
        # In bytes: a name in the line that was cut off may end within a letter.
        whole, _, _ = self.file.read_bytes().rpartition(b"\n")
        try:
            return tuple(
                CheckpointRecord.model_validate_json(line) for line in whole.splitlines() if line
            )
        except ValidationError as error:
            raise ManifestError(
                f"{self.file} is not a manifest of checkpoints: {error}",
                "Move it away: a new one begins with the next checkpoint.",
            ) from error

    def of_kind(self, kind: CheckpointKind) -> tuple[CheckpointRecord, ...]:
        """The records of one kind, oldest first."""
        return tuple(record for record in self.records() if record.kind is kind)

    def known_paths(self) -> frozenset[str]:
        """All recorded paths, relative to the manifest's folder, with slashes."""
        return frozenset(record.path for record in self.records())

    def has_entry(self, artifact_path: Path, *, artifact_type: CheckpointKind, step: int) -> bool:
        """Whether a file was recorded as of that kind and step."""
        return self._entry(self._relative(artifact_path), artifact_type, step) is not None

    def latest_entry_for_path(self, artifact_path: Path) -> CheckpointRecord | None:
        """The newest record of a file; None if there is none."""
        path = self._relative(artifact_path)
        return next((r for r in reversed(self.records()) if r.path == path), None)

    def latest_periodic(
        self,
        checkpoint_dir: Path | None = None,
        prefix: str = "",
        *,
        run_id: str | None = None,
    ) -> CheckpointRecord | None:
        """The newest periodic checkpoint that is still there to go on from.

        Args:
            checkpoint_dir: the folder that it lies in; any if None.
            prefix: how its file's name begins.
            run_id: of the training that wrote it; any if None.
        """
        at_hand = self._at_hand(CheckpointKind.PERIODIC, checkpoint_dir, prefix, run_id)
        return next(reversed(at_hand), None)

    def best(self) -> CheckpointRecord | None:
        """The finished weights of the newest training that validated best; None until there are."""
        return next(reversed(self.of_kind(CheckpointKind.BEST)), None)

    def path_of(self, record: CheckpointRecord) -> Path:
        """Where a recorded checkpoint lies, or lay."""
        return self.file.parent / record.path

    def prune_periodic(
        self,
        checkpoint_dir: Path | None = None,
        prefix: str = "",
        keep_last: int = KEEP_LAST,
        *,
        run_id: str | None = None,
    ) -> tuple[Path, ...]:
        """Delete old periodic checkpoints and return their paths.

        The newest `keep_last` stay, and the one with the highest mAP50-95 where that was measured.
        Files that the manifest does not know are never touched. What is chosen by folder, prefix
        and training is as in `latest_periodic`.

        Raises:
            ValueError: `keep_last` is negative.
        """
        at_hand = self._at_hand(CheckpointKind.PERIODIC, checkpoint_dir, prefix, run_id)
        measured = [record for record in at_hand if record.metrics.get(METRIC) is not None]
        best = max(measured, key=lambda record: record.metrics[METRIC] or 0.0, default=None)
        return self._prune(at_hand, keep_last, best)

    def prune_self_play_snapshots(self, pool_dir: Path, keep_last: int) -> tuple[Path, ...]:
        """Delete old snapshots in a folder, but for the newest `keep_last`; return their paths.

        Files that the manifest does not know are never touched.

        Raises:
            ValueError: `keep_last` is negative.
        """
        at_hand = self._at_hand(CheckpointKind.SNAPSHOT, pool_dir)
        return self._prune(at_hand, keep_last, None)

    def _entry(self, path: str, kind: CheckpointKind, step: int) -> CheckpointRecord | None:
        """The newest record of a path as of that kind and step."""
        sought = (path, kind, step)
        return next(
            (r for r in reversed(self.records()) if (r.path, r.kind, r.step) == sought), None
        )

    def _locked(self) -> FileLock:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self.file.with_name(f".{self.file.name}.lock"))

    def _append(self, record: CheckpointRecord) -> None:
        """Add a line after the last whole one; where that fails, nothing of it stays."""
        line = f"{record.model_dump_json()}\n".encode()
        with self.file.open("a+b", buffering=0) as stream:
            stream.seek(0)
            # What a kill or a full disk cut off is no record.
            end = stream.read().rfind(b"\n") + 1
            stream.truncate(end)
            try:
                if stream.write(line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.file))
                os.fsync(stream.fileno())
            except OSError:
                stream.truncate(end)
                raise

    def _relative(self, path: Path) -> str:
        folder = self.file.parent
        try:
            return path.resolve().relative_to(folder.resolve()).as_posix()
        except ValueError as error:
            raise ManifestError(
                f"{path} does not lie in {folder}, whose checkpoints {self.file.name} records.",
                "Write it there, or use a manifest in its own folder.",
            ) from error

    def _at_hand(
        self,
        kind: CheckpointKind,
        folder: Path | None,
        prefix: str = "",
        run_id: str | None = None,
    ) -> list[CheckpointRecord]:
        """The newest record of every file that is still there, by step, then by age."""
        newest: dict[str, CheckpointRecord] = {}
        for record in self.of_kind(kind):
            newest.pop(record.path, None)  # so that the order is that of the newest records
            newest[record.path] = record
        chosen = [
            record
            for record in newest.values()
            if run_id in (None, record.run_id) and self._is_there(record, folder, prefix)
        ]
        return sorted(chosen, key=lambda record: record.step)

    def _is_there(self, record: CheckpointRecord, folder: Path | None, prefix: str) -> bool:
        file = self.path_of(record)
        is_asked_for = folder is None or file.parent.resolve() == folder.resolve()
        return is_asked_for and file.name.startswith(prefix) and file.is_file()

    def _prune(
        self, at_hand: list[CheckpointRecord], keep_last: int, best: CheckpointRecord | None
    ) -> tuple[Path, ...]:
        if keep_last < 0:
            raise ValueError(f"keep_last must be 0 or more, not {keep_last}")
        old = at_hand[: max(len(at_hand) - keep_last, 0)]
        removed = [self.path_of(record) for record in old if record is not best]
        for file in removed:
            file.unlink(missing_ok=True)
        return tuple(removed)


def find_checkpoint(path: Path) -> Path:
    """The checkpoint that a training can go on from: the file itself, or the newest of a folder.

    Args:
        path: a checkpoint, a job's folder, its outputs, or the folder of a training from Python.

    Raises:
        CheckpointMissingError: there is none.
    """
    if path.is_file():
        return path
    found = next((file for file in _candidates(path) if file.is_file()), None)
    if found is None:
        what = "holds no checkpoint" if path.is_dir() else "does not exist"
        raise CheckpointMissingError(
            f"Cannot go on from {path}: it {what}.",
            f"Give a {CHECKPOINT_FILE} of a detector, a ..._steps.safetensors of a policy, or the "
            "folder of a training that has kept one. Without it, training starts from the "
            "beginning.",
        )
    return found


def _candidates(folder: Path) -> Iterator[Path]:
    for place in (folder, folder / "outputs", folder / "job" / "outputs"):
        yield place / CHECKPOINT_FILE
    for file, run_id in ((folder, None), (folder.absolute().parent, folder.absolute().name)):
        manifest = CheckpointManifest(file / MANIFEST_FILE)
        newest = manifest.latest_periodic(run_id=run_id)
        if newest is not None:
            yield manifest.path_of(newest)


def _digest_of(file: Path) -> str:
    try:
        return sha256_of(file)
    except OSError as error:
        raise CheckpointMissingError(
            f"There is no checkpoint at {file} to record: {error}", "Correct the path."
        ) from error
