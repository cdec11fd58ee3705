"""What must hold of every scene of a game that uses every rule: thousands of plans, and images.

Every run looks at thousands of plans and hundreds of images; `-m slow` at many more.
"""

import json
import random
from collections import Counter
from dataclasses import asdict, replace

import cv2
import numpy as np
import pytest

from pipeline.backgrounds.shores import drawn_shoreline
from pipeline.evaluation.reports.conventions import labels_under
from pipeline.games.pack import GamePack, ShoreRules
from pipeline.labels.boxes import Box, LabelledBox, iou_matrix
from pipeline.labels.formats.yolo import read_rows
from pipeline.manifests import manifest_of
from pipeline.scenes.dataset.checks import label_problems, scene_separation_problems
from pipeline.scenes.dataset.layout import Shard
from pipeline.scenes.dataset.shard_writer import Sources, open_shard_writer
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from pipeline.scenes.dataset.writer import finish_set, write_set
from pipeline.scenes.plan import footprint_of
from pipeline.scenes.planning.gates import may_stand, place_of
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.planning.rule_table import RuleTable
from pipeline.scenes.rendering.measuring import export, label
from pipeline.scenes.rendering.renderer import draw
from pipeline.scenes.reports.expected_counts import expected_counts
from pipeline.scenes.sources.catalogue import BackgroundShape, Catalogue, SpriteCache

SLOW = pytest.mark.slow
PLANS = [pytest.param(2000, id="thousands"), pytest.param(20_000, id="more", marks=SLOW)]
IMAGES = [pytest.param(200, id="hundreds"), pytest.param(1000, id="more", marks=SLOW)]
WIDTH, HEIGHT = 320, 256
PLACES = {"house": "shore", "soldier": "land", "boat": "water", "fish": "water", "gull": "both"}


@pytest.fixture(scope="module")
def rich(pack) -> GamePack:
    """A game that uses every rule there is."""
    content = pack().model_dump(mode="json")
    for known in content["classes"]:
        known["scene"] = PLACES[known["name"]]
        known["group"] = "naval" if known["scene"] == "water" else "land"
    content["terrain"]["shore"] = {"beach": [{"include": "beach"}]}
    content["scenes"] |= {
        "images": 60,
        "water_fraction": 0.25,
        "shore_fraction": 0.3,
        "distant": {"share": 0.2, "zoom": [0.5, 0.6], "crowding": 1.3},
        "rebalance": {"rare": {"classes": ["gull"], "factor": 1.5}},
        "overlaps": [{"classes": ["land"], "others": ["land"], "limit": 0.7}],
        "light": {
            "temperature": 0.5,
            "vignette": 0.5,
            "times": [{"name": "dusk", "add": [9, 0, -9]}],
        },
        "edges": {"feathered": 0.3, "hard": 0.3},
        "labels": {"box": "visible", "min_visible": 0.35, "min_side": 6},
        "jpeg_varied": 0.5,
        "overlays": {
            "hud": 0.4,
            "fog": {"chance": 0.4},
            "garrison": {"chance": 0.5, "classes": ["house"]},
        },
        "placements": [
            {"class_name": "house", "count": [0, 2], "cut": 0.6, "max_overlap": 0.1},
            {"class_name": "soldier", "count": [1, 4], "cut": 0.7, "scale": [0.8, 1.2]},
            {"class_name": "boat", "count": [1, 3], "cut": 0.7, "depth": [0, 8]},
            {"class_name": "fish", "count": [0, 4], "depth": [2, 4]},
            {"class_name": "gull", "count": [0, 2], "max_overlap": 1.0},
            {"class_name": "distractor", "count": [0, 2]},
            {"class_name": "distractor", "count": [0, 2], "scene": "water"},
        ],
        "groups": [
            _group("army", "block", [("soldier", [3, 6])]),
            _group("wall", "row", [("soldier", [3, 5])], spacing=[0.5, 0.6], overlap=0.6),
            _group("harbour", "beside", [("house", [1, 1]), ("boat", [1, 3])], scene="shore"),
            _group("shoal", "clump", [("fish", [2, 4])]),
        ],
    }
    return GamePack.model_validate(content)


