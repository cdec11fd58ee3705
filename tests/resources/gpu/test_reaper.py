"""The reaper ends what nobody leases any more, and nothing else; it says when it cannot look."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from doubles import deadly_run
from doubles.clocks import WallClock
from doubles.gpu_jobs import QUICK, SPEC, training_program, write_small_job
from doubles.renting import LIMITS, RTX_4090, Renting
from doubles.servers import status
from doubles.sshd import needs_sshd
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.gpu.clouds.base import CloudError, Offer, Pod, PodRequest, PodStatus
from resources.gpu.leases.file_lock import hold_lock
from resources.gpu.leases.ledger import LeaseRow, LeaseState, Ledger, LedgerFileError
from resources.gpu.leases.reaper import ReapError, ReapKind, judge, reap, reap_until_done
from resources.gpu.pod_names import OwnerError, PodName, new_lease_id

pytestmark = needs_sshd

OWNER, OTHER = "aaaaaaaa", "bbbbbbbb"
NOW = 1_800_000_000.0
SETTLE = 60.0


def row(state: LeaseState = LeaseState.READY, **changes: object) -> LeaseRow:
    name = PodName(OWNER, "11111111", int(NOW) - 600, 3600)
    made = LeaseRow(
        id=name.lease,
        provider="runpod",
        name=str(name),
        gpu="GPU",
        place="",
        tier="secure",
        usd_per_hour=0.5,
        max_usd=1.0,
        created_at=NOW - 600,
        expires_at=NOW + 3000,
        state=state,
        pod_id="pod1",
        host_key=None,
        seen=True,
        absent_since=None,
        ended_at=None,
        note="",
    )
    return replace(made, **changes)


def pod(name: str, state: PodStatus = PodStatus.RUNNING) -> Pod:
    return Pod("pod1", name, state, 0.5, None)


def action(
    pods: list[Pod], rows: list[LeaseRow], held: bool = False, now: float = NOW
) -> list[ReapKind]:
    found = judge({OWNER}, pods, rows, lambda _: held, now, SETTLE)
    return [one.kind for one in found]


def test_a_pod_whose_process_lives_is_left_alone() -> None:
    assert action([pod(row().name)], [row()], held=True) == []


def test_a_pod_whose_process_is_gone_is_ended() -> None:
    assert action([pod(row().name)], [row()]) == [ReapKind.END]


def test_a_pod_long_past_its_time_is_ended_whoever_holds_it() -> None:
    late = row().expires_at + 601

    assert action([pod(row().name)], [row()], held=True, now=late) == [ReapKind.END]


@pytest.mark.parametrize("state", [LeaseState.TERMINATED, LeaseState.NOT_CREATED])
def test_a_pod_whose_lease_has_ended_is_ended(state: LeaseState) -> None:
    assert action([pod(row().name)], [row(state)], held=True) == [ReapKind.END]


def test_a_pod_of_ours_without_a_lease_is_ended() -> None:
    assert action([pod(row().name)], []) == [ReapKind.END]


def test_a_stopped_pod_is_billed_too() -> None:
    assert action([pod(row().name, PodStatus.STOPPED)], [row()]) == [ReapKind.END]


def test_a_lease_without_pod_waits_for_a_second_list_that_is_late_enough() -> None:
    assert action([], [row()]) == [ReapKind.WAIT]
    assert action([], [row(absent_since=NOW - SETTLE / 2)]) == [ReapKind.WAIT]
    assert action([], [row(absent_since=NOW - SETTLE)]) == [ReapKind.CLOSE]
    assert action([], [row(absent_since=NOW - SETTLE)], held=True) == []


names = st.one_of(
    st.just("my-notebook"),
    st.text(max_size=30),
    st.builds(
        lambda owner, created: str(PodName(owner, "22222222", created, 60)),
        st.just(OTHER),
        st.integers(0, 10**10),
    ),
)


@settings(deadline=None)
@given(st.lists(names), st.sampled_from(LeaseState), st.booleans())
def test_pods_of_others_are_never_touched(
    foreign: list[str], state: LeaseState, held: bool
) -> None:
    found = judge({OWNER}, map(pod, foreign), [row(state)], lambda _: held, NOW, SETTLE)

    assert all(one.pod is None for one in found)


# With a cloud


def abandon(account: Renting) -> LeaseRow:
    """A pod whose process has died."""
    offer = Offer(RTX_4090, "EU-RO-1", "secure", 0.69)
    made = account.ledger.intend("runpod", offer, LIMITS, new_lease_id())
    created = account.cloud.create(PodRequest(made.name, offer, "ssh-ed25519 AAAA x", 3600))
    return account.ledger.created(made.id, created.id, created.usd_per_hour)


def test_what_was_left_behind_is_ended_and_the_ledger_closed(account: Renting) -> None:
    foreign = account.runpod.add_foreign()
    somebody = account.runpod.add_foreign(str(PodName(OTHER, "33333333", 1, 1)))
    left = abandon(account)
    account.runpod.delete_lag = 2

    (look,) = account.reap()

    assert look.pods == 1
    assert account.ledger.row(left.id).note == "the process that leased it is gone"
    account.assert_all_is_over()
    assert foreign.alive
    assert somebody.alive


def test_a_dry_run_touches_nothing(account: Renting) -> None:
    left = abandon(account)

    look = reap(account.cloud, account.ledger, QUICK, dry_run=True)

    assert [one.kind for one in look.actions] == [ReapKind.END]
    assert account.ledger.row(left.id).state is LeaseState.CREATED
    assert account.runpod.count("delete") == 0


def test_a_lease_that_is_held_is_left_alone(account: Renting) -> None:
    left = abandon(account)

    with hold_lock(account.ledger.lock_file(left.id)):
        (look,) = account.reap()

    assert look.actions == ()
    assert len(account.runpod.owned) == 1


def test_a_failed_list_is_loud_and_changes_nothing(account: Renting) -> None:
    left = abandon(account)
    account.runpod.always("list", status(500))

    with pytest.raises(CloudError):
        account.reap()

    assert account.ledger.row(left.id) == left


def test_a_failed_list_keeps_no_pod_running_whose_id_is_known(account: Renting) -> None:
    left = abandon(account)
    account.runpod.always("list", status(500))

    with pytest.raises(CloudError):
        reap(account.cloud, account.ledger, QUICK, dry_run=True)
    assert len(account.runpod.owned) == 1
    with hold_lock(account.ledger.lock_file(left.id)), pytest.raises(CloudError):
        account.reap()
    assert len(account.runpod.owned) == 1
    with pytest.raises(CloudError):
        account.reap()
    assert account.runpod.owned == []

    account.runpod.never("list")
    account.reap()
    account.assert_all_is_over()


def test_a_list_of_several_pages_that_cannot_be_followed_is_loud(account: Renting) -> None:
    abandon(account)
    account.runpod.add_foreign()
    account.runpod.page_size = 1

    with pytest.raises(CloudError):
        account.reap()


def test_a_pod_that_does_not_end_is_loud_and_all_others_are_ended(account: Renting) -> None:
    left = abandon(account)
    account.runpod.delete_does_nothing = True
    timeouts = replace(QUICK, termination=0.3)

    with pytest.raises(ReapError, match="could not be ended"):
        account.reap(timeouts)
    assert account.ledger.row(left.id).state is LeaseState.DRAINING

    account.runpod.delete_does_nothing = False
    account.reap()
    account.assert_all_is_over()


def test_a_pod_that_outlived_its_lease_is_ended_and_counted(account: Renting) -> None:
    left = abandon(account)
    account.ledger.terminated(left.id)
    time.sleep(0.2)

    account.reap()

    account.assert_all_is_over()


def test_without_a_ledger_our_pods_are_found_by_their_names(account: Renting) -> None:
    abandon(account)
    owner = (account.ledger.folder / "owner").read_text()
    fresh = Ledger(account.ledger.folder.with_name("fresh"))
    fresh.folder.mkdir()
    (fresh.folder / "owner").write_text(owner)

    reap(account.cloud, fresh, QUICK)

    assert account.runpod.owned == []


def test_where_only_the_token_is_lost_the_ledger_tells_which_pods_are_ours(
    account: Renting,
) -> None:
    created, asked_for = abandon(account), replace(LIMITS, leases=2)
    offer = Offer(RTX_4090, "EU-RO-1", "secure", 0.69)
    intended = account.ledger.intend("runpod", offer, asked_for, new_lease_id())
    account.cloud.create(PodRequest(intended.name, offer, "ssh-ed25519 AAAA x", 3600))
    (account.ledger.folder / "owner").unlink()

    account.reap()

    account.assert_all_is_over()
    assert {account.ledger.row(one.id).state for one in (created, intended)} == {
        LeaseState.TERMINATED
    }


def test_pods_of_a_lost_state_folder_are_told_of_and_ended_by_its_token(account: Renting) -> None:
    left = abandon(account)
    foreign = account.runpod.add_foreign()
    fresh = Ledger(account.ledger.folder.with_name("fresh"))

    (look,) = reap_until_done(account.cloud, fresh, QUICK)

    assert [pod.name for pod in look.others] == [left.name]
    assert (look.pods, look.actions) == (0, ())
    assert len(account.runpod.owned) == 1
    reap_until_done(account.cloud, fresh, QUICK, lost=[account.ledger.owner()])
    assert account.runpod.owned == []
    assert foreign.alive


def test_a_damaged_token_is_told_and_nothing_is_rented_under_it(account: Renting) -> None:
    folder = account.ledger.folder
    folder.mkdir(parents=True)
    (folder / "owner").write_text("")

    with pytest.raises(OwnerError, match="damaged"), account.provider().rent(SPEC):
        pass
    with pytest.raises(OwnerError, match="damaged"):
        account.reap()

    assert account.runpod.count("create") == 0


def test_a_damaged_ledger_is_told_and_once_it_is_away_all_pods_of_ours_end(
    account: Renting,
) -> None:
    abandon(account)
    for file in account.ledger.folder.glob("ledger.sqlite3*"):
        file.write_bytes(b"not a database, and longer than its header would be" * 40)

    with pytest.raises(LedgerFileError, match="cannot be used") as told:
        account.reap()
    assert "move it" in told.value.fix
    for file in account.ledger.folder.glob("ledger.sqlite3*"):
        file.unlink()
    account.reap()

    assert account.runpod.owned == []


def test_a_clock_that_was_set_back_leaves_no_lease_open(account: Renting) -> None:
    clock = WallClock()
    ledger = Ledger(account.ledger.folder, clock)
    left = ledger.intend("runpod", Offer(RTX_4090, "", "secure", 0.69), LIMITS, new_lease_id())
    ledger.mark_absent(left.id)
    clock.ahead = -86400.0

    for _ in range(2):
        reap(account.cloud, ledger, QUICK)
        time.sleep(QUICK.list_lag)
    reap(account.cloud, ledger, QUICK)

    assert ledger.row(left.id).state is LeaseState.NOT_CREATED


def test_an_intent_without_pod_is_closed_only_after_two_clean_lists(account: Renting) -> None:
    offer = Offer(RTX_4090, "", "secure", 0.69)
    left = account.ledger.intend("runpod", offer, LIMITS, new_lease_id())

    look = reap(account.cloud, account.ledger, QUICK)
    assert [one.kind for one in look.actions] == [ReapKind.WAIT]
    assert account.ledger.row(left.id).state is LeaseState.INTENT

    account.reap()
    assert account.ledger.row(left.id).state is LeaseState.NOT_CREATED


# kill -9

MOMENTS = [
    ("intend", "before"),
    ("intend", "after"),
    ("created", "before"),
    ("created", "after"),
    ("ready", "before"),
    ("ready", "after"),
    ("draining", "before"),
    ("draining", "after"),
    ("terminated", "before"),
    ("terminated", "after"),
    ("not_created", "before"),
    ("not_created", "after"),
]
DEFAULT_MOMENT = ("created", "before")
KILLED_SECONDS = 60.0


@pytest.mark.parametrize(
    ("transition", "moment"),
    [
        pytest.param(*each, marks=() if each == DEFAULT_MOMENT else pytest.mark.slow)
        for each in MOMENTS
    ],
)
def test_after_kill_9_at_any_transition_one_reap_leaves_nothing(
    account: Renting, tmp_path: Path, transition: str, moment: str
) -> None:
    job = write_small_job(tmp_path / "job", training_program(epochs=2))
    began = time.monotonic()
    account.runpod.refusals = int(transition == "not_created")
    words = (account.runpod.url, account.ledger.folder, job, transition, moment)
    killed = subprocess.run(
        [sys.executable, deadly_run.__file__, *map(str, words)],
        env={**os.environ, "RUNPOD_API_KEY": account.runpod.key},
        capture_output=True,
        timeout=KILLED_SECONDS,
    )
    assert killed.returncode == -9, killed.stderr.decode()

    account.reap()

    account.assert_all_is_over()
    assert account.runpod.billed_seconds <= time.monotonic() - began
    with account.provider().rent(SPEC) as lease:
        lease.run(job)
    account.assert_all_is_over()
