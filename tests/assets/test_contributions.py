"""What players send, from the staging folder to artifacts, on a real Dagster instance."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import dagster as dg
import numpy as np
import pytest
import yaml
from dagster._core.test_utils import create_run_for_test
from detector_runtime.contribute.contributor import Contributor
from detector_runtime.contribute.rules import ContributionRules
from doubles.contributions import INSTALL, RULES, Uploads, image_file
from doubles.toy import TOY
from typer.testing import CliRunner

import assets.automation.contribution_sensor as contribution_sensor_module
from assets.automation.contribution_sensor import (
    MOST_FAILURES,
    REQUEST_TAG,
    REST_SECONDS,
    RUNS_A_TICK,
    contribution_sensor,
)
from assets.cli.app import app
from assets.core.building import latest
from assets.core.keys import GameKeys
from assets.core.runs import Outcome, materialize
from assets.definitions import build_definitions
from assets.graph.community.contributions import ContributorError
from pipeline.community.receiving.refusals import Refusal
from pipeline.community.staged_crops import StagedCrops
from pipeline.games.pack import GamePack
from resources.contributions.staging import StagingPlace
from resources.defaults import Resources
from resources.instance import open_instance
from resources.object_store.base import ObjectStoreBusyError, ObjectStoreError
from resources.object_store.folder import FolderStore
from resources.paths import Paths

PACK = GamePack.model_validate({**TOY, "community": RULES.model_dump()})
KEYS = GameKeys.of(PACK)


@dataclass
class Community:
    """A game with a community, in a state folder of its own."""

    home: Path
    resources: Resources
    instance: dg.DagsterInstance
    definitions: dg.Definitions = field(init=False)

    def __post_init__(self) -> None:
        self.definitions = build_definitions(PACK, {"paths": self.resources.paths})

    @property
    def staging(self) -> Path:
        return self.resources.state.contributions / "toy"

    def read(self, install: UUID | str = INSTALL) -> Outcome:
        self.instance.add_dynamic_partitions("toy_contributors", [str(install)])
        (outcome,) = materialize(
            self.definitions, self.instance, [KEYS.staged_crops], partition=str(install)
        )
        return outcome

    def staged(self, install: UUID = INSTALL) -> StagedCrops:
        store = self.resources.artifacts.store
        return StagedCrops.open(latest(self.instance, store, KEYS.staged_crops, str(install)).path)

    def outpost(self, *words: str) -> str:
        pack = self.home.parent / "pack"
        if not pack.exists():
            pack.mkdir()
            (pack / "pack.yaml").write_text(yaml.safe_dump(PACK.model_dump(mode="json")), "utf-8")
        done = CliRunner().invoke(
            app, ["community", *words, "--game", str(pack)], obj=self.resources
        )
        assert not isinstance(done.exception, Exception | None) or done.exit_code in (0, 1)
        return done.output


@pytest.fixture
def community(tmp_path: Path) -> Iterator[Community]:
    resources = Resources.of(Paths.below(tmp_path / "home"))
    with open_instance(resources.state) as instance:
        yield Community(tmp_path / "home", resources, instance)


def install(number: int) -> UUID:
    return UUID(f"00000000-0000-4000-8000-{number:012d}")


def test_what_was_sent_becomes_an_artifact(community: Community) -> None:
    uploads = Uploads()
    crop = uploads.crop(image_file(1))
    uploads.crop(image_file(2), "Nonsense")
    uploads.screen(image_file(3, (320, 180)))
    uploads.write(community.staging)
    community.read()
    staged = community.staged()
    assert {one.sha256 for one in staged.content.crops if one.kind == "icon"} == {crop}
    assert staged.content.refused == {Refusal.UNKNOWN_NAME: 1}
    record = community.instance.get_latest_materialization_event(KEYS.staged_crops)
    assert record is not None
    metadata = record.asset_materialization.metadata  # type: ignore[union-attr]
    assert (metadata["icons"].value, metadata["screens"].value) == (1, 1)
    assert "a name that is not in the game's list" in str(metadata["refused_by_reason"].value)
    assert "/logs/images/" in str(metadata["preview"].value)
    assert metadata["withdrawn"].value == "no"


def test_what_a_players_program_sends_is_taken_whole(community: Community, tmp_path: Path) -> None:
    rules = ContributionRules.of("toy", RULES.model_dump())
    place = community.resources.state.contributions
    contributor = Contributor(tmp_path / "kept", rules, place, consent=True)
    contributor.start = lambda: None  # type: ignore[method-assign]
    shot = np.random.default_rng(1).integers(0, 256, (360, 640, 3), dtype=np.uint8)
    contributor.confirm(shot, (10, 10, 60, 70), "weapon", "Iron Sword", ml_name="Steel Sword")
    contributor.confirm(shot, (10, 10, 200, 40), "title", "Knight")
    contributor.confirm(shot, (90, 10, 200, 40), "player_name", "Jane Doe")
    contributor.confirm_screen(shot, "ARMOUR")
    assert contributor.upload_now() == "sent"
    sender = contributor.status().install
    assert sender is not None
    community.read(sender)
    staged = community.staged(sender)
    assert staged.content.refused == {}
    assert sorted(crop.kind for crop in staged.content.crops) == ["icon", "screen", "text"]
    contributor.forget()
    community.read(sender)
    assert community.staged(sender).content.crops == ()


def test_what_was_read_is_not_fetched_again(
    community: Community, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads, fetched = Uploads(), list[str]()
    uploads.crop(image_file(1))
    uploads.write(community.staging)
    first = community.read()
    fetch = StagingPlace.fetch

    def noted(self: StagingPlace, install: UUID, file: object) -> bytes | None:
        fetched.append(file.path)  # type: ignore[attr-defined]
        return fetch(self, install, file)  # type: ignore[arg-type]

    monkeypatch.setattr(StagingPlace, "fetch", noted)
    assert community.read().skipped
    assert fetched == []
    new = uploads.crop(image_file(2))
    uploads.write(community.staging)
    second = community.read()
    assert sorted(fetched) == ["annotations.jsonl", f"crops/{new}.png"]
    assert first.data_version != second.data_version
    assert len(community.staged().content.crops) == 2
    other = uploads.files[f"crops/{new}.png"] = image_file(3)
    assert len(other) != len(image_file(2))
    uploads.write(community.staging)
    community.read()
    assert community.staged().content.refused == {Refusal.OTHER_DIGEST: 1}


def test_who_removes_everything_is_an_empty_contributor(community: Community) -> None:
    uploads = Uploads()
    uploads.crop(image_file(1))
    uploads.write(community.staging)
    community.read()
    shutil.rmtree(community.staging / "staging" / str(INSTALL))
    community.read()
    assert community.staged().content.crops == ()


def test_a_partition_that_is_no_install_is_no_path(community: Community) -> None:
    with pytest.raises(ContributorError, match="no contributor"):
        community.read("..-..-secret")


@dataclass
class Watched:
    """The sensor, ticked as the daemon does; runs are left to the caller."""

    community: Community
    now: float = 1_000_000.0
    cursor: str | None = None

    def tick(self) -> list[str]:
        """The installs that are to be read."""
        return [str(request.partition_key) for request in self.result().run_requests or []]

    def result(self) -> dg.SensorResult:
        community = self.community
        sensor = contribution_sensor(PACK, lambda: self.now)
        context = dg.build_sensor_context(
            instance=community.instance,
            cursor=self.cursor,
            resources={"contributions": community.resources.contributions},
        )
        with context as entered:
            found = sensor(entered)
        assert isinstance(found, dg.SensorResult)
        self.cursor = found.cursor
        for request in found.run_requests or []:
            self._launched.append((str(request.partition_key), dict(request.tags)))
        for wanted in found.dynamic_partitions_requests or []:
            community.instance.add_dynamic_partitions(
                wanted.partitions_def_name, list(wanted.partition_keys)
            )
        return found

    _launched: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def end_runs(self, status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS) -> None:
        for _, tags in self._launched:
            create_run_for_test(self.community.instance, tags=tags, status=status)
        self._launched.clear()

    def reason(self) -> str:
        skipped = self.result().skip_reason
        assert skipped is not None
        return str(skipped.skip_message)

    def rest(self) -> None:
        self.now += REST_SECONDS + 1


@pytest.fixture
def watched(community: Community) -> Watched:
    return Watched(community)


def send(community: Community, number: int, images: int = 1, seed: int = 0) -> None:
    uploads = Uploads()
    for image in range(images):
        uploads.crop(image_file(1000 * seed + image))
    uploads.write(community.staging, install(number))


def test_new_contributions_are_read_once(watched: Watched) -> None:
    assert watched.reason() == "Nobody has sent anything yet."
    send(watched.community, 1)
    assert watched.tick() == [str(install(1))]
    assert watched.community.instance.get_dynamic_partitions("toy_contributors") == [
        str(install(1))
    ]
    assert "Nothing is to be read of 1 contributors." in watched.reason()
    watched.end_runs()
    watched.rest()
    assert watched.tick() == []
    send(watched.community, 1, images=2)
    assert watched.tick() == [str(install(1))]


def test_a_tick_opens_no_file(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    send(watched.community, 1, images=3)

    def refuse(*_: object) -> bytes:
        raise AssertionError("the sensor reads nothing")

    monkeypatch.setattr(FolderStore, "get_range", refuse)
    monkeypatch.setattr(FolderStore, "get", refuse)
    assert watched.tick() == [str(install(1))]


def test_who_sends_all_the_time_starves_nobody(watched: Watched) -> None:
    """Whose files change with every tick is read once in half an hour; the others come first."""
    many = RUNS_A_TICK + 3
    for number in range(many):
        send(watched.community, number)
    first = watched.tick()
    watched.end_runs()
    assert len(first) == RUNS_A_TICK
    for number in range(RUNS_A_TICK):
        send(watched.community, number, images=2, seed=7)
    assert watched.tick() == [str(install(number)) for number in range(RUNS_A_TICK, many)]
    watched.end_runs()
    assert watched.tick() == []
    watched.rest()
    assert len(watched.tick()) == RUNS_A_TICK


def test_who_cannot_be_listed_starves_nobody(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        send(watched.community, number)
    listing = FolderStore.listing

    def refuse(store: FolderStore, prefix: str = "", most: int | None = None) -> object:
        if str(install(1)) in prefix:
            raise ObjectStoreError("It cannot be listed.", "Look at it.")
        return listing(store, prefix, most)

    monkeypatch.setattr(FolderStore, "listing", refuse)
    assert watched.tick() == [str(install(0))]
    assert watched.tick() == [str(install(2))]
    assert "It cannot be listed. Look at it." in watched.reason()
    monkeypatch.undo()
    assert watched.tick() == [str(install(1))]


def test_a_store_that_wants_to_be_left_alone_is(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(watched.community, 1)
    asked = []

    def refuse(_store: FolderStore, prefix: str, _most: int) -> object:
        asked.append(prefix)
        raise ObjectStoreBusyError("Too many requests.", "Wait.", 10.0 if asked[1:] else 9e9)

    monkeypatch.setattr(FolderStore, "folders", refuse)
    assert "Too many requests. Wait." in watched.reason()
    watched.now += contribution_sensor_module.MOST_PATIENCE - 1
    assert watched.reason() == "Contributions are looked at again in 1 seconds."
    assert len(asked) == 1
    watched.now += 1
    assert "Too many requests. Wait." in watched.reason()
    monkeypatch.undo()
    watched.now += 10
    assert watched.tick() == [str(install(1))]


def test_who_is_withdrawn_is_not_read(watched: Watched) -> None:
    send(watched.community, 1)
    send(watched.community, 2)
    watched.community.outpost("withdraw", str(install(1)), "--reason", "labels at random")
    assert watched.tick() == [str(install(2))]


def test_folders_of_other_names_are_no_installs(watched: Watched) -> None:
    send(watched.community, 1)
    for name in ("jane.doe@example.org", "..hidden", "000"):
        (watched.community.staging / "staging" / name).mkdir()
    assert watched.tick() == [str(install(1))]
    assert "3 folders have a name that is no install's" in watched.reason()


def test_a_reading_that_fails_is_tried_a_few_times(watched: Watched) -> None:
    send(watched.community, 1)
    for _ in range(MOST_FAILURES):
        assert watched.tick() == [str(install(1))]
        watched.end_runs(dg.DagsterRunStatus.FAILURE)
        watched.rest()
    assert "could not be read 3 times" in watched.reason()
    assert watched.tick() == []
    send(watched.community, 1, images=2)
    assert watched.tick() == [str(install(1))]


def test_a_place_that_is_away_removes_nobody(watched: Watched) -> None:
    send(watched.community, 1)
    watched.tick()
    watched.end_runs()
    watched.rest()
    watched.community.staging.rename(watched.community.staging.with_name("away"))
    assert "where there were contributions of 1 players" in watched.reason()
    watched.community.staging.with_name("away").rename(watched.community.staging)
    send(watched.community, 2)
    shutil.rmtree(watched.community.staging / "staging" / str(install(1)))
    assert sorted(watched.tick()) == [str(install(1)), str(install(2))]


def test_who_is_gone_or_withdrawn_leaves_room_for_others(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever invents installs keeps everybody out, even after they were removed."""
    monkeypatch.setattr(contribution_sensor_module, "MOST_CONTRIBUTORS", 2)
    send(watched.community, 1)
    send(watched.community, 2)
    assert len(watched.tick()) == 2
    watched.end_runs()
    send(watched.community, 3)
    watched.rest()
    assert "Of 3 contributors 1 are not read, because no more than 2 are" in watched.reason()
    shutil.rmtree(watched.community.staging / "staging" / str(install(1)))
    assert watched.tick() == [str(install(1))]  # that nothing is left is read, too
    watched.end_runs()
    assert watched.tick() == []
    assert watched.tick() == [str(install(3))]
    watched.end_runs()
    send(watched.community, 4)
    assert watched.tick() == []
    watched.community.outpost("withdraw", str(install(2)), "--reason", "labels at random")
    assert watched.tick() == [str(install(4))]
    assert "not read" not in watched.reason()


