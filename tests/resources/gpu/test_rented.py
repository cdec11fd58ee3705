"""Renting from a cloud that fails in every known way: whatever happens, no pod is left."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from doubles.clocks import WallClock
from doubles.gpu_jobs import QUICK, SPEC, Listener, gpu_python, training_program
from doubles.processes import wait_until
from doubles.renting import A5000, RTX_4090, Renting, transitions
from doubles.runpod import NO_CAPACITY, RunPodDouble
from doubles.servers import cloudflare, drop, hang, status
from doubles.sshd import needs_sshd

from pipeline.errors import OutpostError
from pipeline.jobs.events import EpochEvent, JobEvent
from pipeline.jobs.failures import JobFailedError
from resources.gpu.clouds.base import CloudBalanceError, CloudError, CloudKeyError
from resources.gpu.leases.ledger import (
    BudgetError,
    LeaseLimitError,
    LeaseState,
    Ledger,
    LedgerError,
)
from resources.gpu.leases.pod import EndNotRecordedError, EndNotVerifiedError
from resources.gpu.leases.rented import BudgetSpentError, NoHostError
from resources.gpu.signals import Interrupted

pytestmark = needs_sshd
slow = pytest.mark.slow
"""Most of these: each rents, trains and ends. The rest is what every change should see."""


def train(account: Renting, job: Path, listener: Listener | None = None, **terms: object) -> Path:
    told = listener or Listener()
    with account.provider(**terms).rent(SPEC, told.lines.append) as lease:
        return lease.run(job, told.events.append, told.lines.append)


def lengthen(job: Path, epochs: int, seconds: float = 0.1) -> None:
    (job.parent / "program.pyz").write_text(training_program(epochs, seconds), encoding="utf-8")


def when(condition: Callable[[], bool], act: Callable[[], object]) -> threading.Thread:
    """Do something as soon as something else is so, from outside of the training."""

    def wait() -> None:
        wait_until(condition, 60.0)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_a_job_is_done_on_a_rented_pod_and_the_pod_is_gone(account: Renting, job: Path) -> None:
    foreign = account.runpod.add_foreign()
    listener = Listener()

    outputs = train(account, job, listener)

    assert listener.epochs == [1, 2, 3]
    assert (outputs / "best.onnx").read_text() == "best.onnx after epoch 3"
    assert (outputs / "plots" / "train_batch0.jpg").read_bytes() == b"drawn"
    account.assert_all_is_over()
    assert foreign.alive
    (row,) = account.ledger.rows()
    states = ["INTENT", "CREATED", "READY", "DRAINING", "TERMINATED"]
    assert transitions(account.ledger, row.id) == states
    assert row.host_key is not None


def test_the_bill_and_the_host_are_among_the_outputs(account: Renting, job: Path) -> None:
    outputs = train(account, job)

    bill = json.loads((outputs / "lease.json").read_text())
    (row,) = account.ledger.rows()
    assert bill["provider"] == "runpod"
    assert bill["gpu"] == RTX_4090
    assert bill["usd_per_hour"] == 0.69
    assert bill["usd"] == round(row.usd(time.time()), 4)
    assert bill["seconds"] == round(row.seconds(time.time()), 1)
    record = json.loads((outputs / "host.json").read_text())
    assert "RTX 4090" in record["driver"]
    assert any(line.startswith("numpy==") for line in record["packages"])


@slow
def test_hosts_that_were_of_no_use_are_on_the_bill_too(account: Renting, job: Path) -> None:
    account.runpod.pods_fail = True

    def listen(line: str) -> None:
        account.runpod.pods_fail = "became failed" not in line and account.runpod.pods_fail

    with account.provider().rent(SPEC, listen) as lease:
        outputs = lease.run(job)

    bill = json.loads((outputs / "lease.json").read_text())
    assert len(account.runpod.pods) == len(bill["leases"]) == 2
    assert "became failed" in bill["leases"][0]["ended_because"]
    assert bill["host"] == account.runpod.newest().id
    assert bill["usd"] >= account.runpod.usd - 1e-4


def test_the_bill_says_what_was_charged_once_it_covers_the_lease(
    account: Renting, job: Path
) -> None:
    outputs = train(account, job)

    bill = json.loads((outputs / "lease.json").read_text())
    assert bill["usd_is"] == bill["leases"][0]["usd_is"] == "billed"
    assert bill["usd"] == round(account.runpod.usd, 4)
    assert account.ledger.usd_this_month() == pytest.approx(account.runpod.usd)


@slow
@pytest.mark.parametrize(
    "hide",
    [
        lambda runpod: setattr(runpod, "billed_share", 0.05),
        lambda runpod: setattr(runpod, "billed_share", 0.0),
        lambda runpod: runpod.always("billing", status(403)),
        lambda runpod: runpod.always("billing", status(500)),
        lambda runpod: runpod.always("billing", hang(5.0)),
        lambda runpod: runpod.always("billing", drop()),
    ],
    ids=["partial", "late", "forbidden", "broken", "hanging", "dropped"],
)
def test_without_a_whole_bill_the_estimate_stays_and_says_so(
    account: Renting, job: Path, hide: Callable[[RunPodDouble], None]
) -> None:
    hide(account.runpod)

    outputs = train(account, job)

    bill = json.loads((outputs / "lease.json").read_text())
    assert bill["usd_is"] == "estimated"
    assert bill["usd"] >= account.runpod.usd - 1e-4, "it is rounded to hundredths of a cent"
    account.assert_all_is_over()


@slow
def test_the_request_names_one_gpu_arms_the_switch_and_tells_no_secret(
    account: Renting, job: Path
) -> None:
    train(account, job)

    (body,) = account.runpod.created
    assert body["gpu"]["count"] == 1
    assert account.runpod.key not in json.dumps(body)
    assert "PRIVATE" not in json.dumps(body)
    assert body["env"]["PUBLIC_KEY"].startswith("ssh-ed25519 ")


@slow
def test_an_error_in_the_block_ends_the_pod(account: Renting) -> None:
    with pytest.raises(ZeroDivisionError), account.provider().rent(SPEC):
        _ = 1 / 0

    account.assert_all_is_over()


# What a cloud does wrong before there is a host


@slow
@pytest.mark.parametrize("fault", [drop(after=True), status(500, after=True), hang(1.5, True)])
def test_a_pod_that_came_without_an_answer_is_adopted_not_doubled(
    account: Renting, job: Path, fault: object
) -> None:
    account.runpod.script("create", fault)

    train(account, job)

    assert len(account.runpod.pods) == 1
    account.assert_all_is_over()


@slow
@pytest.mark.parametrize("fault", [drop(), status(503), status(500)])
def test_a_creation_that_had_no_effect_is_found_out_before_the_next_try(
    account: Renting, job: Path, fault: object
) -> None:
    account.runpod.script("create", fault)

    train(account, job)

    assert len(account.runpod.pods) == 1
    assert [row.state for row in account.ledger.rows()] == [
        LeaseState.TERMINATED,
        LeaseState.NOT_CREATED,
    ]
    account.assert_all_is_over()


@slow
def test_a_new_pod_that_is_not_found_yet_is_waited_for(account: Renting, job: Path) -> None:
    account.runpod.get_lag = account.runpod.list_lag = 3

    train(account, job)

    assert len(account.runpod.pods) == 1
    account.assert_all_is_over()


@slow
def test_without_an_answer_and_late_in_the_list_it_is_still_found(
    account: Renting, job: Path
) -> None:
    account.runpod.list_lag = 2
    account.runpod.script("create", drop(after=True))

    train(account, job)

    assert len(account.runpod.pods) == 1
    account.assert_all_is_over()


@slow
def test_other_offers_are_tried_where_there_is_no_capacity(account: Renting, job: Path) -> None:
    account.runpod.without_capacity = {RTX_4090}
    listener = Listener()

    train(account, job, listener)

    assert account.ledger.rows()[0].gpu == A5000
    assert listener.said(NO_CAPACITY)
    account.assert_all_is_over()


@slow
def test_no_capacity_anywhere_says_what_the_cloud_said(account: Renting, job: Path) -> None:
    account.runpod.without_capacity = {RTX_4090, A5000}

    with pytest.raises(NoHostError, match="no longer any instances"):
        train(account, job)

    assert account.runpod.pods == {}
    account.assert_all_is_over()


@slow
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (status(401), CloudKeyError),
        (status(402), CloudBalanceError),
        (status(422), CloudError),
        (cloudflare(), CloudError),
    ],
)
def test_what_no_other_offer_mends_ends_the_search(
    account: Renting, job: Path, fault: object, error: type[Exception]
) -> None:
    account.runpod.always("create", fault)

    with pytest.raises(error):
        train(account, job)

    assert account.runpod.count("create") == 1
    account.assert_all_is_over()


@slow
@pytest.mark.parametrize("fault", [status(403), status(429, Retry_After=1)])
def test_being_turned_away_once_is_not_the_end(account: Renting, job: Path, fault: object) -> None:
    account.runpod.script("create", fault)

    train(account, job)

    assert len(account.runpod.pods) == 1
    account.assert_all_is_over()


def dearer(runpod: RunPodDouble) -> None:
    runpod.cost_factor = 2.0


def dearer_later(runpod: RunPodDouble) -> None:
    runpod.cost_factor, runpod.prices_late = 2.0, True
    runpod.pace = replace(runpod.pace, starting=0.5)


def broken(runpod: RunPodDouble) -> None:
    runpod.pods_fail = True


def unreachable(runpod: RunPodDouble) -> None:
    runpod.direct_ssh = False


def unarmed(runpod: RunPodDouble) -> None:
    runpod.ignores_args = True


def blind(runpod: RunPodDouble) -> None:
    runpod.programs = {"python3": gpu_python(None), "python": gpu_python(None)}


def driverless(runpod: RunPodDouble) -> None:
    runpod.programs = {**runpod.programs, "nvidia-smi": "#!/bin/sh\nexit 9\n"}


@slow
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (dearer, "more than was offered"),
        (dearer_later, "more than was offered"),
        (broken, "became failed"),
        (unreachable, "without a direct SSH address"),
        (unarmed, "dead-man switch is not armed"),
        (blind, "torch sees no GPU"),
        (driverless, "nvidia-smi fails"),
    ],
)
def test_a_host_of_no_use_is_ended_and_never_gets_the_job(
    account: Renting, job: Path, fault: Callable[[RunPodDouble], None], reason: str
) -> None:
    fault(account.runpod)

    with pytest.raises(NoHostError, match=reason):
        train(account, job, gpus=(RTX_4090,))

    assert account.runpod.pods
    assert not list(account.runpod.folder.rglob("job.json"))
    account.assert_all_is_over()


@slow
def test_a_host_that_shows_another_key_than_its_log_tells_never_gets_the_job(
    account: Renting, job: Path
) -> None:
    runpod = account.runpod
    runpod.pace = replace(runpod.pace, starting=0.4)

    def pretend() -> None:
        pod = runpod.newest()
        wait_until(lambda: pod.machine is not None, 60)
        pod.swap_host_key()

    provider = account.provider(gpus=(A5000,), timeouts=replace(QUICK, poll_interval=0.5))
    tampering = when(lambda: bool(runpod.pods), pretend)
    with pytest.raises(NoHostError, match="shows the key"), provider.rent(SPEC) as lease:
        lease.run(job)
    tampering.join()

    account.assert_all_is_over()


def test_a_refused_list_of_offers_ends_before_anything_is_rented(
    account: Renting, job: Path
) -> None:
    account.runpod.always("catalog", status(401))

    with pytest.raises(CloudKeyError):
        train(account, job)

    assert account.ledger.rows() == ()


@slow
def test_too_many_leases_and_too_little_money_are_told_before_anything_is_rented(
    account: Renting, job: Path
) -> None:
    with account.provider().rent(SPEC), pytest.raises(LeaseLimitError):
        train(account, job)
    with pytest.raises(BudgetError):
        train(account, job, per_month=0.01)

    assert len(account.runpod.pods) == 1
    account.assert_all_is_over()


def test_a_lock_file_that_cannot_be_removed_hides_no_error(
    account: Renting, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, while another process looks at it."""

    unlink = Path.unlink

    def refuse(file: Path, missing_ok: bool = False) -> None:
        if file.suffix == ".lock":
            raise PermissionError(13, "The process cannot access the file", str(file))
        unlink(file, missing_ok)

    monkeypatch.setattr("pathlib.Path.unlink", refuse)

    with pytest.raises(LeaseLimitError):
        train(account, job, leases=0)


