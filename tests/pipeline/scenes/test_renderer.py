"""Drawings: colours where they belong, and an id buffer that says what each pixel shows."""

from dataclasses import replace

import numpy as np
import pytest
from doubles.sprites import cache_of

from pipeline.scenes.pixels.atlas import plane_of, table_of
from pipeline.scenes.pixels.kernels import draw_sprites, measure
from pipeline.scenes.pixels.mipmaps import pyramid_of
from pipeline.scenes.pixels.prepared import PreparedSprite, numbers_of
from pipeline.scenes.plan import FogPatch, Panel, Placement, ScenePlan
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.planning.rule_table import RuleTable
from pipeline.scenes.rendering.renderer import draw
from pipeline.scenes.sources.catalogue import TEAM_COLOURS, prepare
from pipeline.sprites.library import Sprite
from pipeline.sprites.recolour import recolour
from tests.pipeline.scenes.plain_kernels import levels_of

RED, BLUE, GREY = (200, 40, 40), (40, 40, 200), (120, 120, 120)


@pytest.fixture
def field():
    return {"field": np.full((80, 100, 3), GREY, np.uint8)}


def scene(*placements: Placement, **changes) -> ScenePlan:
    empty = ScenePlan(
        seed=0,
        index=0,
        kind="land",
        width=100,
        height=80,
        background_id="field",
        crop=(0, 0),
        mirrored=False,
        zoom=1.0,
        shadow_opacity=0.6,
        placements=placements,
        panels=(),
        fog=(),
    )
    return replace(empty, **changes)


def placed(sprite, left: int, top: int, scale: float = 1.0, **changes) -> Placement:
    height, width = (round(side * scale) for side in sprite.rgba.shape[:2])
    ground = (left + round(sprite.hotspot[0] * scale), top + round(sprite.hotspot[1] * scale))
    plain = Placement(
        sprite.id, sprite.class_name, left, top, width, height, ground, scale, None, False, None
    )
    return plain._replace(**changes)


def test_an_empty_scene_is_its_part_of_the_background():
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 256, (120, 150, 3), dtype=np.uint8)
    crop = draw(scene(crop=(30, 20)), {}, {"field": ground})
    assert np.array_equal(crop.image, ground[20:100, 30:130])
    mirrored = draw(scene(crop=(30, 20), mirrored=True), {}, {"field": ground})
    assert np.array_equal(mirrored.image, ground[20:100, 30:130][:, ::-1])
    assert not crop.ids.any()


def test_drawing_leaves_the_background_as_it_was(block, field):
    crate = block()
    draw(scene(placed(crate, 5, 5)), cache_of([crate]), field)
    assert (field["field"] == GREY).all()


def test_an_opaque_sprite_shows_its_colour_and_owns_its_pixels(block, field):
    crate = block(width=20, height=10, colour=RED)
    drawing = draw(scene(placed(crate, 30, 40)), cache_of([crate]), field)
    inside = np.zeros((80, 100), bool)
    inside[40:50, 30:50] = True
    assert (drawing.image[inside] == RED).all()
    assert (drawing.image[~inside] == GREY).all()
    assert np.array_equal(drawing.ids == 1, inside)


def test_what_comes_later_in_the_plan_lies_in_front(block, field):
    back, front = block("back", colour=RED), block("front", colour=BLUE)
    order = scene(placed(back, 30, 30), placed(front, 40, 35))
    drawing = draw(order, cache_of([back, front]), field)
    assert tuple(drawing.image[40, 45]) == BLUE
    assert drawing.ids[40, 45] == 2
    assert drawing.ids[32, 32] == 1


def test_half_transparent_pixels_mix_and_belong_to_the_sprite_from_alpha_128_on(block, field):
    veil = block(colour=RED)
    for alpha, owner in ((127, 0), (128, 1)):
        rgba = veil.rgba.copy()
        rgba[..., 3] = alpha
        thin = replace(veil, rgba=rgba)
        drawing = draw(scene(placed(thin, 30, 30)), cache_of([thin]), field)
        expected = (np.array(RED) * alpha + np.array(GREY) * (255 - alpha)) / 255
        assert np.abs(drawing.image[40, 40] - expected).max() <= 1.5
        assert drawing.ids[40, 40] == owner


@pytest.mark.parametrize("scale", [0.21, 0.5, 0.77, 1.0, 1.6])
def test_resizing_bleeds_no_colour_from_transparent_pixels(scale, block, field):
    """Straight alpha would mix the bright colour outside the sprite into its edge."""
    crate = block(width=60, height=40, colour=GREY)
    rgba = crate.rgba.copy()
    rgba[:, 30:] = (0, 255, 0, 0)
    half = replace(crate, rgba=rgba)
    drawing = draw(scene(placed(half, 2, 2, scale)), cache_of([half]), field)
    assert np.abs(drawing.image.astype(int) - GREY).max() <= 2


