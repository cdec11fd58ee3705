"""The models in a folder, and which of them is used.

The folder of a `ModelUpdater`::

    current.json          which version is used, and which were before: this module's `Installation`
    state.json            what is known of the source (`state`)
    keys.json             whose signatures count
    versions/<version>/   a model each (`released.kinds`), published or of the user's own
    incoming/<version>/   what has arrived of the next one
    lock                  held while something of this is changed

A version is whole before it gets its name under `versions`, and stays as it is. `current.json` is
replaced at once, so a reader finds one version or the other.
"""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from detector_runtime.errors import ConfigurationError, DetectorError
from detector_runtime.models.onnx import ModelCard, OnnxOptions, load_onnx
from detector_runtime.released.kinds import KINDS, Kind, Opened, ReleasedKind
from detector_runtime.results import ModelSource
from detector_runtime.system.files import TEMPORARY, replace
from detector_runtime.updates.state import SeenPointer, read_kept, write_kept

CURRENT_FILE = "current.json"
VERSIONS = "versions"
INCOMING = "incoming"
OWN = "own-"
"""How versions of the user's own begin."""
HELD_BACK_KEPT = 16
EARLIER_KEPT = 4
"""Earlier versions that are remembered, beside the newest that worked."""
OWN_KEPT = 8
"""Models of the user's own that stay beside those that are remembered: nobody offers them again."""


class InstalledModel(BaseModel):
    """A version that is in the folder, or was."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_+-]*$", description="Its folder.")
    origin: Literal["channel", "own"] = Field(description="Own: put there by the user.")
    kind: ReleasedKind = "detector"
    name: str = Field(description="What it says of itself: blocks 1.2.0.")
    onnx: str | None = Field(
        None, pattern=r"^[^/\\:]+\.onnx$", description="The file, of an own model without a bundle."
    )
    pointer: SeenPointer | None = Field(None, description="What named it, where a channel did.")
    trained_at: AwareDatetime | None = None
    installed_at: AwareDatetime
    installed_by: str | None = Field(None, description="Who put it there: user@host, if told.")
    worked: bool = Field(False, description="Whether it answered a program, not just the check.")


class Installation(BaseModel):
    """The content of `current.json`.

    Attributes:
        current: what is used.
        earlier: what was used before, the newest first.
        held_back: versions that the user went back from: not installed again by themselves.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: Literal[1] = 1
    current: InstalledModel
    earlier: tuple[InstalledModel, ...] = ()
    held_back: tuple[str, ...] = ()

    def followed_by(self, new: InstalledModel) -> Installation:
        """With another version in use."""
        others = [one for one in (self.current, *self.earlier) if one.version != new.version]
        worked = next((one for one in others[EARLIER_KEPT:] if one.worked), None)
        earlier = others[:EARLIER_KEPT]
        if worked is not None and not any(one.worked for one in earlier):
            earlier.append(worked)
        held_back = tuple(one for one in self.held_back if one != new.version)
        return Installation(current=new, earlier=tuple(earlier), held_back=held_back)

    def without_current(self, *, hold_back: bool) -> Installation | None:
        """With the version in use that worked before; None where there is none.

        Of those before, the newest that answered a program; else the newest.
        """
        left = [one for one in self.earlier if one.version != self.current.version]
        target = next((one for one in left if one.worked), next(iter(left), None))
        if target is None:
            return None
        held = (*self.held_back, self.current.version) if hold_back else self.held_back
        return Installation(
            current=target,
            earlier=tuple(one for one in left if one.version != target.version),
            held_back=tuple(one for one in held if one != target.version)[-HELD_BACK_KEPT:],
        )

    def with_current_worked(self) -> Installation:
        """With a note that the version in use answered a program."""
        worked = self.current.model_copy(update={"worked": True})
        return self.model_copy(update={"current": worked})


