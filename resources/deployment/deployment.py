"""The steps of a deployment, each of them asked of the target and answered by it."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from detector_runtime.bundle import Bundle
from detector_runtime.released.kinds import own_contents
from detector_runtime.updates.installing import own_version
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import OutpostError
from resources.deployment.places import TargetPlace

SPARE = 64 << 20
"""Bytes that are left on a target's disk for others."""


class DeployError(OutpostError):
    """A deployment that came to nothing: the model that was live is live."""


class DamagedTargetError(DeployError):
    """What a target's folder says of itself cannot be read: no program can open it."""


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class DeployedModel(_Told):
    """A model in a target's folder.

    Attributes:
        version: its folder below `versions`.
        name: what it says of itself: "bundle demo 1.2.0".
        installed_by: user@host; None where an update brought it, or the user of the program.
        files: SHA-256 by name, verified there; None where it is damaged, or was not asked for.
    """

    version: str
    name: str
    origin: str
    installed_at: datetime
    installed_by: str | None = None
    files: dict[str, str] | None = None


class SmokeTest(_Told):
    """A real inference in the target's own Python.

    Attributes:
        source: the model that answered, as its results say it.
        milliseconds: of one look at 1280x720 pixels, the second.
        found: objects in a frame of noise.
    """

    source: str
    milliseconds: float
    found: int


class TargetState(_Told):
    """What a target says of itself.

    Attributes:
        exists: whether its folder is there.
        earlier: models to go back to, the newest first.
        free: bytes on its disk, where they were asked for.
        held: as `DeployedModel.files`, of the version that was asked about.
        smoke: where a model looked at a frame.
    """

    folder: str
    exists: bool
    host: str
    python: str
    runtime: str
    onnxruntime: str
    current: DeployedModel | None
    earlier: tuple[DeployedModel, ...]
    free: int | None = None
    held: dict[str, str] | None = None
    smoke: SmokeTest | None = None


class _Trouble(_Told):
    problem: str
    fix: str
    is_damaged: bool = False


@dataclass(frozen=True)
class PutResult:
    """What a target uses now; `was_live` says that nothing had to be written."""

    state: TargetState
    was_live: bool


def put(place: TargetPlace, bundle: Path, by: str) -> PutResult:
    """Have a target use a bundle, after it was verified and tried out there.

    What is live already is tried out again, and nothing is written.

    Args:
        bundle: folder or zip.
        by: who deploys it: user@host.

    Raises:
        BundleError: it is no whole bundle.
        DeployError: the target refuses it, has no room, or is busy.
        PlaceError: see `TargetPlace`; SshError as well.
    """
    loaded = Bundle.load(bundle)
    contents = own_contents(loaded)
    version = own_version(contents)
    expected = {name: one.sha256 for name, one in loaded.manifest.files.items()}
    before = _ask(place, "check", version)
    current = before.current
    if current is not None and (current.version, current.files) == (version, expected):
        return PutResult(_ask(place, "smoke"), was_live=True)
    if before.held == expected:
        after = _ask(place, "use", f"versions/{version}", by)
    else:
        _require_room(before, sum(map(len, contents.values())))
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / f"{version}.zip"
            _write_zip(archive, contents)
            with place.bring(archive) as there:
                after = _ask(place, "use", there, by)
    if after.current is None or after.current.files != expected:
        raise DeployError(
            f"{after.folder} does not use {version}, although it was switched to it.",
            "Somebody else deploys to it, or updates it, at the same time: `outpost deploy list` "
            "shows what is live.",
        )
    return PutResult(after, was_live=False)


def roll_back(place: TargetPlace) -> TargetState:
    """Have a target use the model that worked before.

    Raises:
        DeployError: there is none before, or the one before does not answer: nothing has changed.
        PlaceError: see `TargetPlace`; SshError as well.
    """
    state = _ask(place, "look")
    if state.current is None:
        raise DeployError(
            f"Nothing is deployed to {state.folder} of {state.host}.",
            "Deploy a model first: `outpost deploy TARGET`.",
        )
    return _ask(place, "rollback", state.current.version)


def look_at(place: TargetPlace) -> TargetState:
    """What a target uses, its files verified there; nothing is written.

    Raises:
        DamagedTargetError: what it says of itself cannot be read.
        DeployError: its Python cannot give an answer.
        PlaceError: see `TargetPlace`; SshError as well.
    """
    return _ask(place, "look")


def _ask(place: TargetPlace, *words: str) -> TargetState:
    said = place.run(*words).decode("utf-8", errors="replace").strip().rpartition("\n")[2]
    try:
        error = _Trouble.model_validate_json(said)
    except ValidationError:
        return _answer(said)
    if error.is_damaged:
        raise DamagedTargetError(f"At the target: {error.problem}", error.fix)
    raise DeployError(f"At the target: {error.problem}", error.fix)


def _answer(said: str) -> TargetState:
    try:
        return TargetState.model_validate_json(said)
    except ValidationError as error:
        raise DeployError(
            f"The target's Python answered {said[-200:]!r}.",
            "Name the Python that the program runs in: --python PYTHON",
        ) from error


def _require_room(state: TargetState, size: int) -> None:
    """Of the bundle on its way and of its copy; a target with less keeps what it has."""
    needed = 2 * size + SPARE
    if state.free is not None and state.free < needed:
        raise DeployError(
            f"The bundle needs {needed >> 20} MB, and {state.free >> 20} MB are free at "
            f"{state.folder} of {state.host}.",
            "Make room on that disk; the model in use stays meanwhile.",
        )


def _write_zip(file: Path, contents: dict[str, bytes]) -> None:
    """The same bytes each time, so that a broken transfer can go on."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(contents.items()):
            archive.writestr(zipfile.ZipInfo(name), content)
