"""What is asked of a source, whichever it is."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from detector_runtime.errors import SourceError, SourceUnreachableError, UntrustedUpdateError

CHUNK = 1 << 16


@dataclass(frozen=True)
class Fetched:
    """A document: its bytes, and what tells whether it has changed."""

    content: bytes
    etag: str | None


@dataclass(frozen=True)
class Stream:
    """A file's bytes from `start` on."""

    start: int
    chunks: Iterator[bytes]


class Source(Protocol):
    """Answers with what is published below the prefix of one model."""

    def where(self, path: str) -> str:
        """The address of something, for messages."""
        ...

    def read(self, path: str, most: int, etag: str | None = None) -> Fetched | None:
        """A document; None where it is the one of `etag`.

        Raises:
            SourceUnreachableError: nobody answers, or not to the end.
            SourceError: the answer is no.
            UntrustedUpdateError: more than `most` bytes.
        """
        ...

    def stream(self, path: str, start: int, size: int) -> AbstractContextManager[Stream]:
        """A file of `size` bytes from `start` on, or from 0 where that is not possible.

        Raises:
            SourceUnreachableError: nobody answers, or not to the end; from the iterator too.
            SourceError: the answer is no.
        """
        ...


def read_whole(source: Source, path: str, most: int) -> bytes:
    """A document, whatever is known of it already.

    Raises:
        SourceError, UntrustedUpdateError: as `Source.read`.
    """
    fetched = source.read(path, most)
    return b"" if fetched is None else fetched.content


@contextlib.contextmanager
def told(where: str) -> Iterator[None]:
    """Says of what the system did to a request what it means for an update.

    Around nothing but reading: what fails to be written here is another matter.

    Raises:
        SourceUnreachableError: in the place of an OSError and its like.
    """
    try:
        yield
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise SourceUnreachableError(
            f"{where} cannot be reached: {_reason(error)}",
            "Nothing to do while this computer is offline; else check the address.",
        ) from error


def absent(where: str) -> SourceError:
    """The source does not have this."""
    return SourceError(
        f"there is nothing at {where}",
        "Check the address of the model and the name of the channel.",
    )


def endless(where: str, most: int) -> UntrustedUpdateError:
    """The source sends more than it may."""
    return UntrustedUpdateError(
        f"{where} sends more than the {most} bytes that it may have",
        "It was altered or is no model's; if it stays so, tell the publisher.",
    )


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", error)
    return printable(str(cause)) or type(cause).__name__


def printable(said: str) -> str:
    """What a server said, without what would move the cursor of who reads it."""
    return "".join(one if one.isprintable() else " " for one in said).strip()[:200]
