"""What an account is billed for: all of it, told apart, also where a part cannot be looked at."""

import time
from pathlib import Path

import pytest
from doubles.renting import LIMITS, RTX_4090, Renting, RentingFromLambda
from doubles.servers import Fault, Reply, cloudflare, drop, status
from doubles.sshd import needs_sshd

from resources.gpu.clouds.base import HOURS_A_MONTH, Offer, PodRequest
from resources.gpu.leases.file_lock import hold_lock
from resources.gpu.leases.inventory import Entry, Ownership, account_of
from resources.gpu.leases.ledger import LeaseRow, Ledger
from resources.gpu.pod_names import new_lease_id

pytestmark = needs_sshd
OFFER = Offer(RTX_4090, "EU-RO-1", "secure", 0.69)
VOLUME = {"id": "v1", "name": "sets", "size": 100, "dataCenter": "US-KS-2", "type": "STANDARD"}
FAST = {**VOLUME, "id": "v2", "name": "fast", "type": "HIGH_PERFORMANCE"}


def lease(account: Renting, ledger: Ledger) -> LeaseRow:
    made = ledger.intend("runpod", OFFER, LIMITS, new_lease_id())
    created = account.cloud.create(PodRequest(made.name, OFFER, "ssh-ed25519 AAAA x", 3600))
    return ledger.created(made.id, created.id, created.usd_per_hour)


def looked_at(account: Renting) -> dict[str, Entry]:
    return {e.item.name: e for e in account_of(account.cloud, account.ledger).entries}


def test_pods_are_told_apart_by_whose_they_are(account: Renting, tmp_path: Path) -> None:
    foreign = account.runpod.add_foreign(age_seconds=86400.0)
    other = lease(account, Ledger(tmp_path / "colleague"))
    mine = lease(account, account.ledger)

    with hold_lock(account.ledger.lock_file(mine.id)):
        found = looked_at(account)
    left = looked_at(account)

    assert found[mine.name].ownership is Ownership.OURS
    assert left[mine.name].ownership is Ownership.LEFT_BEHIND
    assert found[mine.name].lease == mine.id
    assert found[other.name].ownership is Ownership.OTHER
    assert found[foreign.name].ownership is Ownership.FOREIGN
    assert found[foreign.name].age_seconds == pytest.approx(86400.0, abs=60.0)
    assert found[foreign.name].item.usd_per_hour == 0.69
    assert account.runpod.violations == []


def test_a_pod_whose_answer_was_lost_is_ours_by_its_name(account: Renting) -> None:
    row = account.ledger.intend("runpod", OFFER, LIMITS, new_lease_id())
    account.cloud.create(PodRequest(row.name, OFFER, "ssh-ed25519 AAAA x", 3600))

    assert looked_at(account)[row.name].ownership is Ownership.LEFT_BEHIND


def test_disks_of_stopped_pods_and_volumes_are_listed_with_what_they_cost(
    account: Renting,
) -> None:
    stopped = account.runpod.add_foreign("stopped")
    stopped.details["mounts"] = {"persistent": {"size": 50, "path": "/workspace"}}
    stopped.stop()
    account.runpod.volumes = [VOLUME, FAST]

    found = looked_at(account)

    assert found["stopped"].item.kind == "disk of a stopped pod"
    assert found["stopped"].item.usd_per_hour == pytest.approx(50 * 0.20 / HOURS_A_MONTH)
    assert found["sets"].item.usd_per_hour == pytest.approx(100 * 0.07 / HOURS_A_MONTH)
    assert found["fast"].item.usd_per_hour is None, "nobody guesses what is not known"
    assert {found[name].item.price_is for name in ("stopped", "sets")} == {"estimated"}
    assert account.runpod.violations == []


def test_serverless_workers_that_always_run_are_listed(account: Renting) -> None:
    idle = {"id": "e0", "name": "idle", "workers": {"min": 0, "max": 3}}
    busy = {"id": "e1", "name": "busy", "workers": {"min": 2, "max": 3}}
    reply = Reply(200, {"endpoints": [idle, busy]})
    account.runpod.script("serverless", Fault(reply))

    assert list(looked_at(account)) == ["busy"]


def test_ended_pods_are_billed_no_more(account: Renting) -> None:
    account.runpod.shows_terminated = True
    row = lease(account, account.ledger)
    account.cloud.terminate(str(row.pod_id))

    assert looked_at(account) == {}


def test_pages_that_cannot_be_read_are_told_of_and_hide_nothing_else(account: Renting) -> None:
    for number in range(3):
        account.runpod.add_foreign(f"pod-{number}")
    account.runpod.volumes = [VOLUME]
    account.runpod.page_size = 2

    found = account_of(account.cloud, account.ledger)

    assert len(found.entries) == 3, "two pods and a volume"
    assert [said.split(":")[0] for said in found.unknown] == ["pods"]


@pytest.mark.parametrize(
    "fault", [status(403), status(404), status(500), drop(), cloudflare()], ids=str
)
def test_a_part_that_cannot_be_looked_at_is_told_of(account: Renting, fault: Fault) -> None:
    account.runpod.add_foreign()
    account.runpod.always("volumes", fault)

    found = account_of(account.cloud, account.ledger)

    assert [entry.item.kind for entry in found.entries] == ["pod"]
    assert [said.split(":")[0] for said in found.unknown] == ["network volumes"]


def test_looking_makes_nothing(account: Renting) -> None:
    looked_at(account)

    assert not account.ledger.exists()
    assert not (account.ledger.folder / "owner").exists()


def test_instances_and_file_systems_of_lambda(from_lambda: RentingFromLambda) -> None:
    double = from_lambda.double
    double.add_foreign()
    created = "2026-11-01T00:00:00Z"
    double.file_systems = [{"id": "f1", "name": "sets", "created": created}]

    account = account_of(from_lambda.cloud, from_lambda.ledger)

    instance, system = account.entries
    assert (instance.item.kind, instance.item.usd_per_hour) == ("instance", 1.29)
    assert instance.age_seconds is None, "Lambda does not tell it"
    assert (system.item.kind, system.item.usd_per_hour) == ("file system", None)
    assert system.age_seconds is not None
    assert time.time() - system.age_seconds == pytest.approx(1793491200.0, abs=60.0)
    assert account.usd_per_hour == pytest.approx(1.29)
    assert account.unknown == ()
    assert double.violations == []


def test_further_pages_of_lambda_are_told_of(from_lambda: RentingFromLambda) -> None:
    from_lambda.double.add_foreign()
    from_lambda.double.beside = {"next_page_token": "abc"}

    account = account_of(from_lambda.cloud, from_lambda.ledger)

    assert len(account.entries) == 1
    assert [said.split(":")[0] for said in account.unknown] == ["instances", "file systems"]
