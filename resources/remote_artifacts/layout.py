"""Which bytes of an artifact lie in which object.

Files that the store does not have yet are cut, one behind the other in the order of their paths,
into blocks of `BLOCK_BYTES`. Each block is an object named by its digest. So thousands of small
images take few requests, a large file is sent in parts side by side, an upload that was broken off
finds again what it has sent, and files that an artifact shares with what it was made from are
stored once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from pipeline.manifests import FileEntry, Manifest, Record

BLOCK_BYTES = 16 << 20
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Extent(Record):
    """Bytes of a file that lie in one object, one behind the other."""

    block: int = Field(ge=0, description="Index into the manifest's blocks.")
    offset: int = Field(ge=0, description="Where they begin in the object.")
    size: int = Field(gt=0, description="Bytes.")


class StoredFile(FileEntry):
    """A file and where its bytes lie, in order; none for an empty file."""

    extents: tuple[Extent, ...]

    @field_validator("path")
    @classmethod
    def _is_below(cls, path: str) -> str:
        """Whoever can write the store must not reach anything else on this machine."""
        posix, windows = PurePosixPath(path), PureWindowsPath(path)
        if posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts:
            raise ValueError("leads out of the artifact")
        return path


class StoredManifest(Record):
    """An artifact's files as they lie in the store."""

    blocks: tuple[Digest, ...] = Field(description="SHA-256 of every object that is needed.")
    files: tuple[StoredFile, ...]

    @model_validator(mode="after")
    def _places_are_complete(self) -> StoredManifest:
        """The data version is of the files alone: nothing else says that their places are right."""
        for file in self.files:
            if any(extent.block >= len(self.blocks) for extent in file.extents):
                raise ValueError(f"{file.path} lies in a block that is not named")
            if sum(extent.size for extent in file.extents) != file.size:
                raise ValueError(f"of {file.path} not all bytes have a place, or too many")
        return self

    @property
    def manifest(self) -> Manifest:
        """Without the places."""
        plain = (FileEntry(path=f.path, size=f.size, sha256=f.sha256) for f in self.files)
        return Manifest(files=tuple(plain))

    @property
    def places(self) -> dict[str, tuple[Place, ...]]:
        """By the digest of a file, where its bytes lie."""
        return {
            file.sha256: tuple(Place(self.blocks[e.block], e.offset, e.size) for e in file.extents)
            for file in self.files
        }

    @property
    def parts(self) -> dict[str, tuple[Part, ...]]:
        """By the digest of a block, the bytes of files that lie in it, each once, in order.

        That is all of the block where it was cut of these files, and less where it is another's.
        """
        found: dict[str, dict[int, Part]] = {}
        for block, part in self.parts_of(self.files):
            found.setdefault(block, {})[part.offset] = part
        return {
            block: tuple(parts[offset] for offset in sorted(parts))
            for block, parts in found.items()
        }

    def parts_of(self, files: Iterable[StoredFile]) -> Iterator[tuple[str, Part]]:
        """All bytes of some files, with the digests of the blocks that they lie in."""
        for file in files:
            at = 0
            for extent in file.extents:
                yield self.blocks[extent.block], Part(extent.offset, Slice(file, at, extent.size))
                at += extent.size


@dataclass(frozen=True)
class Part:
    """Bytes of a file, and where they begin in an object."""

    offset: int
    slice: Slice

    @property
    def end(self) -> int:
        """Where they end in the object."""
        return self.offset + self.slice.size


@dataclass(frozen=True)
class Place:
    """Bytes in an object.

    Attributes:
        block: SHA-256 of the object.
        offset: in it.
        size: bytes.
    """

    block: str
    offset: int
    size: int


@dataclass(frozen=True)
class Slice:
    """Bytes of a file.

    Attributes:
        file: its entry.
        offset: in it.
        size: bytes.
    """

    file: FileEntry
    offset: int
    size: int


@dataclass(frozen=True)
class Read:
    """Neighbouring bytes of one object.

    Attributes:
        block: SHA-256 of the object.
        parts: at least one, by offset.
    """

    block: str
    parts: tuple[Part, ...]

    @property
    def first(self) -> int:
        """The first byte of the object that is read."""
        return self.parts[0].offset

    @property
    def size(self) -> int:
        """Bytes."""
        return max(part.end for part in self.parts) - self.first


def blocks_of(files: Iterable[FileEntry]) -> tuple[tuple[Slice, ...], ...]:
    """Cut files into blocks; of two with the same bytes one is taken, of empty ones none."""
    distinct = {file.sha256: file for file in reversed(tuple(files))}
    blocks: list[list[Slice]] = []
    room = 0
    for file in sorted(distinct.values(), key=lambda entry: entry.path):
        offset = 0
        while offset < file.size:
            if not room:
                blocks.append([])
                room = BLOCK_BYTES
            size = min(room, file.size - offset)
            blocks[-1].append(Slice(file, offset, size))
            offset, room = offset + size, room - size
    return tuple(tuple(block) for block in blocks)


def places_in(blocks: Sequence[tuple[str, tuple[Slice, ...]]]) -> dict[str, tuple[Place, ...]]:
    """By the digest of a file, where its bytes lie in blocks of these digests."""
    places: dict[str, tuple[Place, ...]] = {}
    for digest, slices in blocks:
        offset = 0
        for part in slices:
            place = Place(digest, offset, part.size)
            places[part.file.sha256] = (*places.get(part.file.sha256, ()), place)
            offset += part.size
    return places


def stored_manifest(manifest: Manifest, places: Mapping[str, tuple[Place, ...]]) -> StoredManifest:
    """A manifest with the places of all its files, each of which has some or is empty."""
    numbers: dict[str, int] = {}
    files = tuple(
        StoredFile(
            **entry.model_dump(),
            extents=tuple(
                Extent(
                    block=numbers.setdefault(place.block, len(numbers)),
                    offset=place.offset,
                    size=place.size,
                )
                for place in places.get(entry.sha256, ())
            ),
        )
        for entry in manifest.files
    )
    return StoredManifest(blocks=tuple(numbers), files=files)


def reads_of(stored: StoredManifest, files: Iterable[StoredFile]) -> tuple[Read, ...]:
    """What has to be read for some files: no byte that is in none, neighbours in one request."""
    runs: list[tuple[str, list[Part]]] = []
    end = 0
    for block, part in sorted(stored.parts_of(files), key=lambda one: (one[0], one[1].offset)):
        if not runs or runs[-1][0] != block or part.offset > end:
            runs.append((block, []))
            end = part.offset
        runs[-1][1].append(part)
        end = max(end, part.end)
    return tuple(Read(block, tuple(parts)) for block, parts in runs)
