"""How a target is reached: its Python is given `target_program`, and a bundle is brought to it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.errors import OutpostError
from pipeline.processes import without_secrets
from resources.deployment.targets import TargetSettings
from resources.gpu.hosts.ssh import HostLostError, RemoteCommandError, RemoteHost, quoted
from resources.gpu.hosts.transfer import send
from resources.gpu.leases.ssh_host import SshHostSettings, parse_address

PROGRAM = Path(__file__).with_name("target_program.py")
PROGRAM_SECONDS = 300.0
"""For which a target's Python may say nothing; importing and a first inference take seconds."""
ARRIVING = ".deploy-"
"""Begins the name of a bundle that is on its way to a host."""
LAST_WORDS = 400
NO_PYTHON = (126, 127)
"""Exit codes of a shell that cannot start what it was told to."""


class PlaceError(OutpostError):
    """A target whose Python, disk or folder does not do what it should."""


class TargetPlace(Protocol):
    """Where a target is."""

    def run(self, *words: str) -> bytes:
        """Run `target_program` with these arguments; what it prints.

        Raises:
            PlaceError: there is no such Python, or it ended in the middle.
            SshError: the host cannot be reached or trusted.
        """

    def bring(self, bundle: Path) -> AbstractContextManager[str]:
        """Have a zip there for the time of a `with` block; the path that it has there.

        Raises:
            PlaceError: it cannot be written.
            SshError: the host is lost.
            TransferError: it arrived damaged.
        """


@dataclass(frozen=True)
class FolderPlace:
    """A folder of this machine, or one that is mounted here."""

    folder: Path
    python: str

    def run(self, *words: str) -> bytes:
        """See `TargetPlace.run`."""
        action, *others = words
        command = [self.python, "-", action, str(self.folder), *others]
        try:
            # In a folder without any modules: Python would take those of the working folder.
            with tempfile.TemporaryDirectory() as nowhere:
                done = subprocess.run(
                    command,
                    input=PROGRAM.read_bytes(),
                    capture_output=True,
                    cwd=nowhere,
                    env=without_secrets(os.environ) | {"PYTHONUTF8": "1"},
                    timeout=PROGRAM_SECONDS,
                    check=False,
                )
        except OSError as error:
            raise _no_python(self.python, str(error)) from error
        except subprocess.TimeoutExpired as error:
            raise _ended(self.python, f"said nothing for {PROGRAM_SECONDS:.0f} s") from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace")
            raise _ended(self.python, f"ended with {done.returncode}: {said[-LAST_WORDS:]}")
        return done.stdout

    @contextmanager
    def bring(self, bundle: Path) -> Iterator[str]:
        """See `TargetPlace.bring`: its Python reads it where it is."""
        yield str(bundle)


@dataclass(frozen=True)
class SshPlace:
    """A folder of an SSH host.

    Attributes:
        folder: from the root or from "~/" on.
        owner: of bundles on their way, so that nobody continues another one's.
    """

    host: RemoteHost
    folder: str
    python: str
    owner: str

    def run(self, *words: str) -> bytes:
        """See `TargetPlace.run`. A connection that breaks has it run again, which does no harm."""
        action, *others = words
        command = quoted(self._from_home(self.python), "-", action, self.folder, *others)
        try:
            return self.host.run(f"cd / && {command}", PROGRAM.read_bytes(), PROGRAM_SECONDS)
        except RemoteCommandError as error:
            if error.code in NO_PYTHON:
                raise _no_python(self.python, error.problem) from error
            raise _ended(self.python, error.problem) from error

    @contextmanager
    def bring(self, bundle: Path) -> Iterator[str]:
        """See `TargetPlace.bring`. What came of it before a connection was lost is kept."""
        beginning = f"{self._from_home(self.folder)}/{ARRIVING}{self.owner}-"
        target = f"{beginning}{bundle.name}"
        try:
            # Of other bundles, what has never arrived whole is of no use any more.
            others = f'for f in {quoted(beginning)}*; do case "$f" in {quoted(target)}*) ;;'
            self.host.run(f'{others} *) rm -f "$f";; esac; done')
            send(self.host, bundle, target)
            yield target
        except RemoteCommandError as error:
            self._remove(target)
            raise PlaceError(
                f"The bundle could not be written there. {error.problem}",
                "Make room on that disk, and see that the account may write there. The model in "
                "use stays.",
            ) from error
        except HostLostError:
            # The next deployment goes on with what has come.
            raise
        except OutpostError:
            self._remove(target)
            raise
        self._remove(target)

    def _remove(self, target: str) -> None:
        with suppress(OutpostError):  # The next deployment removes it.
            self.host.run(quoted("rm", "-f", target, f"{target}.part"))

    def _from_home(self, path: str) -> str:
        if path != "~" and not path.startswith("~/"):
            return path
        home = self.host.run('printf %s "$HOME"').decode()
        return home + path[1:]


@contextmanager
def reached(settings: TargetSettings, owner: str, patience: float) -> Iterator[TargetPlace]:
    """A target, for the time of a block. A host is connected to when something is done there.

    Args:
        owner: token of the state folder.
        patience: seconds for which a host may be out of reach.

    Raises:
        SshError: the key cannot be used, or the host is not known.
        SshHostError, TargetError: no such place can be.
    """
    if settings.ssh is None:
        yield FolderPlace(settings.folder, settings.python or sys.executable)
        return
    address, folder = settings.ssh
    key, known = Path(settings.ssh_key), Path(settings.ssh_known_hosts)
    login = SshHostSettings(parse_address(address), key.expanduser(), known.expanduser()).login()
    with closing(RemoteHost(login, patience)) as host:
        yield SshPlace(host, folder.rstrip("/"), settings.python or "python3", owner)


def _no_python(python: str, why: str) -> PlaceError:
    return PlaceError(
        f"There is no Python {python} at the target: {why}",
        "Name the one that the program runs in: --python PYTHON, or python: in deploy.yaml.",
    )


def _ended(python: str, how: str) -> PlaceError:
    return PlaceError(
        f"{python} at the target {how}",
        "See whether `import detector_runtime` works in it. The model that `outpost deploy list` "
        "shows is live.",
    )
