"""Which targets there are: by name in `deploy.yaml` of the state folder, or given by words.

::

    targets:
      bot:
        place: user@gaming-pc:/home/user/bot/models
        python: /home/user/bot/.venv/bin/python
        game: aoe2
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pipeline.errors import OutpostError
from pipeline.formats.yaml_text import parse_yaml
from pipeline.games.pack import pack_names

_SSH_PLACE = re.compile(r"(?P<address>[^@\s/\\]+@[^@:\s]+(?::\d{1,5})?):(?P<folder>(?:/|~/).*)")
_LIKE_SSH = re.compile(r"[^@\s/\\]+@[^/\\]+")
_HOST_ALONE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]+(:\d{1,5})?:(/|~/).*")
"""As scp takes it, with the user left out. One letter is a drive of Windows."""
SSH_PORT = 22
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


class TargetError(OutpostError):
    """A target that is not described as it should be."""


class TargetSettings(BaseModel):
    """Where a program finds its model, and the Python that it runs in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    place: str = Field(
        min_length=1,
        description="A folder of its own, be it on a share; or user@host:/folder, "
        "user@host:port:/folder of an SSH host, where the folder begins with / or ~/.",
    )
    game: str = Field(default="demo", description="Name or folder of the game pack.")
    python: str = Field(
        default="",
        description="The program's own Python, which has detector_runtime: there for an SSH host, "
        "where python3 is taken if it is empty; here for a folder, where Outpost's own is.",
    )
    ssh_key: str = Field(
        default="~/.ssh/id_ed25519",
        description="Private key for an SSH host. One with a passphrase is used through the SSH "
        "agent, or opened with OUTPOST_GPU_SSH_PASSPHRASE.",
    )
    ssh_known_hosts: str = Field(
        default="~/.ssh/known_hosts", description="File that knows the SSH host's key."
    )

    @property
    def ssh(self) -> tuple[str, str] | None:
        """Address (user@host or user@host:port) and folder of an SSH host; None for a folder here.

        Raises:
            TargetError: it looks like an SSH host, and names no folder from its root or home on.
        """
        if found := _SSH_PLACE.fullmatch(self.place):
            return found["address"], found["folder"]
        is_like_ssh = _LIKE_SSH.fullmatch(self.place.partition(":")[0])
        if is_like_ssh or _HOST_ALONE.fullmatch(self.place):
            raise TargetError(
                f"{self.place!r} is not the folder of an SSH host.",
                "Write it as user@host:/folder or user@host:~/folder; a folder here that is called "
                f"so as ./{self.place}",
            )
        return None

    @property
    def folder(self) -> Path:
        """A folder here, as it is written."""
        return _absolute(self.place)

    def with_absolute_paths(self) -> TargetSettings:
        """The same in every working folder: it is remembered, and its Python runs in another one.

        Raises:
            TargetError: see `ssh`.
        """
        paths = {"ssh_key": self.ssh_key, "ssh_known_hosts": self.ssh_known_hosts}
        if self.ssh is None:
            paths["place"] = self.place
            # One without a folder is looked for in PATH.
            if Path(self.python).name != self.python:
                paths["python"] = self.python
        if self.game not in pack_names() and Path(self.game).is_dir():
            paths["game"] = self.game
        return self.model_copy(
            update={name: str(_absolute(path)) for name, path in paths.items() if path}
        )

    @property
    def key(self) -> str:
        """What tells places apart, fit for a file's name; one for all spellings of a place."""
        place = str(self.folder) if self.ssh is None else _one_spelling(*self.ssh)
        digest = hashlib.sha256(place.encode()).hexdigest()[:8]
        return f"{re.sub('[^A-Za-z0-9]+', '-', place).strip('-')[-60:]}-{digest}"


@dataclass(frozen=True)
class NamedTarget:
    """A target, and how it is called: by its name in `deploy.yaml`, else by its place."""

    name: str
    settings: TargetSettings


class TargetsFile(BaseModel):
    """The content of `deploy.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    targets: dict[Name, TargetSettings] = {}


def read_targets(file: Path) -> tuple[NamedTarget, ...]:
    """The targets of a `deploy.yaml`; none where there is no such file.

    Raises:
        TargetError: it cannot be read, or says what no target has.
    """
    try:
        content = parse_yaml(file.read_text(encoding="utf-8"))
        found = TargetsFile.model_validate(content or {})
    except FileNotFoundError:
        return ()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise TargetError(
            f"{file}, {where}: {first['msg']}.",
            f"Each target may have {', '.join(TargetSettings.model_fields)}.",
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TargetError(f"{file} cannot be read: {error}", "Correct it, or remove it.") from error
    return tuple(NamedTarget(name, settings) for name, settings in found.targets.items())


def _one_spelling(address: str, folder: str) -> str:
    """A place behind SSH, in the one way that stands for all that certainly name the same.

    Names of hosts are the same in both cases of letters, and slashes may be doubled or come last.
    What only the host knows stays as it is: where a link or the home leads.
    """
    user, _, host = address.partition("@")
    name, _, port = host.lower().partition(":")
    at_port = "" if int(port or SSH_PORT) == SSH_PORT else f":{int(port)}"
    return f"{user}@{name}{at_port}:{PurePosixPath(re.sub('/+', '/', folder))}"


def _absolute(path: str) -> Path:
    return Path(path).expanduser().absolute()