def _group(name, shape, members, **changes) -> dict:
    listed = [{"class_name": who, "count": count} for who, count in members]
    return {"name": name, "shape": shape, "members": listed, "chance": 0.4} | changes


@pytest.fixture(scope="module")
def coasts() -> tuple[BackgroundShape, ...]:
    rules = ShoreRules.model_validate({"beach": [{"include": "beach"}]})
    rng = np.random.default_rng(5)
    size = (WIDTH + 40, HEIGHT + 30)
    return tuple(
        BackgroundShape(f"shore_{number:04d}", *size, drawn_shoreline(size, rules, rng))
        for number in range(4)
    )


@pytest.fixture(scope="module")
def stock(catalogue, rich, coasts) -> Catalogue:
    return replace(
        catalogue,
        backgrounds={**catalogue.backgrounds, "shore": coasts},
        scene_of={known.name: known.scene for known in rich.classes},
        group_of={known.name: known.group for known in rich.classes},
    )


@pytest.fixture(scope="module")
def paintings(grounds, coasts) -> dict[str, np.ndarray]:
    shores = {
        shape.id: np.where(shape.shore.sides(shape.width, shape.height)[..., None] > 0, 120, 40)
        for shape in coasts
    }
    return grounds | {
        name: np.repeat(image.astype(np.uint8), 3, axis=2) for name, image in shores.items()
    }


@pytest.fixture(scope="module")
def shore_sources(tmp_path_factory, sources, coasts, paintings) -> Sources:
    folder = tmp_path_factory.mktemp("coasts")
    entries = []
    for shape in coasts:
        cv2.imwrite(str(folder / f"{shape.id}.jpg"), paintings[shape.id])
        entry = {"id": shape.id, "kind": "shore", "file": f"{shape.id}.jpg", "sources": ["x"]}
        entries.append(entry | {"seed": 5, "shore": asdict(shape.shore)})
    (folder / "index.json").write_text(json.dumps(entries))
    return replace(sources, shore=folder)


@pytest.mark.parametrize("count", PLANS)
def test_everything_stands_where_it_belongs(count, rich, stock):
    """Alone or in a group, in every kind of scene."""
    rules, seen = rich.scenes, Counter()
    waters = {r.scene for r in rules.placements if r.class_name == "distractor"}
    assert waters == {None, "water"}
    rule_table = RuleTable(rules, stock)
    for index in range(count):
        scene = plan(index, rule_table)
        for item in scene.placements:
            seen[scene.kind, item.class_name, item.group is not None] += 1
            if item.class_name is None:
                continue
            place = PLACES[item.class_name]
            if scene.shore is None:
                assert place in (scene.kind, "both")
                continue
            sides = [scene.shore.side(x, y) for x, y in footprint_of(item).points]
            assert place != "land" or min(sides) >= 0
            assert place != "water" or max(sides) <= 0
            assert place != "shore" or min(sides) < 0 < max(sides)
    for kind, name in (("land", "soldier"), ("water", "fish"), ("shore", "house")):
        assert seen[kind, name, False] > count / 50
        assert seen[kind, name, True] > count / 50
    assert seen["water", None, False] > 0


