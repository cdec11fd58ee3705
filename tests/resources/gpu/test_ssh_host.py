"""A machine of one's own: locked while it is used, and left with nothing running."""

from pathlib import Path

import pytest
from doubles.gpu_jobs import QUICK, SPEC, training_program, write_small_job
from doubles.processes import is_alive, wait_until
from doubles.sshd import SshMachine, needs_sshd

from pipeline.jobs.failures import JobFailedError
from resources.gpu.clouds.base import SshAddress
from resources.gpu.hosts.host_keys import SshError
from resources.gpu.leases.file_lock import HeldError
from resources.gpu.leases.ssh_host import (
    SshHostError,
    SshHostProvider,
    SshHostSettings,
    parse_address,
)

SLEEPER = """
import os, time
open("pid_of_sleeper.tmp", "w").write(str(os.getpid()))
os.rename("pid_of_sleeper.tmp", "pid_of_sleeper")
print("asleep", flush=True)
time.sleep(600)
"""


class Interrupt(BaseException):
    """As Dagster's own."""


@pytest.fixture
def provider(machine: SshMachine, tmp_path: Path) -> SshHostProvider:
    return provider_of(machine, tmp_path)


def provider_of(machine: SshMachine, folder: Path, state: str = "state") -> SshHostProvider:
    settings = SshHostSettings(
        SshAddress(machine.host, machine.port, machine.user),
        folder / "id_ed25519",
        folder / "known_hosts",
        usd_per_hour=0.5,
    )
    return SshHostProvider(settings, folder / state, QUICK)


def jobs_on(machine: SshMachine) -> list[str]:
    return [job.name for job in (machine.home / ".outpost" / "jobs").iterdir()]


def sleeper_on(machine: SshMachine) -> int:
    jobs = machine.home / ".outpost" / "jobs"
    wait_until(lambda: any(jobs.glob("*/pid_of_sleeper")), 60)
    return int(next(jobs.glob("*/pid_of_sleeper")).read_text())


@needs_sshd
def test_a_job_is_done_and_the_machine_left_as_it_was(
    provider: SshHostProvider, machine: SshMachine, tmp_path: Path
) -> None:
    job = write_small_job(tmp_path / "job", training_program())
    lines: list[str] = []
    before = {file.name for file in machine.home.iterdir()}

    for _ in range(2):
        with provider.rent(SPEC) as lease:
            assert lease.host.usd_per_hour == 0.5
            outputs = lease.run(job, on_log=lines.append)

    assert (outputs / "best.pt").is_file()
    assert '"provider": "ssh"' in (outputs / "lease.json").read_text()
    assert jobs_on(machine) == []
    assert {file.name for file in machine.home.iterdir()} - before == {".outpost"}
    assert any("training on 3 images" in line for line in lines)
    sent = [float(line.split(":")[1].split()[0]) for line in lines if "new to it" in line]
    assert sent[1] <= sent[0]


@needs_sshd
def test_one_machine_does_one_job_at_a_time(provider: SshHostProvider) -> None:
    with (
        provider.rent(SPEC),
        pytest.raises(HeldError, match="in use by another process"),
        provider.rent(SPEC),
    ):
        pass


@needs_sshd
def test_cancelling_ends_the_training_on_the_machine(
    provider: SshHostProvider, machine: SshMachine, tmp_path: Path
) -> None:
    job = write_small_job(tmp_path / "job", SLEEPER)
    sleepers: list[int] = []

    def cancel(line: str) -> None:
        if line == "asleep":
            sleepers.append(sleeper_on(machine))
            raise Interrupt

    with pytest.raises(Interrupt), provider.rent(SPEC) as lease:
        lease.run(job, on_log=cancel)

    assert not is_alive(sleepers[0])
    assert jobs_on(machine) == []
    assert "asleep" in (job.parent / "outputs" / "log.txt").read_text()


def abandon(provider: SshHostProvider, job: Path) -> None:
    """Start a job and die."""
    with pytest.raises(Interrupt), provider.rent(SPEC) as lease:
        lease.workspace.upload(job.parent)
        lease.workspace.start()
        # Whoever dies does not tidy up.
        lease.workspace.clear = lambda _: []
        raise Interrupt


@needs_sshd
@pytest.mark.slow
def test_what_a_killed_run_left_on_the_machine_is_ended_by_the_next_one(
    provider: SshHostProvider, machine: SshMachine, tmp_path: Path
) -> None:
    abandon(provider, write_small_job(tmp_path / "job", SLEEPER))
    sleeper = sleeper_on(machine)

    with provider.rent(SPEC):
        assert not is_alive(sleeper)


@needs_sshd
@pytest.mark.slow
def test_a_job_of_somebody_else_is_left_alone(
    provider: SshHostProvider, machine: SshMachine, tmp_path: Path
) -> None:
    abandon(provider_of(machine, tmp_path, "somebody"), write_small_job(tmp_path / "job", SLEEPER))
    sleeper = sleeper_on(machine)

    with pytest.raises(SshHostError, match="Another user's job"), provider.rent(SPEC):
        pass
    assert is_alive(sleeper)


@needs_sshd
def test_a_machine_with_an_unknown_key_is_refused(
    provider: SshHostProvider, machine: SshMachine
) -> None:
    machine.change_host_key()

    with pytest.raises(SshError, match="shows the key"), provider.rent(SPEC):
        pass


@needs_sshd
@pytest.mark.slow
def test_a_failed_job_is_told_as_anywhere(provider: SshHostProvider, tmp_path: Path) -> None:
    job = write_small_job(tmp_path / "job", "raise SystemExit(3)")
    # Not even a bill that cannot be written hides it: no file takes the place of a folder.
    (job.parent / "outputs" / "lease.json").mkdir(parents=True)

    with (
        pytest.raises(JobFailedError, match="ran out of memory"),
        provider.rent(SPEC) as lease,
    ):
        lease.run(job)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("me@gpu.example.org", SshAddress("gpu.example.org", 22, "me")),
        ("root@10.0.0.7:2222", SshAddress("10.0.0.7", 2222, "root")),
    ],
)
def test_addresses_are_read(text: str, address: SshAddress) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "gpu", "@gpu", "me@", "me@gpu:port", "me@gpu:22:23"])
def test_no_addresses_are_refused(text: str) -> None:
    with pytest.raises(SshHostError, match="not the address"):
        parse_address(text)