@pytest.mark.parametrize("scale", [0.3, 0.45, 0.6, 0.9])
def test_shrinking_keeps_the_mean_light_of_a_sprite(scale):
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (90, 70, 4), dtype=np.uint8)
    table = table_of([(round(90 * scale), round(70 * scale), 0, 0)])
    small = plane_of(table)
    sprite = PreparedSprite(pyramid_of(pixels), None, None, (0, 0))
    draw_sprites(numbers_of([sprite]), small, table, np.zeros((1, 4), np.uint8))
    assert np.abs(small.mean(axis=(0, 1)) - pixels.mean(axis=(0, 1))).max() < 4


@pytest.mark.parametrize("player", range(len(TEAM_COLOURS)))
def test_a_players_sprite_looks_as_recolouring_it_whole_would(player, field):
    rng = np.random.default_rng(player)
    rgba = rng.integers(0, 256, (40, 50, 4), dtype=np.uint8)
    weight = rng.integers(0, 256, (40, 50), dtype=np.uint8)
    noise = Sprite("n", "house", "n.sld", "0", 0, 0, 0, (25, 39), rgba, weight, None, (0, 0))
    painted = replace(noise, rgba=recolour(rgba, weight, TEAM_COLOURS[player]))
    ours = draw(scene(placed(noise, 20, 20, player=player)), cache_of([noise]), field)
    whole = draw(scene(placed(painted, 20, 20)), cache_of([painted]), field)
    assert np.abs(ours.image.astype(int) - whole.image).max() <= 2


def test_the_colours_are_those_that_the_game_states(sprite, field):
    soldier = replace(sprite("soldier", width=40, height=40, colour=(200, 200, 200)), shadow=None)
    own = tuple((n, 255 - n, 10 * n) for n in range(8))
    drawing = draw(scene(placed(soldier, 30, 20, player=3)), cache_of([soldier]), field, own)
    assert np.abs(drawing.image[30, 50] - np.array(own[3]) * 200 / 255).max() <= 2


def test_sprites_badges_and_the_map_share_one_set_of_colours(sprite, field):
    house = replace(sprite("house", width=60, height=60, colour=(255, 255, 255)), shadow=None)
    own = tuple((30 * n + 5, 250 - 30 * n, 120) for n in range(8))
    plan_ = scene(
        placed(house, 5, 5, player=3, garrisoned=True),
        panels=(Panel("minimap", 60, 40, 40, 40, 11),),
    )
    image = draw(plan_, cache_of([house]), field, own).image
    of_three = (np.abs(image.astype(int) - own[3]) <= 2).all(axis=2)
    assert of_three[5:35, 5:65].sum() > 500, "the roof"
    assert of_three[45:65, 5:30].sum() > 30, "the badge"
    on_map = image[40:, 60:].reshape(-1, 3)
    seen = {player for player in range(8) if (on_map == own[player]).all(axis=1).any()}
    assert len(seen) > 5, "dots of most players"


def test_the_player_colour_replaces_the_weighted_part_alone(sprite, field):
    soldier = sprite("soldier", width=40, height=40, colour=(200, 200, 200))
    flat = replace(soldier, shadow=None)
    for player, team in enumerate(TEAM_COLOURS):
        drawing = draw(scene(placed(flat, 30, 20, player=player)), cache_of([flat]), field)
        expected = np.array(team) * 200 / 255
        assert np.abs(drawing.image[30, 50] - expected).max() <= 2
        assert np.abs(drawing.image[50, 50].astype(int) - 200).max() <= 1


def test_an_object_of_nobody_keeps_its_own_colours(sprite, field):
    soldier = replace(sprite("soldier", width=40, height=40, colour=(210, 150, 90)), shadow=None)
    drawing = draw(scene(placed(soldier, 30, 20)), cache_of([soldier]), field)
    assert np.abs(drawing.image[30, 50].astype(int) - (210, 150, 90)).max() <= 1


def test_a_shadow_darkens_the_ground_and_belongs_to_nobody(block, field):
    crate = replace(block(), shadow=np.full((10, 30), 255, np.uint8), shadow_offset=(10, 12))
    plain = scene(placed(crate, 20, 20))
    drawing = draw(plain, cache_of([crate]), field)
    assert np.abs(drawing.image[36, 50] - np.array(GREY) * 0.4).max() <= 1
    assert drawing.ids[36, 50] == 0
    bright = draw(replace(plain, shadow_opacity=0.0), cache_of([crate]), field)
    assert tuple(bright.image[36, 50]) == GREY


def test_a_shadow_falls_on_no_object(block, field):
    """A shadow lies on the ground: neither the object behind nor the one in front catches it."""
    back = block("back", colour=RED)
    caster = replace(
        block("caster"), shadow=np.full((20, 20), 255, np.uint8), shadow_offset=(-20, 0)
    )
    drawing = draw(
        scene(placed(back, 20, 20), placed(caster, 40, 22)), cache_of([back, caster]), field
    )
    assert (drawing.image[22:40, 20:40] == RED).all()


