"""A machine behind SSH: a real OpenSSH server with a home folder and programs of its own.

It runs as root and as anybody else. Its file system is that of this machine; `HOME` and `PATH` are
its own, so a test puts programs of its making (`nvidia-smi`, `python3`) in front of the real ones.

    machine = start_sshd(folder, public_key)
    ...                             # log in as machine.user at machine.host:machine.port
    machine.stop()                  # the machine is gone, with everything that ran on it
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SSHD = "/usr/sbin/sshd"
HOST = "127.0.0.1"
START_SECONDS = 60.0
MARK = "OUTPOST_DOUBLE_MACHINE"
"""In the environment of everything that runs on a machine: its folder."""

needs_sshd = pytest.mark.skipif(
    not Path(SSHD).is_file() or shutil.which("ssh-keygen") is None,
    reason="needs openssh-server and openssh-client",
)
"""Skips a test where there is no SSH server to start."""

CONFIGURATION = """\
Port {port}
ListenAddress {host}
HostKey {folder}/hostkey
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/home/.ssh/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
UseDNS no
PrintMotd no
MaxStartups 100:30:200
SetEnv {environment}
{further}
"""
LOGIN_SHELL = """\
#!/bin/sh
# As sshd starts the account's shell: with the command as one word, and no other shell before it.
unset SHLVL
exec {shell} -c "$SSH_ORIGINAL_COMMAND"
"""


@dataclass
class SshMachine:
    """A running machine.

    Attributes:
        folder: everything of it lies below.
        port: on `host`; stays the same when it is started again.
        environment: variables of every session, besides HOME and PATH.
        login_shell: the account's; whatever it has on this machine if empty. Takes effect when the
            machine is started.
        banner: what the server says before anybody logs in.
    """

    folder: Path
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    host: str = HOST
    login_shell: str = ""
    banner: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def user(self) -> str:
        """Who may log in: whoever runs the tests."""
        return pwd.getpwuid(os.getuid()).pw_name

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def programs(self) -> Path:
        """First in the PATH of every session."""
        return self.folder / "bin"

    @property
    def authorized_keys(self) -> Path:
        return self.home / ".ssh" / "authorized_keys"

    @property
    def fingerprint(self) -> str:
        """Of the host key: "SHA256:..."."""
        command = ["ssh-keygen", "-lf", str(self.folder / "hostkey.pub")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[1]

    def write_known_hosts(self, file: Path) -> Path:
        """A file that knows its host key, as a first login leaves it."""
        public = (self.folder / "hostkey.pub").read_text(encoding="utf-8")
        file.write_text(f"[{self.host}]:{self.port} {public}", encoding="utf-8")
        return file

    def start(self) -> None:
        """Boot it; returns when its port is open."""
        (self.folder / "sshd_config").write_text(self._configuration(), encoding="utf-8")
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(parents=True, exist_ok=True)
        with (self.folder / "sshd.log").open("ab") as log:
            self.process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait_for_port(self.process)

    def stop(self) -> None:
        """The machine is gone: its server, its connections, and all that ran on it."""
        self.kill()
        # What is being started while others are killed is found by the next look.
        while pids := list(self.marked()):
            _kill(pids)
            time.sleep(0.02)

    def kill(self) -> None:
        """End the server and its connections; detached programs go on. `start` brings it back."""
        if self.process is None:
            return
        pids = [self.process.pid, *_descendants(self.process.pid)]
        _kill(pids)
        self.process.wait()
        self.process = None

    def freeze_connections(self) -> None:
        """Have every connection hang: it stays open, and nobody answers. New ones are taken."""
        if self.process is not None:
            for pid in _descendants(self.process.pid):
                if _name_of(pid) == "sshd":
                    os.kill(pid, signal.SIGSTOP)

    def drop_connections(self) -> None:
        """Cut every connection; the server goes on and takes new ones."""
        if self.process is not None:
            _kill([pid for pid in _descendants(self.process.pid) if _name_of(pid) == "sshd"])

    def change_host_key(self) -> None:
        """Be another machine at the same address."""
        self.kill()
        _make_host_key(self.folder)
        self.start()

    def change_shell(self, shell: str, start_up: Mapping[str, str] | None = None) -> None:
        """Give the account another login shell.

        Args:
            shell: a program, as "fish".
            start_up: lines of its start-up files, by their paths in the home folder.
        """
        for name, lines in (start_up or {}).items():
            file = self.home / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(lines, encoding="utf-8")
        self.kill()
        self.login_shell = shell
        self.start()

    def install(self, name: str, script: str) -> Path:
        """Put a program of the test's making in front of the real one."""
        program = self.programs / name
        program.write_text(script, encoding="utf-8")
        program.chmod(0o755)
        return program

    def _configuration(self) -> str:
        variables = {
            "HOME": str(self.home),
            "PATH": f"{self.programs}:/usr/local/bin:/usr/bin:/bin",
            MARK: str(self.folder),
            **self.environment,
        }
        return CONFIGURATION.format(
            port=self.port,
            host=self.host,
            folder=self.folder,
            environment=" ".join(f'"{name}={value}"' for name, value in variables.items()),
            further="\n".join(self._further_lines()),
        )

    def _further_lines(self) -> Iterator[str]:
        if self.login_shell:
            shell = self.folder / "login_shell"
            shell.write_text(LOGIN_SHELL.format(shell=self.login_shell), encoding="utf-8")
            shell.chmod(0o755)
            yield f"ForceCommand {shell}"
        if self.banner:
            (self.folder / "banner").write_text(self.banner, encoding="utf-8")
            yield f"Banner {self.folder / 'banner'}"

    def _wait_for_port(self, process: subprocess.Popen[bytes]) -> None:
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 1):
                return
            time.sleep(0.02)
        log = (self.folder / "sshd.log").read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"sshd did not start: {log}")

    def marked(self) -> Iterator[int]:
        """Everything that runs on the machine, but for its SSH server."""
        mark = f"{MARK}={self.folder}".encode()
        for pid in _pids():
            with contextlib.suppress(OSError):
                if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                    yield pid


