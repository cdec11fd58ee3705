"""Accounts at the doubles of clouds, a machine behind SSH, a ledger, and a job of a second."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from doubles.clocks import Clock
from doubles.gpu_jobs import gpu_python, training_program, write_small_job
from doubles.renting import Renting, RentingFromLambda, renting, renting_from_lambda
from doubles.sshd import SshMachine, running_sshd

from resources.gpu.hosts.keys import own_key, public_line
from resources.gpu.leases.ledger import Ledger


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Renting]:
    with renting(tmp_path) as account:
        monkeypatch.setenv("RUNPOD_API_KEY", account.runpod.key)
        yield account


@pytest.fixture
def from_lambda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RentingFromLambda]:
    with renting_from_lambda(tmp_path) as account:
        monkeypatch.setenv("LAMBDA_API_KEY", account.double.key)
        yield account


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[SshMachine]:
    """It lets in `id_ed25519`, and is known in `known_hosts`; both lie in `tmp_path`."""
    key = own_key(tmp_path / "id_ed25519")
    with running_sshd(tmp_path / "machine", public_line(key)) as machine:
        machine.install("python3", gpu_python())
        machine.write_known_hosts(tmp_path / "known_hosts")
        yield machine


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Ledger:
    return Ledger(tmp_path / "gpu", clock)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return write_small_job(tmp_path / "job", training_program())
