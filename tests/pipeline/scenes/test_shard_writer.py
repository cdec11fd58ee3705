"""Images as a shard writer writes them, and what it refuses to open."""

import gc
import json
import shutil
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from doubles.sprites import write_library

from pipeline.manifests import manifest_of
from pipeline.scenes.dataset.layout import SceneSetError, Shard
from pipeline.scenes.dataset.shard_writer import open_shard_writer
from pipeline.scenes.dataset.writer import write_set
from pipeline.scenes.rendering.preparing import prepare_scene
from pipeline.scenes.rendering.renderer import render
from pipeline.scenes.sources.catalogue import TEAM_COLOURS, BackgroundError


def test_images_keep_their_colours(written):
    """Water is blue in the file: no step swapped the channels."""
    for sidecar in written.glob("objects/train/*.json"):
        image = cv2.imread(str(written / "images" / "train" / f"{sidecar.stem}.jpg"))
        blue, _, red = np.median(image, axis=(0, 1))
        assert (blue > red) == (json.loads(sidecar.read_text())["kind"] == "water")


def test_players_have_the_colours_that_the_library_states(pack, sources, sprites, tmp_path):
    own = tuple((n, 255 - n, 10 * n) for n in range(8))
    write_library(tmp_path / "sprites", sprites, own)
    coloured = replace(sources, sprites=tmp_path / "sprites")
    assert open_shard_writer(pack(), coloured).team_colours == own
    assert open_shard_writer(pack(), sources).team_colours == TEAM_COLOURS


def test_what_follows_from_the_rules_is_worked_out_once_a_shard_writer(pack, sources, tmp_path):
    shard_writer = open_shard_writer(pack(), sources)
    before = shard_writer.rule_table
    shard_writer.write(Shard(0, 2), tmp_path)
    shard_writer.write(Shard(2, 4), tmp_path)
    assert shard_writer.rule_table is before
    assert before.catalogue is shard_writer.catalogue
    assert open_shard_writer(pack(), sources).rule_table is not before


def test_images_are_encoded_at_the_quality_of_their_plan(pack, sources, tmp_path):
    def size(name: str, **rules: Any) -> int:
        write_set(tmp_path / name, pack(images=4, jpeg_quality=95, **rules), sources)
        return sum(file.stat().st_size for file in (tmp_path / name).rglob("*.jpg"))

    varied = size("varied", jpeg_varied=1.0, jpeg_range=(30, 30))
    assert 0 < varied < 0.6 * size("plain")


def test_scenes_of_large_sprites_are_prepared_one_at_a_time(pack, sources, tmp_path, monkeypatch):
    """How many wait to be drawn changes no byte."""
    open_shard_writer(pack(), sources).write(Shard(0, 6), tmp_path / "together")
    before = []

    def watched(*arguments: Any) -> Any:
        before.append("drawn")
        return render(*arguments)

    def prepared(*arguments: Any) -> Any:
        before.append("prepared")
        return prepare_scene(*arguments)

    monkeypatch.setattr("pipeline.scenes.dataset.shard_writer.render", watched)
    monkeypatch.setattr("pipeline.scenes.dataset.shard_writer.prepare_scene", prepared)
    monkeypatch.setattr("pipeline.scenes.dataset.shard_writer.HELD_BYTES", 1)
    open_shard_writer(pack(), sources).write(Shard(0, 6), tmp_path / "alone")
    assert before == ["prepared", "drawn"] * 6
    assert manifest_of(tmp_path / "alone") == manifest_of(tmp_path / "together")


@pytest.mark.parametrize("enabled", [True, False])
def test_cycles_are_looked_for_again_after_a_shard(pack, sources, tmp_path, monkeypatch, enabled):
    shard_writer, while_drawing = open_shard_writer(pack(), sources), []

    def watched(*arguments: Any) -> Any:
        while_drawing.append(gc.isenabled())
        return render(*arguments)

    monkeypatch.setattr("pipeline.scenes.dataset.shard_writer.render", watched)
    (gc.enable if enabled else gc.disable)()
    try:
        shard_writer.write(Shard(0, 2), tmp_path)
        assert while_drawing == [False, False]
        assert gc.isenabled() is enabled
        with pytest.raises(SceneSetError):
            shard_writer.write(Shard(0, 2), sources.land / "index.json")
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


def test_a_library_without_any_placed_class_is_refused(pack, sources, tmp_path):
    strangers = [{"class_name": "distractor", "count": (1, 2)}]
    with pytest.raises(SceneSetError, match=r"(?s)no sprite of any class.*sprite rules"):
        write_set(tmp_path, pack(placements=strangers), sources)


def test_missing_water_backgrounds_are_refused_only_where_scenes_need_them(pack, sources, tmp_path):
    dry = replace(sources, water=tmp_path / "nowhere")
    with pytest.raises(BackgroundError, match=r"(?s)not a folder of backgrounds.*Materialize"):
        write_set(tmp_path / "wet", pack(), dry)
    write_set(tmp_path / "dry", pack(water_fraction=0.0, images=2), dry)


def test_an_empty_folder_of_backgrounds_is_refused_before_anything_is_drawn(
    pack, sources, tmp_path
):
    (tmp_path / "water").mkdir()
    (tmp_path / "water" / "index.json").write_text("[]")
    with pytest.raises(BackgroundError, match="no water backgrounds"):
        write_set(tmp_path / "set", pack(), replace(sources, water=tmp_path / "water"))
    assert not (tmp_path / "set").exists()


def test_land_backgrounds_given_as_water_are_refused(pack, sources, tmp_path):
    with pytest.raises(BackgroundError, match="holds a land background among those for water"):
        write_set(tmp_path, pack(), replace(sources, water=sources.land))


def test_a_damaged_background_is_named(pack, sources, tmp_path):
    shutil.copytree(sources.land, tmp_path / "land")
    damaged = tmp_path / "land" / "land_0000.jpg"
    damaged.write_bytes(damaged.read_bytes()[:600])
    with pytest.raises(BackgroundError, match=r"land_0000\.jpg cannot be read"):
        write_set(tmp_path / "set", pack(), replace(sources, land=tmp_path / "land"))
