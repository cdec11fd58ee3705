"""A machine that is reached by SSH and rented from nobody: locked, used, left as it was."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import OutpostError
from pipeline.files import write_json
from pipeline.jobs.environment import HOST_FILE
from pipeline.jobs.events import OnEvent, OnLog, ignore
from pipeline.jobs.spec import JobSpec
from resources.gpu.clouds.base import SshAddress
from resources.gpu.hosts.host_keys import DEFAULT_PORT, known_host
from resources.gpu.hosts.keys import read_key
from resources.gpu.hosts.ssh import Login, RemoteHost
from resources.gpu.hosts.workspace import Environment, RemoteWorkspace
from resources.gpu.lease import Host
from resources.gpu.leases.charges import own_machine_bill
from resources.gpu.leases.file_lock import hold_lock
from resources.gpu.leases.follow import JobFollower, RemoteJob
from resources.gpu.pod_names import new_lease_id, owner_token
from resources.gpu.signals import interruptible, require_a_parent, shielded
from resources.gpu.timeouts import Timeouts

_ADDRESS = re.compile(r"(?P<user>[^@\s]+)@(?P<host>[^@:\s]+)(:(?P<port>\d{1,5}))?")


class SshHostError(OutpostError):
    """A host that cannot be used as it was described, or that somebody else uses."""


@dataclass(frozen=True)
class SshHostSettings:
    """Which machine.

    Attributes:
        address: where it answers.
        key: file of a private key that it lets in; see `resources.gpu.hosts.keys`.
        known_hosts: file that knows its host key.
        usd_per_hour: what an hour on it costs its owner, for the bill.
    """

    address: SshAddress
    key: Path
    known_hosts: Path
    usd_per_hour: float = 0.0

    def login(self) -> Login:
        """How to log in.

        Raises:
            SshError: the key cannot be used, or the host is not known.
        """
        trust = known_host(self.known_hosts, self.address)
        return Login(self.address, read_key(self.key), trust)


@dataclass(frozen=True)
class SshHostProvider:
    """Lends one machine to one job at a time.

    Attributes:
        folder: the state folder's part for GPUs; holds the lock.
    """

    settings: SshHostSettings
    folder: Path
    timeouts: Timeouts

    @contextmanager
    def rent(self, spec: JobSpec, on_log: OnLog = ignore) -> Iterator[SshHostLease]:
        """Lease the machine; whatever happens in the block, nothing runs on it afterwards.

        Raises:
            HeldError: another job of this state folder runs on it.
            SshHostError: somebody else's job runs on it.
            SshError: it cannot be reached or trusted.
        """
        address, owner = self.settings.address, owner_token(self.folder)
        lock = self.folder / "hosts" / f"{address.host}-{address.port}.lock"
        host = RemoteHost(self.settings.login(), self.timeouts.reconnect)
        workspace = RemoteWorkspace(host, f"outpost-{owner}-{new_lease_id()}", spec.requirements)
        with interruptible(), hold_lock(lock), closing(host):
            environment = workspace.probe()
            # Whoever of us has left a job behind is gone: the lock is ours.
            if others := workspace.clear(f"outpost-{owner}-"):
                raise SshHostError(
                    f"Another user's job is running on {address.host}: {', '.join(others)}.",
                    "Wait until it has ended.",
                )
            on_log(f"Using {environment.gpu or 'the CPU'} of {address.host}.")
            try:
                yield SshHostLease(self, spec, workspace, environment)
            finally:
                with shielded():
                    workspace.clear(workspace.job_name)


@dataclass(frozen=True)
class SshHostLease:
    """The machine, for one job."""

    provider: SshHostProvider
    spec: JobSpec
    workspace: RemoteWorkspace
    environment: Environment

    @property
    def host(self) -> Host:
        """The machine."""
        settings = self.provider.settings
        name = f"{settings.address.host}, {self.environment.gpu or 'CPU'}"
        return Host("ssh", name, settings.usd_per_hour)

    def run(self, job: Path, on_event: OnEvent = ignore, on_log: OnLog = ignore) -> Path:
        """Run a job; see `resources.gpu.lease.Lease`."""
        began = time.time()
        remote_job = RemoteJob(self.spec, job, on_event, on_log)
        remote_job.outputs.mkdir(exist_ok=True)
        follower = JobFollower(self.workspace, remote_job, self.provider.timeouts)
        try:
            record = self.workspace.prepare(self.environment)
            write_json(remote_job.outputs / HOST_FILE, record)
            # Nothing bounds a job on one's own machine, except that somebody still waits for it.
            return follower.run(lambda _: require_a_parent())
        except BaseException:
            if not follower.has_ended:
                with shielded(), suppress(OutpostError):
                    follower.rescue_outputs()
            raise
        finally:
            host = replace(self.host, name=self.provider.settings.address.host)
            bill = own_machine_bill(host, self.environment.gpu, time.time() - began)
            bill.write_if_possible(remote_job.outputs, on_log)


def parse_address(text: str) -> SshAddress:
    """Read `user@host` or `user@host:port`.

    Raises:
        SshHostError: it is neither.
    """
    match = _ADDRESS.fullmatch(text.strip())
    if match is None:
        raise SshHostError(
            f"{text!r} is not the address of an SSH host.",
            "Write it as user@host or user@host:port.",
        )
    return SshAddress(match["host"], int(match["port"] or DEFAULT_PORT), match["user"])
