"""Shelves: what is kept between scenes never changes what is drawn."""

import numpy as np
import pytest

from pipeline.scenes import stock
from pipeline.scenes.draw import draw
from pipeline.scenes.plan import plan
from pipeline.scenes.stock import SpriteShelf, catalogue_of, mirror_image, pyramid_of, shapes_of
from pipeline.scenes.write import largest_scale_of
from pipeline.sprites.library import OpenLibrary, write_library


def test_a_shelf_that_keeps_almost_nothing_draws_the_same(
    pack, catalogue, sprites, grounds, monkeypatch
):
    scenes = [plan(index, pack().scenes, catalogue) for index in range(6)]
    roomy = SpriteShelf(sprites)
    expected = [draw(scene, roomy, grounds).image for scene in scenes]
    monkeypatch.setattr(stock, "SPRITE_CACHE_BYTES", 1)
    forgetful = SpriteShelf(sprites)
    for scene, image in reversed(list(zip(scenes, expected, strict=True))):
        assert np.array_equal(draw(scene, forgetful, grounds).image, image)


def test_a_library_on_disk_gives_the_catalogue_and_the_pictures_of_its_sprites(
    pack, sprites, grounds, catalogue, tmp_path
):
    write_library(tmp_path, sprites)
    library = OpenLibrary(tmp_path)
    listed = catalogue_of(shapes_of(library), catalogue.backgrounds, pack().classes)
    assert listed == catalogue
    scene = plan(1, pack().scenes, catalogue)
    from_disk, in_memory = SpriteShelf(library), SpriteShelf(sprites)
    drawings = [draw(scene, shelf, grounds).image for shelf in (from_disk, in_memory)]
    assert np.array_equal(*drawings)


@pytest.mark.parametrize("largest", [0.1, 0.3, 0.5, 0.77, 1.0, 3.0])
def test_levels_above_the_largest_scale_are_not_kept(largest):
    pixels = np.random.default_rng(0).integers(0, 256, (90, 70, 4), dtype=np.uint8)
    pyramid = pyramid_of(pixels, largest)
    assert pyramid.shape == (90, 70, 4)
    height, width = pyramid.levels[0].shape[:2]
    scale = min(1.0, largest)
    assert 90 * scale <= height < 90 * scale + 4
    assert 70 * scale <= width < 70 * scale + 4
    half = pyramid.resized(round(70 * scale / 2), round(90 * scale / 2))
    assert np.abs(half.mean(axis=(0, 1)) - pixels.mean(axis=(0, 1))).max() < 6


def test_the_largest_scale_covers_every_plan(pack, catalogue):
    rules = pack(zoom=(0.3, 0.9), distant={"share": 0.5, "zoom": (0.2, 0.95)}).scenes
    drawn = [p.scale for index in range(60) for p in plan(index, rules, catalogue).placements]
    assert 0.8 < max(drawn) <= largest_scale_of(rules)


def test_a_mirror_image_is_that_of_the_background_asked_for():
    rng = np.random.default_rng(0)
    grounds = [rng.integers(0, 256, (8, 9, 3), dtype=np.uint8) for _ in range(2)]
    for ground in (*grounds, *grounds, grounds[1]):
        assert np.array_equal(mirror_image(ground), ground[:, ::-1])
