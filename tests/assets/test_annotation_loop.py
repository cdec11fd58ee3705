"""From screenshots to what people changed, with real parts: instance, model, sensor, and a server
that speaks CVAT's REST. Nobody copies a file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from doubles.artifacts import write_export_reports
from doubles.cvat import CvatDouble, Item, Task, running_cvat
from doubles.exports import write_export
from doubles.models import NOTHING, export_metadata, write_detector
from doubles.prelabels import screenshot
from doubles.sensors import evaluated
from doubles.servers import status
from doubles.toy import CLASSES, SIDE
from PIL import Image
from typer.testing import CliRunner, Result

from assets.automation.export_sensor import SENSOR_TAG
from assets.cli.app import app
from assets.core.building import latest
from assets.core.keys import GameKeys
from assets.definitions import build_definitions
from pipeline.annotation.corrections.label_corrections import LabelCorrections
from pipeline.annotation.corrections.summary import ClassCorrections, CorrectionSummary
from resources.defaults import Resources
from resources.paths import Paths

HOUSE, BOAT = (20, 20, 60, 60), (70, 70, 110, 110)
READ = ["cvat_export", "label_corrections"]


def write_model(folder: Path) -> None:
    """Sees in every image a house and a boat."""
    rows = NOTHING.copy()
    rows[:2] = [(*HOUSE, 0.9, 0), (*BOAT, 0.8, 1)]
    write_detector(folder / "model.onnx", export_metadata(CLASSES), rows, (SIDE, SIDE))
    write_export_reports(folder, CLASSES)


class Loop:
    """The toy game, its sensor as the daemon ticks it, and CVAT."""

    def __init__(self, game: Any, instance: dg.DagsterInstance, cvat: CvatDouble) -> None:
        self.game, self.instance, self.cvat = game, instance, cvat
        self.keys = GameKeys.of(game.pack)
        self.resources = Resources.of(Paths.from_environment())
        self.definitions = build_definitions(game.pack, self.resources.by_name())
        self.sensor = self.definitions.resolve_sensor_def("toy_export_sensor")
        self.cursor: str | None = None

    @property
    def exports(self) -> Path:
        return self.resources.exports.path("toy")

    def outpost(self, *words: str) -> Result:
        result = CliRunner().invoke(app, [*words, "--game", str(self.game.pack_folder)])
        assert result.exit_code == 0, result.output
        return result

    def tick(self) -> dg.SensorResult:
        data = evaluated(self.sensor, self.instance, self.resources.exports, self.cursor)
        self.cursor = data.cursor
        return data

    def reason(self) -> str:
        data = self.tick()
        assert not data.run_requests
        return str(data.skip_reason.skip_message) if data.skip_reason else ""

    def read(self) -> list[str]:
        """Two ticks, and the runs that the second one asks for; their batches."""
        assert "same for one tick" in self.reason()
        return self.run()

    def run(self) -> list[str]:
        """A tick and the runs that it asks for; their batches, that of blind frames last."""
        requests = self.tick().run_requests or []
        job = self.definitions.resolve_implicit_global_asset_job_def()
        for request in requests:
            assert [key.path[-1] for key in request.asset_selection or ()] == READ
            job.execute_in_process(
                instance=self.instance,
                asset_selection=list(request.asset_selection or ()),
                partition_key=request.partition_key,
                tags=dict(request.tags),
                raise_on_error=False,
            )
        batches = [request.partition_key or "" for request in requests]
        return sorted(batches, key=lambda batch: "_blind-" in batch)

    def corrections(self, batch: str) -> CorrectionSummary:
        store = self.resources.artifacts.store
        folder = latest(self.instance, store, self.keys.label_corrections, batch).path
        return LabelCorrections.open(folder).content.summary


@pytest.fixture
def loop(toy_game: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    with running_cvat() as cvat, toy_game.instance() as instance:
        cvat.use(monkeypatch)
        monkeypatch.setenv("OUTPOST_EXPORTS_CVAT", "1")
        yield Loop(toy_game, instance, cvat)


def pushed(loop: Loop) -> tuple[Task, Task]:
    """A batch that was chosen, prelabelled and pushed: its task, and that of blind frames."""
    loop.game.add("onnx_export", write_model)
    folder = loop.game.home / "screenshots" / "toy"
    folder.mkdir(parents=True)
    for number in range(9):
        look = f"{('hill', 'shore', 'wood')[number % 3]}_{number:02d}"
        screenshot(look, (SIDE, SIDE)).save(folder / f"{look}.png")
    loop.outpost("annotate", "choose", "first", "--boxes", "12")
    loop.outpost("cvat", "push", "first")
    by_name = {task.name: task for task in loop.cvat.tasks.values()}
    return by_name["first"], by_name["first_blind"]


def rectangle(label: int, frame: int, points: tuple[float, ...]) -> Item:
    plain = {"type": "rectangle", "source": "manual", "score": 1.0, "occluded": False}
    return {**plain, "label_id": label, "frame": frame, "points": list(points), "attributes": []}


def changes(rows: tuple[ClassCorrections, ...]) -> dict[str, tuple[int, ...]]:
    return {
        row.class_name: (row.kept, row.moved, row.relabelled, row.deleted, row.added)
        for row in rows
    }


def test_what_people_change_in_cvat_is_told_as_they_changed_it(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, blind = pushed(loop)
    frames, unseen = len(seen.frames), len(blind.frames)
    assert (frames >= 3, unseen >= 1, len(seen.shapes), blind.shapes) == (
        True,
        True,
        2 * frames,
        [],
    )
    assert loop.reason() == "No export has arrived yet."

    ids = {label["name"]: label["id"] for label in loop.cvat.labels_of(seen.project)}
    shapes = {(one["frame"], one["label_id"]): one for one in seen.shapes}
    shapes[0, ids["house"]]["points"] = [24, 20, 64, 60]
    del shapes[1, ids["boat"]]
    shapes[2, ids["house"]]["label_id"] = ids["boat"]
    added = rectangle(ids["boat"], 1, (90, 5, 110, 25))
    loop.cvat.edit(seen, [*shapes.values(), added])
    loop.cvat.edit(blind, [rectangle(ids["house"], n, HOUSE) for n in range(unseen)])
    loop.cvat.finish(seen)
    loop.cvat.finish(blind)

    batch, blind_batch = loop.read()

    assert batch.startswith(f"task_{seen.id}_first-")
    assert blind_batch.startswith(f"task_{blind.id}_first_blind-")
    told = loop.corrections(batch)
    assert changes(told.shown) == {
        "house": (frames - 2, 1, 1, 0, 0),
        "boat": (frames - 1, 0, 0, 1, 1),
    }
    assert (told.blind, told.batches) == ((), ("first",))
    told = loop.corrections(blind_batch)
    assert told.shown == ()
    assert changes(told.blind) == {"house": (unseen, 0, 0, 0, 0), "boat": (0, 0, 0, unseen, 0)}
    assert "synthetic_set has not been materialized" in loop.reason()

    assert_read_once(loop, monkeypatch)


def assert_read_once(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the same tasks are pulled, too."""
    times = loop.cvat.count("export")
    told = loop.outpost("cvat", "pull").stdout
    assert [line.split("  ")[0] for line in told.splitlines()] == ["there already"] * 2
    assert loop.cvat.count("export") == times == 2
    monkeypatch.delenv("OUTPOST_EXPORTS_CVAT")
    assert loop.outpost("cvat", "pull").stdout.count("pulled") == 2
    assert len(list(loop.exports.glob("task_*.zip"))) == 2
    monkeypatch.setenv("OUTPOST_EXPORTS_CVAT", "1")
    for _ in range(2):
        assert "passed over" not in loop.reason()
    looks = loop.cvat.count("tasks")
    rows = json.loads(loop.outpost("batches", "list", "--json").stdout)
    assert [row["state"] for row in rows] == ["used", "used"]
    assert loop.cvat.count("tasks") == looks + 1
    passed = loop.resources.exports.listing("toy").passed_over
    assert [one.is_same for one in passed] == [True, True]
    assert "is the same export as task" in str(passed[0])


