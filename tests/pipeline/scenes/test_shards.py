"""A set drawn in shards is the set drawn at once, whoever draws what how often."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.games.pack import GamePack
from pipeline.games.sections.scenes import SceneRules
from pipeline.manifests import manifest_of
from pipeline.progress import Progress
from pipeline.provenance import ArtifactVersion
from pipeline.scenes.dataset.layout import SceneSetError, Shard
from pipeline.scenes.dataset.shard_writer import Sources
from pipeline.scenes.dataset.shards import (
    SetSpec,
    assemble,
    draw_shard,
    images_per_shard,
    missing_shards,
    read_set_spec,
    write_set_spec,
)

Open = Callable[..., tuple[Path, GamePack]]


@pytest.fixture
def opened(tmp_path: Path, pack: Callable[..., GamePack]) -> Open:
    """Opens a scratch folder for the whole toy set."""

    def make(shard_images: int = 15) -> tuple[Path, GamePack]:
        chosen = pack()
        source = ArtifactVersion(asset="toy/sprites", partition=None, data_version="0" * 64)
        order = SetSpec(
            rules=chosen.scenes, sources=(source,), shard_images=shard_images, began_at=0.0
        )
        write_set_spec(tmp_path / "scratch", order)
        return tmp_path / "scratch", chosen

    return make


def test_shards_make_the_set_that_is_drawn_at_once(
    opened: Open, sources: Sources, written: Path, tmp_path: Path
) -> None:
    scratch, pack = opened()
    for shard in reversed(read_set_spec(scratch).shards):
        draw_shard(scratch, shard, pack, sources)
    manifest = assemble(scratch, tmp_path / "set", pack)
    assert manifest == manifest_of(tmp_path / "set")
    assert manifest_of(tmp_path / "set").digest == manifest_of(written).digest


def test_the_set_is_not_finished_while_a_shard_is_missing(
    opened: Open, sources: Sources, tmp_path: Path
) -> None:
    scratch, pack = opened()
    for shard in read_set_spec(scratch).shards[:-1]:
        draw_shard(scratch, shard, pack, sources)
    with pytest.raises(SceneSetError, match=r"1 of 3 shards were not drawn.* 30 to 39"):
        assemble(scratch, tmp_path / "set", pack)
    assert missing_shards(scratch, read_set_spec(scratch)) == (Shard(30, 40),)


def test_a_finished_shard_is_not_drawn_again(
    opened: Open, sources: Sources, tmp_path: Path
) -> None:
    scratch, pack = opened()
    shard = Shard(0, 15)
    draw_shard(scratch, shard, pack, sources)
    shutil.move(sources.sprites, tmp_path / "away")
    try:
        draw_shard(scratch, shard, pack, sources)
    finally:
        shutil.move(tmp_path / "away", sources.sprites)


def test_a_shard_that_fails_leaves_nothing(opened: Open, tmp_path: Path) -> None:
    scratch, pack = opened()
    nowhere = Sources(*(tmp_path / name for name in ("a", "b", "c")))
    with pytest.raises(Exception, match="What to do"):
        draw_shard(scratch, Shard(0, 15), pack, nowhere)
    assert not list((scratch / "attempts").iterdir())
    assert len(missing_shards(scratch, read_set_spec(scratch))) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
@pytest.mark.parametrize("file", ["counts.json", "manifest.json"])
def test_a_disk_that_is_full_after_the_last_image_is_reported_with_what_to_do(
    file: str, opened: Open, sources: Sources
) -> None:
    scratch, pack = opened()

    def fill_the_disk(progress: Progress) -> None:
        if progress.done == 15:
            (attempt,) = (scratch / "attempts").iterdir()
            (attempt / file).symlink_to("/dev/full")

    with pytest.raises(SceneSetError, match=r"(?s)no room left on the disk.*Free some space"):
        draw_shard(scratch, Shard(0, 15), pack, sources, fill_the_disk)
    assert not list((scratch / "attempts").iterdir())
    assert Shard(0, 15) in missing_shards(scratch, read_set_spec(scratch))


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_a_disk_that_is_full_when_the_set_is_finished_is_reported_with_what_to_do(
    opened: Open, sources: Sources, tmp_path: Path
) -> None:
    scratch, pack = opened(shard_images=40)
    draw_shard(scratch, Shard(0, 40), pack, sources)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "set.json").symlink_to("/dev/full")
    with pytest.raises(SceneSetError, match=r"(?s)no room left on the disk.*Free some space"):
        assemble(scratch, tmp_path / "set", pack)


def test_a_set_that_cannot_be_assembled_in_its_place_says_so(
    opened: Open, sources: Sources, tmp_path: Path
) -> None:
    scratch, pack = opened(shard_images=40)
    draw_shard(scratch, Shard(0, 40), pack, sources)
    (tmp_path / "set").write_text("a file")
    with pytest.raises(SceneSetError, match="set cannot be written"):
        assemble(scratch, tmp_path / "set", pack)


def test_a_workshop_that_cannot_be_opened_is_named(opened: Open, tmp_path: Path) -> None:
    order = read_set_spec(opened()[0])
    (tmp_path / "elsewhere").write_text("a file")
    with pytest.raises(SceneSetError, match="elsewhere cannot be written"):
        write_set_spec(tmp_path / "elsewhere", order)


def test_whoever_comes_second_throws_the_copy_away(
    opened: Open, sources: Sources, tmp_path: Path
) -> None:
    """Two workers on the same shard, of which one was taken for dead."""
    scratch, pack = opened()
    finished = scratch / "shards" / "00000000-00000015"

    def other_worker(_progress: object) -> None:
        if not finished.exists():
            draw_shard(scratch, Shard(0, 15), pack, sources)

    draw_shard(scratch, Shard(0, 15), pack, sources, other_worker)
    assert missing_shards(scratch, read_set_spec(scratch)) == (Shard(15, 30), Shard(30, 40))
    assert not list((scratch / "attempts").iterdir())


def test_a_shard_with_a_lost_image_is_noticed(
    opened: Open, sources: Sources, tmp_path: Path
) -> None:
    scratch, pack = opened(shard_images=40)
    draw_shard(scratch, Shard(0, 40), pack, sources)
    next(scratch.glob("shards/*/files/images/train/*.jpg")).unlink()
    with pytest.raises(SceneSetError, match="is not a finished shard"):
        assemble(scratch, tmp_path / "set", pack)


def test_counts_that_belong_to_other_images_are_refused(
    opened: Open, sources: Sources, tmp_path: Path
) -> None:
    scratch, pack = opened(shard_images=40)
    draw_shard(scratch, Shard(0, 40), pack, sources)
    counts = next(scratch.glob("shards/*/counts.json"))
    counts.write_text(json.dumps({**json.loads(counts.read_text()), "stop": 39}))
    with pytest.raises(SceneSetError, match="is not a finished shard"):
        assemble(scratch, tmp_path / "set", pack)


def test_a_machine_without_the_shared_folder_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(SceneSetError, match="must share the state folder"):
        read_set_spec(tmp_path)


@settings(deadline=None)
@given(images=st.integers(1, 5000), shard_images=st.integers(1, 900))
def test_shards_cover_every_image_once(images: int, shard_images: int) -> None:
    rules = SceneRules.model_validate({"images": images, "placements": [{"class_name": "house"}]})
    order = SetSpec(rules=rules, sources=(), shard_images=shard_images, began_at=0.0)
    drawn = [index for shard in order.shards for index in range(shard.first, shard.stop)]
    assert drawn == list(range(images))


@pytest.mark.parametrize(("side", "images"), [(320, 4882), (1280, 305), (8192, 50)])
def test_shards_are_of_about_the_same_work(side: int, images: int) -> None:
    rules = SceneRules.model_validate(
        {"width": side, "height": side, "placements": [{"class_name": "house"}]}
    )
    assert images_per_shard(rules) == images
