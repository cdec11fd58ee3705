"""A host as a place to work at: its Python, its files, one job.

~/.outpost/
    agent-<digest>.py  the host's side of this module
    blobs/             files by digest, so that only what the host lacks is sent
    venv-<digest>/     pinned packages over the host's own Python, where that has other ones
    jobs/<job>/        what `pipeline.jobs.folder.write_job_folder` made
"""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pipeline.errors import OutpostError
from pipeline.jobs.bill import BILL_FILE
from pipeline.jobs.checkpoints import CheckpointDescription
from pipeline.jobs.environment import HOST_FILE
from pipeline.jobs.program.constants import (
    CHECKPOINT_DESCRIPTION,
    CHECKPOINT_FILE,
    JOB_FILE,
    LOG_FILE,
    OUTPUTS_FOLDER,
    PROGRAM_FILE,
    STOP_FILE,
    WORK_FOLDER,
)
from resources.gpu.clouds.base import DEADMAN_FILE, IDLE_FILE
from resources.gpu.hosts.ssh import RemoteCommandError, RemoteHost, quoted
from resources.gpu.hosts.transfer import digests_of, fetch, pack, send

AGENT = Path(__file__).with_name("agent.py")
PYTHONS = (
    "python3",
    "python",
    "/usr/local/bin/python3",
    "/opt/conda/bin/python",
    "/opt/venv/bin/python",
    "/venv/bin/python",
    "~/venv/bin/python",
    "~/.venv/bin/python",
)
"""Images and people differ in which of their Pythons has torch; the PATH that an image sets is not
that of an SSH session. "~" is the account's home folder."""
HOW_MADE = "inherits by a .pth file"
"""Changed when environments are made otherwise, so that those of before are not taken."""
INSTALL_SECONDS = 900.0
PROBE_SECONDS = 120.0
LONG_SECONDS = 600.0
"""Hashing many gigabytes says nothing meanwhile."""


class HostUnfitError(OutpostError):
    """A host on which no job can run."""


@dataclass(frozen=True)
class Environment:
    """What a job would run in.

    Attributes:
        python: absolute path of the interpreter.
        gpu: name of the GPU that torch sees, or None.
        trouble: why torch cannot be used, or "".
        found: version by distribution; None where it is missing.
    """

    python: str
    torch: str | None
    cuda: str | None
    gpu: str | None
    trouble: str
    found: Mapping[str, str | None]


@dataclass(frozen=True)
class JobStatus:
    """How a job is getting on.

    Attributes:
        state: 'none' before it has begun; 'gone' when it ended without telling how.
        code: the exit code, once it ended.
        log, events: what was written since the last poll.
        checkpoint: what `checkpoint.json` says, or None.
    """

    state: Literal["none", "running", "ended", "gone"]
    code: int | None
    log: bytes
    events: bytes
    checkpoint: CheckpointDescription | None


