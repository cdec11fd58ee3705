"""Files to a host and back, whole or not at all.

A plain tar is written to the disk first, so that it can be sent from anywhere on after a dropped
connection; the digest of what arrived decides. Over a line of 80 ms a hundred small files take 25 s
one by one and 1.2 s as a tar.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline.errors import OutpostError
from pipeline.manifests import sha256_of
from resources.gpu.hosts.ssh import CHUNK, Connection, RemoteHost, quoted

ACCEPT = (
    'f={part}; [ -e "$f" ] || f={target}; '
    'd=$(openssl dgst -sha256 -r "$f" 2> /dev/null || sha256sum "$f"); d="${{d%% *}}"; '
    'if [ "$d" = {digest} ] && [ "$f" = {part} ]; then mv "$f" {target}; fi; echo "$d"'
)
"""Says the digest of what has arrived, and names it if that is right; does so again if asked again.

sha256sum is often built without the processor's own instructions: 1.4 s for 200 MB, openssl 0.1 s.
"""
PART = ".part"
"""Ends the name of a file of which not all has come yet; here it also begins with a dot."""
PACKET_BYTES = (1 << 15) - 64
"""What goes into one packet of SSH. Of a larger piece, paramiko copies all that is left for each
packet anew; with pieces of 1 MiB that takes a third of the time."""
HASH_SECONDS = 600.0
TRIES = 2
"""A transfer that arrived damaged is begun anew once; then something else is wrong."""


class TransferError(OutpostError):
    """A file that arrived damaged again."""


def digests_of(folder: Path, left_out: Iterable[str] = ()) -> dict[str, str]:
    """Digest by relative path of all files of a folder, but those that only came in part.

    Args:
        left_out: files, and folders with all that is in them.
    """
    skipped = tuple(left_out)
    # What a fetch has left of which the process was killed is no file of the folder.
    files = (file for file in folder.rglob("*") if file.is_file() and not file.match(f".*{PART}"))
    return {
        name: sha256_of(folder / name)
        for name in sorted(file.relative_to(folder).as_posix() for file in files)
        if not any(name == part or name.startswith(f"{part}/") for part in skipped)
    }


def pack(sources: Mapping[str, Path], archive: Path) -> None:
    """Write a plain tar of files, by the names that they get in it."""
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, source in sorted(sources.items()):
            member = tarfile.TarInfo(name)
            member.size = source.stat().st_size
            with source.open("rb") as stream:
                tar.addfile(member, stream)


def send(host: RemoteHost, file: Path, target: str) -> None:
    """Send a file; a dropped connection goes on where it broke.

    Args:
        file: must not change meanwhile.
        target: absolute path on the host; its folder exists.

    Raises:
        TransferError: it arrived damaged twice.
        SshError: the host is lost or has no room.
    """
    part = f"{target}{PART}"
    for _ in range(TRIES):
        # Hashing here costs no time of its own while the bytes are under way.
        with ThreadPoolExecutor(1) as beside:
            hashing = beside.submit(sha256_of, file)
            host.call(lambda connection: _send_rest(connection, file, part))
            digest = hashing.result()
        accept = ACCEPT.format(part=quoted(part), target=quoted(target), digest=digest)
        if host.run(accept, seconds=HASH_SECONDS).decode().strip() == digest:
            return
        host.run(quoted("rm", "-f", part))
    raise TransferError(
        f"{file.name} arrived damaged {TRIES} times.",
        "Something between here and the host changes bytes; run it again to get another host.",
    )


def fetch(host: RemoteHost, source: str, file: Path, digest: str) -> None:
    """Fetch a file; a dropped connection goes on where it broke. It appears whole.

    Args:
        source: absolute path on the host.
        file: replaced when all of it has come.
        digest: what its SHA-256 must be.

    Raises:
        TransferError: what came has another digest, twice.
        SshError: the host is lost or has no such file.
    """
    part = file.with_name(f".{file.name}{PART}")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    try:
        for _ in range(TRIES):
            host.call(lambda connection: _fetch_rest(connection, source, part))
            if sha256_of(part) == digest:
                part.replace(file)
                return
            part.unlink()
    finally:
        part.unlink(missing_ok=True)
    raise TransferError(
        f"{Path(source).name} did not arrive as the host has it.",
        "It changed during the transfer, or something between here and the host changes bytes.",
    )


def _send_rest(connection: Connection, file: Path, part: str) -> None:
    size = file.stat().st_size
    there = int(connection.run(f"wc -c < {quoted(part)} 2> /dev/null || echo 0"))
    if there > size:
        connection.run(quoted("rm", "-f", part))
        there = 0
    connection.feed(f"cat >> {quoted(part)}", _packets_of(file, there))


def _fetch_rest(connection: Connection, source: str, part: Path) -> None:
    with part.open("ab") as stream:
        connection.drain(f"tail -c +{stream.tell() + 1} {quoted(source)}", stream.write)


def _packets_of(file: Path, offset: int) -> Iterator[bytes]:
    with file.open("rb", buffering=CHUNK) as stream:
        stream.seek(offset)
        while packet := stream.read(PACKET_BYTES):
            yield packet
