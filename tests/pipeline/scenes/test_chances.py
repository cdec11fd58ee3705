"""Whatever comes by chance comes as often as its rule says, and apart from the others."""

from collections import Counter
from itertools import combinations
from math import sqrt

import pytest

from pipeline.scenes.plan import FogBank, FogPatch
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.planning.rule_table import RuleTable

PLANS = 1500
OVERLAYS = {
    "selection": {"chance": 0.15},
    "health_bar": {"chance": 0.2, "filled": (0.25, 0.75)},
    "garrison": {"chance": 0.3, "classes": ["house"]},
    "hud": 0.4,
    "resource_bar": {"chance": 0.5, "height": (0.05, 0.1)},
    "minimap": {"chance": 0.7, "side": (0.2, 0.25)},
    "command_panel": {"chance": 0.3, "height": (0.125, 0.21)},
    "fog": {
        "chance": 0.3,
        "corners": (1, 4),
        "width": (0.16, 0.31),
        "height": (0.21, 0.42),
        "darkness": (0.31, 0.59),
        "banks": (0, 2),
    },
}
RULES = {
    "overlays": OVERLAYS,
    "water_fraction": 0.25,
    "edges": {"feathered": 0.3, "hard": 0.1},
    "distant": {"share": 0.2, "zoom": (0.4, 0.5)},
    "jpeg_varied": 0.3,
    "jpeg_range": (70, 80),
    "light": {"temperature": 0.2, "vignette": 0.15},
}


@pytest.fixture(scope="module")
def scenes(pack, catalogue) -> list:
    rules = pack(**RULES).scenes
    rule_table = RuleTable(rules, catalogue)
    return [plan(index, rule_table) for index in range(PLANS)]


@pytest.fixture(scope="module")
def things(scenes) -> list:
    return [item for scene in scenes for item in scene.placements]


def assert_share(found: int, among: int, share: float) -> None:
    """Within four standard deviations: one right generator in 16,000 would fail."""
    assert among > 300
    assert abs(found / among - share) < 4 * sqrt(share * (1 - share) / among), (
        found / among,
        share,
    )


def test_marks_of_objects_come_as_often_as_the_rules_say(things):
    owned = [item for item in things if item.player is not None]
    houses = [item for item in owned if item.class_name == "house"]
    assert_share(sum(item.selected for item in owned), len(owned), 0.15)
    assert_share(sum(item.health is not None for item in owned), len(owned), 0.2)
    assert_share(sum(item.garrisoned for item in houses), len(houses), 0.3)
    for player in range(8):
        assert_share(sum(item.player == player for item in owned), len(owned), 1 / 8)
    bars = [item.health for item in owned if item.health is not None]
    assert 0.25 <= min(bars) < 0.26
    assert 0.74 < max(bars) <= 0.75
    assert_share(sum(bar > 0.5 for bar in bars), len(bars), 0.5)


def test_edges_come_as_often_as_the_rules_say(things):
    for edge, share in (("feathered", 0.3), ("hard", 0.1), ("as it is", 0.6)):
        assert_share(sum(item.edge == edge for item in things), len(things), share)


def test_marks_of_one_object_are_chosen_apart(things):
    owned = [item for item in things if item.player is not None]
    marks = {
        "selected": (lambda item: item.selected, 0.15),
        "bar": (lambda item: item.health is not None, 0.2),
        "feathered": (lambda item: item.edge == "feathered", 0.3),
        "first player": (lambda item: item.player == 0, 1 / 8),
    }
    for (one, share), (other, among) in combinations(marks.values(), 2):
        both = sum(one(item) and other(item) for item in owned)
        assert_share(both, len(owned), share * among)


def test_scenes_of_every_kind_come_as_often_as_the_rules_say(scenes):
    shares = {
        "water": (lambda scene: scene.kind == "water", 0.25),
        "distant": (lambda scene: scene.distant, 0.2),
        "mirrored": (lambda scene: scene.mirrored, 0.5),
        "other quality": (lambda scene: scene.jpeg_quality is not None, 0.3),
        "vignette": (lambda scene: bool(scene.light and scene.light.vignette), 0.15),
        "fog": (lambda scene: bool(scene.fog), 0.3),
    }
    for holds, share in shares.values():
        assert_share(sum(map(holds, scenes)), PLANS, share)
    for (one, share), (other, among) in combinations(shares.values(), 2):
        both = sum(one(scene) and other(scene) for scene in scenes)
        assert_share(both, PLANS, share * among)
    qualities = {scene.jpeg_quality for scene in scenes} - {None}
    assert qualities == set(range(70, 81))


def test_panels_come_as_often_as_the_rules_say(scenes):
    kinds = Counter(panel.kind for scene in scenes for panel in scene.panels)
    for kind, share in (("resource_bar", 0.5), ("minimap", 0.7), ("command_panel", 0.3)):
        assert_share(kinds[kind], PLANS, 0.4 * share)
    heights = {
        kind: [p.height / 256 for s in scenes for p in s.panels if p.kind == kind] for kind in kinds
    }
    ends = {"resource_bar": (0.05, 0.1), "minimap": (0.2, 0.25), "command_panel": (0.125, 0.21)}
    for kind, (low, high) in ends.items():
        assert low <= min(heights[kind]) < low + 0.01
        assert high - 0.005 < max(heights[kind]) < high + 1 / 256


def test_fog_lies_in_as_many_corners_as_the_rules_say(scenes):
    foggy = [scene.fog for scene in scenes if scene.fog]
    corners = [[patch for patch in fog if isinstance(patch, FogPatch)] for fog in foggy]
    for number in range(1, 5):
        assert_share(sum(len(found) == number for found in corners), len(foggy), 1 / 4)
    patches = [patch for found in corners for patch in found]
    for count in Counter(patch.corner for patch in patches).values():
        assert_share(count, len(patches), 1 / 4)
    assert all(0.31 <= patch.darkness <= 0.59 for patch in patches)
    assert all(0.16 * 320 <= patch.width <= 0.31 * 320 + 1 for patch in patches)
    assert all(0.21 * 256 <= patch.height <= 0.42 * 256 + 1 for patch in patches)
    for number in range(3):
        banks = [sum(isinstance(patch, FogBank) for patch in fog) for fog in foggy]
        assert_share(sum(count == number for count in banks), len(foggy), 1 / 3)