@dataclass
class RemoteWorkspace:
    """One job's place on a host. Everything in here does no harm when it is done twice.

    Attributes:
        host: where it is.
        job_name: folder of the job, unique on the host.
        requirements: version by distribution, which the job needs beside torch.
    """

    host: RemoteHost
    job_name: str
    requirements: Mapping[str, str]
    python: str = field(default="", init=False)

    @cached_property
    def home(self) -> str:
        """Absolute path of the account's home folder."""
        return self.host.run('printf %s "$HOME"').decode()

    @property
    def base(self) -> str:
        """Absolute path of all that Outpost has on the host."""
        return f"{self.home}/.outpost"

    @property
    def job(self) -> str:
        """Absolute path of the job's folder on the host."""
        return f"{self.base}/jobs/{self.job_name}"

    @property
    def agent(self) -> str:
        """Absolute path of the program that does this module's work on the host."""
        digest = hashlib.sha256(AGENT.read_bytes()).hexdigest()
        return f"{self.base}/agent-{digest[:8]}.py"

    def probe(self) -> Environment:
        """Bring the agent, and find the Python that sees the GPU.

        Raises:
            HostUnfitError: there is no Python with torch.
        """
        folders = quoted("mkdir", "-p", *(f"{self.base}/{name}" for name in ("blobs", "jobs")))
        agent = quoted(self.agent)
        bring = f"cat > {agent}.$$ && mv {agent}.$$ {agent}"
        self.host.run(f"umask 077; {folders} && {bring}", AGENT.read_bytes())
        found, troubles = [], []
        for named in PYTHONS:
            python = named.replace("~", self.home)
            try:
                environment = self._probe_python(python)
            except RemoteCommandError as error:
                troubles.append(f"{python}: {error.problem}")
                continue
            if environment.trouble:
                troubles.append(f"{python}: {environment.trouble}")
                continue
            found.append(environment)
            if environment.gpu is not None:
                break
        if not found:
            raise HostUnfitError(
                f"No Python on the host can use torch. {'; '.join(troubles)}",
                "Choose a host or a container image with Python 3.10 or newer and torch.",
            )
        best = found[-1] if found[-1].gpu is not None else found[0]
        self.python = best.python
        return best

    def prepare(self, environment: Environment) -> dict[str, Any]:
        """Have the pinned packages at hand; everything about the host that is worth a record.

        Raises:
            HostUnfitError: they cannot be installed, or torch or its GPU is lost with them.
        """
        wanted = self.requirements
        if not _has(environment, wanted):
            self.python = self._virtual_environment(wanted)
            environment = _still_fit(self._probe_python(self.python), environment, wanted)
        return {
            "python": self.python,
            "torch": environment.torch,
            "cuda": environment.cuda,
            "gpu": environment.gpu,
            "driver": self.nvidia_smi(),
            "pinned": dict(environment.found),
            "packages": self._ask_agent("packages"),
        }

    def nvidia_smi(self) -> str | None:
        """Name, driver and memory of each GPU, a line each; None where there is no driver."""
        query = "nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader"
        try:
            return self.host.run(query).decode().strip()
        except RemoteCommandError:
            return None

    def upload(self, folder: Path) -> int:
        """Bring a job's folder; only files that the host lacks are sent. Returns their bytes."""
        digests = digests_of(folder, LEFT_OUT)
        by_digest = {digest: folder / name for name, digest in digests.items()}
        listed = "\n".join(sorted(by_digest)).encode()
        missing = self._ask_agent("missing_blobs", f"{self.base}/blobs", given=listed)
        sent = sum(by_digest[digest].stat().st_size for digest in missing)
        if missing:
            self._send({digest: by_digest[digest] for digest in missing}, folder.parent)
        laid_out = json.dumps(digests).encode()
        self._ask_agent("link_job", f"{self.base}/blobs", self.job, given=laid_out)
        return sent

    def start(self) -> None:
        """Start the job, detached from any connection; nothing happens when it was started."""
        command = quoted(self.python, PROGRAM_FILE, JOB_FILE)
        program = f"{command} >> {OUTPUTS_FOLDER}/{LOG_FILE} 2>&1 < /dev/null"
        # Where no switch is armed, nothing is written outside of the folder.
        looked_after = f'[ ! -e "{DEADMAN_FILE}" ] || touch "{IDLE_FILE}"'
        supervised = (
            "echo $$ > pid.tmp; mv pid.tmp pid; export PYTHONUNBUFFERED=1 PYTHONUTF8=1; "
            f"{program}; echo $? > rc.tmp; mv rc.tmp rc; {looked_after}"
        )
        detached = f"setsid sh -c {quoted(supervised)} > /dev/null 2>&1 < /dev/null &"
        has_begun = "n=0; while [ ! -e pid ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done"
        self.host.run(
            f"cd {quoted(self.job)} && mkdir -p {OUTPUTS_FOLDER} && "
            f"if mkdir started 2> /dev/null; then {detached} fi; {has_begun}"
        )

    def status(self, log_offset: int, events_offset: int) -> JobStatus:
        """How the job is getting on, and what it wrote from these offsets on."""
        seen = self._ask_agent("status", self.job, str(log_offset), str(events_offset))
        told = seen["checkpoint"]
        return JobStatus(
            seen["state"],
            seen["code"],
            base64.b64decode(seen["log"]),
            base64.b64decode(seen["events"]),
            told and CheckpointDescription.model_validate(told),
        )

    def ask_to_finish(self) -> None:
        """Ask the program to end in order, with what it has by then."""
        self.host.run(quoted("touch", f"{self.job}/{STOP_FILE}"))

    def stop(self) -> None:
        """End the job and all that it started, now."""
        self._ask_agent("stop", self.job)

    def fetch_checkpoint(self, told: CheckpointDescription, outputs: Path) -> None:
        """Bring the checkpoint that the job told of, with its description, each whole.

        Raises:
            TransferError: it has been replaced meanwhile.
        """
        remote = f"{self.job}/{OUTPUTS_FOLDER}/{CHECKPOINT_FILE}"
        fetch(self.host, remote, outputs / CHECKPOINT_FILE, told.sha256)
        told.write(outputs)

    def fetch_outputs(self, outputs: Path, left_out: Sequence[str] = ()) -> None:
        """Bring everything that the job has made and that is not here already, verified."""
        remote, here = f"{self.job}/{OUTPUTS_FOLDER}", digests_of(outputs)
        there: dict[str, str] = self._ask_agent("files", remote)
        for name, digest in there.items():
            if name not in left_out and here.get(name) != digest:
                fetch(self.host, f"{remote}/{name}", outputs / name, digest)

    def clear(self, prefix: str) -> list[str]:
        """End and remove jobs whose names begin with a prefix; the names of others that run."""
        others: list[str] = self._ask_agent("clear", f"{self.base}/jobs", prefix)
        return others

    def _send(self, blobs: Mapping[str, Path], scratch: Path) -> None:
        """Send files, named by their digests, as one tar."""
        with tempfile.TemporaryDirectory(dir=scratch, prefix="upload-") as name:
            archive = Path(name) / "blobs.tar"
            pack(blobs, archive)
            target = f"{self.base}/{hashlib.sha256(''.join(sorted(blobs)).encode()).hexdigest()}"
            send(self.host, archive, f"{target}.tar")
            self._ask_agent("unpack", f"{target}.tar", str(len(blobs)), f"{self.base}/blobs")

    def _probe_python(self, python: str) -> Environment:
        words = ("probe", *self.requirements)
        return Environment(**self._ask_agent(*words, python=python, seconds=PROBE_SECONDS))

    def _virtual_environment(self, wanted: Mapping[str, str]) -> str:
        """The interpreter of an environment with the pinned packages over the host's own torch."""
        pins = [f"{name}=={version}" for name, version in wanted.items()]
        said = " ".join([HOW_MADE, self.python, *pins])
        digest = hashlib.sha256(said.encode()).hexdigest()[:12]
        folder = f"{self.base}/venv-{digest}"
        try:
            python: str = self._ask_agent("environment", folder, *pins, seconds=INSTALL_SECONDS)
        except RemoteCommandError as error:
            raise HostUnfitError(
                f"{', '.join(pins)} cannot be installed on the host. {error.problem}",
                "Choose a container image that has them, or one with python3-venv and access to "
                "PyPI.",
            ) from error
        return python

    def _ask_agent(
        self,
        *words: str,
        given: bytes = b"",
        python: str | None = None,
        seconds: float = LONG_SECONDS,
    ) -> Any:
        """Have the agent do something on the host; its answer."""
        command = quoted(python or self.python, self.agent, *words)
        answer = self.host.run(command, given, seconds).decode("utf-8", errors="replace")
        try:
            # Libraries may have said something before.
            return json.loads(answer.strip().rpartition("\n")[2])
        except ValueError as error:
            raise RemoteCommandError(
                f"On the host, `{command[:200]}` answered {answer[-200:]!r}.",
                "Try again; `outpost gpu doctor` looks at the usual causes.",
            ) from error


