"""Images that the votes have not settled go to CVAT and come back as decisions: a real instance,
real votes, and a server that speaks CVAT's REST."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from doubles.crowds import KEYS, Crowd, install
from doubles.cvat import CvatDouble, Task, running_cvat
from doubles.sensors import evaluated

from assets.core.building import latest
from pipeline.community.dispute_batches.dispute_batch import DisputeBatch
from pipeline.community.dispute_batches.settled_disputes import SettledDisputes
from pipeline.community.votes.decisions import Decision
from resources.cvat import Cvat
from resources.defaults import Resources
from resources.instance import open_instance
from resources.paths import Paths

TIED, SPLIT, LONE = 1, 2, 3
IRON, STEEL, SHIELD = "Iron Sword", "Steel Sword", "Round Shield"
SAID: dict[int, dict[int, str]] = {
    1: {TIED: IRON, SPLIT: IRON},
    2: {TIED: IRON, SPLIT: SHIELD},
    3: {TIED: STEEL},
    4: {TIED: STEEL},
    5: {LONE: SHIELD},
}
"""What each install says of each icon, by how it looks."""


@pytest.fixture
def cvat(monkeypatch: pytest.MonkeyPatch) -> Iterator[CvatDouble]:
    with running_cvat() as double:
        double.use(monkeypatch)
        yield double


def resources_below(place: Path) -> Resources:
    return replace(Resources.of(Paths.below(place / "home")), cvat=Cvat(poll_seconds=0.01))


@pytest.fixture(scope="module")
def voted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that was sent and voted on, for each test to copy."""
    place = tmp_path_factory.mktemp("voted")
    resources = resources_below(place)
    with open_instance(resources.state) as instance:
        made = Crowd(resources, instance, place / "pack")
        for number, icons in SAID.items():
            made.send(number, icons, {})
        made.make(KEYS.voted_crops)
    return place


@pytest.fixture
def crowd(voted: Path, tmp_path: Path, cvat: CvatDouble) -> Iterator[Crowd]:
    shutil.copytree(voted, tmp_path, dirs_exist_ok=True)
    resources = resources_below(tmp_path)
    with open_instance(resources.state) as instance:
        yield Crowd(resources, instance, tmp_path / "pack")


def batch_of(crowd: Crowd, name: str = "first") -> DisputeBatch:
    store = crowd.resources.artifacts.store
    return DisputeBatch.open(latest(crowd.instance, store, KEYS.disputed_crops, name).path)


def settled(crowd: Crowd, name: str = "first") -> list[str]:
    store = crowd.resources.artifacts.store
    folder = latest(crowd.instance, store, KEYS.settled_disputes, name).path
    return [crop.outcome for crop in SettledDisputes.open(folder).content.crops]


def decisions(crowd: Crowd) -> dict[str, Decision]:
    known = crowd.resources.contributions.decisions("toy").read()
    return {decision.sha256: decision for decision in known.entries}


def pushed(crowd: Crowd, cvat: CvatDouble, name: str = "first", most: int = 9) -> Task:
    assert "in the batch" in crowd.outpost("disputes", "--batch", name, "--most", str(most))
    told = crowd.outpost("push", name, app_of="cvat")
    assert name in told, told
    return next(task for task in cvat.tasks.values() if task.name == name)


def labels(cvat: CvatDouble, task: Task) -> dict[int, str]:
    return {label["id"]: label["name"] for label in cvat.labels_of(task.project)}