# What goes wrong while it trains


@slow
@pytest.mark.parametrize(
    "loss",
    [
        lambda runpod: runpod.vanish(runpod.newest().id),
        lambda runpod: runpod.newest().stop(),
        lambda runpod: runpod.newest().kill_sshd(),
    ],
    ids=["vanished", "stopped", "unreachable"],
)
def test_a_lost_host_is_replaced_and_training_goes_on(
    account: Renting, job: Path, loss: Callable[[RunPodDouble], None]
) -> None:
    lengthen(job, 8, seconds=0.3)
    listener = Listener()
    losing = when(lambda: 3 in listener.epochs, lambda: loss(account.runpod))

    outputs = train(account, job, listener)
    losing.join()

    assert listener.said("Resuming on another host after epoch")
    assert sorted(set(listener.epochs)) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert listener.said("going on after epoch")
    assert (outputs / "best.pt").read_text() == "best.pt after epoch 8"
    assert len(json.loads((outputs / "lease.json").read_text())["leases"]) == 2
    account.assert_all_is_over()


@slow
@pytest.mark.parametrize("how", ["swap_host_key", "wipe_authorized_keys"])
def test_a_host_that_is_no_longer_the_same_gets_nothing_more(
    account: Renting, job: Path, how: str
) -> None:
    lengthen(job, 6, seconds=0.3)
    listener = Listener()

    def tamper() -> None:
        pod = account.runpod.newest()
        getattr(pod, how)()
        pod.drop_connections()

    tampering = when(lambda: 2 in listener.epochs, tamper)
    train(account, job, listener)
    tampering.join()

    assert len(account.runpod.pods) == 2
    account.assert_all_is_over()


