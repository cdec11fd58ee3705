"""What a folder of models remembers of the place that it is updated from."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from detector_runtime._version import __version__
from detector_runtime.errors import DetectorError, UpdateError
from detector_runtime.system.files import write_durably
from detector_runtime.updates.documents import ChannelPointer
from detector_runtime.updates.schedule import PastCheck, RunTime

STATE_FILE = "state.json"
MOST_TRIALS = 2
"""How often a version is tried out that ends the program each time."""

_Kept = TypeVar("_Kept", bound=BaseModel)

logger = logging.getLogger("detector_runtime")


class _Remembered(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SeenPointer(_Remembered):
    """The latest document of a channel that was believed.

    `passed` is a moment that has passed for certain, whatever the clock says: the latest at which
    a document of these keys was issued.
    """

    channel: str
    epoch: int
    sequence: int
    version: str
    manifest_sha256: str
    issued_at: AwareDatetime
    expires_at: AwareDatetime
    passed: AwareDatetime

    @property
    def order(self) -> tuple[int, int]:
        """What rises from one document of a channel to the next."""
        return self.epoch, self.sequence

    @classmethod
    def of(cls, pointer: ChannelPointer) -> SeenPointer:
        """What is kept of a document."""
        return cls(
            channel=pointer.channel,
            epoch=pointer.keys_epoch,
            sequence=pointer.sequence,
            version=pointer.version,
            manifest_sha256=pointer.manifest_sha256,
            issued_at=pointer.issued_at,
            expires_at=pointer.expires_at,
            passed=pointer.issued_at,
        )

    def after(self, known: SeenPointer | None) -> SeenPointer:
        """This one, where it was seen after another: later keys begin anew, with time too."""
        if known is None or known.epoch < self.epoch:
            return self
        return self.model_copy(update={"passed": max(self.passed, known.passed)})


class Failure(_Remembered):
    """Why the last check came to nothing."""

    at: AwareDatetime
    problem: str
    fix: str

    @classmethod
    def of(cls, error: DetectorError, now: datetime) -> Failure:
        """What is kept of an error."""
        return cls(at=now, problem=_text(error.problem), fix=_text(error.fix))


class Trial(_Remembered):
    """A version that was tried out here, so that one of no use is not fetched each day.

    Attributes:
        manifest_sha256: which version.
        runtime: which version of this package tried it: another may take what this one did not.
        begun: how often it began. A model can end the whole program.
        problem, fix: why it cannot be used; None while nothing speaks against it.
    """

    manifest_sha256: str
    runtime: str = __version__
    begun: int = 0
    problem: str | None = None
    fix: str | None = None

    def begun_again(self) -> Trial:
        """With one more beginning."""
        return self.model_copy(update={"begun": self.begun + 1})

    def failed(self, error: DetectorError) -> Trial:
        """With what speaks against the version."""
        return self.model_copy(update={"problem": _text(error.problem), "fix": _text(error.fix)})

    def concerns(self, manifest_sha256: str) -> bool:
        """Whether it was this version, with this runtime."""
        return (self.manifest_sha256, self.runtime) == (manifest_sha256, __version__)

    @property
    def objection(self) -> str | None:
        """Why the version is not tried again by itself; None where it is."""
        if self.problem is None and self.begun >= MOST_TRIALS:
            return "the program ended while it was tried out"
        return self.problem


class UpdateState(_Remembered):
    """The content of `state.json`.

    Attributes:
        source, channel: where updates come from, as the last program said that named it.
        name: of the model; without keys, as the first document said.
        checks, ran: see `schedule`.
        etag: of the channel's document, to be asked with; None where `source` or `channel` had
            another one.
        seen: by channel, the latest document that was believed.
        trial: of the version that was tried out last.
        damaged: the version in use, where its files were found to be damaged and there was none
            before it: it is fetched again.
        failure: of the last check; None where it came to its end.
    """

    schema_version: Literal[1] = 1
    source: str = ""
    channel: str = ""
    name: str | None = None
    checks: tuple[PastCheck, ...] = ()
    ran: RunTime = RunTime()
    etag: str | None = None
    seen: dict[str, SeenPointer] = {}
    trial: Trial | None = None
    damaged: str = ""
    failure: Failure | None = None

    def with_seen(self, *pointers: SeenPointer | None) -> UpdateState:
        """With documents that were believed, of each channel the latest."""
        seen = dict(self.seen)
        for one in pointers:
            known = seen.get(one.channel) if one else None
            if one and (known is None or known.order <= one.order):
                seen[one.channel] = one.after(known)
        return self.model_copy(update={"seen": seen})


class StateFile:
    """`state.json`, as it is and as it is changed. Who changes it holds the folder's lock."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / STATE_FILE
        try:
            found = read_kept(self._file, UpdateState)
        except UpdateError as error:
            # Nothing in it is worth standing still for; what models run is written elsewhere.
            logger.warning("What is known of past updates is lost: %s", error.problem)
            found = None
        self.state = found or UpdateState()

    def write(self, **changes: Any) -> None:
        """Change some fields.

        Raises:
            OSError: it cannot be written; the fields are as they were.
        """
        new = self.state.model_copy(update=changes)
        if new != self.state:
            write_kept(self._file, new)
            self.state = new


def _text(message: str) -> str:
    """A message as JSON holds it: it may quote the name of a file that is no Unicode."""
    return message.encode("utf-8", "replace").decode()


def read_kept(file: Path, kind: type[_Kept]) -> _Kept | None:
    """What a JSON file of the folder says; None where there is none.

    Raises:
        UpdateError: it cannot be read, or is damaged.
    """
    try:
        return kind.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise UpdateError(
            f"{file} cannot be read: {str(error).splitlines()[0]}",
            "Remove it, and update again.",
        ) from error


def write_kept(file: Path, values: BaseModel) -> None:
    """Replace a JSON file of the folder.

    Raises:
        OSError: it cannot be written; the old one is as it was.
    """
    write_durably(file, f"{values.model_dump_json(indent=2)}\n".encode())
