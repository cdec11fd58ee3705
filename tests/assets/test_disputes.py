"""Images that the votes have not settled go to CVAT and come back as decisions: a real instance,
real votes, and a server that speaks CVAT's REST."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from doubles.crowds import KEYS, Crowd, install
from doubles.cvat import CvatDouble, Task, running_cvat
from doubles.servers import status

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
    names = {label["id"]: label["name"] for label in cvat.labels_of(task.project)}
    assert sorted(names.values()) == sorted(["none of these", "unreadable", IRON, STEEL, SHIELD])
    assert [names[tag["label_id"]] for tag in task.tags] == [crop.label for crop in batch.crops]
    (note,) = task.tags[0]["attributes"]
    assert note["value"] == "2: Iron Sword; 2: Steel Sword"
    assert "No job of the task 'first'" in crowd.outpost("pull", "first", app_of="cvat")
    assert "No task is completed" in crowd.outpost("pull", app_of="cvat")

    cvat.tag(task, tied.image, STEEL)
    cvat.tag(task, split.image, "none of these")
    before = list(task.tags)
    assert "nothing was changed" in crowd.outpost("push", "first", app_of="cvat")
    assert (len(cvat.tasks), task.tags) == (1, before)
    assert "3 images are in" in crowd.outpost("disputes", "--batch", "first", "--most", "1")
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
    assert (page["state"], page["decided"]) == ("closed", 3)
    assert page["decided_as_voted"] == 1 + (tied.label == STEEL)
    assert "there already" in crowd.outpost("pull", "first", app_of="cvat")
    assert decisions(crowd) == noted
    assert "3 decided" in crowd.outpost("status", "--json", app_of="cvat")
    crowd.make(KEYS.voted_crops)
    assert {(one.label, one.decided) for one in crowd.voted.content.crops} == {
        (STEEL, True),
        (SHIELD, True),
    }
    assert crowd.page(KEYS.voted_crops)["decided_in_cvat"] == 3
    assert "nothing to decide" in crowd.outpost("disputes", "--batch", "second")
    assert batch_names(crowd) == ["first"]


def batch_names(crowd: Crowd) -> list[str]:
    return list(crowd.instance.get_dynamic_partitions("toy_dispute_batches"))


def test_an_image_is_in_one_batch_and_the_most_valuable_comes_first(crowd: Crowd) -> None:
    for name in ("first", "second"):
        assert "1 images are in" in crowd.outpost("disputes", "--batch", name, "--most", "1")
    first, second = batch_of(crowd), batch_of(crowd, "second")
    assert [sum(crop.votes.values()) for crop in (*first.crops, *second.crops)] == [4, 2]
    assert not first.digests & second.digests
    assert crowd.page(KEYS.disputed_crops)["waiting"] == 1
    assert "cannot be called" in crowd.outpost("disputes", "--batch", "../up")


def test_what_changed_meanwhile_is_left_alone(crowd: Crowd, cvat: CvatDouble) -> None:
    """A contributor is withdrawn before and one after the push, an image is decided by hand, and
    one job of two is completed."""
    crowd.outpost("disputes", "--batch", "first")
    crowd.outpost("withdraw", str(install(5)), "--reason", "asked for it")
    crowd.outpost("push", "first", app_of="cvat")
    (task,) = cvat.tasks.values()
    tied, split, _ = batch_of(crowd).crops
    assert task.names == [tied.image, split.image]
    crowd.outpost("decide", tied.members[-1], SHIELD)
    task.job_size = 1
    cvat.finish(task, job=0)
    crowd.outpost("pull", app_of="cvat")
    assert settled(crowd) == ["decided by hand", "not finished", "withdrawn"]
    assert {one.label for one in decisions(crowd).values()} == {SHIELD}
    assert crowd.page(KEYS.settled_disputes)["state"] == "open"

    members = {one.sha256: one for crop in crowd.voted.content.crops for one in crop.members}
    (sender,) = members[split.sha256].contributors
    crowd.outpost("withdraw", sender, "--reason", "asked for it, too")
    cvat.finish(task)
    crowd.outpost("pull", app_of="cvat")
    assert settled(crowd) == ["decided by hand", "withdrawn", "withdrawn"]
    assert list(decisions(crowd)) == [tied.members[-1]]
    assert "Nothing of the batch" in crowd.outpost("push", "first", app_of="cvat")


def test_a_deleted_task_and_a_renamed_label_are_told_and_nothing_is_noted(
    crowd: Crowd, cvat: CvatDouble
) -> None:
    task = pushed(crowd, cvat)
    del cvat.tasks[task.id]
    told = crowd.outpost("pull", app_of="cvat")
    assert "The task 'first' was deleted in CVAT" in told
    assert "outpost cvat push first" in told
    crowd.outpost("push", "first", app_of="cvat")
    (again,) = cvat.tasks.values()
    cvat.finish(again)
    (label,) = (one for one in cvat.projects[again.project]["labels"] if one["name"] == STEEL)
    label["name"] = "Blunt Sword"
    told = crowd.outpost("pull", app_of="cvat")
    assert "The label 'Steel Sword'" in told
    assert "'Blunt Sword' instead" in told
    assert decisions(crowd) == {}
    label["name"] = STEEL
    assert "3 decided" in crowd.outpost("pull", app_of="cvat")


class Ticks:
    """The sensor as the daemon ticks it."""

    def __init__(self, crowd: Crowd) -> None:
        self.sensor = crowd.definitions.resolve_sensor_def("toy_dispute_sensor")
        self.crowd, self.cursor = crowd, ""

    def tick(self, **limits: float) -> dg.SensorResult:
        cvat = Cvat(poll_seconds=0.01, **limits)
        resources = {"artifacts": self.crowd.resources.artifacts, "cvat": cvat}
        with dg.build_sensor_context(
            instance=self.crowd.instance, cursor=self.cursor, resources=resources
        ) as context:
            data = self.sensor(context)
        assert isinstance(data, dg.SensorResult)
        self.cursor = data.cursor or ""
        return data

    def reason(self, **limits: float) -> str:
        data = self.tick(**limits)
        assert not data.run_requests
        return str(data.skip_reason.skip_message) if data.skip_reason else ""


def test_the_sensor_asks_for_a_run_when_a_job_is_completed(crowd: Crowd, cvat: CvatDouble) -> None:
    ticks = Ticks(crowd)
    assert "is open in CVAT" in ticks.reason()
    assert cvat.count("self") == 0, "CVAT is not asked of nothing"
    task = pushed(crowd, cvat)
    assert "No job was completed" in ticks.reason()
    cvat.always("self", status(503))
    assert "has a problem of its own" in ticks.reason(look_seconds=1.0)
    assert ticks.reason(look_seconds=1.0) == "CVAT cannot be asked, as before."
    cvat.never("self")
    cvat.finish(task)
    (request,) = ticks.tick().run_requests or ()
    assert (request.partition_key, request.asset_selection) == ("first", [KEYS.settled_disputes])
    assert "No job was completed" in ticks.reason()
    ticks.cursor = "{"
    assert [one.run_key for one in ticks.tick().run_requests or ()] == [request.run_key]
    del cvat.tasks[task.id]
    assert "was deleted in CVAT" in ticks.reason()
    assert "was deleted in CVAT" not in ticks.reason()
    crowd.outpost("push", "first", app_of="cvat")
    cvat.finish(next(iter(cvat.tasks.values())))
    (request,) = ticks.tick().run_requests or ()
    crowd.make(KEYS.settled_disputes, partition="first")
    assert "is open in CVAT" in ticks.reason()
