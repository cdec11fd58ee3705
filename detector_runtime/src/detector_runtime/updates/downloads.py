"""A file from a source, whole and the right one, or not at all.

What arrived stays in a file beside the target and is gone on with, after a cut or a restart. The
digest decides about the whole, so nothing is believed of what was there.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

from detector_runtime.bundle import FileDigest
from detector_runtime.errors import SourceUnreachableError, UntrustedUpdateError
from detector_runtime.system.files import flush, replace
from detector_runtime.updates.sources.base import CHUNK, Source, Stream

PART = ".part"
PAUSES = (0.5, 2.0, 5.0)
"""Seconds before a file is asked for again in one go, where each time it comes a bit further."""


def download(
    source: Source,
    path: str,
    expected: FileDigest,
    target: Path,
    wait: Callable[[float], object] = time.sleep,
) -> None:
    """Bring a file to `target`, whose folder exists.

    Args:
        source: where it is published.
        path: there.
        expected: size and digest.
        target: not there yet; what has arrived is beside it meanwhile.
        wait: for so many seconds before the next try.

    Raises:
        SourceUnreachableError: it did not come to its end; what came is kept.
        SourceError: the source does not have it.
        UntrustedUpdateError: another file is there, or one without end.
        OSError: it cannot be written.
    """
    part = target.with_name(target.name + PART)
    for pause in (*PAUSES, None):
        had = _size(part)
        try:
            _fetch_rest(source, path, expected, part)
            break
        except SourceUnreachableError:
            # Where nothing came, nothing will come in a few seconds either.
            if pause is None or _size(part) == had:
                raise
            wait(pause)
    replace(part, target)


def _fetch_rest(source: Source, path: str, expected: FileDigest, part: Path) -> None:
    """Have `part` whole and right, going on with what is there."""
    if _size(part) > expected.size:
        part.unlink()
    start = _size(part)
    if start < expected.size or not start:
        start = _append(source, path, expected, part)
    if file_digest(part) == expected.sha256:
        return
    part.unlink()
    if start:
        # What was there before may have been the fault: the one file, from its beginning.
        _append(source, path, expected, part)
        if file_digest(part) == expected.sha256:
            return
        part.unlink()
    raise UntrustedUpdateError(
        f"{source.where(path)} is not the file that the publisher signed",
        "It was altered on its way or where it lies; if it stays so, tell the publisher.",
    )


def _append(source: Source, path: str, expected: FileDigest, part: Path) -> int:
    """Write what is missing; returns how much was there and was gone on with."""
    start = _size(part)
    with source.stream(path, start, expected.size) as stream:
        if stream.start not in (0, start):
            # Not what was asked for; the next try begins at the beginning.
            part.unlink(missing_ok=True)
            raise SourceUnreachableError(
                f"{source.where(path)} answers with another part than was asked for",
                "It is tried again, from the beginning.",
            )
        _write(stream, expected.size, part, source.where(path))
    if _size(part) < expected.size:
        raise SourceUnreachableError(
            f"{source.where(path)} was cut off at {_size(part)} of {expected.size} bytes",
            "It is gone on with at the next try.",
        )
    return stream.start


def _write(stream: Stream, size: int, part: Path, where: str) -> None:
    written = stream.start
    with part.open("ab" if stream.start else "wb") as file:
        try:
            for chunk in stream.chunks:
                written += len(chunk)
                if written > size:
                    break
                file.write(chunk)
        finally:
            flush(file)
    if written > size:
        part.unlink()
        raise UntrustedUpdateError(
            f"{where} sends more than the {size} bytes that the publisher signed",
            "It was altered on its way or where it lies; if it stays so, tell the publisher.",
        )


def file_digest(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0
