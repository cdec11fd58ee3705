"""Groups: their shapes, who belongs to them, and the limits that they keep."""

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.games.pack import GamePack
from pipeline.games.sections.scenes import PlacementRule
from pipeline.scenes.plan import Placement
from pipeline.scenes.planning.gates import factors_of, members_of
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.planning.rule_table import RuleTable

NOBODY = [
    {"class_name": name, "count": (0, 0), "max_overlap": 0.0}
    for name in ("house", "soldier", "boat", "fish", "gull")
]


def group(name="army", shape="block", chance=1.0, members=(("soldier", (6, 6)),), **changes):
    listed = [{"class_name": who, "count": count} for who, count in members]
    return {"name": name, "shape": shape, "chance": chance, "members": listed, **changes}


@pytest.fixture(scope="module")
def scenes(pack, catalogue):
    """Plans images of a game in which everything comes in the given groups."""

    def build(*groups, count=60, **changes):
        settings = {"placements": NOBODY, "water_fraction": 0.0, "groups": list(groups)}
        rules = pack(**(settings | changes)).scenes
        rule_table = RuleTable(rules, catalogue)
        return [plan(index, rule_table) for index in range(count)]

    return build


def whole(scenes, size: int) -> list[tuple[Placement, ...]]:
    """Groups of which no member was left out."""
    return [scene.placements for scene in scenes if len(scene.placements) == size]


def shared(a: Placement, b: Placement) -> int:
    wide = min(a.left + a.width, b.left + b.width) - max(a.left, b.left)
    high = min(a.top + a.height, b.top + b.height) - max(a.top, b.top)
    return max(wide, 0) * max(high, 0)


def test_a_row_runs_along_an_axis_of_the_ground_at_even_steps(scenes):
    rows = whole(scenes(group(shape="row", spacing=(1.0, 1.0))), 6)
    assert len(rows) > 40
    slopes = set()
    for row in rows:
        row = sorted(row, key=lambda item: item.ground[0])
        steps = np.diff([item.ground for item in row], axis=0)
        assert np.ptp(steps[:, 0]) <= 2
        assert np.ptp(steps[:, 1]) <= 2
        assert abs(steps[:, 0].mean() - max(item.width for item in row)) <= 1
        slopes.add(round(2 * float(steps[:, 1].mean() / steps[:, 0].mean())))
    assert slopes == {-1, 1}


def test_a_block_is_wider_than_one_rank_and_a_clump_is_round(scenes):
    for shape in ("block", "clump"):
        for crowd in whole(scenes(group(shape=shape, members=[("soldier", (9, 9))])), 9):
            across, along = np.ptp([item.ground for item in crowd], axis=0)
            assert 0.15 < along / across < 1.5


def test_workers_stand_around_what_they_work_at(scenes):
    rule = group("village", "beside", members=[("house", (1, 1)), ("soldier", (4, 4))])
    found = whole(scenes(rule, zoom=(0.8, 0.8)), 5)
    assert len(found) > 20
    for crowd in found:
        [house] = [item for item in crowd if item.class_name == "house"]
        for item in (item for item in crowd if item.class_name == "soldier"):
            away = np.hypot(
                item.ground[0] - house.ground[0], 2 * (item.ground[1] - house.ground[1])
            )
            assert 0.3 * house.width < away < 1.5 * house.width


def test_a_group_belongs_to_one_player_and_looks_one_way(scenes, catalogue):
    heading = {shape.id: shape.heading for shape in catalogue.sprites["soldier"]}
    players = set()
    for scene in scenes(group()):
        assert len({item.player for item in scene.placements}) == 1
        assert len({heading[item.sprite_id] for item in scene.placements}) == 1
        assert {item.group for item in scene.placements} == {"army"}
        players.add(scene.placements[0].player)
    assert len(players) > 5


def test_members_look_one_way_where_their_sprites_turn(pack, catalogue):
    soldiers = enumerate(catalogue.sprites["soldier"])
    turned = {shape.id: replace(shape, heading=heading) for heading, shape in soldiers}
    turning = replace(catalogue, sprites={**catalogue.sprites, "soldier": tuple(turned.values())})
    ways = {}
    for together in (True, False):
        rule = group(one_heading=together)
        rules = pack(placements=NOBODY, water_fraction=0.0, groups=[rule]).scenes
        rule_table = RuleTable(rules, turning)
        ways[together] = [
            {turned[item.sprite_id].heading for item in plan(index, rule_table).placements}
            for index in range(40)
        ]
    assert {len(headings) for headings in ways[True]} == {1}
    assert set.union(*ways[True]) == {0, 1, 2}
    assert max(len(headings) for headings in ways[False]) == 3


