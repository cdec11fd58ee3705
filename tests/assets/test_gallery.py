"""`outpost gallery`: the newest image set or a named version, and plain words for anything else."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from doubles.exports import write_export
from doubles.toy import CLASSES
from PIL import Image
from typer.testing import CliRunner

from assets.cli.app import app
from assets.core.building import NotMaterializedError
from assets.core.runs import CheckFailedError, materialize
from assets.definitions import build_definitions
from assets.operations.gallery import make_gallery
from pipeline.gallery.collections import GalleryError
from pipeline.labels.batches import ExportBatch
from pipeline.labels.formats.coco import read_export
from resources.defaults import Resources
from resources.paths import Paths


@pytest.fixture
def resources(toy_game: Any) -> Resources:
    return Resources.of(Paths.below(toy_game.home))


def draw(toy_game: Any, seed: int) -> str:
    """Draw four images; their version."""
    config = {"toy__synthetic_set": {"config": {"images": 4, "seed": seed}}}
    key = dg.AssetKey(["toy", "synthetic_set"])
    with toy_game.instance() as instance:
        return materialize(build_definitions(toy_game.pack), instance, [key], config=config)[
            0
        ].data_version


def test_the_newest_set_is_shown_and_older_ones_by_their_digits(
    toy_game: Any, resources: Resources, tmp_path: Path
) -> None:
    older, newest = draw(toy_game, seed=1), draw(toy_game, seed=2)
    page = make_gallery(resources, "toy/synthetic_set", None)
    assert page.parent == resources.state.galleries / f"toy-synthetic_set-{newest[:12]}"
    assert newest[:12] in page.read_text("utf-8")
    assert len(list((page.parent / "images").iterdir())) == 4
    page = make_gallery(resources, f"toy/synthetic_set:{older[:6]}", tmp_path / "older")
    assert page == tmp_path / "older" / "index.html"
    assert older[:12] in page.read_text("utf-8")


def test_a_merge_shows_the_batches_that_it_was_made_from(
    toy_game: Any, resources: Resources, tmp_path: Path
) -> None:
    def write(folder: Path) -> None:
        image = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
        boxes = [("a_0.png", CLASSES[0], (10, 10, 20, 16))]
        source = write_export(tmp_path / "export.zip", {"a_0.png": image}, CLASSES, boxes)
        ExportBatch.write(folder, read_export(source, CLASSES), source)

    draw(toy_game, seed=1)
    toy_game.add_batch("harbour")
    toy_game.add("cvat_export", write, "harbour")
    key = dg.AssetKey(["toy", "cvat_merge"])
    # So few images leave none for validation, which a check tells after the set is made.
    with toy_game.instance() as instance, pytest.raises(CheckFailedError):
        materialize(build_definitions(toy_game.pack), instance, [key])
    page = make_gallery(resources, "toy/cvat_merge", tmp_path / "g")
    data = (page.parent / "data.js").read_text("utf-8")
    assert "Boxes by class, split and source" in data
    assert "batch harbour" in data
    assert (page.parent / "sheets" / "0.svg").read_text("utf-8").startswith("<svg")


@pytest.mark.parametrize("address", ["", "toy", "toy/", "/synthetic_set", "toy/sprites", "a/b/c"])
def test_what_is_no_image_set_is_told_with_those_that_are(
    resources: Resources, address: str
) -> None:
    with pytest.raises(GalleryError, match=r"names no image set(?s:.*)synthetic_set, cvat_export"):
        make_gallery(resources, address, None)


def test_an_export_needs_its_batch(toy_game: Any, resources: Resources) -> None:
    with pytest.raises(GalleryError, match="Materialize a partition of toy/cvat_export"):
        make_gallery(resources, "toy/cvat_export", None)
    toy_game.add_batch("harbour")
    with pytest.raises(GalleryError, match="Write one of toy/cvat_export@harbour"):
        make_gallery(resources, "toy/cvat_export", None)


def test_versions_and_sets_that_are_not_there_are_named(
    toy_game: Any, resources: Resources
) -> None:
    with pytest.raises(NotMaterializedError, match="toy/synthetic_set has not been materialized"):
        make_gallery(resources, "toy/synthetic_set", None)
    with pytest.raises(GalleryError, match="0 versions of toy/synthetic_set begin with 'abc'"):
        make_gallery(resources, "toy/synthetic_set:abc", None)


def test_the_command_says_it_in_two_lines(toy_game: Any) -> None:
    done = CliRunner().invoke(app, ["gallery", "toy/sprites"], env=toy_game.environment)
    assert done.exit_code == 1
    assert "Error: 'toy/sprites' names no image set." in done.stderr
    assert "What to do: " in done.stderr
