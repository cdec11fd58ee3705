"""Blocks of files on their way into a store and back, several at a time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TypeVar

from pipeline.manifests import FileEntry, sha256_of
from pipeline.progress import Progress, Report
from resources.object_store.base import ObjectStore
from resources.remote_artifacts.layout import Read, Slice

WORKERS = 8
"""At a time; each holds a block in memory, and boto3 keeps ten connections."""

Result = TypeVar("Result")
File = TypeVar("File", bound=FileEntry)


def block_key(digest: str) -> str:
    """Where a block lies: in folders, which a file system prefers."""
    return f"blocks/{digest[:2]}/{digest}"


def upload_blocks(
    store: ObjectStore,
    folder: Path,
    blocks: Sequence[tuple[Slice, ...]],
    needs: Callable[[str, int], bool],
    stage: str,
    report: Report,
) -> tuple[str, ...]:
    """Write each block that is not there yet.

    Args:
        needs: by digest and bytes, whether a block may not be there; waits until it may be written.

    Returns:
        The SHA-256 of each.

    Raises:
        ObjectStoreError: one could not be written; the others may be there.
    """

    def upload(block: tuple[Slice, ...]) -> str:
        content = content_of(folder, block)
        digest = hashlib.sha256(content).hexdigest()
        if needs(digest, len(content)):
            store.put_if_absent(block_key(digest), content)
        return digest

    sizes = [sum(part.size for part in block) for block in blocks]
    return in_parallel(upload, blocks, sizes, stage, report)


def download_reads(
    store: ObjectStore, folder: Path, reads: Sequence[Read], stage: str, report: Report
) -> None:
    """Read bytes into files, which exist.

    Raises:
        ObjectStoreError: some could not be read; the others are in the files.
    """

    def download(read: Read) -> None:
        content = memoryview(store.get_range(block_key(read.block), read.first, read.size))
        for part in read.parts:
            with (folder / part.slice.file.path).open("r+b") as stream:
                stream.seek(part.slice.offset)
                stream.write(content[part.offset - read.first : part.end - read.first])

    in_parallel(download, reads, [read.size for read in reads], stage, report)


def differing(folder: Path, files: Iterable[File]) -> tuple[File, ...]:
    """Those that are not there with their very bytes."""
    listed = tuple(files)
    with ThreadPoolExecutor(WORKERS) as pool:
        same = pool.map(lambda file: _is_whole(folder / file.path, file), listed)
        return tuple(file for file, whole in zip(listed, same, strict=True) if not whole)


def in_parallel(
    work: Callable[..., Result],
    items: Sequence[object],
    sizes: Sequence[int],
    stage: str,
    report: Report,
) -> tuple[Result, ...]:
    """Carry out all; after the first error what has not begun is left.

    Args:
        sizes: bytes of each, for the progress, which is told in MiB where there is one.
    """
    began, done, total = time.monotonic(), 0, sum(sizes)
    pool = ThreadPoolExecutor(WORKERS)
    try:
        futures = {pool.submit(work, item): size for item, size in zip(items, sizes, strict=True)}
        for future in as_completed(futures):
            future.result()
            done += futures[future]
            seconds = time.monotonic() - began
            if total >> 20:
                report(Progress(stage, done >> 20, total >> 20, seconds))
        return tuple(future.result() for future in futures)
    finally:
        pool.shutdown(cancel_futures=True)


def content_of(folder: Path, block: Iterable[Slice]) -> bytes:
    """The bytes of a block, from files."""
    return b"".join(_bytes_of(folder / part.file.path, part) for part in block)


def _bytes_of(file: Path, part: Slice) -> bytes:
    with file.open("rb") as stream:
        stream.seek(part.offset)
        return stream.read(part.size)


def _is_whole(file: Path, entry: FileEntry) -> bool:
    try:
        return file.stat().st_size == entry.size and sha256_of(file) == entry.sha256
    except FileNotFoundError:
        return False
