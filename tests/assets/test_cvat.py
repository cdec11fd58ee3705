"""`outpost cvat` and its asset, on a real instance and a server that speaks CVAT's REST."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import dagster as dg
import pytest
from doubles.artifacts import recorded
from doubles.cvat import CvatDouble, Task, running_cvat
from doubles.servers import status
from PIL import Image
from typer.testing import CliRunner, Result

from assets.cli.app import app
from assets.core.building import DATA_VERSION_TAG
from assets.core.keys import GameKeys
from assets.definitions import build_definitions
from pipeline.annotation.annotation_batch import (
    FRAMES_FILE,
    IMAGES_FOLDER,
    AnnotationBatch,
    ChosenFrame,
)
from pipeline.annotation.prelabels import (
    PRELABELS_FILE,
    Prelabel,
    PrelabelledFrame,
    PrelabelledFrames,
    Prelabels,
)
from pipeline.games.pack import load_pack
from pipeline.labels.boxes import Box
from pipeline.labels.formats.coco import read_export
from pipeline.provenance import Recipe
from resources.cvat import Cvat
from resources.defaults import Resources
from resources.instance import open_instance
from resources.paths import Paths

PACK = load_pack("demo")
KEYS = GameKeys.of(PACK)
BATCH = "first_hundred"


@pytest.fixture
def cvat(monkeypatch: pytest.MonkeyPatch) -> Iterator[CvatDouble]:
    with running_cvat() as double:
        double.use(monkeypatch)
        yield double


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    plain = Resources.of(Paths.below(tmp_path / "home"))
    return replace(plain, cvat=Cvat(poll_seconds=0.01))


def make_batch(resources: Resources, boxes: int = 2) -> None:
    """Three frames, the last of them blind, and boxes in each."""
    with open_instance(resources.state) as instance:
        instance.add_dynamic_partitions(str(KEYS.annotation_batches.name), [BATCH])
        put(resources, instance, "annotation_batch", lambda folder: write_frames(folder))
        put(resources, instance, "prelabels", lambda folder: write_boxes(folder, boxes))


def put(resources: Resources, instance: dg.DagsterInstance, name: str, write) -> None:
    store, asset = resources.artifacts.store, f"demo/{name}"
    recipe = Recipe(asset=asset, partition=BATCH, code_version="1", config={}, inputs=())
    with store.staging(asset, BATCH) as staged:
        write(staged)
        _, record = store.commit(staged, recorded(recipe))
    tags = {DATA_VERSION_TAG: record.data_version}
    event = dg.AssetMaterialization(dg.AssetKey(["demo", name]), partition=BATCH, tags=tags)
    instance.report_runless_asset_event(event)


def image_of(number: int) -> bytes:
    packed = io.BytesIO()
    image = Image.linear_gradient("L").rotate(31 * number).resize((96, 64)).convert("RGB")
    image.save(packed, "PNG")
    return packed.getvalue()


def write_frames(folder: Path) -> None:
    (folder / IMAGES_FOLDER).mkdir()
    frames = []
    for number in range(3):
        content = image_of(number)
        (folder / IMAGES_FOLDER / f"shot_{number}.png").write_bytes(content)
        frames.append(
            ChosenFrame(
                name=f"shot_{number}.png",
                source=f"evening/shot_{number}.png",
                sha256=sha256(content).hexdigest(),
                width=96,
                height=64,
                blind=number == 2,
                expected_boxes=2.0,
            )
        )
    AnnotationBatch(folder, tuple(frames)).write_frames()
    assert (folder / FRAMES_FILE).is_file()


def write_boxes(folder: Path, count: int) -> None:
    found = tuple(
        Prelabel(class_name="sheep", box=Box(5 + 20 * n, 5, 20 + 20 * n, 18.5), score=0.25 * n)
        for n in range(count)
    )
    frames = tuple(
        PrelabelledFrame(
            name=f"shot_{number}.png",
            sha256=sha256(image_of(number)).hexdigest(),
            width=96,
            height=64,
            blind=number == 2,
            boxes=found,
        )
        for number in range(3)
    )
    content = PrelabelledFrames(class_names=PACK.class_names, model="mock", frames=frames)
    Prelabels.write(folder, content)
    assert (folder / PRELABELS_FILE).is_file()


def run(resources: Resources, *words: str) -> Result:
    return CliRunner().invoke(app, ["cvat", *words], obj=resources)


def shown_on_the_page(resources: Resources) -> dict[str, object]:
    with open_instance(resources.state) as instance:
        event = instance.get_latest_materialization_event(KEYS.cvat_task)
    return {name: one.value for name, one in event.asset_materialization.metadata.items()}


def by_name(cvat: CvatDouble) -> dict[str, Task]:
    return {task.name: task for task in cvat.tasks.values()}


def test_labels_are_what_the_raw_editor_takes() -> None:
    told = json.loads(run(Resources.of(Paths.below(Path("nowhere"))), "labels").stdout)
    assert [label["name"] for label in told] == list(PACK.class_names)
    assert told[0]["attributes"][0]["values"][0] == "unknown"


def test_a_batch_goes_out_and_comes_back(cvat: CvatDouble, resources: Resources) -> None:
    make_batch(resources)

    pushed = run(resources, "push", BATCH, "--json")

    assert pushed.exit_code == 0, pushed.output
    seen, blind = by_name(cvat)[BATCH], by_name(cvat)[f"{BATCH}_blind"]
    assert (seen.names, len(seen.shapes)) == (["shot_0.png", "shot_1.png"], 4)
    assert seen.subset == "Train"
    assert (blind.names, blind.shapes, blind.subset) == (["shot_2.png"], [], "Validation")
    told = json.loads(pushed.stdout)["tasks"]
    assert [(one["id"], one["boxes"], one["blind"]) for one in told] == [
        (seen.id, 4, False),
        (blind.id, 0, True),
    ]
    shown = shown_on_the_page(resources)
    assert shown["link"] == f"{cvat.origin}/tasks/{seen.id}"
    assert (shown["frames"], shown["boxes"]) == (3, 4)
    assert run(resources, "pull").stdout.startswith("No task is completed")

    cvat.finish(seen)
    (row, other) = json.loads(run(resources, "status", "--json").stdout)
    assert (row["state"], row["boxes"], row["pulled"]) == ("completed", 4, "no")
    assert (other["state"], other["pulled"]) == ("new", "no")
    (pulled,) = json.loads(run(resources, "pull", "--json").stdout)
    assert pulled["outcome"] == "pulled"
    batch = read_export(Path(pulled["file"]), PACK.class_names)
    assert [len(frame.boxes) for frame in batch.frames] == [2, 2]
    assert json.loads(run(resources, "status", "--json").stdout)[0]["pulled"] == "yes"


def test_pushing_again_makes_what_is_lacking(cvat: CvatDouble, resources: Resources) -> None:
    make_batch(resources)
    assert run(resources, "push", BATCH, "--no-prelabels").exit_code == 0
    assert by_name(cvat)[BATCH].shapes == []
    again = run(resources, "push", BATCH)
    assert "nothing was changed" in again.stdout
    assert (len(cvat.tasks), shown_on_the_page(resources)["boxes"]) == (2, 0)

    del cvat.tasks[by_name(cvat)[BATCH].id]
    again = run(resources, "push", BATCH)
    assert "nothing was changed" not in again.stdout
    assert len(by_name(cvat)[BATCH].shapes) == 4


def test_only_what_has_changed_is_pulled(cvat: CvatDouble, resources: Resources) -> None:
    make_batch(resources)
    run(resources, "push", BATCH)
    task = by_name(cvat)[BATCH]
    cvat.finish(task)
    run(resources, "pull")

    assert run(resources, "pull").stdout.startswith("there already")
    assert cvat.count("export") == 1
    cvat.edit(task, task.shapes[:1])
    assert json.loads(run(resources, "status", "--json").stdout)[0]["pulled"].startswith("before")
    assert run(resources, "pull", BATCH).stdout.startswith("pulled")
    first, second = resources.exports.exports("demo")

    resources.exports.retire("demo", second.batch)
    assert run(resources, "pull").stdout.startswith("retired")
    assert [export.batch for export in resources.exports.exports("demo")] == [first.batch]

    cvat.finish(by_name(cvat)[f"{BATCH}_blind"])
    cvat.edit(task, [])
    cvat.script("export", status(400, "no"))
    told = run(resources, "pull")
    assert told.exit_code == 1
    assert [line.split()[0] for line in told.stdout.splitlines()] == ["failed", "pulled"]
    assert "What to do" in told.stderr


def test_nothing_is_pulled_into_a_folder_that_lets_nobody_look(
    cvat: CvatDouble, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hold the export already, and a retired one would be back."""
    make_batch(resources)
    run(resources, "push", BATCH)
    cvat.finish(by_name(cvat)[BATCH])
    run(resources, "pull")
    (export,) = resources.exports.exports("demo")
    resources.exports.retire("demo", export.batch)
    listed = Path.iterdir
    for hidden in (".retired", "demo"):

        def look(folder: Path, hidden: str = hidden) -> Iterator[Path]:
            if folder.name == hidden:
                raise PermissionError(13, "Permission denied", str(folder))
            return listed(folder)

        monkeypatch.setattr(Path, "iterdir", look)
        told = run(resources, "pull")
        assert (told.exit_code, "cannot be read" in told.stderr) == (1, True)
    assert cvat.count("export") == 1


