"""Plans: gated, bounded by their rules, and functions of the seed and the index alone."""

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.scenes.plan import Placement
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.planning.rule_table import RuleTable
from pipeline.scenes.sources.catalogue import BackgroundError

MANY = range(1500)


def only(class_name: str, **changes) -> list[dict]:
    return [{"class_name": class_name, "count": (1, 1), **changes}]


def shared(a: Placement, b: Placement) -> int:
    wide = min(a.left + a.width, b.left + b.width) - max(a.left, b.left)
    high = min(a.top + a.height, b.top + b.height) - max(a.top, b.top)
    return max(wide, 0) * max(high, 0)


@given(seed=st.integers(0, 2**32), index=st.integers(0, 2**31))
@settings(deadline=None, max_examples=100)
def test_the_same_seed_and_index_give_the_same_plan(seed, index, pack, catalogue):
    rules = pack(seed=seed).scenes
    assert plan(index, RuleTable(rules, catalogue)) == plan(index, RuleTable(rules, catalogue))


def test_another_index_and_another_seed_give_another_plan(pack, catalogue):
    rule_table = RuleTable(pack(seed=1).scenes, catalogue)
    here = plan(3, rule_table)
    assert here.placements != plan(4, rule_table).placements
    assert here.placements != plan(3, RuleTable(pack(seed=2).scenes, catalogue)).placements


@given(seed=st.integers(0, 2**32), index=st.integers(0, 10_000))
@settings(deadline=None, max_examples=200)
def test_no_water_class_stands_on_land_and_no_land_class_on_water(seed, index, pack, catalogue):
    scene = plan(index, RuleTable(pack(seed=seed).scenes, catalogue))
    stand = {item.class_name for item in scene.placements}
    assert stand.isdisjoint({"boat", "fish"} if scene.kind == "land" else {"house", "soldier"})
    assert scene.background_id.startswith(scene.kind)


def test_distractors_stay_on_land(pack, catalogue):
    rule_table = RuleTable(pack().scenes, catalogue)
    scenes = [plan(index, rule_table) for index in range(200)]
    kinds = {s.kind for s in scenes if any(p.class_name is None for p in s.placements)}
    assert kinds == {"land"}


def test_without_gating_every_class_may_stand_anywhere(pack, catalogue):
    rules = pack(gated=False).scenes
    rule_table = RuleTable(rules, catalogue)
    scenes = [plan(index, rule_table) for index in range(200)]
    for kind in ("land", "water"):
        stand = {p.class_name for s in scenes if s.kind == kind for p in s.placements}
        assert stand == {"house", "soldier", "boat", "fish", "gull", None}


def test_water_scenes_come_as_often_as_the_rules_say(pack, catalogue):
    rules = pack(water_fraction=0.3, placements=only("gull")).scenes
    rule_table = RuleTable(rules, catalogue)
    water = sum(plan(index, rule_table).kind == "water" for index in MANY)
    assert water / len(MANY) == pytest.approx(0.3, abs=0.04)


def test_counts_take_both_ends_of_their_range_equally_often(pack, catalogue):
    rules = pack(water_fraction=0.0, placements=only("soldier", count=(2, 4))).scenes
    rule_table = RuleTable(rules, catalogue)
    counts = Counter(len(plan(index, rule_table).placements) for index in MANY)
    assert set(counts) == {2, 3, 4}
    assert min(counts.values()) > 0.28 * len(MANY)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.25])
def test_a_class_comes_as_often_as_its_rule_and_factor_say(factor, pack, catalogue):
    placements = only("gull", count=(0, 4), oversample=factor, max_overlap=1.0)
    rules = pack(placements=placements).scenes
    rule_table = RuleTable(rules, catalogue)
    mean = np.mean([len(plan(index, rule_table).placements) for index in MANY])
    assert mean == pytest.approx(2 * factor, rel=0.06)


def test_every_sprite_of_a_class_is_used(pack, catalogue):
    rules = pack(placements=only("gull")).scenes
    rule_table = RuleTable(rules, catalogue)
    used = {p.sprite_id for index in MANY for p in plan(index, rule_table).placements}
    assert used == {shape.id for shape in catalogue.sprites["gull"]}


