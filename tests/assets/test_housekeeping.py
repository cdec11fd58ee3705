"""Garbage collection against a real instance and a real store."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from assets.cli.app import app
from assets.core.building import AssetBuild, build_asset
from assets.core.metadata import drawing
from assets.core.page_images import images_folder, with_images_served
from assets.operations.kept_artifacts import collect_garbage
from pipeline.progress import silent
from resources.artifacts import ABANDONED_AFTER_SECONDS, Artifacts
from resources.defaults import Resources
from resources.instance import open_instance
from resources.paths import Paths
from resources.remote_artifacts import collection
from resources.remote_artifacts.announcements import announced_upload

KEY = dg.AssetKey(["toy", "text"])
FOUND_WHILE_RUNNING: list[Path] = []


class TextConfig(dg.Config):
    """What the toy asset contains."""

    text: str


@dg.asset(key=KEY)
def text(
    context: dg.AssetExecutionContext, config: TextConfig, artifacts: Artifacts
) -> Iterator[dg.MaterializeResult[Any]]:
    build = AssetBuild(context, artifacts.store, KEY, "c1", {"text": config.text})
    result = build_asset(build, lambda folder: _write(folder, config.text), lambda _: {})
    resources = Resources.of(artifacts.paths)
    FOUND_WHILE_RUNNING.extend(item.path for item in collect_garbage(resources, delete=True))
    yield result


def _write(folder: Path, content: str) -> None:
    (folder / "text.txt").write_text(content)


def age(path: Path) -> None:
    then = time.time() - ABANDONED_AFTER_SECONDS - 60
    for place in (*path.rglob("*"), path):
        os.utime(place, (then, then))


@pytest.fixture
def resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Resources:
    monkeypatch.setenv("DAGSTER_HOME", "")
    FOUND_WHILE_RUNNING.clear()
    return Resources.of(Paths.below(tmp_path / "state"))


def test_images_of_no_page_go_and_shown_ones_stay(resources: Resources) -> None:
    shown = drawing('<svg width="9" height="9"></svg>', "a")
    with open_instance(resources.state) as instance:
        metadata = with_images_served(instance, {"preview": [shown]})
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, metadata=metadata))
        folder = images_folder(instance)
    assert folder is not None
    (used,) = folder.iterdir()
    old, young = folder / "old.jpg", folder / "young.jpg"
    for file in (old, young):
        file.write_bytes(b"jpeg")
    for file in (used, old):
        age(file)
    assert [item.path for item in collect_garbage(resources, delete=False)] == [old]
    assert old.is_file()
    collect_garbage(resources, delete=True)
    assert sorted(folder.iterdir()) == sorted([used, young])


def materialize(resources: Resources, content: str) -> Path:
    with open_instance(resources.state) as instance:
        done = dg.materialize(
            [text],
            instance=instance,
            resources={"artifacts": resources.artifacts},
            run_config={"ops": {"toy__text": {"config": {"text": content}}}},
        )
    assert done.success
    metadata = done.asset_materializations_for_node("toy__text")[0].metadata
    return Path(str(metadata["folder"].value))


def test_an_asset_survives_a_collection_before_it_is_reported(resources: Resources) -> None:
    folder = materialize(resources, "one")
    assert FOUND_WHILE_RUNNING == []
    assert (folder / "text.txt").read_text() == "one"
    age(resources.state.artifacts)
    assert collect_garbage(resources, delete=True) == ()
    assert (folder / "text.txt").exists(), "reported since"


def test_an_old_build_survives_while_a_run_takes_it_up_again(resources: Resources) -> None:
    folder = materialize(resources, "one")
    with open_instance(resources.state) as instance:
        instance.wipe_assets([KEY])
    age(resources.state.artifacts)
    assert [item.path for item in collect_garbage(resources, delete=False)] == [folder.parent]
    assert materialize(resources, "one") == folder
    assert FOUND_WHILE_RUNNING == []


def test_the_bucket_is_collected_too(
    resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = tmp_path / "bucket"
    monkeypatch.setenv("OUTPOST_ARTIFACTS", str(bucket))
    materialize(resources, "one")
    with open_instance(resources.state) as instance:
        instance.wipe_assets([KEY])
    materialize(resources, "two, which is longer")
    age(bucket)
    listed = json.loads(outpost(resources, "gc", "--json").stdout)
    assert listed["here"] == [], "younger than a day"
    (removal,) = listed["bucket"]["removals"]
    assert removal["bytes"] == 3
    assert removal["what"].startswith("toy/text ")
    assert f"would be freed in {bucket}" in outpost(resources, "gc").stdout
    assert str(bucket) not in outpost(resources, "gc", "--local").stdout
    assert json.loads(outpost(resources, "gc", "--json").stdout) == listed, "nothing has gone"

    assert f"Removed 0.0 MB from {bucket}" in outpost(resources, "gc", "--delete").stdout
    assert f"Nothing to remove from {bucket}" in outpost(resources, "gc", "--delete").stdout
    assert len(list(bucket.glob("versions/*/manifest.json"))) == 1


def test_another_instance_removes_nothing_of_ours_from_the_bucket(
    resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who sets OUTPOST_ARTIFACTS and forgets about the instance."""
    bucket = tmp_path / "bucket"
    monkeypatch.setenv("OUTPOST_ARTIFACTS", str(bucket))
    materialize(resources, "one")
    age(bucket)
    stranger = Resources.of(Paths.below(tmp_path / "another"))
    said = outpost(stranger, "gc", "--delete").stdout.replace("\n", " ")
    assert "does not know the runs that have made some of what is there (1)" in said
    assert len(list(bucket.glob("versions/*/manifest.json"))) == 1
    assert "toy/text" in outpost(stranger, "gc", "--delete", "--unknown-runs").stdout
    assert list(bucket.glob("versions/*/manifest.json")) == []