def test_spacing_is_kept_between_groups_and_not_within_them(scenes):
    apart = [NOBODY[4] | {"spacing": 60.0, "max_overlap": 1.0}]
    rule = group(shape="clump", members=[("gull", (5, 5))], times=(2, 2), overlap=1.0)
    found = scenes(rule, placements=apart)
    steps = [
        sorted(
            np.hypot(a.ground[0] - b.ground[0], a.ground[1] - b.ground[1])
            for a, b in combinations(placed, 2)
        )
        for placed in whole(found, 10)
    ]
    assert len(steps) > 5
    for distances in steps:
        # Of 45 pairs 20 are of one group.
        assert distances[19] < 60 <= distances[20]


def test_a_group_may_take_some_sprites_of_a_class_and_all_where_none_fits(pack, catalogue):
    chosen = {}
    for pattern in ("soldier1", "miner*"):
        rule = group(one_heading=False)
        rule["members"][0]["include"] = [pattern]
        rules = pack(placements=NOBODY, water_fraction=0.0, groups=[rule]).scenes
        rule_table = RuleTable(rules, catalogue)
        scenes = [plan(index, rule_table) for index in range(20)]
        chosen[pattern] = {item.sprite_id for scene in scenes for item in scene.placements}
    assert chosen["soldier1"] == {"soldier/soldier1_h0_s0"}
    assert chosen["miner*"] == {shape.id for shape in catalogue.sprites["soldier"]}


def test_owners_may_be_mixed(scenes):
    mixed = scenes(group(one_player=False))
    assert any(len({item.player for item in scene.placements}) > 2 for scene in mixed)


def test_groups_come_as_often_and_as_large_as_their_rules_say(scenes):
    rule = group(chance=0.4, times=(1, 3), members=[("gull", (2, 4))], overlap=1.0)
    counts = [len(scene.placements) for scene in scenes(rule, count=1500)]
    # A group at the edge loses a few of its members.
    assert 0.9 * 0.4 * 2 * 3 <= np.mean(counts) <= 0.4 * 2 * 3 * 1.05
    assert np.mean([count == 0 for count in counts]) == pytest.approx(0.6, abs=0.05)


def test_members_share_no_more_than_their_group_allows(scenes):
    for limit in (0.0, 0.3):
        rule = group(shape="clump", overlap=limit, spacing=(0.4, 0.4), members=[("gull", (8, 8))])
        for scene in scenes(rule):
            for a, b in combinations(scene.placements, 2):
                assert shared(a, b) <= limit * min(a.width * a.height, b.width * b.height)


def test_groups_keep_their_classes_limits_to_everything_else(scenes):
    rules = [group(), group("others", "clump", members=[("house", (2, 2))], overlap=0.2)]
    for scene in scenes(*rules):
        for a, b in combinations(scene.placements, 2):
            if a.group != b.group:
                assert shared(a, b) == 0


def test_a_group_stands_only_where_all_of_it_may(scenes):
    fleet = group("fleet", members=[("boat", (2, 2)), ("fish", (2, 2))])
    crew = group("crew", members=[("boat", (1, 1)), ("soldier", (1, 1))])
    for scene in scenes(fleet, crew, group(), water_fraction=0.5):
        here = {item.group for item in scene.placements}
        assert here == ({"fleet"} if scene.kind == "water" else {"army"})


def test_a_group_may_be_bound_to_a_kind_of_scene(scenes):
    gulls = group("gulls", members=[("gull", (2, 2))], scene="water")
    for scene in scenes(gulls, water_fraction=0.5):
        assert bool(scene.placements) == (scene.kind == "water")


def test_what_comes_alone_and_what_comes_in_groups_share_a_scene(pack, catalogue):
    placements = [{"class_name": "soldier", "count": (3, 3)}, *NOBODY[:1]]
    rules = pack(placements=placements, groups=[group()], water_fraction=0.0).scenes
    rule_table = RuleTable(rules, catalogue)
    alone = Counter(
        item.group for index in range(50) for item in plan(index, rule_table).placements
    )
    assert alone[None] > 0.9 * 3 * 50
    assert alone["army"] > 0.7 * 6 * 50