def start_sshd(
    folder: Path,
    public_key: str,
    environment: Mapping[str, str] | None = None,
    address: tuple[str, int] | None = None,
) -> SshMachine:
    """Boot a machine that lets one key in.

    Args:
        folder: created; everything of the machine lies below.
        public_key: one line in OpenSSH's format.
        environment: further variables of every session.
        address: of the loopback, and a port; a free port of `HOST` without it.

    Raises:
        RuntimeError: the server did not start; its log is quoted.
    """
    host, port = address or (HOST, free_port())
    machine = SshMachine(folder.absolute(), port, environment or {}, host)
    machine.authorized_keys.parent.mkdir(parents=True)
    machine.authorized_keys.write_text(public_key.rstrip() + "\n", encoding="utf-8")
    machine.programs.mkdir()
    _make_host_key(machine.folder)
    machine.start()
    return machine


@contextmanager
def running_sshd(
    folder: Path, public_key: str, environment: Mapping[str, str] | None = None
) -> Iterator[SshMachine]:
    """A machine for the time of a block."""
    machine = start_sshd(folder, public_key, environment)
    try:
        yield machine
    finally:
        machine.stop()


def _make_host_key(folder: Path) -> None:
    for name in ("hostkey", "hostkey.pub"):
        (folder / name).unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "hostkey")]
    subprocess.run(command, check=True)


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _descendants(pid: int) -> list[int]:
    """Children and their children; what has detached itself is none any more."""
    children: dict[int, list[int]] = {}
    for other in _pids():
        with contextlib.suppress(OSError):
            parent = int(Path(f"/proc/{other}/stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(other)
    found, waiting = [], [pid]
    while waiting:
        waiting += children.get(waiting.pop(0), [])
        found += [child for child in waiting if child not in found]
    return found


def _name_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