def test_an_upload_that_goes_on_is_named_and_waited_for(
    resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_ARTIFACTS", str(tmp_path / "bucket"))
    monkeypatch.setattr(collection, "PATIENCE_SECONDS", 0.0)
    store = resources.artifacts.store
    assert store.remote is not None
    with announced_upload(store.remote.objects, "toy/text 0123", silent):
        done = CliRunner().invoke(app, ["gc", "--delete"], obj=resources)
    assert done.exit_code == 1
    assert "An upload of toy/text 0123 from" in done.stderr
    assert outpost(resources, "gc", "--delete").exit_code == 0


def test_here_is_collected_where_the_bucket_cannot_be_reached(
    resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = materialize(resources, "one")
    with open_instance(resources.state) as instance:
        instance.wipe_assets([KEY])
    age(resources.state.artifacts)
    (tmp_path / "bucket").write_text("no folder")
    monkeypatch.setenv("OUTPOST_ARTIFACTS", str(tmp_path / "bucket"))
    done = CliRunner().invoke(app, ["gc", "--delete"], obj=resources)
    assert done.exit_code == 1
    assert "cannot be used" in done.stderr
    assert not folder.exists()


def outpost(resources: Resources, *words: str) -> Any:
    done = CliRunner().invoke(app, [*words], obj=resources)
    assert done.exit_code == 0, done.output
    return done


def test_the_folder_of_a_training_is_garbage_once_it_stands_still(resources: Resources) -> None:
    jobs = resources.state.jobs
    ended, running = jobs / "ended", jobs / "running"
    for job in (ended, running):
        (job / "outputs").mkdir(parents=True)
        (job / "outputs" / "best.pt").write_bytes(b"weights")
        (job / "outputs" / "best.pt").chmod(0o400)
        age(job)
    (running / "outputs" / "metrics.jsonl").write_text("{}")
    (removal,) = collect_garbage(resources, delete=False)
    assert (removal.path, removal.bytes) == (ended, 7)
    assert ended.exists()
    collect_garbage(resources, delete=True)
    assert not ended.exists()
    assert running.exists()
