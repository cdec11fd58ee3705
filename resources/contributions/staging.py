"""Installs and their files below the staging folder of a game, as strangers have written them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from detector_runtime.contribute.records import STAGING_FOLDER

from pipeline.community.receiving.staged_files import StagedFile, install_of
from resources.object_store.base import ObjectMissingError, ObjectTooShortError, ReadableStore

MOST_INSTALLS = 20_000
"""Folders that are listed; what is beyond is not seen."""


@dataclass(frozen=True)
class StagedInstalls:
    """Who has sent something.

    Attributes:
        installs: by id.
        others: how many folders have a name that is no install's.
    """

    installs: tuple[UUID, ...]
    others: int


@dataclass(frozen=True)
class StagingPlace:
    """The staging folder of one game, wherever it is read from."""

    store: ReadableStore
    game: str

    @property
    def place(self) -> str:
        """Where it is, for people; it holds no credentials."""
        return f"{self.store.place}/{self._prefix}"

    def installs(self) -> StagedInstalls:
        """Who has sent something, in one listing.

        Raises:
            ObjectStoreError: it cannot be listed.
        """
        names = self.store.folders(f"{self._prefix}/", MOST_INSTALLS)
        found = [install for name in names if (install := install_of(name)) is not None]
        return StagedInstalls(tuple(found), len(names) - len(found))

    def files(self, install: UUID, most: int) -> Iterator[StagedFile]:
        """What an install has sent, in one listing that ends after `most` files.

        Raises:
            ObjectStoreError: it cannot be listed.
        """
        folder = self._folder(install)
        for one in self.store.listing(folder, most):
            yield StagedFile(one.key.removeprefix(folder), one.size, one.tag)

    def fetch(self, install: UUID, file: StagedFile) -> bytes | None:
        """The bytes of a listed file, at most as many as it was listed with.

        Args:
            file: one whose path was found to be one of ours.

        Returns:
            None where it is gone, or shorter now.

        Raises:
            ObjectStoreError: it cannot be read.
        """
        if file.size == 0:
            return b""
        try:
            return self.store.get_range(f"{self._folder(install)}{file.path}", 0, file.size)
        except (ObjectMissingError, ObjectTooShortError):
            return None

    @property
    def _prefix(self) -> str:
        return f"{self.game}/{STAGING_FOLDER}"

    def _folder(self, install: UUID) -> str:
        return f"{self._prefix}/{install}/"