@dataclass(frozen=True)
class ModelFolder:
    """Reads and changes a folder of models. Who changes it holds its lock."""

    folder: Path

    @property
    def current_file(self) -> Path:
        """What says which version is used."""
        return self.folder / CURRENT_FILE

    def installation(self) -> Installation | None:
        """What is in use; None where nothing is yet.

        Raises:
            UpdateError: `current.json` is damaged.
        """
        return read_kept(self.current_file, Installation)

    def switch(self, installation: Installation) -> None:
        """Have programs use what this says, at once.

        Raises:
            OSError: it cannot be written; what was used is used.
        """
        write_kept(self.current_file, installation)

    def folder_of(self, version: str) -> Path:
        """Where a version is, or would be."""
        return self.folder / VERSIONS / version

    def path_of(self, model: InstalledModel) -> Path:
        """Where a version is: a folder, or an ONNX file."""
        folder = self.folder_of(model.version)
        return folder if model.onnx is None else folder / model.onnx

    def holds(self, model: InstalledModel) -> bool:
        """Whether the files of a version are there, as far as a look at their sizes tells."""
        path = self.path_of(model)
        if model.onnx is not None:
            return path.is_file()
        try:
            files = KINDS[model.kind].files(path)
            return all((path / name).stat().st_size == one.size for name, one in files.items())
        except (OSError, DetectorError):
            return False

    def before(self) -> Installation | None:
        """With the version in use that worked before, of those that are here; None without one.

        The one that was in use is held back.

        Raises:
            UpdateError: `current.json` is damaged.
        """
        installation = self.installation()
        before = installation and installation.without_current(hold_back=True)
        while before is not None and not self.holds(before.current):
            before = before.without_current(hold_back=False)
        return before

    def open(self, model: InstalledModel, kind: Kind[Opened], options: OnnxOptions) -> Opened:
        """A version as what its kind is opened as, after its files were verified.

        Raises:
            ModelLoadError: it is not there, damaged, or not for this runtime.
            ConfigurationError: it is of another kind.
        """
        if model.kind != kind.name:
            raise ConfigurationError(
                f"{self.folder} keeps {KINDS[model.kind].called}, not {kind.called}",
                "Keep each in a folder of its own.",
            )
        path = self.path_of(model)
        if model.onnx is None:
            return kind.open(path, options)
        bare = load_onnx(path, ModelCard(ModelSource("onnx", path.name)), options)
        return cast(Opened, bare)  # Only detectors are a file without a description.

    def copies(self, name: str) -> list[Path]:
        """Files of this name in the versions that are there."""
        return [folder / name for folder in _inside(self.folder / VERSIONS)]

    def incoming(self, version: str) -> Path:
        """An empty or half-filled folder for a version that is on its way.

        What was on its way before goes.
        """
        for other in _inside(self.folder / INCOMING):
            if other.name != version:
                _remove(other)
        folder = self.folder / INCOMING / version
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def keep(self, incoming: Path) -> None:
        """Give a version that is whole its name. One of that name, which is damaged, goes.

        Raises:
            OSError: it cannot be written.
        """
        target = self.folder_of(incoming.name)
        if target == incoming:
            return
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            damaged = incoming.with_name(f"{incoming.name}{TEMPORARY}")
            _remove(damaged)
            replace(target, damaged)
        replace(incoming, target)

    def tidy(self, installation: Installation) -> None:
        """Remove versions that nobody would go back to, and what was on its way.

        The one in use stays, with the two before it and the last that worked. Of the user's own all
        that are remembered stay, and of others those that came last.
        """
        known = (installation.current, *installation.earlier)
        worked = next((one for one in installation.earlier if one.worked), None)
        kept = {one.version for one in known[:3]} | ({worked.version} if worked else set())
        kept |= {one.version for one in known if one.origin == "own"}
        others = [one for one in _inside(self.folder / VERSIONS) if one.name not in kept]
        own = sorted((one for one in others if one.name.startswith(OWN)), key=_arrived)
        for folder in set(others) - set(own[-OWN_KEPT:]):
            _remove(folder)
        _remove(self.folder / INCOMING)

    def remove_leftovers(self) -> None:
        """Remove what writes that were interrupted left behind."""
        for file in self.folder.glob(f"*{TEMPORARY}"):
            with contextlib.suppress(OSError):
                file.unlink()


def _remove(folder: Path) -> None:
    """Remove a folder as far as that is possible: Windows keeps what is open."""
    shutil.rmtree(folder, ignore_errors=True)


def _arrived(folder: Path) -> tuple[int, str]:
    """In the order of this: when a version's last file came."""
    return folder.stat().st_mtime_ns, folder.name


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