@pytest.mark.parametrize("count", PLANS)
def test_plans_keep_their_geometry(count, rich, stock):
    rules = rich.scenes
    by_class = {rule.class_name: rule for rule in reversed(rules.placements)}
    rule_table = RuleTable(rules, stock)
    for index in range(count):
        scene = plan(index, rule_table)
        grounds = [item.ground[1] for item in scene.placements]
        assert grounds == sorted(grounds)
        low, high = rules.distant.zoom if scene.distant else rules.zoom
        assert low <= scene.zoom <= high
        for item in scene.placements:
            rule = by_class[item.class_name or "distractor"]
            beyond = max(-item.left, item.left + item.width - scene.width) / item.width
            below = max(-item.top, item.top + item.height - scene.height) / item.height
            assert max(beyond, below) <= rule.cut
            assert rule.scale[0] - 1e-9 <= item.scale / scene.zoom <= rule.scale[1] + 1e-9
            if item.waterline is not None:
                assert rule.depth is not None
                assert 0 <= item.waterline < item.height
        for panel in scene.panels:
            assert 0 <= panel.left <= panel.left + panel.width <= scene.width
            assert 0 <= panel.top <= panel.top + panel.height <= scene.height


@pytest.mark.parametrize(
    ("count", "tolerance"),
    [
        pytest.param(2000, 0.12, id="thousands"),
        pytest.param(20_000, 0.05, id="more", marks=SLOW),
    ],
)
def test_classes_come_as_often_as_the_rules_ask(count, tolerance, rich, stock):
    """On ground with room for all: at the shore and in a crowd some find none."""
    roomy = {"shore_fraction": 0.0, "groups": rich.scenes.groups[:2] + rich.scenes.groups[3:]}
    rules = rich.scenes.model_copy(update=roomy | {"zoom": (0.4, 0.4), "attempts": 200})
    rule_table = RuleTable(rules, stock)
    found = Counter(
        item.class_name
        for index in range(count)
        for item in plan(index, rule_table).placements
        if item.class_name is not None
    )
    expected = expected_counts(rules, stock)
    assert set(expected) == set(PLACES)
    assert expected["house"] == 0.0, "nothing of the shore without shores"
    for name, mean in expected.items():
        # A group at the edge loses members; what comes alone is never left out here.
        assert (1 - tolerance) * 0.93 * mean <= found[name] / count <= (1 + tolerance) * mean


@pytest.mark.parametrize("count", PLANS)
def test_a_crowded_game_still_shows_most_of_what_its_rules_ask(count, rich, stock):
    rule_table = RuleTable(rich.scenes, stock)
    found = Counter(
        item.class_name
        for index in range(count)
        for item in plan(index, rule_table).placements
        if item.class_name is not None
    )
    for name, mean in expected_counts(rich.scenes, stock).items():
        assert 0.5 * mean <= found[name] / count <= 1.15 * mean, name


@pytest.mark.parametrize("count", IMAGES)
def test_labels_are_what_the_images_show(count, rich, stock, sprite_cache, paintings):
    """Boxes are those of the id buffer, nothing hidden has one, nothing plain to see has none."""
    policy, names = rich.scenes.labels, rich.class_names
    kinds, outcomes = Counter(), Counter()
    rule_table = RuleTable(rich.scenes, stock)
    for index in range(count):
        scene = plan(index, rule_table)
        drawing = draw(scene, sprite_cache, paintings)
        objects = label(scene, drawing)
        decisions = iter(export(objects, policy, names))
        kinds[scene.kind] += 1
        for number, placement in enumerate(scene.placements, start=1):
            if placement.class_name is None:
                continue
            decision = next(decisions)
            seen = _box(drawing.ids == number)
            share = (drawing.ids == number).sum() / _pixels(placement, scene, sprite_cache)
            large = seen is not None and min(seen.width, seen.height) >= policy.min_side
            earned = seen is not None and share >= policy.min_visible and large
            assert isinstance(decision.outcome, LabelledBox) == earned
            outcomes["labelled" if earned else decision.outcome] += 1
            if isinstance(decision.outcome, LabelledBox):
                box = decision.outcome.box
                assert box == seen == box.clipped(scene.width, scene.height)
                assert names[decision.outcome.class_id] == placement.class_name
    assert len(kinds) == 3
    assert outcomes["labelled"] > 10 * outcomes["mostly hidden"] > 0


def _box(pixels: np.ndarray) -> Box | None:
    rows, columns = np.nonzero(pixels)
    if not len(rows):
        return None
    return Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)


