"""Labels: what is measured is what the image shows, and the policy decides on that alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.games.sections.scenes import LabelPolicy
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.scenes.plan import Panel
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.planning.rule_table import RuleTable
from pipeline.scenes.rendering.measuring import (
    SceneObject,
    export,
    label,
    labels_of,
    measures_of,
)
from pipeline.scenes.rendering.preparing import prepare_scene
from pipeline.scenes.rendering.renderer import draw, render

FULL = Box(10, 20, 40, 60)
SEEN = SceneObject(
    class_name="house",
    full=FULL,
    visible=FULL,
    visible_fraction=1.0,
    truncated_fraction=0.0,
    covered_by=(),
    player=None,
    sprite_id="house/house0_h0_s0",
    scale=1.0,
)
GULLS = [{"class_name": "gull", "count": (2, 2)}]
NAMES = ("house", "soldier", "boat", "fish", "gull")


def drawn(index: int, rules, catalogue, sprite_cache, grounds):
    scene = plan(index, RuleTable(rules, catalogue))
    drawing = draw(scene, sprite_cache, grounds)
    return scene, drawing, label(scene, drawing)


def box_of(pixels: np.ndarray) -> Box | None:
    """The plain way: over the whole image, one object at a time."""
    rows, columns = np.nonzero(pixels)
    if rows.size == 0:
        return None
    return Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


@given(seed=st.integers(0, 2**32), index=st.integers(0, 500))
@settings(deadline=None, max_examples=60)
def test_every_visible_box_is_what_the_id_buffer_says(
    seed, index, pack, catalogue, sprite_cache, grounds
):
    scene, drawing, objects = drawn(index, pack(seed=seed).scenes, catalogue, sprite_cache, grounds)
    numbers = [n for n, item in enumerate(scene.placements, 1) if item.class_name is not None]
    assert len(objects) == len(numbers)
    for number, item in zip(numbers, objects, strict=True):
        assert item.visible == box_of(drawing.ids == number)
        assert (item.visible is None) == (item.visible_fraction == 0)


@pytest.mark.parametrize("index", range(0, 60, 3))
def test_full_boxes_and_fractions_are_what_each_object_shows_when_drawn_alone(
    index, pack, catalogue, sprite_cache, grounds
):
    """Each object is drawn again alone, once in its place and once on a canvas that holds it."""
    scene, drawing, objects = drawn(index, pack().scenes, catalogue, sprite_cache, grounds)
    classed = [(n, p) for n, p in enumerate(scene.placements, 1) if p.class_name is not None]
    canvas = {scene.background_id: np.zeros((600, 700, 3), np.uint8)}
    for (number, placement), item in zip(classed, objects, strict=True):
        alone = replace(scene, placements=(placement,), panels=(), fog=())
        in_place = draw(alone, sprite_cache, grounds).ids == 1
        moved = placement._replace(left=placement.left + 200, top=placement.top + 200)
        roomy = replace(alone, placements=(moved,), width=700, height=600, crop=(0, 0))
        whole = int((draw(roomy, sprite_cache, canvas).ids == 1).sum())
        seen = drawing.ids == number
        assert item.full == box_of(in_place)
        assert item.visible_fraction == pytest.approx(seen.sum() / whole)
        assert item.truncated_fraction == pytest.approx(1 - in_place.sum() / whole)
        instead = drawing.ids[in_place & ~seen]
        assert ("hud" in item.covered_by) == bool((instead == 0).any())
        assert ("unit" in item.covered_by) == bool((instead > 0).any())


@pytest.mark.parametrize("index", range(0, 40, 4))
def test_ids_that_an_earlier_image_left_are_not_measured(
    index, pack, catalogue, sprite_cache, grounds
):
    """A shard writer clears none: only the pixels that an object has claimed are looked at."""
    scene = plan(index, RuleTable(pack().scenes, catalogue))
    left = np.random.default_rng(index).integers(0, 9, (scene.height, scene.width), np.uint16)
    after_another = render(prepare_scene(scene, sprite_cache), grounds, left)
    alone = draw(scene, sprite_cache, grounds)
    assert np.array_equal(measures_of(after_another), measures_of(alone))
    assert np.array_equal(after_another.bgrx, alone.bgrx)


def test_what_is_seen_covered_and_cut_off_adds_up(pack, catalogue, sprite_cache, grounds):
    covered = 0
    for index in range(40):
        _, _, objects = drawn(index, pack().scenes, catalogue, sprite_cache, grounds)
        for item in objects:
            shown = item.visible_fraction + item.truncated_fraction
            assert 0 <= shown <= 1 + 1e-9
            assert (shown < 1 - 1e-9) == bool(item.covered_by)
            covered += bool(item.covered_by)
    assert covered > 20


def test_a_panel_over_an_object_counts_as_the_interface(pack, catalogue, sprite_cache, grounds):
    rules = pack(overlays={"hud": 0}, placements=GULLS).scenes
    scene = plan(0, RuleTable(rules, catalogue))
    target = scene.placements[-1]
    panel = Panel("minimap", target.left, target.top, target.width, target.height, seed=1)
    covered = replace(scene, panels=(panel,))
    item = label(covered, draw(covered, sprite_cache, grounds))[-1]
    assert (item.visible, item.visible_fraction) == (None, 0.0)
    assert item.covered_by == ("hud",)
    assert item.full is not None


def test_an_object_outside_the_image_is_hidden(pack, catalogue, sprite_cache, grounds):
    scene = plan(0, RuleTable(pack(placements=GULLS).scenes, catalogue))
    away = replace(scene, placements=(scene.placements[0]._replace(left=-900),), panels=())
    item = label(away, draw(away, sprite_cache, grounds))[0]
    assert (item.full, item.visible, item.truncated_fraction) == (None, None, 1.0)
    assert export([item], LabelPolicy(), NAMES)[0].outcome == "hidden"


def test_distractors_cover_others_but_are_not_objects(pack, catalogue, sprite_cache, grounds):
    rules = pack(
        water_fraction=0.0,
        placements=[{"class_name": "distractor", "count": (5, 5)}],
    ).scenes
    scene, drawing, objects = drawn(0, rules, catalogue, sprite_cache, grounds)
    assert objects == ()
    assert set(np.unique(drawing.ids)) == set(range(len(scene.placements) + 1))


@given(seed=st.integers(0, 2**32), box=st.sampled_from(["visible", "full"]))
@settings(deadline=None, max_examples=40)
def test_nothing_hidden_is_labelled_and_nothing_visible_is_left_out(
    seed, box, pack, catalogue, sprite_cache, grounds
):
    policy = LabelPolicy(box=box, min_visible=0.4, min_side=7)
    _, _, objects = drawn(0, pack(seed=seed).scenes, catalogue, sprite_cache, grounds)
    for item, decision in zip(objects, export(objects, policy, NAMES), strict=True):
        extent = item.visible if box == "visible" else item.full
        earns = item.visible_fraction >= 0.4 and min(extent.width, extent.height) >= 7
        assert isinstance(decision.outcome, LabelledBox) == earns
        if earns:
            assert decision.outcome.box == extent
            assert extent == extent.clipped(320, 256)
            assert NAMES[decision.outcome.class_id] == item.class_name


def test_the_policy_names_the_reason_of_each_drop():
    dropped = [
        SEEN._replace(visible=None, visible_fraction=0.0),
        SEEN._replace(visible_fraction=0.29),
        SEEN._replace(visible=Box(10, 20, 15, 60)),
    ]
    outcomes = [entry.outcome for entry in export([SEEN, *dropped], LabelPolicy(), NAMES)]
    assert outcomes == [LabelledBox(0, FULL), "hidden", "mostly hidden", "too small"]
    assert list(labels_of(export([SEEN, *dropped], LabelPolicy(), NAMES))) == outcomes[:1]


def test_the_policy_chooses_between_the_visible_and_the_full_box():
    half = SEEN._replace(visible=Box(10, 20, 25, 60), visible_fraction=0.5)
    for box, expected in (("visible", half.visible), ("full", half.full)):
        [decision] = export([half], LabelPolicy(box=box), NAMES)
        assert decision.outcome == LabelledBox(0, expected)