@slow
def test_a_second_loss_fails_the_run_and_keeps_what_there_is(account: Renting, job: Path) -> None:
    lengthen(job, 50, seconds=0.4)
    listener = Listener()

    def lose() -> None:
        account.runpod.vanish(account.runpod.newest().id)

    first = when(lambda: 2 in listener.epochs, lose)
    second = when(lambda: len(account.runpod.pods) == 2 and 6 in listener.epochs, lose)
    with pytest.raises(JobFailedError, match="2 hosts were lost"):
        train(account, job, listener)
    first.join()
    second.join()

    assert (job.parent / "outputs" / "checkpoint.pt").is_file()
    account.assert_all_is_over()


@slow
def test_a_failed_training_is_not_tried_elsewhere(account: Renting, job: Path) -> None:
    failing = training_program(1000).replace('print("epoch", epoch', "sys.exit(4); print('epoch'")
    (job.parent / "program.pyz").write_text(failing)

    with pytest.raises(JobFailedError, match="is full"):
        train(account, job)

    assert (job.parent / "outputs" / "plots" / "train_batch0.jpg").read_bytes() == b"drawn"
    assert len(account.runpod.pods) == 1
    account.assert_all_is_over()


@slow
def test_training_ends_in_order_when_the_budget_is_nearly_spent(
    account: Renting, job: Path
) -> None:
    lengthen(job, 1000, seconds=0.1)
    listener = Listener()

    outputs = train(account, job, listener, ttl_seconds=9)

    assert listener.said("budget is nearly spent")
    assert (outputs / "best.onnx").is_file()
    assert account.runpod.billed_seconds < 9
    account.assert_all_is_over()


