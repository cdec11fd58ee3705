"""From the document of a channel to a version that is ready to be used.

Everything happens in a folder of its own: until a version has its name, no program sees anything
of it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from detector_runtime.bundle import FileDigest
from detector_runtime.errors import ConfigurationError, UntrustedUpdateError, UpdateError
from detector_runtime.models.onnx import ModelCard, OnnxOptions, load_onnx
from detector_runtime.released.kinds import KINDS, ReleasedKind, TriedModel, kind_at, try_model
from detector_runtime.results import ModelSource
from detector_runtime.system.files import flush_folder, write_durably
from detector_runtime.updates.documents import (
    LARGEST_DOCUMENT,
    MANIFEST_FILE,
    ChannelPointer,
    Manifest,
)
from detector_runtime.updates.downloads import PART, download, file_digest
from detector_runtime.updates.installed import OWN, Installation, InstalledModel, ModelFolder
from detector_runtime.updates.sources.base import Source, read_whole
from detector_runtime.updates.trust import TELL_PUBLISHER, TrustedKeys

LARGEST_VERSION = 4 << 30
"""Bytes of all files together."""
SPARE = 64 << 20
"""Bytes that are left on the disk for others."""
_UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f\ud800-\udfff]')
"""What a file's name holds on one system and cannot on another."""


def fetch_manifest(
    source: Source, pointer: ChannelPointer, trusted: TrustedKeys
) -> tuple[Manifest, bytes]:
    """The manifest that a channel's document names, and the bytes of its file.

    Raises:
        UntrustedUpdateError: another one, or of another model.
        SignatureError: it is not signed by a key that counts.
        DocumentError: it is none, or for a newer runtime.
        SourceError: it cannot be fetched.
    """
    path = f"versions/{pointer.version}/{MANIFEST_FILE}"
    content = read_whole(source, path, LARGEST_DOCUMENT)
    if hashlib.sha256(content).hexdigest() != pointer.manifest_sha256:
        raise UntrustedUpdateError(
            f"{source.where(path)} is not the manifest that the channel '{pointer.channel}' names",
            f"It was altered, or is half way between two versions. {TELL_PUBLISHER}",
        )
    manifest = trusted.manifest(content, source.where(path))
    if manifest.name != pointer.name:
        raise UntrustedUpdateError(
            f"{source.where(path)} is of the model '{manifest.name}', not of '{pointer.name}'",
            TELL_PUBLISHER,
        )
    if manifest.total_bytes > LARGEST_VERSION:
        raise UntrustedUpdateError(
            f"version {pointer.version} has {manifest.total_bytes} bytes, more than the "
            f"{LARGEST_VERSION} that are taken",
            TELL_PUBLISHER,
        )
    return manifest, content


def fetch_version(
    source: Source,
    models: ModelFolder,
    version: str,
    manifest: tuple[Manifest, bytes],
    wait: Callable[[float], object],
) -> Path:
    """Bring the files of a version into the folder, verified; not under its name yet.

    What an earlier try fetched, and files that other versions share with it, are not fetched again.

    Args:
        source: where it is published.
        models: whose lock the caller holds.
        version: its folder there and here.
        manifest: what it consists of, and the bytes that say so.
        wait: for so many seconds before another try.

    Returns:
        Where they are: for `ModelFolder.keep`, when they were tried out.

    Raises:
        UpdateError: no room, or not what it should be.
        SourceError: it cannot be fetched.
        OSError: it cannot be written.
    """
    said, content = manifest
    there = models.folder_of(version)
    if all(_is(there / name, expected) for name, expected in said.files.items()):
        return there
    incoming = models.incoming(version)
    _check_room(incoming, said)
    _remove_others(incoming, said)
    for name, expected in said.files.items():
        target = incoming / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if _is(target, expected):
            continue
        here = next((file for file in models.copies(name) if _is(file, expected)), None)
        if here is not None:
            write_durably(target, here.read_bytes())
        else:
            download(source, f"versions/{version}/{name}", expected, target, wait)
    write_durably(incoming / MANIFEST_FILE, content)
    flush_folder(incoming)
    return incoming


def require_kind(manifest: Manifest, installation: Installation | None) -> None:
    """Refuse a version that the programs which use a folder could not use.

    Raises:
        UntrustedUpdateError: it is of another kind than what is there.
    """
    current = installation.current if installation else None
    if current is not None and current.kind != manifest.kind:
        raise UntrustedUpdateError(
            f"version {manifest.version} is {KINDS[manifest.kind].called}, and {current.name} is "
            f"{KINDS[current.kind].called}",
            f"Keep each kind in a folder of its own. {TELL_PUBLISHER}",
        )


