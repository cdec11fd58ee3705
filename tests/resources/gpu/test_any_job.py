"""A job that is no training, on rented pods and on a machine of one's own: the same care."""

import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from doubles.gpu_jobs import QUICK
from doubles.processes import wait_until
from doubles.renting import Renting
from doubles.sshd import SshMachine, needs_sshd
from doubles.sum_job import SUM, SumEvent, write_sum_job

from pipeline.jobs.bill import Bill
from pipeline.jobs.events import EpochEvent, JobEvent
from pipeline.jobs.failures import JobFailedError
from resources.gpu.clouds.base import SshAddress
from resources.gpu.lease import GpuProvider, Lease
from resources.gpu.leases.ssh_host import SshHostProvider, SshHostSettings

pytestmark = needs_sshd


class Stopped(BaseException):
    """As Dagster's own interrupt."""


@dataclass(frozen=True)
class Place:
    """Where a job runs.

    Attributes:
        assert_all_is_over: nothing is left there, and nothing is billed.
    """

    provider: GpuProvider
    name: str
    assert_all_is_over: Callable[[], None]

    def rent(self) -> AbstractContextManager[Lease]:
        return self.provider.rent(SUM)


@pytest.fixture
def own_machine(machine: SshMachine, tmp_path: Path) -> Place:
    settings = SshHostSettings(
        SshAddress(machine.host, machine.port, machine.user),
        tmp_path / "id_ed25519",
        tmp_path / "known_hosts",
        usd_per_hour=0.5,
    )

    def assert_empty() -> None:
        assert list((machine.home / ".outpost" / "jobs").iterdir()) == []

    return Place(SshHostProvider(settings, tmp_path / "state", QUICK), "ssh", assert_empty)


@pytest.fixture(params=["runpod", "ssh"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "ssh":
        own: Place = request.getfixturevalue("own_machine")
        return own
    account: Renting = request.getfixturevalue("account")
    return Place(account.provider(), "runpod", account.assert_all_is_over)


def total(job: Path) -> int:
    return int((job.parent / "outputs" / "total.txt").read_text())


def bill_of(job: Path) -> Bill:
    bill = Bill.of(job.parent / "outputs")
    assert bill is not None
    return bill


def test_it_is_done_recorded_and_billed(place: Place, tmp_path: Path) -> None:
    job = write_sum_job(tmp_path / "job")
    events: list[JobEvent] = []

    with place.rent() as lease:
        lease.run(job, events.append)

    place.assert_all_is_over()
    assert total(job) == 6
    assert [event.total for event in events if isinstance(event, SumEvent)] == [1, 3, 6]
    assert bill_of(job).provider == place.name
    record = json.loads((job.parent / "outputs" / "host.json").read_text())
    assert record["pinned"] == dict(SUM.requirements)


def test_cancelled_it_leaves_its_checkpoint_and_nothing_else(place: Place, tmp_path: Path) -> None:
    job = write_sum_job(tmp_path / "job", epochs=1000)

    def cancel(event: JobEvent) -> None:
        if isinstance(event, EpochEvent) and event.epoch == 3:
            raise Stopped

    with pytest.raises(Stopped), place.rent() as lease:
        lease.run(job, cancel)

    place.assert_all_is_over()
    outputs = job.parent / "outputs"
    assert json.loads((outputs / "checkpoint.json").read_text())["epoch"] >= 3
    assert not (outputs / "total.txt").exists()
    assert bill_of(job).seconds > 0


def test_its_failure_is_explained_in_its_own_words(place: Place, tmp_path: Path) -> None:
    job = write_sum_job(tmp_path / "job", fails_after=2)

    with pytest.raises(JobFailedError, match="ran out of memory") as caught, place.rent() as lease:
        lease.run(job)

    place.assert_all_is_over()
    assert caught.value.fix.startswith("Add fewer numbers.")


@pytest.mark.slow
def test_a_lost_host_is_replaced_and_the_sum_goes_on(account: Renting, tmp_path: Path) -> None:
    job = write_sum_job(tmp_path / "job", epochs=12, seconds=0.3)
    epochs: list[int] = []
    lines: list[str] = []

    def listen(event: JobEvent) -> None:
        if isinstance(event, EpochEvent):
            epochs.append(event.epoch)

    def lose() -> None:
        wait_until(lambda: 3 in epochs, 60.0)
        account.runpod.vanish(account.runpod.newest().id)

    losing = threading.Thread(target=lose, daemon=True)
    losing.start()
    with account.provider().rent(SUM) as lease:
        lease.run(job, listen, lines.append)
    losing.join()

    account.assert_all_is_over()
    assert total(job) == 78
    assert any(line.startswith("going on after") for line in lines)
    assert len(bill_of(job).leases) == 2


@pytest.mark.slow
def test_it_ends_in_order_before_the_money_is_spent(account: Renting, tmp_path: Path) -> None:
    job = write_sum_job(tmp_path / "job", epochs=1000)
    timeouts = replace(QUICK, rescue=1.0, finish=3.0)

    with account.provider(timeouts=timeouts, ttl_seconds=9).rent(SUM) as lease:
        lease.run(job)

    account.assert_all_is_over()
    assert 0 < total(job) < 500_500