def test_nothing_is_pulled_where_the_disk_is_away(
    cvat: CvatDouble, resources: Resources, tmp_path: Path
) -> None:
    make_batch(resources)
    run(resources, "push", BATCH)
    cvat.finish(by_name(cvat)[BATCH])
    away = tmp_path / "disk" / "exports"
    exports = resources.exports.model_copy(update={"folder": str(away)})
    told = run(replace(resources, exports=exports), "pull")
    assert (told.exit_code, "There is no exports folder" in told.stderr) == (1, True)
    assert not away.parent.exists()


def test_what_there_is_not(cvat: CvatDouble, resources: Resources) -> None:
    make_batch(resources)
    run(resources, "push", BATCH)
    for words, told in (
        (("push", "nothing"), "There is no annotation batch 'nothing'"),
        (("pull", "99"), "There is no task '99'"),
        (("pull", BATCH), "is new: 0 of its 1 jobs"),
    ):
        result = run(resources, *words)
        assert result.exit_code == 1
        assert told in result.stderr


def test_no_token_is_told_by_all(
    cvat: CvatDouble, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the definitions load without one."""
    monkeypatch.delenv("CVAT_ACCESS_TOKEN")
    make_batch(resources)
    dg.Definitions.validate_loadable(build_definitions(PACK, resources.by_name()))
    for words in (("push", BATCH), ("pull",), ("status",)):
        result = run(resources, *words)
        assert result.exit_code == 1, result.output
        assert "CVAT_ACCESS_TOKEN" in result.stderr