def test_a_group_may_be_cut_by_the_edge(scenes):
    sizes = {len(scene.placements) for scene in scenes(group(members=[("soldier", (12, 12))]))}
    assert len(sizes) > 1
    assert max(sizes) == 12


def test_exceptions_let_some_classes_overlap_more(pack, catalogue):
    placements = [
        {"class_name": name, "count": (25, 25), "max_overlap": 0.0} for name in ("soldier", "gull")
    ]
    overlaps = [{"classes": ["soldier"], "others": ["gull"], "limit": 0.6}]
    rules = pack(placements=placements, overlaps=overlaps, water_fraction=0.0).scenes
    most = defaultdict(float)
    rule_table = RuleTable(rules, catalogue)
    for index in range(40):
        for a, b in combinations(plan(index, rule_table).placements, 2):
            pair = "mixed" if a.class_name != b.class_name else "alike"
            part = shared(a, b) / min(a.width * a.height, b.width * b.height)
            most[pair] = max(most[pair], part)
    assert most["alike"] == 0.0
    assert 0.3 < most["mixed"] <= 0.6


def test_an_exception_may_also_be_stricter_and_the_last_one_counts(pack, catalogue):
    placements = [{"class_name": "gull", "count": (30, 30), "max_overlap": 1.0}]
    rule = {"classes": ["all"], "others": ["gull"]}
    overlaps = [rule | {"limit": 0.5}, rule | {"limit": 0.0}]
    rules = pack(placements=placements, overlaps=overlaps, water_fraction=0.0).scenes
    rule_table = RuleTable(rules, catalogue)
    for index in range(20):
        for a, b in combinations(plan(index, rule_table).placements, 2):
            assert shared(a, b) == 0


def test_lists_of_classes_may_name_groups_of_classes(catalogue):
    assert members_of(["all"], catalogue) == ("boat", "fish", "gull", "house", "soldier")
    assert members_of(["fish", "distractor"], catalogue) == ("distractor", "fish")


def test_rare_and_confusable_classes_come_more_often(pack, catalogue):
    balance = {
        "rare": {"classes": ["gull"], "factor": 3.0},
        "confusable": {"classes": ["gull", "house"], "factor": 0.5},
    }
    placements = [{"class_name": n, "count": (2, 2), "max_overlap": 1.0} for n in ("gull", "house")]
    rules = pack(placements=placements, rebalance=balance, water_fraction=0.0).scenes
    assert factors_of(rules, catalogue) == {"gull": 1.5, "house": 0.5}
    rule_table = RuleTable(rules, catalogue)
    counts = Counter(
        item.class_name for index in range(400) for item in plan(index, rule_table).placements
    )
    assert counts["gull"] / 400 == pytest.approx(3.0, rel=0.03)
    assert counts["house"] / 400 == pytest.approx(1.0, rel=0.05)


def test_distant_scenes_are_smaller_and_fuller(pack, catalogue):
    placements = [{"class_name": "gull", "count": (4, 4), "max_overlap": 1.0}]
    distant = {"share": 0.3, "zoom": (0.4, 0.5), "crowding": 2.0}
    rules = pack(placements=placements, distant=distant, zoom=(0.9, 1.1)).scenes
    rule_table = RuleTable(rules, catalogue)
    found = [plan(index, rule_table) for index in range(800)]
    assert np.mean([scene.distant for scene in found]) == pytest.approx(0.3, abs=0.05)
    for scene in found:
        low, high = (0.4, 0.5) if scene.distant else (0.9, 1.1)
        assert low <= scene.zoom <= high
        assert len(scene.placements) == (8 if scene.distant else 4)


def test_a_size_applies_to_its_class_alone(pack, catalogue):
    placements = [{"class_name": "gull", "size": 0.5}, {"class_name": "soldier", "size": 1.5}]
    rules = pack(placements=placements, zoom=(1.0, 1.0)).scenes
    rule_table = RuleTable(rules, catalogue)
    scales = {
        (item.class_name, item.scale)
        for index in range(60)
        for item in plan(index, rule_table).placements
    }
    assert scales == {("gull", 0.5), ("soldier", 1.5)}