_OUTPUTS_LEFT_OUT = (CHECKPOINT_FILE, CHECKPOINT_DESCRIPTION, BILL_FILE, HOST_FILE)
LEFT_OUT = (WORK_FOLDER, *(f"{OUTPUTS_FOLDER}/{name}" for name in _OUTPUTS_LEFT_OUT))
"""What stays here when a job's folder is brought to a host."""


def _has(environment: Environment, wanted: Mapping[str, str]) -> bool:
    return all(environment.found.get(name) == version for name, version in wanted.items())


def _still_fit(now: Environment, before: Environment, wanted: Mapping[str, str]) -> Environment:
    """What was made over an environment, if torch works in it as it did there.

    Raises:
        HostUnfitError: it does not.
    """
    lost = ""
    if now.trouble:
        lost = f"torch cannot be used any more: {now.trouble}"
    elif before.gpu is not None and now.gpu is None:
        lost = f"torch {now.torch} sees no GPU, where torch {before.torch} had seen {before.gpu}"
    elif not _has(now, wanted):
        lost = f"other versions are seen than were installed: {dict(now.found)}"
    if lost:
        raise HostUnfitError(
            f"With the pinned packages installed over {before.python}, {lost}.",
            "Choose a container image with another Python, or one that has "
            f"{', '.join(f'{name} {version}' for name, version in wanted.items())}.",
        )
    return now