@slow
def test_an_epoch_that_takes_long_is_asked_to_be_the_last_one_in_time(
    account: Renting, job: Path
) -> None:
    lengthen(job, 1000, seconds=QUICK.finish + QUICK.rescue)
    listener = Listener()

    outputs = train(account, job, listener, ttl_seconds=20)

    assert listener.said("asked to stop")
    assert (outputs / "best.onnx").is_file()
    account.assert_all_is_over()


@slow
def test_a_job_that_does_not_end_for_the_budget_is_ended_with_its_checkpoint(
    account: Renting, job: Path
) -> None:
    deaf = training_program(1000, 0.1).replace('os.path.exists("stop")', "False")
    (job.parent / "program.pyz").write_text(deaf)

    with pytest.raises(BudgetSpentError, match="before the job ended"):
        train(account, job, ttl_seconds=9)

    assert (job.parent / "outputs" / "checkpoint.pt").is_file()
    assert (job.parent / "outputs" / "plots" / "train_batch0.jpg").read_bytes() == b"drawn"
    assert account.runpod.billed_seconds < 9 + QUICK.termination
    account.assert_all_is_over()


# Being told to end


class Stopped(BaseException):
    """As Dagster's own interrupt: no `except Exception` sees it."""


def test_cancelling_brings_the_newest_checkpoint_and_ends_the_pod(
    account: Renting, job: Path
) -> None:
    lengthen(job, 1000, seconds=0.1)

    def cancel(event: JobEvent) -> None:
        if isinstance(event, EpochEvent) and event.epoch == 4:
            raise Stopped

    with (
        pytest.raises(Stopped),
        account.provider(timeouts=replace(QUICK, checkpoint_interval=60)).rent(SPEC) as lease,
    ):
        lease.run(job, cancel)

    told = json.loads((job.parent / "outputs" / "checkpoint.json").read_text())
    assert told["epoch"] >= 4
    account.assert_all_is_over()