def test_an_edge_cuts_off_no_more_than_the_rules_say(pack, catalogue):
    placements = [{"class_name": "house", "count": (2, 2), "cut": 0.5}]
    rules = pack(placements=placements, water_fraction=0.0).scenes
    cut = 0.0
    rule_table = RuleTable(rules, catalogue)
    for index in range(200):
        for item in plan(index, rule_table).placements:
            outside = max(-item.left, item.left + item.width - 320) / item.width
            below = max(-item.top, item.top + item.height - 256) / item.height
            assert max(outside, below) <= 0.5
            cut = max(cut, outside, below)
    assert cut > 0.4


def test_distractors_may_lie_on_water(pack, catalogue):
    names = [
        shape.id.partition("/")[2].rsplit("_h", 1)[0] for shape in catalogue.sprites["distractor"]
    ]
    on_land = {"class_name": "distractor", "count": (1, 1), "include": names[:1]}
    on_water = {"class_name": "distractor", "count": (1, 1), "include": names[1:], "scene": "water"}
    rules = pack(placements=[on_land, on_water], water_fraction=0.5).scenes
    rule_table = RuleTable(rules, catalogue)
    for index in range(60):
        scene = plan(index, rule_table)
        [item] = scene.placements
        assert (item.sprite_id == catalogue.sprites["distractor"][0].id) == (scene.kind == "land")


def test_only_a_distractors_place_is_said_in_its_placement():
    with pytest.raises(ValidationError, match=r"said in classes\.yaml"):
        PlacementRule(class_name="boat", scene="water")


def test_on_a_grid_every_cell_takes_one(pack, catalogue):
    grid = {"step": (40, 50), "stagger": 25}
    placements = [{"class_name": "soldier", "count": (60, 60), "max_overlap": 1.0, "cut": 0.9}]
    rules = pack(placements=placements, grid=grid, zoom=(1.0, 1.0), water_fraction=0.0).scenes
    rule_table = RuleTable(rules, catalogue)
    for index in range(20):
        grounds = [item.ground for item in plan(index, rule_table).placements]
        assert len(set(grounds)) == len(grounds) > 20
        columns = sorted({x for x, _ in grounds})
        assert all((b - a) % 40 in (0, 1, 39) for a, b in pairwise(columns))
        for x, y in grounds:
            same = [v for u, v in grounds if abs(u - x) < 3]
            assert all((v - y) % 50 in (0, 1, 49) for v in same)


def test_the_grid_grows_with_the_zoom(pack, catalogue):
    placements = [{"class_name": "gull", "count": (30, 30), "max_overlap": 1.0}]
    found = {}
    for zoom in (1.0, 2.0):
        rules = pack(placements=placements, grid={"step": (30, 30)}, zoom=(zoom, zoom)).scenes
        xs = sorted({item.ground[0] for item in plan(0, RuleTable(rules, catalogue)).placements})
        found[zoom] = min(b - a for a, b in pairwise(xs))
    assert found == {1.0: 30, 2.0: 60}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"groups": [group(members=[("boat", (1, 1))])]}, "no placement describes"),
        ({"groups": [group(members=[("bot", (1, 1))])]}, "bot"),
        ({"overlaps": [{"classes": ["huose"], "others": ["all"], "limit": 0.5}]}, "house"),
        ({"rebalance": {"rare": {"classes": ["alll"]}}}, "did you mean 'all'"),
        ({"overlays": {"garrison": {"classes": ["hous"]}}}, "did you mean 'house'"),
        ({"edges": {"feathered": 0.7, "hard": 0.6}}, "must not exceed 1"),
        ({"jpeg_range": (0, 90)}, "from 1 to 100"),
        ({"grid": {"step": (0, 50)}}, "at least 4 pixels"),
        ({"distant": {"zoom": (0.9, 0.4)}}, "must not exceed the second"),
        ({"light": {"times": [{"name": "x", "add": (0, 0, 300)}]}}, "255"),
        ({"groups": [group(shape="circle")]}, "row"),
    ],
)
def test_a_slip_in_the_rules_is_refused_with_its_reason(changes, message, pack):
    placements = [{"class_name": "soldier"}]
    with pytest.raises(ValidationError, match=message):
        pack(**({"placements": placements} | changes))


def test_a_game_without_groups_of_classes_still_loads(pack):
    assert isinstance(pack(), GamePack)
