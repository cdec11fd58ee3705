"""A rented machine: boots, runs its entrypoint and a real sshd, is billed, and ends completely."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from doubles.sshd import MARK, SshMachine, start_sshd

ENTRY_SECONDS = 60.0
START_SCRIPT = """\
#!/usr/bin/env bash
echo "Pod Started"
echo "Setting up SSH..."
touch "{folder}/started"
exec sleep infinity
"""
PYTHON = """\
#!/bin/sh
exec "{python}" "$@"
"""
NVIDIA_SMI = """\
#!/usr/bin/env bash
# Answers queries as a host with one RTX 4090 does.
declare -A values=(
    [name]="NVIDIA GeForce RTX 4090" [gpu_name]="NVIDIA GeForce RTX 4090" [index]=0
    [driver_version]="570.124.06" [memory.total]="24564 MiB" [memory.used]="1 MiB"
    [memory.free]="24200 MiB" [utilization.gpu]="0 %" [count]=1 [uuid]="GPU-00000000"
)
for word in "$@"; do
    case "$word" in
        --query-gpu=*)
            line=""
            IFS=, read -ra fields <<< "${word#--query-gpu=}"
            for field in "${fields[@]}"; do line="$line${line:+, }${values[$field]:-[N/A]}"; done
            echo "$line"
            exit 0 ;;
        -L) echo "GPU 0: NVIDIA GeForce RTX 4090 (UUID: GPU-00000000)"; exit 0 ;;
    esac
done
echo "NVIDIA-SMI 570.124.06   Driver Version: 570.124.06   CUDA Version: 12.8"
echo "| 0  NVIDIA GeForce RTX 4090 |   1MiB / 24564MiB |   0%  Default |"
"""


class Phase(StrEnum):
    """Where a machine is in its life, in RunPod's words."""

    PROVISIONING = "PROVISIONING"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    EXITED = "EXITED"
    ERROR = "ERROR"
    TERMINATED = "TERMINATED"


@dataclass(frozen=True)
class Pace:
    """How long a machine takes for its way to RUNNING, in seconds."""

    provisioning: float = 0.05
    starting: float = 0.05