@slow
@pytest.mark.usefixtures("pythons_own_signals")
def test_sigterm_takes_the_same_way_and_a_second_one_waits(account: Renting, job: Path) -> None:
    lengthen(job, 1000, seconds=0.1)
    account.runpod.delete_lag = 6
    account.runpod.meanwhile("delete", lambda: os.kill(os.getpid(), signal.SIGINT))

    def end(event: JobEvent) -> None:
        if isinstance(event, EpochEvent) and event.epoch == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt) as told, account.provider().rent(SPEC) as lease:
        lease.run(job, end)

    assert isinstance(told.value.__context__, Interrupted)
    account.assert_all_is_over()


@slow
@pytest.mark.usefixtures("pythons_own_signals")
@pytest.mark.parametrize("moment", ["create", "get", "logs"])
def test_an_interrupt_while_it_boots_leaves_nothing(
    account: Renting, job: Path, moment: str
) -> None:
    account.runpod.pace = replace(account.runpod.pace, provisioning=0.4)
    account.runpod.meanwhile(moment, lambda: os.kill(os.getpid(), signal.SIGTERM))

    with pytest.raises(Interrupted):
        train(account, job)

    account.assert_all_is_over()


# What a cloud does wrong at the end


@slow
@pytest.mark.parametrize(
    "faults",
    [
        [status(500)],
        [status(500), drop(), status(503)],
        [status(429, Retry_After=1)],
        [hang(1.5)],
        [hang(1.5, after=True)],
        [drop(after=True), status(500)],
    ],
    ids=["500", "three", "429", "timeout", "timeout after", "lost reply"],
)
def test_an_end_that_is_not_granted_at_once_is_asked_for_again(
    account: Renting, job: Path, faults: list[object]
) -> None:
    account.runpod.script("delete", *faults)

    train(account, job)

    account.assert_all_is_over()


@slow
def test_an_ended_pod_that_is_shown_for_a_while_is_waited_out(account: Renting, job: Path) -> None:
    account.runpod.delete_lag = 8

    train(account, job)

    account.assert_all_is_over()


@slow
def test_ended_pods_that_answer_as_terminated_are_gone(account: Renting, job: Path) -> None:
    account.runpod.shows_terminated = True

    train(account, job)

    account.assert_all_is_over()


@slow
@pytest.mark.parametrize("way", ["pod runs on", "list fails", "delete fails"])
def test_an_end_that_cannot_be_verified_fails_the_run_and_stays_in_the_ledger(
    account: Renting, job: Path, way: str
) -> None:
    quick = replace(QUICK, termination=0.5)

    def spoil() -> None:
        if way == "pod runs on":
            account.runpod.delete_does_nothing = True
        else:
            account.runpod.always("list" if way == "list fails" else "delete", status(500))

    with (
        pytest.raises(EndNotVerifiedError, match="may still be billed"),
        account.provider(timeouts=quick).rent(SPEC) as lease,
    ):
        lease.run(job)
        spoil()

    (row,) = account.ledger.open_rows()
    assert row.state is LeaseState.DRAINING
    assert (job.parent / "outputs" / "best.pt").is_file()


@slow
def test_a_bill_that_cannot_be_written_hides_no_pod_that_may_be_billed(
    account: Renting, job: Path
) -> None:
    listener = Listener()
    quick = replace(QUICK, termination=0.5)

    with (
        pytest.raises(EndNotVerifiedError, match="may still be billed"),
        account.provider(timeouts=quick).rent(SPEC, listener.lines.append) as lease,
    ):
        outputs = lease.run(job)
        # A file cannot take the place of a folder.
        (outputs / "lease.json").mkdir()
        account.runpod.delete_does_nothing = True

    assert any("bill could not be written" in line for line in listener.lines)