@given(seed=st.integers(0, 2**32), limit=st.sampled_from([0.0, 0.1, 0.5]))
@settings(deadline=None, max_examples=60)
def test_no_object_shares_more_of_its_box_than_its_rule_allows(seed, limit, pack, catalogue):
    placements = only("soldier", count=(20, 30), max_overlap=limit, scale=(0.5, 1.5))
    scene = plan(
        0, RuleTable(pack(seed=seed, water_fraction=0.0, placements=placements).scenes, catalogue)
    )
    for a, b in combinations(scene.placements, 2):
        assert shared(a, b) <= limit * min(a.width * a.height, b.width * b.height)


def test_the_stricter_of_two_rules_counts(pack, catalogue):
    """A thing that lets itself be covered does not cover one that does not."""
    placements = [
        *only("gull", count=(30, 30), max_overlap=1.0),
        *only("house", count=(4, 4), max_overlap=0.05),
    ]
    rules = pack(placements=placements, water_fraction=0.0).scenes
    rule_table = RuleTable(rules, catalogue)
    pairs = [
        (a, b)
        for index in range(40)
        for a, b in combinations(plan(index, rule_table).placements, 2)
        if (a.class_name == "house") != (b.class_name == "house")
    ]
    for a, b in pairs:
        house = a if a.class_name == "house" else b
        assert shared(a, b) <= 0.05 * house.width * house.height
    assert len(pairs) > 1000


def test_what_finds_no_room_is_left_out(pack, catalogue):
    placements = only("house", count=(200, 200), max_overlap=0.0)
    scene = plan(0, RuleTable(pack(water_fraction=0.0, placements=placements).scenes, catalogue))
    assert 3 < len(scene.placements) < 40


def test_an_object_larger_than_the_scene_is_left_out_or_cut_as_its_margin_says(pack, catalogue):
    huge = {"zoom": (8.0, 8.0), "water_fraction": 0.0}
    kept_inside = pack(placements=only("house"), **huge).scenes
    cut = pack(placements=only("house", margin=-400), **huge).scenes
    assert plan(0, RuleTable(kept_inside, catalogue)).placements == ()
    assert len(plan(0, RuleTable(cut, catalogue)).placements) == 1


@given(seed=st.integers(0, 2**32), margin=st.integers(-10_000, 60))
@settings(deadline=None, max_examples=100)
def test_objects_keep_their_margin_and_at_least_a_pixel_inside(seed, margin, pack, catalogue):
    placements = only("gull", count=(5, 5), margin=margin)
    scene = plan(0, RuleTable(pack(seed=seed, placements=placements).scenes, catalogue))
    for item in scene.placements:
        assert max(margin, 1 - item.width) <= item.left
        assert item.left <= scene.width - item.width - max(margin, 1 - item.width)
        assert max(margin, 1 - item.height) <= item.top
        assert item.top <= scene.height - item.height - max(margin, 1 - item.height)


def test_objects_of_a_class_keep_their_spacing(pack, catalogue):
    placements = only("gull", count=(12, 12), spacing=60.0, max_overlap=1.0)
    scene = plan(0, RuleTable(pack(placements=placements).scenes, catalogue))
    assert len(scene.placements) > 3
    for a, b in combinations(scene.placements, 2):
        assert np.hypot(a.ground[0] - b.ground[0], a.ground[1] - b.ground[1]) >= 60


def test_objects_are_drawn_from_the_back_to_the_front(pack, catalogue):
    rule_table = RuleTable(pack().scenes, catalogue)
    for index in range(50):
        grounds = [p.ground[1] for p in plan(index, rule_table).placements]
        assert grounds == sorted(grounds)


def test_one_zoom_holds_for_a_whole_scene(pack, catalogue):
    placements = [*only("gull", count=(3, 3)), *only("soldier", count=(3, 3), scale=(0.9, 1.1))]
    rules = pack(zoom=(0.5, 2.0), water_fraction=0.0, placements=placements).scenes
    rule_table = RuleTable(rules, catalogue)
    for index in range(50):
        scene = plan(index, rule_table)
        assert 0.5 <= scene.zoom <= 2.0
        for item in scene.placements:
            jitter = item.scale / scene.zoom
            assert 0.9 <= jitter <= 1.1
            assert item.class_name != "gull" or jitter == pytest.approx(1.0)


