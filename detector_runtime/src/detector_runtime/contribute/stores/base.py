"""What a place for contributions does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class StoredFile:
    """A file as it was read; `tag` is of exactly this content."""

    content: bytes
    tag: str


@dataclass(frozen=True)
class Replacement:
    """A file that is written whole, in the place of the one that is known.

    Attributes:
        tag: of what is there; None for nothing.
    """

    key: str
    content: bytes
    tag: str | None


class ContributionStore(Protocol):
    """Files under keys, which are paths with slashes.

    Every method raises ContributionStoreError where the place refuses or cannot be reached.
    """

    @property
    def place(self) -> str:
        """Where it is, for people; it holds no credentials."""

    def get(self, key: str) -> StoredFile | None:
        """A file; None where there is none."""

    def publish(self, new: Mapping[str, bytes], replaced: Replacement | None) -> str | None:
        """Write files that are not there yet, each whole, and then replace one.

        Args:
            new: a file that is there is left alone: its name is its digest.

        Returns:
            The tag of what replaced; "" where nothing was to be; None where somebody else has
            changed it: then it is as it was, though new files may have been written.
        """

    def keys(self, prefix: str) -> Sequence[str]:
        """All keys that begin so."""

    def delete(self, keys: Sequence[str]) -> None:
        """Remove files, if they are there."""
