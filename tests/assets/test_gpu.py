"""The reaper as a sensor, the leases as an asset, and `outpost gpu`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from doubles.renting import LIMITS, RTX_4090, Renting, renting
from doubles.servers import status
from doubles.sshd import needs_sshd
from typer.testing import CliRunner

from assets.automation.gpu_reaper import LEASES, gpu_reaper
from assets.cli import output as explaining
from assets.cli.app import app
from assets.definitions import defs
from resources.defaults import Resources
from resources.gpu.clouds.base import Offer, PodRequest
from resources.gpu.leases.file_lock import hold_lock
from resources.gpu.leases.ledger import LeaseRow, LeaseState, Ledger
from resources.gpu.leases.reaper import ReapError
from resources.gpu.pod_names import new_lease_id
from resources.gpu.resource import Gpu, gpu_from_environment
from resources.gpu.settings import GpuSettingsError, Provider
from resources.paths import Paths

pytestmark = needs_sshd
OFFER = Offer(RTX_4090, "EU-RO-1", "secure", 0.69)


@pytest.fixture(autouse=True)
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    for name in ("RUNPOD_API_KEY", "LAMBDA_API_KEY", "OUTPOST_GPU"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OUTPOST_HOME", str(tmp_path / "state"))
    # Not COLUMNS: where that is set when the console is made, the console keeps it.
    monkeypatch.setattr(explaining.console, "_width", 240)
    return Paths.below(tmp_path / "state")


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Renting]:
    with renting(tmp_path) as account:
        monkeypatch.setenv("RUNPOD_API_KEY", account.runpod.key)
        monkeypatch.setenv("OUTPOST_RUNPOD_URL", account.runpod.url)
        yield Renting(account.runpod, Ledger(tmp_path / "state" / "gpu"))


def abandon(account: Renting) -> LeaseRow:
    """A pod whose process has died."""
    made = account.ledger.intend("runpod", OFFER, LIMITS, new_lease_id())
    created = account.cloud.create(PodRequest(made.name, OFFER, "ssh-ed25519 AAAA x", 3600))
    return account.ledger.created(made.id, created.id, created.usd_per_hour)


def tick(paths: Paths, cursor: str | None = None) -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance, cursor, resources={"paths": paths})
        return gpu_reaper().evaluate_tick(context)


def outpost(*words: str) -> Any:
    return CliRunner().invoke(app, ["gpu", *words])


# The sensor


def test_the_reaper_is_on_wherever_outpost_is_served() -> None:
    sensor = defs().get_sensor_def("gpu_reaper")

    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def test_without_any_key_and_any_lease_there_is_nothing_to_do(paths: Paths) -> None:
    assert "nothing was ever rented" in tick(paths).skip_message


def test_a_tick_ends_what_was_left_behind_and_reports_the_leases(
    account: Renting, paths: Paths
) -> None:
    left = abandon(account)

    first = tick(paths)

    account.assert_all_is_over()
    (event,) = first.asset_events
    assert event.asset_key == LEASES
    assert event.metadata["open_leases"].value == 0
    assert left.id in event.metadata["leases"].value
    assert "process that leased it is gone" in event.description
    assert tick(paths, first.cursor).asset_events == []


def test_a_tick_that_cannot_look_fails(account: Renting, paths: Paths) -> None:
    abandon(account)
    account.runpod.always("list", status(500))

    with pytest.raises(ReapError, match="may still be running"):
        tick(paths)


def test_an_open_lease_without_its_key_fails_the_tick(
    account: Renting, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    abandon(account)
    monkeypatch.delenv("RUNPOD_API_KEY")

    with pytest.raises(ReapError, match="without RUNPOD_API_KEY"):
        tick(paths)


# The command


def test_list_shows_leases_with_their_cost(account: Renting) -> None:
    assert "Nothing was ever rented" in outpost("list").stdout
    left = abandon(account)

    shown = outpost("list").stdout
    document = json.loads(outpost("list", "--json").stdout)

    assert left.id in shown
    assert "CREATED" in shown
    (lease,) = document["leases"]
    assert lease["pod_id"] == left.pod_id
    assert lease["usd"] > 0


def test_list_asks_what_was_billed_and_says_whether_that_is_known(
    account: Renting, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, left = account.ledger, abandon(account)
    ledger.ready(left.id)
    ledger.draining(left.id, "done")
    account.cloud.terminate(left.pod_id or "")
    ledger.terminated(left.id)
    account.runpod.billed_share = 0.0
    (before,) = json.loads(outpost("list", "--json").stdout)["leases"]
    account.runpod.billed_share = 1.0

    shown = outpost("list").stdout
    monkeypatch.delenv("RUNPOD_API_KEY")
    (after,) = json.loads(outpost("list", "--json").stdout)["leases"]

    assert (before["usd_is"], before["billed_usd"]) == ("estimated", None)
    assert "billed" in shown
    assert after["usd_is"] == "billed"
    assert after["usd"] == after["billed_usd"] == pytest.approx(account.runpod.usd)
    assert account.runpod.violations == []


def test_reap_ends_pods_and_a_dry_run_only_tells(account: Renting) -> None:
    left = abandon(account)

    assert "process that leased it is gone" in outpost("reap", "--dry-run").stdout
    assert len(account.runpod.owned) == 1
    done = outpost("reap", "--json")

    assert done.exit_code == 0
    assert json.loads(done.stdout)[0]["actions"][0]["pod"] == left.pod_id
    assert account.ledger.row(left.id).state is LeaseState.TERMINATED
    account.assert_all_is_over()


def test_reap_exits_with_1_when_it_cannot_look(account: Renting) -> None:
    abandon(account)
    account.runpod.always("list", status(500))

    assert outpost("reap").exit_code == 1


def test_pods_of_a_lost_state_folder_are_shown_with_the_way_to_end_them(
    account: Renting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    abandon(account)
    owner = account.ledger.owner()
    late = account.runpod.add_foreign(f"outpost-{owner}-22222222-e1700000000-t3600")
    monkeypatch.setenv("OUTPOST_HOME", str(tmp_path / "other"))

    shown = outpost("reap").stdout
    told = json.loads(outpost("reap", "--dry-run", "--json").stdout)

    assert "runpod: 0 pods of ours." in shown
    assert f"outpost gpu reap --lost {owner}" in shown
    assert late.name in {pod["name"] for pod in told[0]["others"]}
    assert len(account.runpod.alive) == 2
    assert outpost("reap", "--lost", "nonsense").exit_code == 1
    assert outpost("reap", "--lost", owner).exit_code == 0
    assert account.runpod.alive == []


def test_a_damaged_ledger_is_explained_by_every_command(
    account: Renting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_GPU", "runpod")
    abandon(account)
    for file in account.ledger.folder.glob("ledger.sqlite3*"):
        file.write_bytes(b"no database any more, and longer than a header" * 100)

    for command in ("list", "reap"):
        result = outpost(command)
        assert (result.exit_code, type(result.exception)) == (1, SystemExit)
        assert "cannot be used" in result.output
        assert "move it and its -wal and -shm away" in result.output
    told = json.loads(outpost("doctor", "--json").stdout)
    assert [item["check"] for item in told["findings"] if not item["ok"]] == ["ledger"]
    # What costs money is listed all the same.
    assert len(told["billed"]) == len(account.runpod.alive) == 1
    assert "which of it is ours" in told["billed_unknown"][-1]


def test_a_lease_whose_account_is_gone_can_be_closed_by_hand(
    account: Renting, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = abandon(account)
    key = account.runpod.key
    monkeypatch.delenv("RUNPOD_API_KEY")

    assert outpost("forget", "00000000", "--yes").exit_code == 1
    with hold_lock(account.ledger.lock_file(left.id)):
        assert outpost("forget", left.id, "--yes").exit_code == 1
    assert CliRunner().invoke(app, ["gpu", "forget", left.id], input="n\n").exit_code == 1
    assert account.ledger.row(left.id).state is LeaseState.CREATED
    assert outpost("forget", left.id, "--yes").exit_code == 0
    assert account.ledger.open_rows() == ()
    assert "already" in outpost("forget", left.id).stdout

    monkeypatch.setenv("RUNPOD_API_KEY", key)
    assert outpost("reap").exit_code == 0
    assert account.runpod.owned == []


def test_looking_at_leases_writes_nothing(tmp_path: Path) -> None:
    assert "Nothing was ever rented" in outpost("list").stdout
    assert json.loads(outpost("list", "--json").stdout) == {"leases": [], "usd_this_month": 0.0}
    assert not (tmp_path / "state").exists()


def test_doctor_is_content_with_a_good_setup_and_rents_nothing(
    account: Renting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_GPU", "runpod")

    result = outpost("doctor", "--json")

    diagnoses = json.loads(result.stdout)["findings"]
    assert result.exit_code == 0, diagnoses
    assert {finding["check"] for finding in diagnoses} >= {"SSH key", "budget", "last resort"}
    assert account.runpod.count("create") == 0
    assert account.runpod.key not in result.stdout


def test_doctor_lists_all_that_is_billed_whoever_made_it(account: Renting) -> None:
    """Also where training runs on this machine: a forgotten pod costs all the same."""
    left = abandon(account)
    account.runpod.add_foreign("my-notebook", age_seconds=3 * 86400.0)
    volume = {"id": "v1", "name": "sets", "size": 100, "dataCenter": "EU-RO-1", "type": "STANDARD"}
    account.runpod.volumes = [volume]

    told = json.loads(outpost("doctor", "--json").stdout)
    shown = outpost("doctor").stdout

    by_name = {item["name"]: item for item in told["billed"]}
    assert by_name[left.name]["ownership"] == "ours, left behind"
    assert by_name[left.name]["lease"] == left.id
    assert by_name["my-notebook"]["ownership"] == "not ours"
    assert by_name["my-notebook"]["age_seconds"] == pytest.approx(3 * 86400.0, abs=60.0)
    assert by_name["sets"]["price_is"] == "estimated"
    assert told["billed_usd_per_hour"] == pytest.approx(2 * 0.69 + 100 * 0.07 / 730)
    assert told["billed_unknown"] == []
    for words in ("my-notebook", "3 days", "about 0.0096", "not ours", "outpost gpu reap"):
        assert words in shown
    assert account.runpod.count("delete") == 0


def test_doctor_tells_what_it_could_not_look_at(account: Renting) -> None:
    account.runpod.always("volumes", status(403))

    assert "Could not be looked at: network volumes" in outpost("doctor").stdout


def test_doctor_names_a_wrong_key(account: Renting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPOST_GPU", "runpod")
    monkeypatch.setenv("RUNPOD_API_KEY", "wrong")

    result = outpost("doctor")

    assert result.exit_code == 1
    assert "RUNPOD_API_KEY" in result.stdout or "key" in result.stdout


def test_doctor_says_which_ssh_host_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPOST_GPU", "ssh")

    result = outpost("doctor")

    assert result.exit_code == 1
    assert "OUTPOST_GPU_SSH_HOST" in result.stdout


@pytest.mark.parametrize("words", [("list",), ("reap",), ("doctor",)])
def test_commands_work_in_the_state_folder_that_their_caller_gives(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    other = Resources.of(Paths.below(tmp_path / "other"))
    ledger = Ledger(other.state.gpu)
    left = ledger.intend("runpod", OFFER, LIMITS, new_lease_id())
    ledger.draining(left.id, "no key for it")
    ledger.terminated(left.id)

    done = CliRunner().invoke(app, ["gpu", *words], obj=other)

    assert done.exit_code == 0
    assert (left.id in done.stdout) is (words == ("list",))
    assert not (tmp_path / "state").exists()


# The resource


def test_the_environment_chooses_the_provider(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gpu_from_environment(paths).provider is Provider.LOCAL
    monkeypatch.setenv("OUTPOST_GPU", "runpod")
    monkeypatch.setenv("OUTPOST_GPU_GPUS", "NVIDIA L4, NVIDIA A40")
    monkeypatch.setenv("OUTPOST_GPU_MAX_USD_PER_HOUR", "0.5")
    gpu = gpu_from_environment(paths)

    assert gpu.provider is Provider.RUNPOD
    assert gpu.gpu_request.gpus == ("NVIDIA L4", "NVIDIA A40")
    assert gpu.limits.per_hour == 0.5


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OUTPOST_GPU", "rundpod"), ("OUTPOST_GPU_MAX_USD_PER_HOUR", "cheap")],
)
def test_a_wrong_setting_is_named(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(GpuSettingsError, match=value) as told:
        gpu_from_environment(paths)

    assert told.value.fix == f"Correct or unset {variable}."


def test_the_4090_is_asked_for_first(paths: Paths) -> None:
    assert Gpu(paths=paths, provider=Provider.RUNPOD).gpu_request.gpus[0] == RTX_4090


def test_no_key_is_a_field() -> None:
    assert not [name for name in Gpu.model_fields if "api" in name or "token" in name]