def _pixels(placement, scene, sprite_cache: SpriteCache) -> int:
    """Opaque pixels of an object drawn alone on a canvas that holds all of it."""
    size = (placement.width + 40, placement.height + 40)
    moved = placement._replace(left=20, top=20, ground=(30, 30), selected=False, health=None)
    canvas = {scene.background_id: np.zeros((size[1], size[0], 3), np.uint8)}
    alone = replace(
        scene, width=size[0], height=size[1], crop=(0, 0), placements=(moved,), panels=(), fog=()
    )
    return max(int((draw(alone, sprite_cache, canvas).ids == 1).sum()), 1)


@pytest.mark.parametrize(
    "images", [pytest.param(100, id="a hundred"), pytest.param(600, id="more", marks=SLOW)]
)
def test_a_set_has_the_same_bytes_in_any_order_and_after_any_failure(
    images, rich, shore_sources, tmp_path
):
    game = rich.model_copy(update={"scenes": rich.scenes.model_copy(update={"images": images})})
    write_set(tmp_path / "at once", game, shore_sources)
    parts = [Shard(first, min(first + 7, images)) for first in range(0, images, 7)]
    random.Random(3).shuffle(parts)
    # The first shard is broken off in the middle and drawn again at the end.
    half = Shard(parts[0].first, parts[0].first + 2)
    open_shard_writer(game, shore_sources).write(half, tmp_path / "parts")
    for image in (tmp_path / "parts").rglob("*.jpg"):
        image.write_bytes(image.read_bytes()[:100])
    finished = [
        open_shard_writer(game, shore_sources).write(part, tmp_path / "parts")
        for part in [*parts[1:], parts[0]]
    ]
    finish_set(tmp_path / "parts", game, finished)
    assert manifest_of(tmp_path / "parts").digest == manifest_of(tmp_path / "at once").digest
    assert scene_separation_problems(SyntheticSet.open(tmp_path / "parts"), game) == ()
    assert label_problems(SyntheticSet.open(tmp_path / "parts"), game) == ()


def test_a_record_makes_the_labels_that_were_written(written, pack):
    policy, names = pack().scenes.labels, pack().class_names
    for scene in SyntheticSet.open(written).scenes():
        rows = read_rows(scene.labels, len(names))
        found = [row.labelled_box(scene.width, scene.height) for row in rows]
        made = labels_under(scene, policy, names)
        assert [one.class_id for one in found] == [one.class_id for one in made]
        for one, other in zip(found, made, strict=True):
            assert iou_matrix([one.box], [other.box])[0, 0] > 0.999


@pytest.mark.slow
def test_a_set_has_the_same_bytes_with_two_workers(rich, shore_sources, tmp_path):
    write_set(tmp_path / "one", rich, shore_sources)
    write_set(tmp_path / "two", rich, shore_sources, workers=2)
    assert manifest_of(tmp_path / "one").digest == manifest_of(tmp_path / "two").digest


@pytest.mark.parametrize("count", PLANS)
def test_without_gates_on_land_alone_every_class_stands_on_land(count, rich, stock):
    """The original's mode without water backgrounds."""
    legacy = {"gated": False, "water_fraction": 0.0, "shore_fraction": 0.0}
    rules = rich.scenes.model_copy(update=legacy)
    stand = set()
    rule_table = RuleTable(rules, stock)
    for index in range(count):
        scene = plan(index, rule_table)
        assert scene.kind == "land"
        stand.update(item.class_name for item in scene.placements)
    assert stand == {*PLACES, None}


def test_places_are_decided_by_class_or_by_the_distractors_rule(rich, stock):
    rules = rich.scenes
    places = [place_of(rule, stock) for rule in rules.placements]
    assert places == ["shore", "land", "water", "water", "both", "land", "water"]
    assert not may_stand("shore", "land", rules)
    assert may_stand("both", "water", rules)