def test_what_is_in_dispute_goes_out_and_comes_back_as_decisions(
    crowd: Crowd, cvat: CvatDouble
) -> None:
    task = pushed(crowd, cvat)
    batch = batch_of(crowd)
    tied, split, lone = batch.crops
    assert [crop.status for crop in batch.crops] == ["disputed", "disputed", "tentative"]
    assert (sum(tied.votes.values()), sum(split.votes.values())) == (4, 2)
    assert task.frames == {c.image: batch.image_of(c).read_bytes() for c in batch.crops}
    assert cvat.projects[task.project]["name"] == "toy-community first"
    names = labels(cvat, task)
    assert sorted(names.values()) == sorted(["none of these", "unreadable", IRON, STEEL, SHIELD])
    assert [names[tag["label_id"]] for tag in task.tags] == [crop.label for crop in batch.crops]
    (note,) = task.tags[0]["attributes"]
    assert note["value"] == "2: Iron Sword; 2: Steel Sword"
    assert "No job of the task 'first'" in crowd.outpost("pull", "first", app_of="cvat")
    assert "No task is completed" in crowd.outpost("pull", app_of="cvat")

    cvat.tag(task, tied.image, STEEL)
    cvat.tag(task, split.image, "none of these")
    cvat.finish(task)
    told = crowd.outpost("pull", app_of="cvat")
    assert "3 decided" in told, told

    noted = decisions(crowd)
    assert {digest: one.label for digest, one in noted.items()} == {
        tied.sha256: STEEL,
        split.sha256: "",
        lone.sha256: SHIELD,
    }
    assert {one.batch for one in noted.values()} == {"first"}
    assert noted[split.sha256].reason == f"task {task.id} in CVAT: none of these"
    page = crowd.page(KEYS.settled_disputes)
    assert (page["state"], page["decided"], page["decided_as_voted"]) == (
        *("closed", 3),
        1 + (tied.label == STEEL),
    )
    crowd.make(KEYS.voted_crops)
    assert {(one.label, one.decided) for one in crowd.voted.content.crops} == {
        (STEEL, True),
        (SHIELD, True),
    }
    assert crowd.page(KEYS.voted_crops)["decided_in_cvat"] == 3
    assert "nothing to decide" in crowd.outpost("disputes", "--batch", "second")
    assert "second" not in crowd.outpost("status", app_of="cvat")


def test_pushing_and_pulling_again_change_nothing(crowd: Crowd, cvat: CvatDouble) -> None:
    task = pushed(crowd, cvat)
    cvat.tag(task, task.names[0], STEEL)
    before = list(task.tags)
    assert "nothing was changed" in crowd.outpost("push", "first", app_of="cvat")
    assert (len(cvat.tasks), task.tags) == (1, before)
    assert "is in CVAT already" in _log_of(crowd, KEYS.disputed_crops)
    cvat.finish(task)
    assert "pulled" in crowd.outpost("pull", "first", app_of="cvat")
    noted = decisions(crowd)
    assert "there already" in crowd.outpost("pull", "first", app_of="cvat")
    assert decisions(crowd) == noted
    assert "3 decided" in crowd.outpost("status", "--json", app_of="cvat")


def _log_of(crowd: Crowd, key: dg.AssetKey) -> str:
    """The log of one more run of the first batch."""
    crowd.make(key, partition="first")
    run = crowd.instance.get_runs(limit=1)[0]
    return " ".join(entry.user_message for entry in crowd.instance.all_logs(run.run_id))


def test_an_image_is_in_one_batch_and_the_most_valuable_comes_first(
    crowd: Crowd, cvat: CvatDouble
) -> None:
    first, second = pushed(crowd, cvat, most=1), pushed(crowd, cvat, "second", most=1)
    assert [sum(c.votes.values()) for c in batch_of(crowd).crops] == [4]
    assert [sum(c.votes.values()) for c in batch_of(crowd, "second").crops] == [2]
    assert not {*first.names} & {*second.names}
    assert crowd.page(KEYS.disputed_crops)["waiting"] == 1


def test_only_completed_jobs_are_taken(crowd: Crowd, cvat: CvatDouble) -> None:
    task = pushed(crowd, cvat)
    task.job_size = 2
    cvat.finish(task, job=1)
    crowd.outpost("pull", app_of="cvat")
    assert settled(crowd) == ["not finished", "not finished", "decided"]
    cvat.finish(task, job=0)
    cvat.tag(task, task.names[0], IRON, STEEL)
    cvat.tag(task, task.names[1])
    crowd.outpost("pull", app_of="cvat")
    assert settled(crowd) == ["several tags", "no tag", "decided"]
    assert crowd.page(KEYS.settled_disputes)["state"] == "open"


def test_what_was_decided_by_hand_meanwhile_stays(crowd: Crowd, cvat: CvatDouble) -> None:
    task = pushed(crowd, cvat)
    tied = batch_of(crowd).crops[0]
    other_image = tied.members[-1]
    crowd.outpost("decide", other_image, SHIELD)
    cvat.finish(task)
    crowd.outpost("pull", app_of="cvat")
    assert settled(crowd) == ["decided by hand", "decided", "decided"]
    assert tied.sha256 not in decisions(crowd)
    assert (decisions(crowd)[other_image].label, decisions(crowd)[other_image].batch) == (
        SHIELD,
        "",
    )


