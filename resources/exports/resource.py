"""All sources of a game's exports as one resource."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import dagster as dg
from pydantic import Field

from resources.cvat import Cvat
from resources.exports.base import (
    Export,
    ExportMissingError,
    ExportSource,
    ExportSourceError,
    Listing,
    NotRestoredError,
)
from resources.exports.bucket import ExportsBucket
from resources.exports.cvat_source import CompletedTasks
from resources.exports.fetched import FetchedExports
from resources.exports.folder import ExportsFolder
from resources.paths import Paths

BUCKET_VARIABLE = "OUTPOST_EXPORTS_BUCKET"
CVAT_VARIABLE = "OUTPOST_EXPORTS_CVAT"
OFF = ("", "0", "false", "no", "off")
"""What a switch among the environment variables says that is off."""


class Exports(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where a game's CVAT exports come from: a folder; a bucket and CVAT if that is wanted."""

    paths: Paths
    folder: str = Field(
        default="",
        description="Empty: exports/<game> in the state folder. Drop CVAT COCO 1.0 zips there.",
    )
    bucket: str = Field(
        default="",
        description="s3://bucket/prefix below which exports of a game lie as <game>/<name>.zip. "
        f"Empty: what {BUCKET_VARIABLE} says, else none. Credentials are read from AWS_* alone.",
    )
    with_cvat: bool = Field(
        default=False,
        description="Take the completed tasks of the game's project in CVAT too. False: what "
        f"{CVAT_VARIABLE} says, such as 1; else no. The access token is read from "
        "CVAT_ACCESS_TOKEN alone.",
    )
    cvat: Cvat | None = None
    """The server; None for the one that the environment names. (Dagster 1.13 does not take a
    resource for the default of another one's field.)"""

    def path(self, game: str) -> Path:
        """The folder, which need not exist yet."""
        return Path(self.folder) if self.folder else self.paths.state.exports(game)

    def dropped(self, game: str) -> ExportsFolder:
        """The folder as a source, which is there always."""
        return ExportsFolder(self.path(game), required=bool(self.folder))

    def sources(self, game: str) -> tuple[ExportSource, ...]:
        """Every source; where two have an export of one batch name, the earlier one's is read."""
        return tuple(self._sources(game))

    def _sources(self, game: str) -> Iterator[ExportSource]:
        yield self.dropped(game)
        if bucket := self.bucket or os.environ.get(BUCKET_VARIABLE, ""):
            yield ExportsBucket(bucket, game, self._copies(game, "bucket"))
        if self.with_cvat or os.environ.get(CVAT_VARIABLE, "").strip().lower() not in OFF:
            yield CompletedTasks(self.cvat or Cvat(), game, self._copies(game, "cvat"))

    def listing(self, game: str) -> Listing:
        """What all sources hold now, and which of them could not be asked."""
        return Listing.of(self.sources(game))

    def exports(self, game: str) -> tuple[Export, ...]:
        """What is there, by batch name, each of which comes once.

        The folder goes before the other sources, unless CVAT has the same export and it was fetched
        from there; in it an archive goes before a folder of the same
        batch name (its unpacked self), else the first by file name. Hidden and temporary files
        don't count, nor does a source that cannot be reached: `listing` tells.
        """
        return self.listing(game).exports

    def export(self, game: str, batch: str, listing: Listing | None = None) -> Export:
        """One export by its batch name.

        Args:
            listing: of that game, for those who have asked all sources already.

        Raises:
            ExportMissingError: it is not there.
        """
        return _export_of(listing or self.listing(game), self.path(game), game, batch)

    def retired(self, game: str) -> tuple[Export, ...]:
        """Exports that were taken out and may be put back, by batch name and then by time."""
        found = [export for _, retired in self._retired(game) for export in retired]
        return tuple(sorted(found, key=lambda export: export.batch))

    def retire(self, game: str, batch: str) -> None:
        """Have whatever is an export of that batch passed over; it may be none.

        Raises:
            ExportSourceError: a source cannot be reached, which may have one too; nothing is done.
        """
        for error in self.listing(game).unreachable.values():
            raise error
        for source in self.sources(game):
            source.retire(batch)

    def restore(self, game: str, batch: str) -> None:
        """Put a retired export back.

        Raises:
            NotRestoredError: there is none of that batch where it can be reached, or another
                export has its place.
        """
        holders = [
            source
            for source, retired in self._retired(game)
            if any(export.batch == batch for export in retired)
        ]
        if not holders:
            raise NotRestoredError(
                f"No export of a batch '{batch}' was retired.",
                f"`outpost batches list --game {game}` shows those that were.",
            )
        taken = self.listing(game).chosen.get(batch)
        if taken:
            raise NotRestoredError(
                f"{taken.export.name} is the batch '{batch}' now.",
                "Rename or retire that one first.",
            )
        holders[0].restore(batch)

    def _retired(self, game: str) -> Iterator[tuple[ExportSource, Sequence[Export]]]:
        """What each source has retired that can be reached."""
        for source in self.sources(game):
            with suppress(ExportSourceError):
                yield source, source.retired()

    def _copies(self, game: str, source: str) -> FetchedExports:
        return FetchedExports(self.paths.state.fetched_exports(game) / source)


def _export_of(listing: Listing, folder: Path, game: str, batch: str) -> Export:
    if batch in listing.chosen:
        return listing.chosen[batch].export
    if listing.unreachable:
        problems = " ".join(error.problem for error in listing.unreachable.values())
        fixes = " ".join(error.fix for error in listing.unreachable.values())
        raise ExportMissingError(
            f"The export batch '{batch}' was not found. {problems}", f"{fixes} Then run it again."
        )
    raise ExportMissingError(
        f"The export batch '{batch}' is not in {folder}.",
        f"Put {batch}.zip back into that folder, or take the batch out of all that follows "
        f"with `outpost batches retire {batch} --game {game}`.",
    )