@slow
def test_an_end_that_is_refused_because_the_pod_is_gone_is_an_end(
    account: Renting, job: Path
) -> None:
    with account.provider().rent(SPEC) as lease:
        lease.run(job)
        account.runpod.vanish(account.runpod.newest().id)
        account.runpod.always("delete", status(400, "There is no pod to terminate."))

    account.assert_all_is_over()


# A ledger that fails


def remove(ledger: Ledger) -> None:
    shutil.rmtree(ledger.folder)


def damage(ledger: Ledger) -> None:
    for file in ledger.folder.glob("ledger.sqlite3*"):
        file.write_bytes(b"no database any more, and longer than a header" * 100)


@pytest.mark.parametrize("harm", [remove, damage])
@pytest.mark.parametrize("moment", ["before it is asked for", "while it trains"])
def test_a_pod_ends_whatever_becomes_of_the_ledger(
    account: Renting, job: Path, harm: Callable[[Ledger], None], moment: str
) -> None:
    told: list[str] = []

    def listen(line: str) -> None:
        told.append(line)
        if line.startswith("Asking") and moment == "before it is asked for":
            harm(account.ledger)

    with (
        pytest.raises((EndNotRecordedError, LedgerError)),
        account.provider().rent(SPEC, listen) as lease,
    ):
        harm(account.ledger)
        lease.run(job)

    assert account.runpod.pods
    assert account.runpod.owned == []


@slow
@pytest.mark.skipif(os.getuid() != 0, reason="mounts a small disk")
def test_a_pod_ends_although_the_disk_of_the_ledger_is_full(account: Renting, job: Path) -> None:
    folder = account.ledger.folder
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(folder)], check=True)
    try:
        with (
            pytest.raises(EndNotRecordedError, match="cannot be used"),
            account.provider().rent(SPEC) as lease,
        ):
            lease.run(job)
            fill(folder / "something else")
        assert (job.parent / "outputs" / "best.pt").is_file()
        assert account.runpod.owned == []

        (folder / "something else").unlink()
        account.reap()
        account.assert_all_is_over()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(file: Path) -> None:
    with file.open("wb") as stream, contextlib.suppress(OSError):
        while True:
            stream.write(bytes(1000))
            stream.flush()


# Clocks


@slow
def test_who_sleeps_past_the_end_of_a_lease_rents_nothing_more(account: Renting, job: Path) -> None:
    lengthen(job, 1000, seconds=0.4)
    clock = WallClock()
    asleep = Renting(account.runpod, Ledger(account.ledger.folder, clock))

    def sleep(event: JobEvent) -> None:
        if isinstance(event, EpochEvent) and event.epoch == 3:
            account.runpod.vanish(account.runpod.newest().id)
            clock.ahead = 8 * 3600

    with (
        pytest.raises(BudgetSpentError, match="before the job ended"),
        asleep.provider().rent(SPEC) as lease,
    ):
        lease.run(job, sleep)

    assert len(account.runpod.pods) == 1
    assert (job.parent / "outputs" / "checkpoint.pt").is_file()
    account.assert_all_is_over()


@slow
def test_a_lease_ends_in_time_although_the_clock_is_set_back(account: Renting, job: Path) -> None:
    lengthen(job, 1000, seconds=0.1)
    clock = WallClock()
    elsewhen = Renting(account.runpod, Ledger(account.ledger.folder, clock))

    def set_back(event: JobEvent) -> None:
        clock.ahead = -86400

    with elsewhen.provider(ttl_seconds=9).rent(SPEC) as lease:
        outputs = lease.run(job, set_back)

    assert (outputs / "best.pt").is_file()
    assert account.runpod.owned == []
    assert account.runpod.billed_seconds < 9


@slow
def test_errors_never_tell_the_key(account: Renting, job: Path) -> None:
    listener = Listener()
    account.runpod.always("create", status(401, f"bad key {account.runpod.key}"))

    with pytest.raises(OutpostError) as caught:
        train(account, job, listener)

    assert account.runpod.key not in str(caught.value) + repr(caught.value)
    assert not listener.said(account.runpod.key)
    assert account.runpod.key.encode() not in account.ledger.file.read_bytes()
