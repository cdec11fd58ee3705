"""The checkpoints of a training: a manifest that is only ever appended to, and old ones pruned."""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from pydantic import Field, ValidationError

from pipeline.errors import OutpostError
from pipeline.jobs.program.constants import CHECKPOINT_FILE
from pipeline.manifests import Record

MANIFEST_FILE = "manifest.jsonl"
METRIC = "map50_95"
"""By which the best checkpoint is chosen, as in training itself."""


class CheckpointMissingError(OutpostError, FileNotFoundError):
    """A checkpoint that is not where it was looked for."""


class ManifestError(OutpostError):
    """A manifest of checkpoints that cannot be read."""


class CheckpointKind(StrEnum):
    """Why a checkpoint was kept."""

    PERIODIC = "periodic"
    """Every few epochs, with all that going on from it takes; old ones are pruned."""
    BEST = "best"
    """The finished weights that validated best."""
    FINAL = "final"
    """The finished weights of the last epoch."""


class CheckpointRecord(Record):
    """One line of a manifest."""

    path: str = Field(description="Relative to the manifest's folder, with slashes.")
    kind: CheckpointKind
    stage: str = Field(description="Of training.")
    epoch: int = Field(ge=1, description="Of that stage.")
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
        """Add a record, in one write, so that records of several processes never mix."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        line = record.model_dump_json() + "\n"
        descriptor = os.open(self.file, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o644)
        try:
            os.write(descriptor, line.encode("utf-8"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def records(self) -> tuple[CheckpointRecord, ...]:
        """All records, oldest first; those of pruned checkpoints as well.

        Raises:
            ManifestError: a line is none.
        """
        if not self.file.is_file():
            return ()
        whole, _, _ = self.file.read_text(encoding="utf-8").rpartition("\n")
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

    def latest_periodic(self, run_id: str | None = None) -> CheckpointRecord | None:
        """The newest checkpoint, of one training or of any, that is still there to go on from."""
        return next(reversed(self._periodic_at_hand(run_id)), None)

    def best(self) -> CheckpointRecord | None:
        """The finished weights of the newest training that validated best; None until there are."""
        return next(reversed(self.of_kind(CheckpointKind.BEST)), None)

    def path_of(self, record: CheckpointRecord) -> Path:
        """Where a recorded checkpoint lies, or lay."""
        return self.file.parent / record.path

    def prune_periodic(self, keep_last: int, run_id: str | None = None) -> tuple[Path, ...]:
        """Delete old periodic checkpoints, of one training or of all, and return their paths.

        The newest `keep_last` stay, and the one with the highest mAP50-95. Files that the manifest
        does not know are never touched.

        Raises:
            ValueError: `keep_last` is negative.
        """
        if keep_last < 0:
            raise ValueError(f"keep_last must be 0 or more, not {keep_last}")
        at_hand = self._periodic_at_hand(run_id)
        kept = {record.path for record in at_hand[len(at_hand) - min(keep_last, len(at_hand)) :]}
        if at_hand:
            kept.add(max(at_hand, key=lambda record: record.metrics.get(METRIC) or 0.0).path)
        removed = [self.path_of(record) for record in at_hand if record.path not in kept]
        for file in removed:
            file.unlink(missing_ok=True)
        return tuple(removed)

    def _periodic_at_hand(self, run_id: str | None) -> list[CheckpointRecord]:
        """The newest record of every periodic checkpoint that is still there, oldest first."""
        newest: dict[str, CheckpointRecord] = {}
        for record in self.of_kind(CheckpointKind.PERIODIC):
            newest.pop(record.path, None)  # so that the order is that of the newest records
            if run_id in (None, record.run_id):
                newest[record.path] = record
        return [record for record in newest.values() if self.path_of(record).is_file()]


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
            f"Give a {CHECKPOINT_FILE}, or the folder of a training that had finished an epoch "
            "and had not come to its end. Without it, training starts from the beginning.",
        )
    return found


def _candidates(folder: Path) -> Iterator[Path]:
    for place in (folder, folder / "outputs", folder / "job" / "outputs"):
        yield place / CHECKPOINT_FILE
    for file, run_id in ((folder, None), (folder.absolute().parent, folder.absolute().name)):
        manifest = CheckpointManifest(file / MANIFEST_FILE)
        newest = manifest.latest_periodic(run_id)
        if newest is not None:
            yield manifest.path_of(newest)