def test_a_partition_that_somebody_deleted_is_read_again(watched: Watched) -> None:
    """A sender whose votes do not count must be on the list of those withdrawn."""
    send(watched.community, 1)
    watched.tick()
    watched.end_runs()
    watched.rest()
    watched.community.instance.delete_dynamic_partition("toy_contributors", str(install(1)))
    assert watched.tick() == [str(install(1))]


@pytest.mark.parametrize("cursor", ["no JSON", '{"seen": 3}', '{"seen": {"a": {}}}'])
def test_a_damaged_cursor_reads_again(watched: Watched, cursor: str) -> None:
    send(watched.community, 1)
    watched.cursor = cursor
    assert watched.tick() == [str(install(1))]


def test_a_request_has_a_tag(watched: Watched) -> None:
    send(watched.community, 1)
    (request,) = watched.result().run_requests or []
    assert request.tags[REQUEST_TAG] == request.run_key


def test_the_command_shows_and_withdraws(community: Community) -> None:
    send(community, 1, images=2)
    send(community, 2)
    community.read(install(1))
    rows = json.loads(community.outpost("list", "--json"))
    assert [(row["state"], row["icons"]) for row in rows] == [("counts", 2), ("not read yet", None)]
    said = community.outpost("withdraw", str(install(1)), "--reason", "labels at random")
    assert "is withdrawn" in said
    assert "labels at random" in community.outpost("withdraw", str(install(1)), "--reason", "x")
    withdrawn = community.resources.contributions.withdrawals("toy").read()
    assert withdrawn.installs == {str(install(1))}
    (entry,) = withdrawn.entries
    assert entry.reason == "labels at random"
    assert str(install(1)) in community.outpost("list")
    rows = json.loads(community.outpost("list", "--json"))
    assert [row["state"] for row in rows] == ["withdrawn", "not read yet"]
    assert "labels at random" in rows[0]["reason"]
    assert "counts again" in community.outpost("restore", str(install(1)))
    assert "is not withdrawn" in community.outpost("restore", str(install(1)))
    assert community.resources.contributions.withdrawals("toy").read().installs == frozenset()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("withdraw", "../../etc", "--reason", "x"), "is no contributor"),
        (("withdraw", str(install(9)), "--reason", "x"), "has the id"),
        (("withdraw", str(install(1)), "--reason", " "), "for a reason"),
    ],
)
def test_a_wrong_withdrawal_is_explained(
    community: Community, words: tuple[str, ...], said: str
) -> None:
    send(community, 1)
    assert said in " ".join(community.outpost(*words).split())


def test_a_game_without_a_community_has_no_such_assets(community: Community) -> None:
    definitions = build_definitions(
        GamePack.model_validate(TOY), {"paths": community.resources.paths}
    )
    keys = definitions.resolve_asset_graph().get_all_asset_keys()
    assert KEYS.staged_crops not in keys
    names = {sensor.name for sensor in definitions.sensors or ()}
    assert names == {"toy_export_sensor"}