def try_version(folder: Path, manifest: Manifest) -> str:
    """Open a version as a program would, and have it answer.

    Returns:
        What it says of itself: name and version.

    Raises:
        ModelLoadError: it cannot be opened here.
        ModelOutputError: it gives what is no answer.
        UntrustedUpdateError: it is not what its signed manifest says.
    """
    tried = KINDS[manifest.kind].try_out(folder)
    if tried.classes != manifest.classes:
        raise UntrustedUpdateError(
            f"the classes of version {manifest.version} are not those that its manifest says",
            f"The version was put together wrongly. {TELL_PUBLISHER}",
        )
    return tried.title


def _is(file: Path, expected: FileDigest) -> bool:
    if not file.is_file() or file.stat().st_size != expected.size:
        return False
    return file_digest(file) == expected.sha256


def _has(file: Path, content: bytes) -> bool:
    return file.is_file() and file.read_bytes() == content


def _remove_others(folder: Path, manifest: Manifest) -> None:
    """What an interrupted write left behind does not become part of a version."""
    known = {folder / f"{name}{ending}" for name in manifest.files for ending in ("", PART)}
    for file in folder.rglob("*"):
        if file.is_file() and file not in known:
            file.unlink()


def _check_room(folder: Path, manifest: Manifest) -> None:
    """Before a byte is fetched; files that are there already are counted as if they were not."""
    free = shutil.disk_usage(folder).free
    needed = manifest.total_bytes + SPARE
    if free < needed:
        raise UpdateError(
            f"the next model needs {needed >> 20} MB, and {free >> 20} MB are free at {folder}",
            "Make room on that disk; the model in use stays meanwhile.",
        )


def own_version(contents: Mapping[str, bytes]) -> str:
    """The name that a model of the user's own gets, from the digests of all its files."""
    digest = hashlib.sha256()
    for file, content in sorted(contents.items()):
        digest.update(hashlib.sha256(file.encode() + b"\0" + content).digest())
    return f"{OWN}{digest.hexdigest()[:12]}"


def copy_own(path: Path, models: ModelFolder, by: str | None = None) -> InstalledModel:
    """Bring a model of the user's own into the folder, tried out.

    Args:
        path: a bundle (folder or zip), an ONNX file of a detector, or the folder of a community
            model or of policies.
        models: whose lock the caller holds.
        by: who brings it.

    Raises:
        ModelLoadError: it cannot be used.
        ConfigurationError: the folder keeps models of the other kind.
        OSError: it cannot be written.
    """
    own = _own_model(path)
    installation = models.installation()
    if installation is not None and installation.current.kind != own.kind:
        raise ConfigurationError(
            f"{models.folder} keeps {KINDS[installation.current.kind].called}, "
            f"{installation.current.name}, and {path} is {KINDS[own.kind].called}",
            "Keep each kind in a folder of its own.",
        )
    version = own_version(own.model.contents)
    # The one that is there may be in use: it is not moved for nothing.
    there = models.folder_of(version)
    if not all(_has(there / file, one) for file, one in own.model.contents.items()):
        incoming = models.incoming(version)
        for file, content in own.model.contents.items():
            (incoming / file).parent.mkdir(parents=True, exist_ok=True)
            write_durably(incoming / file, content)
        models.keep(incoming)
    return InstalledModel(
        version=version,
        origin="own",
        kind=own.kind,
        name=own.model.title,
        onnx=own.onnx,
        trained_at=own.model.trained_at or _changed_at(path),
        installed_at=datetime.now(timezone.utc),
        installed_by=by,
    )


def _changed_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)


@dataclass(frozen=True)
class _OwnModel:
    """A model of the user's own that was tried out; `onnx` is its file, where that is all."""

    kind: ReleasedKind
    model: TriedModel
    onnx: str | None = None


def _own_model(path: Path) -> _OwnModel:
    if path.suffix == ".onnx":
        return _own_onnx(path)
    kind = kind_at(path)
    return _OwnModel(kind.name, kind.try_out(path))


def _own_onnx(path: Path) -> _OwnModel:
    safe = _UNSAFE.sub("_", path.name)
    model = load_onnx(path, ModelCard(ModelSource("onnx", safe)), OnnxOptions(threads=1))
    facts = model.facts
    try_model(model)
    tried = TriedModel(str(facts.source), facts.class_names, {safe: path.read_bytes()}, None)
    return _OwnModel("detector", tried, safe)
