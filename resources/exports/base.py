"""What every source of exports is to the sensor and to the assets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.errors import OutpostError
from pipeline.progress import Report, silent

FORBIDDEN = re.compile(r"[^A-Za-z0-9_.-]+")


class ExportMissingError(OutpostError):
    """An export batch whose export is in no source any more."""


class NotRestoredError(OutpostError):
    """A retired export that cannot be put back."""


class ExportSourceError(OutpostError):
    """A source of exports that cannot be reached, or is not described rightly."""


class Export(Protocol):
    """One CVAT export, wherever it is."""

    @property
    def batch(self) -> str:
        """The export batch that it becomes; see `batch_name`."""

    @property
    def name(self) -> str:
        """Its file's or folder's name."""

    @property
    def place(self) -> str:
        """Where it is, for people."""

    @property
    def stamp(self) -> str:
        """Changes whenever the export does; cheap, for polling."""

    @property
    def has_arrived(self) -> bool:
        """Whether it can be an export, as far as can be told cheaply."""

    @property
    def is_here(self) -> bool:
        """Whether `fetch` needs nobody else."""

    @property
    def is_known_by_name(self) -> bool:
        """Whether no other export has its batch name: one elsewhere is a copy of it."""

    def fetch(self, report: Report = silent) -> Path:
        """The export as a zip archive or a folder on this machine, whole.

        Raises:
            ExportSourceError: it could not be brought here; nothing of it is left.
        """

    def differs_from(self, sha256: str) -> bool:
        """Whether it is another one than what was read from it; nothing is fetched.

        Args:
            sha256: what `digest_of_export` gave for what was read.
        """


class ExportSource(Protocol):
    """Where exports of one game come from.

    Whatever asks a server has a time limit of some seconds: all sources together are looked at
    within one tick of a sensor, which has a minute.
    """

    @property
    def name(self) -> str:
        """As messages and the sensor's memory call it, such as "folder"."""

    @property
    def place(self) -> str:
        """Where it is, for people."""

    def found(self) -> Sequence[Export]:
        """All that is there, what is to be preferred first: two may have one batch name.

        Raises:
            ExportSourceError: it cannot be reached.
        """

    def retired(self) -> Sequence[Export]:
        """What was taken out and may be put back, the latest of a batch last.

        Raises:
            ExportSourceError: it cannot be reached.
        """

    def retire(self, batch: str) -> None:
        """Pass over whatever is an export of that batch from now on; it may be none.

        Raises:
            ExportSourceError: it cannot be reached or changed.
        """

    def restore(self, batch: str) -> None:
        """Put the export of that batch back that was retired last; there has to be one.

        Raises:
            ExportSourceError: as `retire`.
        """


@dataclass(frozen=True)
class PassedOver:
    """An export that is not read, because another one has its batch name.

    Attributes:
        name: as `Export.name`, with its place where that is another one than that of `chosen`.
        chosen: the one that is read instead, likewise.
        is_same: whether both are the same export, so that nobody need do anything.
    """

    batch: str
    name: str
    chosen: str
    is_same: bool = False

    def __str__(self) -> str:
        if self.is_same:
            return f"{self.name} is the same export as {self.chosen}, which is read."
        return (
            f"{self.name} is passed over, because {self.chosen} is the batch '{self.batch}' too: "
            "rename it if it is another export, else remove it."
        )


@dataclass(frozen=True)
class FromSource:
    """An export with the name of the source that it comes from."""

    source: str
    export: Export


@dataclass(frozen=True)
class Listing:
    """What all sources hold at one time.

    Attributes:
        chosen: one export of each batch, by its name.
        unreachable: what is wrong, by the name of each source that could not be asked.
    """

    chosen: dict[str, FromSource]
    passed_over: tuple[PassedOver, ...]
    unreachable: dict[str, ExportSourceError]

    @property
    def exports(self) -> tuple[Export, ...]:
        """Those that are chosen, by batch name."""
        return tuple(self.chosen[batch].export for batch in sorted(self.chosen))

    @classmethod
    def of(cls, sources: Sequence[ExportSource]) -> Listing:
        """Ask every source; where batch names are equal, the earlier source's export is chosen,
        unless a later source has the same one, and has brought it here already."""
        chosen: dict[str, FromSource] = {}
        passed_over: list[PassedOver] = []
        unreachable: dict[str, ExportSourceError] = {}
        for source in sources:
            try:
                found = source.found()
            except ExportSourceError as error:
                unreachable[source.name] = error
                continue
            for export in found:
                one = FromSource(source.name, export)
                first = chosen.setdefault(export.batch, one)
                if first is one:
                    continue
                is_same = export.is_known_by_name
                if is_same and export.is_here:
                    # It may have been read from there, and is not to be read twice.
                    chosen[export.batch], one, first = one, first, one
                passed_over.append(_passed_over(one, first, is_same=is_same))
        return cls(chosen, tuple(passed_over), unreachable)


def batch_name(file_name: str) -> str:
    """The batch of an export: its name without an archive's suffix, safe as a partition and a
    folder."""
    stem = file_name[:-4] if file_name.lower().endswith(".zip") else file_name
    return FORBIDDEN.sub("_", stem)


def _passed_over(one: FromSource, chosen: FromSource, *, is_same: bool) -> PassedOver:
    exports = (one.export, chosen.export)
    apart = one.source != chosen.source
    name, first = (export.place if apart else export.name for export in exports)
    return PassedOver(one.export.batch, name, first, is_same)
