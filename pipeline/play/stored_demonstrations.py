"""Demonstrations as files, small enough to be sent along: named by their digests, no pickle.

A game of 4 MB takes 0.1 MB, and equal demonstrations are equal bytes, so that a host that has had a
session before is not sent it again.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np

from pipeline.errors import OutpostError
from pipeline.files import replacing
from pipeline.play.demonstrations import Demonstration

ENDING = ".demonstration.zip"
ARRAYS = ("entities", "status", "actions", "goals", "targets", "scores")
FACTS_MEMBER = "facts.json"


class StoredDemonstrationError(OutpostError):
    """A file that holds no demonstration."""


def write_demonstration(shown: Demonstration, folder: Path) -> Path:
    """Write one into a folder; the file, whose name is the digest of its bytes.

    Raises:
        OSError: it cannot be written.
    """
    facts = {"name": shown.name, "player": shown.player, "outcome": shown.outcome}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, FACTS_MEMBER, json.dumps(facts, sort_keys=True).encode())
        for name in ARRAYS:
            stored = io.BytesIO()
            array = np.ascontiguousarray(getattr(shown, name))
            np.lib.format.write_array(stored, array, allow_pickle=False)
            _add(archive, f"{name}.npy", stored.getvalue())
    content = packed.getvalue()
    file = folder / _name_of(content)
    with replacing(file) as fresh:
        fresh.write_bytes(content)
    return file


def read_demonstrations(folder: Path) -> list[Demonstration]:
    """All that were written into a folder, by their names as sessions.

    Raises:
        StoredDemonstrationError: one is damaged.
    """
    shown = [_read(file) for file in sorted(folder.glob(f"*{ENDING}"))]
    return sorted(shown, key=lambda one: one.name)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a member whose bytes depend on its content alone."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3  # Else Windows writes other bytes.
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, content)


def _name_of(content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()}{ENDING}"


def _read(file: Path) -> Demonstration:
    with zipfile.ZipFile(io.BytesIO(_whole(file))) as archive:
        facts = json.loads(archive.read(FACTS_MEMBER))
        arrays = {
            name: np.lib.format.read_array(
                io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False
            )
            for name in ARRAYS
        }
    return Demonstration(
        name=facts["name"], player=facts["player"], outcome=facts["outcome"], **arrays
    )


def _whole(file: Path) -> bytes:
    """The bytes of a file, which are those that it was written with."""
    try:
        content = file.read_bytes()
        if file.name != _name_of(content):
            raise ValueError("its bytes are not those that its name tells")
    except (OSError, ValueError) as error:
        raise StoredDemonstrationError(
            f"{file} holds no demonstration: {error}", "Materialize play/policies again."
        ) from error
    return content