@dataclass
class FakePod:
    """One machine.

    Attributes:
        folder: everything of it lies below; `image` holds the programs that come with the image,
            `bin` those that a test installs on the running machine.
        args: command of the container; empty for the image's own.
        environment: of the container.
        programs: name -> script; come with the image, in front of the machine's own.
        fails: becomes ERROR instead of RUNNING.
        foreign: nobody logs in to it, so nothing is booted.
        address: where sshd listens; a free port of the loopback without it.
        billed_from, billed_until: monotonic seconds.
    """

    id: str
    name: str
    folder: Path
    public_key: str
    usd_per_hour: float
    args: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    programs: Mapping[str, str] = field(default_factory=dict)
    pace: Pace = Pace()
    fails: bool = False
    foreign: bool = False
    address: tuple[str, int] | None = None
    created: float = field(default_factory=time.time)
    billed_from: float = field(default_factory=time.monotonic)
    billed_until: float | None = None
    machine: SshMachine | None = None
    details: dict[str, Any] = field(default_factory=dict)
    _phase: Phase = Phase.PROVISIONING
    _entry: subprocess.Popen[bytes] | None = None
    _ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def phase(self) -> Phase:
        """A container whose entrypoint has ended is EXITED, and billed on."""
        exited = self._entry is not None and self._entry.poll() is not None
        if exited and self._phase in (Phase.STARTING, Phase.RUNNING):
            self._phase = Phase.EXITED
        return self._phase

    @property
    def alive(self) -> bool:
        """Whether it is billed."""
        return self.billed_until is None

    @property
    def billed_seconds(self) -> float:
        until = time.monotonic() if self.billed_until is None else self.billed_until
        return until - self.billed_from

    @property
    def usd(self) -> float:
        return self.usd_per_hour * self.billed_seconds / 3600

    @property
    def log(self) -> Path:
        """What the container has printed."""
        return self.folder / "container.log"

    def boot(self) -> None:
        """Go through the phases, in a thread of its own."""
        if self.foreign:
            self._phase = Phase.RUNNING
            return
        threading.Thread(target=self._boot, daemon=True).start()

    def end(self) -> None:
        """Be gone with everything that ran on it; also in the middle of booting."""
        self._ended.set()
        with self._lock:
            if self.billed_until is None:
                self.billed_until = time.monotonic()
            self._phase = Phase.TERMINATED
            self._kill()

    def stop(self) -> None:
        """Stop computing; the disk is billed on."""
        self._ended.set()
        with self._lock:
            self._phase = Phase.EXITED
            self._kill()

    def swap_host_key(self) -> None:
        """Become another machine at the same address; the log goes on telling the old key."""
        self._running().change_host_key()

    def wipe_authorized_keys(self) -> None:
        """Let nobody in any more."""
        self._running().authorized_keys.write_text("", encoding="utf-8")

    def kill_sshd(self) -> None:
        """No SSH any more; what runs detached runs on. `start_sshd` brings it back."""
        self._running().kill()

    def start_sshd(self) -> None:
        """SSH again, at the same port with the same key."""
        self._running().start()

    def drop_connections(self) -> None:
        """Cut the connections; new ones are taken."""
        self._running().drop_connections()

    def deadman_pid(self) -> int | None:
        """Process of the armed dead-man switch."""
        file = self.folder / "home" / ".outpost_deadman.pid"
        return int(file.read_text()) if file.is_file() else None

    def processes(self) -> list[int]:
        """Everything that runs in the container; sshd itself, which is the machine's, is not."""
        return list((self.machine or SshMachine(self.folder.absolute(), 0)).marked())

    def _running(self) -> SshMachine:
        if self.machine is None:
            raise RuntimeError(f"pod {self.id} has not booted")
        return self.machine

    def _boot(self) -> None:
        if self._ended.wait(self.pace.provisioning):
            return
        with self._lock:
            if self._ended.is_set():
                return
            self._phase = Phase.STARTING
            self._prepare()
            self._start_entry()
        if not self._entrypoint_done() or self._ended.wait(self.pace.starting):
            return
        with self._lock:
            # The pod may have been ended meanwhile: then no sshd may be started any more.
            if self._ended.is_set() or self.phase is Phase.EXITED:
                return
            if self.fails:
                self._phase = Phase.ERROR
                return
            try:
                self._start_machine()
            except (OSError, RuntimeError):
                self._phase = Phase.ERROR
                raise
            self._phase = Phase.RUNNING

    def _prepare(self) -> None:
        image = self.folder / "image"
        image.mkdir(parents=True)
        (self.folder / "home").mkdir()
        python = PYTHON.format(python=sys.executable)
        scripts = {"nvidia-smi": NVIDIA_SMI, "python": python, "python3": python, **self.programs}
        scripts["start.sh"] = START_SCRIPT.format(folder=self.folder)
        for name, script in scripts.items():
            (image / name).write_text(script, encoding="utf-8")
            (image / name).chmod(0o755)

    def _start_entry(self) -> None:
        """The container's command, as it was given, with /start.sh of this machine."""
        start = str(self.folder / "image" / "start.sh")
        command = [word.replace("/start.sh", start) for word in shlex.split(self.args)] or [start]
        command[0] = shutil.which(command[0]) or command[0]
        environment = {
            "HOME": str(self.folder / "home"),
            "PATH": self._path(),
            MARK: str(self.folder.absolute()),
            "PUBLIC_KEY": self.public_key,
            **self.environment,
        }
        with self.log.open("ab") as log:
            self._entry = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment,
                start_new_session=True,
            )

    def _entrypoint_done(self) -> bool:
        ends = time.monotonic() + ENTRY_SECONDS
        while not (self.folder / "started").exists():
            if self._ended.wait(0.01) or time.monotonic() > ends or self.phase is Phase.EXITED:
                return False
        return True

    def _start_machine(self) -> None:
        machine = start_sshd(self.folder, self.public_key, {"PATH": self._path()}, self.address)
        with self.log.open("a", encoding="utf-8") as log:
            log.write("SSH host keys:\n")
            log.write(f"256 {machine.fingerprint} root@{self.id} (ED25519)\n")
        # Last: who waits for the machine may change its key, and the log tells the first one.
        self.machine = machine

    def _path(self) -> str:
        folder = self.folder.absolute()
        return f"{folder}/bin:{folder}/image:/usr/local/bin:/usr/bin:/bin"

    def _kill(self) -> None:
        if self._entry is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._entry.pid, signal.SIGKILL)
            self._entry.wait()
        # An unbooted machine, too, so that all that carries the mark of this pod ends.
        machine = self.machine or SshMachine(self.folder.absolute(), 0)
        machine.stop()
