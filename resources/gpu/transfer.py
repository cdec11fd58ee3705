"""Files to a host and back, whole or not at all.

A plain tar is written to the disk first, so that it can be sent from anywhere on after a dropped
connection; the digest of what arrived decides. Over a line of 80 ms a hundred small files take 25 s
one by one and 1.2 s as a tar.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipeline.errors import OutpostError
from pipeline.manifests import sha256_of
from resources.gpu.ssh import CHUNK, Connection, RemoteHost, quoted

DIGEST = "openssl dgst -sha256 -r {0} 2> /dev/null || sha256sum {0}"
"""sha256sum is built without the processor's own instructions: 1.4 s for 200 MB against 0.1 s."""
TRIES = 2
"""A transfer that arrived damaged is begun anew once; then something else is wrong."""


class TransferError(OutpostError):
    """A file that arrived damaged again."""


def digests_of(folder: Path, left_out: Iterable[str] = ()) -> dict[str, str]:
    """Digest by relative path of all files of a folder.

    Args:
        folder: what is to be sent.
        left_out: files, and folders with all that is in them.
    """
    skipped = tuple(left_out)
    return {
        name: sha256_of(folder / name)
        for name in sorted(file.relative_to(folder).as_posix() for file in _files_of(folder))
        if not any(name == part or name.startswith(f"{part}/") for part in skipped)
    }


def pack(sources: Mapping[str, Path], archive: Path) -> None:
    """Write a plain tar.

    Args:
        sources: file by the name that it gets in the tar.
        archive: written.
    """
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, source in sorted(sources.items()):
            member = tarfile.TarInfo(name)
            member.size = source.stat().st_size
            with source.open("rb") as stream:
                tar.addfile(member, stream)


def send(host: RemoteHost, file: Path, target: str) -> None:
    """Send a file; a dropped connection goes on where it broke.

    Args:
        host: receives it.
        file: must not change meanwhile.
        target: absolute path on the host; its folder exists.

    Raises:
        TransferError: it arrived damaged twice.
        SshError: the host is lost or has no room.
    """
    part, digest = f"{target}.part", sha256_of(file)
    for _ in range(TRIES):
        host.call(lambda connection: _send_rest(connection, file, part))
        arrived = host.run(DIGEST.format(quoted(part)), seconds=600).split()[0].decode()
        if arrived == digest:
            host.run(f"[ -e {quoted(target)} ] || {quoted('mv', part, target)}")
            return
        host.run(quoted("rm", "-f", part))
    raise TransferError(
        f"{file.name} arrived damaged {TRIES} times.",
        "Something between here and the host changes bytes; train again to get another host.",
    )


def fetch(host: RemoteHost, source: str, file: Path, digest: str) -> None:
    """Fetch a file; a dropped connection goes on where it broke. It appears whole.

    Args:
        host: has it.
        source: absolute path on the host.
        file: replaced when all of it has come.
        digest: what its SHA-256 must be.

    Raises:
        TransferError: what came has another digest, twice.
        SshError: the host is lost or has no such file.
    """
    part = file.with_name(f".{file.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    for _ in range(TRIES):
        host.call(lambda connection: _fetch_rest(connection, source, part))
        if sha256_of(part) == digest:
            part.replace(file)
            return
        part.unlink()
    raise TransferError(
        f"{Path(source).name} did not arrive as the host has it.",
        "It changed meanwhile, or something between here and the host changes bytes.",
    )


def _send_rest(connection: Connection, file: Path, part: str) -> None:
    size = file.stat().st_size
    there = int(connection.run(f"wc -c < {quoted(part)} 2>/dev/null || echo 0"))
    if there > size:
        connection.run(quoted("rm", "-f", part))
        there = 0
    connection.feed(f"cat >> {quoted(part)}", _chunks_of(file, there))


def _fetch_rest(connection: Connection, source: str, part: Path) -> None:
    with part.open("ab") as stream:
        connection.drain(f"tail -c +{stream.tell() + 1} {quoted(source)}", stream.write)


def _chunks_of(file: Path, offset: int) -> Iterator[bytes]:
    with file.open("rb") as stream:
        stream.seek(offset)
        while chunk := stream.read(CHUNK):
            yield chunk


def _files_of(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file())
