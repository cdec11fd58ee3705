"""Renting from Lambda Cloud: no dead-man switch, no host keys told, a key to be tidied away."""

from pathlib import Path

import pytest
from doubles.gpu_jobs import SPEC
from doubles.renting import A10, A100, RentingFromLambda
from doubles.servers import drop
from doubles.sshd import needs_sshd

from resources.gpu.leases.ledger import LeaseState

pytestmark = [needs_sshd, pytest.mark.slow]


@pytest.fixture
def account(from_lambda: RentingFromLambda) -> RentingFromLambda:
    return from_lambda


def train(account: RentingFromLambda, job: Path) -> Path:
    with account.provider().rent(SPEC) as lease:
        return lease.run(job)


def assert_nothing_is_left(account: RentingFromLambda) -> None:
    account.assert_all_is_over()
    assert account.double.keys == {}, "SSH keys of ours are left in the account"


def test_a_job_is_done_and_nothing_is_left(account: RentingFromLambda, job: Path) -> None:
    outputs = train(account, job)

    assert (outputs / "best.pt").is_file()
    (row,) = account.ledger.rows()
    assert row.host_key is not None, "the first key was trusted and is remembered"
    assert row.usd_per_hour == 1.29
    assert_nothing_is_left(account)


def test_a_launch_without_an_answer_is_adopted(account: RentingFromLambda, job: Path) -> None:
    account.double.script("launch", drop(after=True))

    train(account, job)

    assert len(account.double.pods) == 1
    assert_nothing_is_left(account)


def test_without_capacity_the_next_type_is_taken(account: RentingFromLambda, job: Path) -> None:
    account.double.without_capacity = {A10}

    train(account, job)

    assert account.ledger.rows()[0].gpu == A100
    assert_nothing_is_left(account)


class Died(BaseException):
    """Nothing of what follows is done."""


def test_what_was_left_behind_is_reaped_with_its_key(
    account: RentingFromLambda, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as dead:
        dead.setattr("resources.gpu.leases.pod.end_lease", die)
        with pytest.raises(Died):
            train(account, job)
    assert len(account.double.owned) == 1

    account.reap()

    assert account.ledger.rows()[0].state is LeaseState.TERMINATED
    assert_nothing_is_left(account)
