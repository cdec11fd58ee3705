"""Caches: what is kept between scenes never changes what is drawn."""

import numpy as np
from doubles.sprites import cache_of, write_library

from pipeline.scenes.dataset.shard_writer import scales_of
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.planning.rule_table import RuleTable
from pipeline.scenes.rendering.renderer import draw
from pipeline.scenes.sources import catalogue as stock
from pipeline.scenes.sources.catalogue import SpriteCache, catalogue_of, shapes_of
from pipeline.sprites.library import OpenLibrary


def test_a_shelf_that_keeps_almost_nothing_draws_the_same(
    pack, catalogue, sprites, grounds, monkeypatch
):
    rule_table = RuleTable(pack().scenes, catalogue)
    scenes = [plan(index, rule_table) for index in range(6)]
    roomy = cache_of(sprites)
    expected = [draw(scene, roomy, grounds).image for scene in scenes]
    monkeypatch.setattr(stock, "SPRITE_CACHE_BYTES", 1)
    forgetful = cache_of(sprites)
    for scene, image in reversed(list(zip(scenes, expected, strict=True))):
        assert np.array_equal(draw(scene, forgetful, grounds).image, image)


def test_a_library_on_disk_gives_the_catalogue_and_the_images_of_its_sprites(
    pack, sprites, grounds, catalogue, tmp_path
):
    write_library(tmp_path, sprites)
    library = OpenLibrary(tmp_path)
    listed = catalogue_of(shapes_of(library), catalogue.backgrounds, pack().classes)
    assert listed == catalogue
    scene = plan(1, RuleTable(pack().scenes, catalogue))
    from_disk, in_memory = SpriteCache(library), cache_of(sprites)
    drawings = [draw(scene, sprite_cache, grounds).image for sprite_cache in (from_disk, in_memory)]
    assert np.array_equal(*drawings)


def test_the_largest_scale_covers_every_plan(pack, catalogue):
    rules = pack(zoom=(0.3, 0.9), distant={"share": 0.5, "zoom": (0.2, 0.95)}).scenes
    rule_table = RuleTable(rules, catalogue)
    drawn = [p.scale for index in range(60) for p in plan(index, rule_table).placements]
    assert 0.8 < max(drawn) <= scales_of(rules).largest
    assert min(drawn) >= scales_of(rules).smallest > 0