def test_images_of_the_withdrawn_are_dropped(crowd: Crowd, cvat: CvatDouble) -> None:
    assert "3 images" in crowd.outpost("disputes", "--batch", "first")
    crowd.outpost("withdraw", str(install(5)), "--reason", "asked for it")
    crowd.outpost("push", "first", app_of="cvat")
    (task,) = cvat.tasks.values()
    assert len(task.frames) == 2
    senders = {c.sha256: c for one in crowd.voted.content.crops for c in one.members}
    first = batch_of(crowd).crops[0]
    (sender,) = senders[first.sha256].contributors
    crowd.outpost("withdraw", sender, "--reason", "asked for it, too")
    cvat.finish(task)
    crowd.outpost("pull", app_of="cvat")
    assert settled(crowd)[0] == settled(crowd)[2] == "withdrawn"
    assert first.sha256 not in decisions(crowd)


def test_a_task_that_was_deleted_is_told_and_made_again(crowd: Crowd, cvat: CvatDouble) -> None:
    task = pushed(crowd, cvat)
    del cvat.tasks[task.id]
    told = crowd.outpost("pull", app_of="cvat")
    assert "The task 'first' was deleted in CVAT" in told
    assert "outpost cvat push first" in told
    crowd.outpost("push", "first", app_of="cvat")
    (again,) = cvat.tasks.values()
    cvat.finish(again)
    assert "3 decided" in crowd.outpost("pull", app_of="cvat")


def test_a_renamed_label_is_told_and_nothing_is_noted(crowd: Crowd, cvat: CvatDouble) -> None:
    task = pushed(crowd, cvat)
    cvat.finish(task)
    (label,) = (one for one in cvat.projects[task.project]["labels"] if one["name"] == STEEL)
    label["name"] = "Blunt Sword"
    told = crowd.outpost("pull", app_of="cvat")
    assert "The label 'Steel Sword'" in told
    assert "'Blunt Sword' instead" in told
    assert decisions(crowd) == {}
    label["name"] = STEEL
    crowd.outpost("pull", app_of="cvat")
    assert len(decisions(crowd)) == 3


def test_a_label_that_was_added_is_a_name_only_if_the_game_has_it(
    crowd: Crowd, cvat: CvatDouble
) -> None:
    task = pushed(crowd, cvat, most=1)
    labels = cvat.projects[task.project]["labels"]
    labels += [cvat._label({"name": name}) for name in (SHIELD, "Butter Knife")]
    cvat.finish(task)
    cvat.tag(task, task.names[0], "Butter Knife")
    crowd.outpost("pull", app_of="cvat")
    assert settled(crowd) == ["no such name"]
    cvat.tag(task, task.names[0], SHIELD)
    crowd.outpost("pull", app_of="cvat")
    assert [one.label for one in decisions(crowd).values()] == [SHIELD]


def test_the_sensor_asks_for_a_run_when_a_job_is_completed(crowd: Crowd, cvat: CvatDouble) -> None:
    sensor = crowd.definitions.resolve_sensor_def("toy_export_sensor")
    exports = crowd.resources.exports.model_copy(
        update={"with_cvat": True, "cvat": crowd.resources.cvat}
    )
    cursor: str | None = None

    def tick() -> Any:
        nonlocal cursor
        found = evaluated(sensor, crowd.instance, exports, cursor)
        cursor = found.cursor
        return found

    task = pushed(crowd, cvat)
    assert not tick().run_requests
    cvat.finish(task)
    (request,) = tick().run_requests
    assert (request.partition_key, request.asset_selection) == ("first", [KEYS.settled_disputes])
    assert not tick().run_requests
    del cvat.tasks[task.id]
    assert "was deleted in CVAT" in tick().skip_reason.skip_message
    assert "was deleted in CVAT" not in tick().skip_reason.skip_message
    monkey_off = crowd.resources.exports
    assert not evaluated(sensor, crowd.instance, monkey_off, None).run_requests