def test_without_a_token_the_folder_goes_on(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CVAT_ACCESS_TOKEN")
    assert "CVAT_ACCESS_TOKEN" in loop.reason()
    frame, box = Image.new("RGB", (64, 48)), ("a.png", "house", (9, 9, 20, 20))
    loop.exports.mkdir(parents=True, exist_ok=True)
    write_export(loop.exports / "batch.zip", {"a.png": frame}, CLASSES, [box])
    assert loop.read() == ["batch"]
    assert loop.corrections("batch").other_frames == 1, "it never went out"
    assert "The CVAT server cannot be reached." in loop.reason()


def test_the_token_is_written_nowhere(loop: Loop, tmp_path: Path) -> None:
    """Into no artifact, event, log or database, though the server quotes it."""
    seen, _ = pushed(loop)
    loop.cvat.finish(seen)
    loop.cvat.script("export", status(400, f"{loop.cvat.token} is no token"))
    (batch,) = loop.read()
    assert loop.cvat.token not in loop.reason()
    assert loop.run() == [batch]
    for words in (("cvat", "pull"), ("cvat", "status"), ("batches", "list")):
        assert loop.cvat.token not in loop.outpost(*words).output
    written = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert any(b"(CVAT_ACCESS_TOKEN) is no token" in content for content in written.values())
    token = loop.cvat.token.encode()
    assert [file for file, content in written.items() if token in content] == []


def test_a_comparison_that_fails_is_no_bad_export(loop: Loop) -> None:
    seen, _ = pushed(loop)
    loop.cvat.finish(seen)
    for folder in (loop.game.home / "artifacts" / "toy").glob("prelabels@*"):
        shutil.rmtree(folder)
    (batch,) = loop.read()
    told = loop.reason()
    assert f"The export of the batch '{batch}' was read, and is used" in told
    assert f"toy/label_corrections [{batch}]" in told
    assert "synthetic_set has not been materialized" in loop.reason()


def test_a_server_that_fails_while_it_exports_is_asked_again(loop: Loop) -> None:
    seen, _ = pushed(loop)
    loop.cvat.finish(seen)
    loop.cvat.script("export", status(400, "no"))
    (batch,) = loop.read()
    loop.reason()
    assert loop.run() == [batch]
    assert changes(loop.corrections(batch).shown)["house"][0] == len(seen.frames)
    wanted = dg.RunsFilter(tags={SENSOR_TAG: "toy"})
    assert [run.status.value for run in loop.instance.get_runs(wanted)] == ["SUCCESS", "FAILURE"]


@pytest.mark.parametrize(("said", "is_on"), [("1", True), ("yes", True), ("0", False), ("", False)])
def test_the_source_is_switched_on_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, is_on: bool
) -> None:
    monkeypatch.setenv("OUTPOST_EXPORTS_CVAT", said)
    sources = Resources.of(Paths.below(tmp_path)).exports.sources("toy")
    assert ("CVAT server" in [source.name for source in sources]) is is_on