def test_only_owned_objects_get_a_player_an_ellipse_or_a_bar(pack, catalogue):
    overlays = {"selection": {"chance": 1.0}, "health_bar": {"chance": 1.0}}
    rule_table = RuleTable(pack(overlays=overlays).scenes, catalogue)
    scenes = [plan(index, rule_table) for index in range(50)]
    for item in (item for scene in scenes for item in scene.placements):
        owned = item.class_name in ("house", "soldier", "boat")
        assert (item.player is not None, item.selected, item.health is not None) == (owned,) * 3
        assert item.health is None or 0.2 <= item.health <= 1.0


def test_some_classes_have_no_ellipse_and_a_bar_all_the_same(pack, catalogue):
    ellipses = {"chance": 1.0, "without": ["house"]}
    overlays = {"selection": ellipses, "health_bar": {"chance": 1.0}}
    rule_table = RuleTable(pack(overlays=overlays).scenes, catalogue)
    scenes = [plan(index, rule_table) for index in range(50)]
    owned = [item for scene in scenes for item in scene.placements if item.player is not None]
    assert {item.selected for item in owned if item.class_name == "house"} == {False}
    assert {item.selected for item in owned if item.class_name != "house"} == {True}
    assert all(item.health is not None for item in owned)


def test_everyone_may_have_ellipse_and_bar(pack, catalogue):
    """As in games that mark what nobody owns; distractors are nothing to mark."""
    always = {"chance": 1.0}
    overlays = {"selection": always, "health_bar": always, "everyone": True}
    rule_table = RuleTable(pack(overlays=overlays).scenes, catalogue)
    scenes = [plan(index, rule_table) for index in range(50)]
    for item in (item for scene in scenes for item in scene.placements):
        marked = item.class_name is not None
        assert (item.selected, item.health is not None) == (marked, marked)


def test_a_rule_may_keep_the_colours_of_its_sprites(pack, catalogue):
    placements = only("soldier", recolour=False)
    rules = pack(placements=placements, water_fraction=0.0).scenes
    assert plan(0, RuleTable(rules, catalogue)).placements[0].player is None


def test_all_player_colours_are_used(pack, catalogue):
    rules = pack().scenes
    rule_table = RuleTable(rules, catalogue)
    scenes = [plan(index, rule_table) for index in range(100)]
    assert {p.player for s in scenes for p in s.placements} == {None, *range(8)}


def test_overlays_can_be_turned_off(pack, catalogue):
    never = {"chance": 0}
    none = {"selection": never, "health_bar": never, "hud": 0, "fog": never}
    rules = pack(overlays=none).scenes
    rule_table = RuleTable(rules, catalogue)
    for index in range(50):
        scene = plan(index, rule_table)
        assert scene.panels == scene.fog == ()
        assert not any(p.selected or p.health is not None for p in scene.placements)


def test_every_kind_of_panel_comes_up_and_lies_inside(pack, catalogue):
    rules = pack(overlays={"hud": 1.0}).scenes
    rule_table = RuleTable(rules, catalogue)
    panels = [p for index in range(60) for p in plan(index, rule_table).panels]
    assert {panel.kind for panel in panels} == {"resource_bar", "minimap", "command_panel"}
    for panel in panels:
        assert panel.left >= 0
        assert panel.left + panel.width <= rules.width
        assert panel.top >= 0
        assert panel.top + panel.height <= rules.height


def test_all_backgrounds_are_used_equally_and_cropped_inside(pack, catalogue):
    rules = pack(images=40, water_fraction=0.0).scenes
    rule_table = RuleTable(rules, catalogue)
    scenes = [plan(index, rule_table) for index in range(40)]
    assert Counter(s.background_id for s in scenes) == {"land_0000": 20, "land_0001": 20}
    shape = catalogue.backgrounds["land"][0]
    for scene in scenes:
        assert 0 <= scene.crop[0] <= shape.width - scene.width
        assert 0 <= scene.crop[1] <= shape.height - scene.height


def test_a_kind_of_scene_without_backgrounds_is_refused_with_what_to_do(pack, catalogue):
    dry = replace(catalogue, backgrounds={"land": catalogue.backgrounds["land"], "water": ()})
    with pytest.raises(BackgroundError, match=r"(?s)no water backgrounds.*water_fraction to 0"):
        plan(0, RuleTable(pack(water_fraction=1.0).scenes, dry))


def test_a_background_smaller_than_the_scene_is_refused(pack, catalogue):
    with pytest.raises(BackgroundError, match="360 x 286 pixels, a scene 640 x 256"):
        plan(0, RuleTable(pack(width=640, water_fraction=0.0).scenes, catalogue))