@pytest.mark.parametrize(("left", "top"), [(-10, -10), (90, 70), (-10, 70), (90, -10), (300, 300)])
def test_sprites_are_cut_at_the_edges(left, top, sprite, field):
    soldier = sprite("soldier", width=20, height=20)
    cut = placed(soldier, left, top, player=0, selected=True, health=0.5)
    drawing = draw(scene(cut), cache_of([soldier]), field)
    inside = np.zeros((80, 100), bool)
    inside[max(top, 0) : max(top + 20, 0), max(left, 0) : max(left + 20, 0)] = True
    assert not (drawing.ids.astype(bool) & ~inside).any()
    [measured] = measure(drawing.ids, drawing.bgra, drawing.table)
    assert measured[0] == (soldier.rgba[..., 3] >= 128).sum()
    assert measured[1] == measured[2] == (drawing.ids == 1).sum()


def test_the_interface_covers_the_scene_and_clears_the_ids_below(block, field):
    crate = block(width=30, height=30, colour=RED)
    for kind in ("resource_bar", "minimap", "command_panel"):
        panel = Panel(kind, 20, 50, 60, 30, seed=4)
        drawing = draw(scene(placed(crate, 30, 35), panels=(panel,)), cache_of([crate]), field)
        assert not drawing.ids[50:80, 20:80].any()
        assert (drawing.ids[35:50, 30:60] == 1).all()
        assert (drawing.image[50:65, 30:60] != RED).any()
        assert (drawing.image[35:50, 30:60] == RED).all()


@pytest.mark.parametrize("corner", ["top left", "top right", "bottom left", "bottom right"])
def test_fog_dims_its_corner_and_hides_nothing(corner, block, field):
    crate = block(width=100, height=80, colour=RED)
    fog = FogPatch(corner, 40, 30, darkness=0.5)
    drawing = draw(scene(placed(crate, 0, 0), fog=(fog,)), cache_of([crate]), field)
    x, y = (0 if "left" in corner else 99), (0 if "top" in corner else 79)
    assert drawing.image[y, x, 0] == pytest.approx(100, abs=5)
    assert tuple(drawing.image[79 - y, 99 - x]) == RED
    assert (drawing.ids == 1).all()


def test_the_ellipse_lies_under_its_unit_and_the_bar_over_all(block, field):
    unit = block("unit", width=30, height=30, colour=RED)
    other = block("other", width=60, height=12, colour=BLUE)
    chosen = placed(unit, 30, 30, selected=True, health=0.5)
    sprite_cache = cache_of([unit, other])
    drawing = draw(scene(placed(other, 20, 22), chosen), sprite_cache, field)
    assert (drawing.image[34:60, 30:60] == RED).all()
    assert (drawing.image[60:75, 20:70] != GREY).any()
    bar = drawing.image[20:30, 30:60].reshape(-1, 3)
    assert ((bar[:, 1] > 150) & (bar[:, 0] < 100)).any()
    assert (drawing.ids[34:60, 30:60] == 2).all()
    assert (drawing.ids[22:30, 20:80] == 1).all(), "a bar takes no pixel from what it covers"


def test_overlays_never_change_who_owns_a_pixel_outside_panels(
    pack, catalogue, sprite_cache, grounds
):
    always = {"chance": 1}
    overlays = {"selection": always, "health_bar": always, "hud": 0, "fog": always}
    rules = pack(overlays=overlays).scenes
    rule_table = RuleTable(rules, catalogue)
    for index in range(20):
        dressed = plan(index, rule_table)
        bare = replace(
            dressed,
            fog=(),
            placements=tuple(p._replace(selected=False, health=None) for p in dressed.placements),
        )
        assert np.array_equal(
            draw(dressed, sprite_cache, grounds).ids, draw(bare, sprite_cache, grounds).ids
        )


def test_the_same_plan_gives_the_same_pixels(pack, catalogue, sprite_cache, grounds, sprites):
    rule_table = RuleTable(pack().scenes, catalogue)
    for index in range(5):
        scene_plan = plan(index, rule_table)
        first = draw(scene_plan, sprite_cache, grounds)
        again = draw(scene_plan, cache_of(sprites), grounds)
        assert np.array_equal(first.image, again.image)
        assert np.array_equal(first.ids, again.ids)


def test_preparing_splits_a_colour_into_its_own_and_the_teams_part(sprite):
    soldier = sprite("soldier", width=20, height=20, colour=(100, 100, 100))
    prepared = prepare(soldier, for_teams=True)
    body, light = (next(levels_of(part)) for part in (prepared.bgra, prepared.team_light))
    assert tuple(body[15, 10]) == (100, 100, 100, 255)
    assert tuple(body[5, 10]) == (0, 0, 0, 255)
    assert light[5, 10] == 100
    assert light[15, 10] == 0
