"""What every object store does, and the errors of all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pipeline.errors import OutpostError
from pipeline.progress import Report, silent

_PART = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._+-]*[A-Za-z0-9_+-])?")


class ObjectStoreError(OutpostError):
    """A store that cannot be read or written."""


class ObjectStoreBusyError(ObjectStoreError):
    """A store that wants to be left alone for a time.

    Attributes:
        seconds: how long.
    """

    def __init__(self, problem: str, fix: str, seconds: float) -> None:
        super().__init__(problem, fix)
        self.seconds = seconds

    def __reduce__(self) -> tuple[type, tuple[str, str, float]]:
        return type(self), (self.problem, self.fix, self.seconds)


class ObjectMissingError(ObjectStoreError):
    """There is no object under a key."""


class ObjectTooShortError(ObjectStoreError):
    """An object that ends before the bytes that are asked for."""


@dataclass(frozen=True)
class StoredObject:
    """An object as it was read.

    Attributes:
        content: all of it.
        tag: of exactly this content, for `ObjectStore.put_if_match`.
    """

    content: bytes
    tag: str


@dataclass(frozen=True)
class ObjectListing:
    """An object as it is listed.

    Attributes:
        size: bytes.
        tag: changes whenever the object does; not the one of `StoredObject`.
        modified: when it was last written, in seconds since the epoch by the store's clock, whose
            times are to be compared with each other alone. It is not part of what is equal.
    """

    key: str
    size: int
    tag: str = field(default="", compare=False)
    modified: float = field(default=0.0, compare=False)


class ReadableStore(Protocol):
    """Objects under keys, of which some are read.

    Each method raises ObjectStoreError where the store cannot be reached, or refuses.
    """

    @property
    def place(self) -> str:
        """Where it is, for people and logs: it holds no credentials."""

    def get_range(self, key: str, first: int, size: int) -> bytes:
        """Some bytes of an object, which has that many.

        Raises:
            ObjectMissingError: there is no such object.
            ObjectTooShortError: it ends before them.
        """

    def listing(self, prefix: str = "", most: int | None = None) -> Iterator[ObjectListing]:
        """Objects whose key begins so, by key.

        Args:
            most: with it no more are looked at than so many, whichever those are.
        """

    def folders(self, prefix: str, most: int) -> tuple[str, ...]:
        """The next part of all keys that begin with `prefix`, each once, in order.

        Args:
            prefix: ends with a slash.
            most: no more are looked at than so many, whichever those are.
        """


class ObjectStore(ReadableStore, Protocol):
    """Objects under keys.

    Every write is whole or not at all for whoever reads, and a conditional one is won by one of all
    writers on all machines. Each method raises ObjectStoreError where the store cannot be reached,
    or refuses.
    """

    def get(self, key: str) -> StoredObject | None:
        """A small object; None where there is none."""

    def put_if_absent(self, key: str, content: bytes) -> str | None:
        """Write a new object.

        Returns:
            Its tag; None where another writer was there first, whose object stays.
        """

    def put_if_match(self, key: str, content: bytes, tag: str) -> str | None:
        """Replace an object that nobody has changed since it was read with this tag.

        Returns:
            The new tag; None where somebody has changed or removed it, and nothing was written.
        """

    def upload(self, key: str, file: Path) -> bool:
        """Write a new object of a file of up to 5 GiB, without holding it in memory.

        Returns:
            Whether it was written; False where there is an object, which stays.
        """

    def download(self, key: str, file: Path, report: Report = silent) -> None:
        """Write an object into a file, which is there afterwards whole or as it was.

        Args:
            report: told of MiB, where there is one.

        Raises:
            ObjectMissingError: there is no such object.
        """

    def delete(self, key: str) -> None:
        """Remove an object, if there is one. Nobody may be writing it."""


def checked_key(key: str) -> str:
    """A key that is a path within any store, on any system.

    Raises:
        ValueError: it is not; keys are made by programs.
    """
    if not all(_PART.fullmatch(part) for part in key.split("/")):
        raise ValueError(f"'{key}' is no key: parts of letters, digits and ._+- between slashes")
    return key


def too_short(key: str, place: str) -> ObjectTooShortError:
    """The error of an object that ends before the bytes that are asked for."""
    return ObjectTooShortError(
        f"{key} in {place} is shorter than it was written.",
        "Remove it, and write it again from where it came.",
    )


def missing(key: str, place: str) -> ObjectMissingError:
    """The error of an object that is not there."""
    return ObjectMissingError(
        f"There is no {key} in {place}.", "It was removed, or not written completely."
    )
