"""Light, edges and water: what they change, by how much, and what they leave alone."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from doubles.sprites import cache_of

from pipeline.games.sections.overlays import HealthBarRules, OverlayRules
from pipeline.games.sections.scenes import LightRules, SceneRules
from pipeline.scenes.plan import FogBank, Light, Marks, Placement, ScenePlan, Surface
from pipeline.scenes.planning.overlay_sampling import light_of
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.planning.random_stream import RandomStream
from pipeline.scenes.planning.rule_table import RuleTable
from pipeline.scenes.rendering.effects import apply_edges, feather, harden, shed_light, submerge
from pipeline.scenes.rendering.measuring import label
from pipeline.scenes.rendering.overlays import (
    dim,
    draw_badge,
    draw_patches,
    health_bar_of,
    patches_of,
)
from pipeline.scenes.rendering.renderer import draw

PLAIN = Light((1.0, 1.0, 1.0), (0, 0, 0), 0.0)


def blob() -> np.ndarray:
    """A disc of colour 200, premultiplied, opaque within."""
    inside = (np.hypot(*(np.mgrid[:30, :30] - 14.5)) < 13).astype(np.uint8)
    return np.dstack([inside * 200] * 3 + [inside * 255])


def plain_image(colour=(100, 120, 140), size=(90, 160)) -> np.ndarray:
    return np.full((*size, 3), colour, np.uint8)


def drawn_on(image: np.ndarray, draw_into, *details) -> np.ndarray:
    """What that makes of an RGB image."""
    bgrx = cv2.cvtColor(image, cv2.COLOR_RGB2BGRA)
    draw_into(bgrx, *details)
    return cv2.cvtColor(bgrx, cv2.COLOR_BGRA2RGB)


def lit(light: Light, image=None) -> np.ndarray:
    return drawn_on(plain_image() if image is None else image, shed_light, light)


def test_a_light_multiplies_and_adds_and_stays_within_the_range():
    assert tuple(lit(replace(PLAIN, factor=(1.5, 1.0, 0.5)))[0, 0]) == (150, 120, 70)
    assert tuple(lit(replace(PLAIN, add=(-30, 0, 250)))[0, 0]) == (70, 120, 255)
    assert tuple(lit(Light((2.0, 1.0, 1.0), (0, -200, 0), 0.0))[0, 0]) == (200, 0, 140)
    assert np.array_equal(lit(PLAIN), plain_image())


def test_light_gives_the_bytes_of_exact_arithmetic():
    """Factors of 1/256 leave no rounding to the processor."""
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    factor = tuple((rng.integers(100, 400, 3) / 256).tolist())
    exact = np.rint(image.astype(np.float64) * factor + (5, -7, 11)).clip(0, 255)
    assert np.array_equal(lit(Light(factor, (5, -7, 11), 0.0), image.copy()), exact)


def test_a_vignette_darkens_the_corners_alone():
    image = lit(replace(PLAIN, vignette=0.4))
    assert np.abs(image[45, 80].astype(int) - (100, 120, 140)).max() <= 1
    for corner in (image[0, 0], image[0, -1], image[-1, 0], image[-1, -1]):
        assert np.abs(corner - np.array((60, 72, 84))).max() <= 3
    assert (image[:, 80] >= image[:, 0]).all()


def test_lights_come_as_often_as_the_rules_say():
    rules = LightRules.model_validate(
        {
            "times": [{"name": "day", "weight": 3}, {"name": "night", "add": (-75, -45, -13)}],
            "temperature": 0.5,
            "vignette": 0.25,
        }
    )
    lights = [light_of(RandomStream(np.random.default_rng(n)), rules) or PLAIN for n in range(4000)]
    for share, expected in (
        (np.mean([light.add == (-75, -45, -13) for light in lights]), 0.25),
        (np.mean([light.factor != (1.0, 1.0, 1.0) for light in lights]), 0.5),
        (np.mean([light.vignette > 0 for light in lights]), 0.25),
    ):
        assert share == pytest.approx(expected, abs=0.03)
    assert all(light.factor[1] == 1.0 for light in lights)
    assert all(abs(light.factor[0] - 1) <= 0.1 + 1 / 256 for light in lights)
    # Red rises where blue falls.
    assert all((light.factor[0] - 1) * (light.factor[2] - 1) <= 0 for light in lights)
    assert all(0.15 <= light.vignette <= 0.4 for light in lights if light.vignette)


def test_no_light_is_planned_where_the_rules_ask_for_none():
    assert light_of(RandomStream(np.random.default_rng(0)), LightRules()) is None


def test_a_feathered_edge_fades_inwards_and_never_grows():
    sprite = blob()
    before = sprite.copy()
    feather(sprite)
    alpha = sprite[..., 3]
    assert (alpha <= before[..., 3]).all()
    assert (alpha[10:20, 10:20] == 255).all()
    assert ((alpha > 0) & (alpha < 255)).sum() > 40
    # Premultiplied colours fade with alpha.
    assert np.abs(sprite[..., 0].astype(int) - np.rint(200 / 255 * alpha)).max() <= 1


def test_a_feathered_edge_fades_at_the_sprites_own_border_too():
    sprite = np.full((10, 10, 4), 255, np.uint8)
    feather(sprite)
    assert sprite[0, :, 3].max() < 255
    assert (sprite[1:-1, 1:-1] == 255).all()


def test_a_hard_edge_has_no_half_transparency_and_keeps_its_colours():
    rng = np.random.default_rng(5)
    alpha = rng.integers(0, 256, (20, 20), dtype=np.uint8)
    colour = np.rint(alpha * (180 / 255)).astype(np.uint8)
    sprite = np.dstack([colour, colour, colour, alpha])
    harden(sprite)
    assert np.array_equal(sprite[..., 3], np.where(alpha >= 128, 255, 0))
    assert np.abs(sprite[alpha >= 128][:, :3].astype(int) - 180).max() <= 1
    assert not sprite[alpha < 128].any()


def test_what_is_under_water_fades_with_its_depth():
    sprite = np.full((40, 6, 4), 255, np.uint8)
    submerge(sprite, 25, Surface(0.4, 10.0))
    alpha = sprite[..., 3]
    assert (alpha[:25] == 255).all()
    assert np.array_equal(np.sort(alpha[25:, 0])[::-1], alpha[25:, 0])
    assert alpha[25, 0] == pytest.approx(0.4 * 0.95 * 255, abs=2)
    assert not alpha[36:].any()
    assert np.array_equal(sprite[..., 1], alpha)


def test_edge_and_water_come_together_and_nothing_else_changes(block):
    crate = block(width=20, height=30)
    plain = Placement(crate.id, "house", 0, 0, 20, 30, (10, 29), 1.0, None, False, None)
    for edge, waterline in (("as it is", None), ("hard", 20), ("feathered", None)):
        sprite = blob()
        expected = blob()
        apply_edges(sprite, plain._replace(edge=edge, waterline=waterline), Surface(0.5, 8.0))
        if edge != "as it is":
            {"hard": harden, "feathered": feather}[edge](expected)
        if waterline is not None:
            submerge(expected, waterline, Surface(0.5, 8.0))
        assert np.array_equal(sprite, expected)


def test_the_label_of_a_submerged_unit_is_what_looks_out_of_the_water(block):
    crate = block(width=20, height=30)
    water = {"sea": np.full((80, 100, 3), 60, np.uint8)}
    item = Placement(
        crate.id, "house", 40, 20, 20, 30, (50, 49), 1.0, None, False, None, waterline=18
    )
    sea = ScenePlan(
        0, 0, "water", 100, 80, "sea", (0, 0), False, 1.0, 0.5, (item,), (), (),
        surface=Surface(0.3, 16.0),
    )  # fmt: skip
    drawing = draw(sea, cache_of([crate]), water)
    [measured] = label(sea, drawing)
    assert (measured.visible.y1, measured.visible.y2) == (20, 38)
    assert measured.full == measured.visible
    assert measured.visible_fraction == 1.0
    assert tuple(drawing.image[30, 50]) == (200, 40, 40)
    assert 60 < drawing.image[40, 50, 0] < 200, "the rest is seen through the water"
    assert tuple(drawing.image[49, 50]) != (200, 40, 40)


def test_only_what_stands_in_water_is_submerged(pack, catalogue):
    placements = [
        {"class_name": name, "count": (2, 2), "depth": (4.0, 8.0)} for name in ("boat", "gull")
    ]
    rules = pack(placements=placements, water_fraction=0.5).scenes
    kinds = {"land": [], "water": []}
    rule_table = RuleTable(rules, catalogue)
    for index in range(60):
        scene = plan(index, rule_table)
        kinds[scene.kind] += [item.waterline for item in scene.placements]
    assert set(kinds["land"]) == {None}
    assert None not in kinds["water"]
    for index in range(60):
        for item in plan(index, rule_table).placements:
            if item.waterline is not None:
                depth = item.ground[1] - item.top - item.waterline
                assert 4 * item.scale - 1 <= depth <= 8 * item.scale + 1


def test_a_submerged_unit_casts_no_shadow(block):
    shadow = np.full((10, 10), 255, np.uint8)
    crate = replace(block(width=10, height=10), shadow=shadow, shadow_offset=(20, 0))
    water = {"sea": np.full((80, 100, 3), 60, np.uint8)}
    dry = Placement(crate.id, "house", 40, 20, 10, 10, (45, 29), 1.0, None, False, None)
    sea = ScenePlan(0, 0, "water", 100, 80, "sea", (0, 0), False, 1.0, 0.5, (dry,), (), ())
    wet = replace(sea, placements=(dry._replace(waterline=6),))
    assert draw(sea, cache_of([crate]), water).image[25, 65, 0] < 60
    assert draw(wet, cache_of([crate]), water).image[25, 65, 0] == 60


def test_the_light_does_not_reach_bars_and_panels(pack, catalogue, sprite_cache, grounds):
    overlays = {
        "health_bar": {"chance": 1.0, "filled": (1.0, 1.0)},
        "hud": 1.0,
        "resource_bar": {"chance": 1.0},
        "fog": {"chance": 0},
    }
    rules = pack(overlays=overlays, water_fraction=0.0).scenes
    scene = plan(2, RuleTable(rules, catalogue))
    dark = replace(scene, light=Light((0.25, 0.25, 0.25), (0, 0, 0), 0.0))
    day, night = (draw(s, sprite_cache, grounds).image for s in (scene, dark))
    bar = next(panel for panel in scene.panels if panel.kind == "resource_bar")
    assert np.array_equal(day[: bar.height], night[: bar.height])
    assert np.array_equal(
        draw(scene, sprite_cache, grounds).ids, draw(dark, sprite_cache, grounds).ids
    )
    assert night[bar.height :].mean() < 0.5 * day[bar.height :].mean()
    greens = [(image == (40, 200, 40)).all(axis=2).sum() for image in (day, night)]
    assert greens[0] == greens[1] > 0


def test_a_badge_lies_at_the_lower_left_in_its_teams_colour():
    house = Placement("h", "house", 20, 10, 60, 50, (50, 55), 1.0, 1, False, None, garrisoned=True)
    image = drawn_on(plain_image(), draw_badge, house, Marks(badge_radius=0.125), (240, 30, 30))
    changed = (image != plain_image()).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert 20 <= columns.min() <= columns.max() <= 50
    assert 35 <= rows.min() <= rows.max() < 60
    assert (image[changed] == (240, 30, 30)).all(axis=1).sum() > 20


def test_a_bar_is_no_higher_than_the_rules_say():
    keep = Placement("k", "keep", 20, 40, 100, 45, (70, 80), 1.0, 1, False, 0.5)
    for tallest in (2, 5):
        marks = Marks(bar=HealthBarRules(height=0.5, tallest=tallest))
        image = drawn_on(plain_image(), draw_patches, patches_of(health_bar_of(keep, marks)))
        rows = np.nonzero((image != plain_image()).any(axis=(1, 2)))[0]
        assert len(rows) == tallest + 2


@pytest.mark.parametrize(("left", "top"), [(40, 20), (-30, -20), (120, 70), (300, 300), (-100, 0)])
def test_a_bank_of_fog_dims_its_oval_and_may_reach_outside(left, top):
    image = drawn_on(plain_image(), dim, FogBank(left, top, 80, 50, darkness=0.5))
    x, y = left + 40, top + 25
    changed = (image != plain_image()).any(axis=2)
    assert not changed[: max(top, 0)].any()
    assert not changed[:, : max(left, 0)].any()
    assert not changed[max(top + 50, 0) :].any()
    assert not changed[:, max(left + 80, 0) :].any()
    if 0 <= x < 160 and 0 <= y < 90:
        assert np.abs(image[y, x].astype(int) - (50, 60, 70)).max() <= 3
        assert (image <= plain_image()).all()
    assert changed.any() == (-80 < left < 160)


def test_banks_of_fog_come_as_the_rules_say(pack, catalogue):
    overlays = {"fog": {"chance": 1.0, "corners": (0, 0), "banks": (1, 3)}}
    rules = pack(overlays=overlays).scenes
    rule_table = RuleTable(rules, catalogue)
    counts = {len(plan(index, rule_table).fog) for index in range(60)}
    assert counts == {1, 2, 3}


def test_badges_are_for_what_can_hold_a_garrison(pack, catalogue):
    overlays = {"garrison": {"chance": 1.0, "classes": ["house"]}}
    rule_table = RuleTable(pack(overlays=overlays).scenes, catalogue)
    scenes = [plan(index, rule_table) for index in range(40)]
    items = [item for scene in scenes for item in scene.placements]
    assert {item.class_name for item in items if item.garrisoned} == {"house"}
    assert all(item.garrisoned for item in items if item.class_name == "house")


@pytest.fixture
def everything(pack) -> SceneRules:
    return pack(
        overlays={
            **{key: {"chance": 1.0} for key in ("selection", "health_bar", "fog", "minimap")},
            "garrison": {"chance": 1.0, "classes": ["house"]},
            "hud": 1.0,
        },
        light={"temperature": 1.0, "vignette": 1.0, "brightness": (0.7, 0.8)},
        edges={"feathered": 0.5, "hard": 0.5},
        jpeg_varied=1.0,
    ).scenes


def test_one_switch_turns_off_all_that_is_not_of_the_world(everything, catalogue):
    plain = everything.model_copy(update={"enhanced": False})
    repertoires = [RuleTable(rules, catalogue) for rules in (everything, plain)]
    for index in range(30):
        dressed, bare = (plan(index, rule_table) for rule_table in repertoires)
        assert bare.panels == bare.fog == ()
        assert bare.light is None
        assert bare.jpeg_quality is None
        for item in bare.placements:
            assert (item.selected, item.garrisoned) == (False, False)
            assert (item.health, item.edge) == (None, "as it is")
        assert dressed.light is not None
        assert dressed.panels
        assert {item.edge for item in dressed.placements} <= {"feathered", "hard"}
        assert 70 <= dressed.jpeg_quality <= 90
        places = [
            [(item.sprite_id, item.left, item.top) for item in scene.placements]
            for scene in (dressed, bare)
        ]
        assert places[0] == places[1], "what stands where is the same"


def test_the_switch_names_what_it_turns_off():
    rules = SceneRules.model_validate({"placements": [{"class_name": "house"}], "enhanced": False})
    off = rules.in_force
    assert (off.overlays.hud, off.overlays.fog.chance) == (0.0, 0.0)
    assert off.light == LightRules()
    assert OverlayRules().hud > 0
