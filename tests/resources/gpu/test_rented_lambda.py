"""Renting from Lambda Cloud: no dead-man switch, no host keys told, a key to be tidied away."""

import getpass
from collections.abc import Iterator
from pathlib import Path

import pytest
from doubles.gpu_jobs import SPEC, gpu_python, training_program, write_small_job
from doubles.lambda_cloud import LambdaCloudDouble, running_lambda_cloud
from doubles.renting import IMPATIENT, provider_for
from doubles.servers import drop
from doubles.sshd import needs_sshd

from resources.gpu.lambda_cloud import LambdaCloud, LambdaSettings
from resources.gpu.ledger import LeaseState, Ledger
from resources.gpu.reaper import reap_until_settled
from resources.gpu.rented import RentedProvider

pytestmark = [needs_sshd, pytest.mark.slow]

A10, A100 = "gpu_1x_a10", "gpu_1x_a100_sxm4"


@pytest.fixture
def double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LambdaCloudDouble]:
    with running_lambda_cloud(tmp_path / "lambda") as double:
        double.programs = {"python3": gpu_python()}
        monkeypatch.setenv("LAMBDA_API_KEY", double.key)
        yield double
        assert double.violations == []


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "state")


@pytest.fixture
def provider(double: LambdaCloudDouble, ledger: Ledger) -> RentedProvider:
    cloud = LambdaCloud(
        LambdaSettings(
            base_url=double.url,
            ssh_user=getpass.getuser(),
            ssh_port=double.ssh_port,
            seconds_apart=0.0,
            launch_seconds_apart=0.0,
            patience=IMPATIENT,
        )
    )
    return provider_for(cloud, ledger, (A10, A100), per_hour=2.5)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return write_small_job(tmp_path / "job", training_program())


def train(provider: RentedProvider, job: Path) -> Path:
    with provider.rent(SPEC) as lease:
        return lease.run(job)


def assert_all_is_over(double: LambdaCloudDouble, ledger: Ledger) -> None:
    assert double.owned == []
    assert ledger.open_rows() == ()
    assert double.keys == {}, "SSH keys of ours are left in the account"


def test_a_job_is_done_and_nothing_is_left(
    double: LambdaCloudDouble, provider: RentedProvider, ledger: Ledger, job: Path
) -> None:
    outputs = train(provider, job)

    assert (outputs / "best.pt").is_file()
    (row,) = ledger.rows()
    assert row.host_key is not None, "the first key was trusted and is remembered"
    assert row.usd_per_hour == 1.29
    assert_all_is_over(double, ledger)


def test_a_launch_without_an_answer_is_adopted(
    double: LambdaCloudDouble, provider: RentedProvider, ledger: Ledger, job: Path
) -> None:
    double.script("launch", drop(after=True))

    train(provider, job)

    assert len(double.pods) == 1
    assert_all_is_over(double, ledger)


def test_without_capacity_the_next_type_is_taken(
    double: LambdaCloudDouble, provider: RentedProvider, ledger: Ledger, job: Path
) -> None:
    double.without_capacity = {A10}

    train(provider, job)

    assert ledger.rows()[0].gpu == A100
    assert_all_is_over(double, ledger)


class Died(BaseException):
    """Nothing of what follows is done."""


def test_what_was_left_behind_is_reaped_with_its_key(
    double: LambdaCloudDouble,
    provider: RentedProvider,
    ledger: Ledger,
    job: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as dead:
        dead.setattr("resources.gpu.pod_lease.end_lease", die)
        with pytest.raises(Died):
            train(provider, job)
    assert len(double.owned) == 1

    reap_until_settled(provider.terms.cloud, ledger, provider.terms.pace)

    assert ledger.rows()[0].state is LeaseState.TERMINATED
    assert_all_is_over(double, ledger)
