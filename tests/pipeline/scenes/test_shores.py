"""Scenes at the shore: land on land, water on water, docks between, in plans, files and pixels."""

import json
import shutil
from collections import Counter
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.backgrounds.images import make_shore, write_backgrounds
from pipeline.backgrounds.textures import Texture
from pipeline.formats.dds import write_dds
from pipeline.games.pack import GamePack, TerrainRules
from pipeline.manifests import manifest_of
from pipeline.scenes.dataset.checks import label_problems, scene_separation_problems
from pipeline.scenes.dataset.shard_writer import open_shard_writer
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from pipeline.scenes.dataset.writer import write_set
from pipeline.scenes.plan import footprint_of
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.planning.rule_table import RuleTable
from pipeline.scenes.sources.catalogue import BackgroundCache, BackgroundError

SIZE = (360, 286)
LAND, BEACH, WATER = (190, 60, 50), (220, 200, 60), (30, 50, 190)
SHORE_CLASSES = {"house": "shore"}
PLACES = {"soldier": "land", "boat": "water", "fish": "water", "house": "shore", None: "land"}


@pytest.fixture(scope="module")
def shores(tmp_path_factory):
    """A folder of shore backgrounds a little larger than a scene: red land, blue water."""
    folder = tmp_path_factory.mktemp("shores")
    textures = []
    for name, colour in (("land", LAND), ("beach", BEACH), ("water", WATER)):
        file = folder / f"{name}.dds"
        write_dds(file, np.full((16, 16, 3), colour, np.uint8))
        textures.append((Texture(file, 1.0),))
    rules = TerrainRules.model_validate(
        {
            "folder": "t",
            "land": [{"include": "land"}],
            "water": [{"include": "water"}],
            "shore": {"beach": [{"include": "beach"}], "count": 5},
        }
    )
    (folder / "shore").mkdir()
    make = partial(make_shore, textures=textures, rules=rules, size=SIZE)
    write_backgrounds(folder / "shore", "shore", make, rules)
    return folder / "shore"


@pytest.fixture(scope="module")
def ashore(pack):
    """Builds the toy game with scenes at the shore, where its house stands."""

    def build(shore_fraction=1.0, water_fraction=0.0, **scene_changes) -> GamePack:
        content = pack().model_dump(mode="json")
        for known in content["classes"]:
            known["scene"] = SHORE_CLASSES.get(known["name"], known["scene"])
        content["terrain"]["shore"] = {"beach": [{"include": "beach"}]}
        fractions = {"shore_fraction": shore_fraction, "water_fraction": water_fraction}
        content["scenes"] |= fractions | scene_changes
        return GamePack.model_validate(content)

    return build


@pytest.fixture(scope="module")
def stock(catalogue, shores, ashore):
    """The toy game's catalogue with shores."""
    sprite_cache = BackgroundCache({"shore": shores})
    scene_of = {known.name: known.scene for known in ashore().classes}
    backgrounds = {**catalogue.backgrounds, **sprite_cache.shapes}
    return replace(catalogue, backgrounds=backgrounds, scene_of=scene_of)


@pytest.fixture(scope="module")
def shore_set(tmp_path_factory, ashore, sources, shores):
    """40 images of all three kinds; not to be changed."""
    folder = tmp_path_factory.mktemp("written") / "set"
    game = ashore(shore_fraction=0.5, water_fraction=0.25)
    write_set(folder, game, replace(sources, shore=shores))
    return folder, game


@given(seed=st.integers(0, 2**32), index=st.integers(0, 10_000))
@settings(deadline=None, max_examples=200)
def test_every_class_stands_on_its_own_side_of_the_shore(seed, index, ashore, stock):
    scene = plan(index, RuleTable(ashore(seed=seed).scenes, stock))
    assert scene.kind == "shore"
    for item in scene.placements:
        sides = [scene.shore.side(x, y) for x, y in footprint_of(item).points]
        place = PLACES.get(item.class_name, "anywhere")
        assert place != "land" or min(sides) >= 0
        assert place != "water" or max(sides) <= 0
        assert place != "shore" or min(sides) < 0 < max(sides)


@given(seed=st.integers(0, 2**32), index=st.integers(0, 10_000))
@settings(deadline=None, max_examples=100)
def test_what_belongs_to_the_shore_stands_in_no_other_scene(seed, index, ashore, stock):
    scene = plan(index, RuleTable(ashore(0.4, 0.3, seed=seed).scenes, stock))
    stand = {item.class_name for item in scene.placements}
    if scene.kind != "shore":
        assert scene.shore is None
        assert "house" not in stand
        assert stand.isdisjoint({"boat", "fish"} if scene.kind == "land" else {"soldier", None})


def test_everything_finds_its_place_often_enough(ashore, stock):
    rules = ashore().scenes
    rule_table = RuleTable(rules, stock)
    counts = Counter(p.class_name for i in range(200) for p in plan(i, rule_table).placements)
    # The rules ask for 1.5 houses, 5 soldiers and 2.5 boats on average.
    assert counts["house"] > 0.5 * 1.5 * 200
    assert counts["soldier"] > 0.8 * 5 * 200
    assert counts["boat"] > 0.6 * 2.5 * 200


def test_shore_scenes_come_as_often_as_the_rules_say(ashore, stock):
    rules = ashore(0.3, 0.2, placements=[{"class_name": "gull"}]).scenes
    rule_table = RuleTable(rules, stock)
    kinds = Counter(plan(index, rule_table).kind for index in range(1500))
    assert kinds["shore"] / 1500 == pytest.approx(0.3, abs=0.04)
    assert kinds["water"] / 1500 == pytest.approx(0.2, abs=0.04)


def test_a_game_without_shore_scenes_plans_as_it_did(pack, catalogue, stock):
    rule_table = RuleTable(pack().scenes, catalogue)
    with_shores = RuleTable(pack().scenes, replace(stock, scene_of=catalogue.scene_of))
    for index in range(50):
        without = plan(index, rule_table)
        assert without == plan(index, with_shores)
        assert without.shore is None


def test_without_gating_the_shore_keeps_nobody_away(ashore, stock):
    rules = ashore(gated=False).scenes
    rule_table = RuleTable(rules, stock)
    scenes = [plan(index, rule_table) for index in range(100)]
    afloat = [
        item
        for scene in scenes
        for item in scene.placements
        if item.class_name == "soldier" and scene.shore.side(*item.ground) < 0
    ]
    assert afloat


def test_the_pixels_under_every_object_are_those_of_its_side(shores, ashore, stock):
    sprite_cache = BackgroundCache({"shore": shores})
    checked = Counter()
    rule_table = RuleTable(ashore(images=60).scenes, stock)
    for index in range(60):
        scene = plan(index, rule_table)
        left, top = scene.crop
        ground = sprite_cache[scene.background_id][
            top : top + scene.height, left : left + scene.width
        ]
        ground = ground[:, ::-1] if scene.mirrored else ground
        blurred = cv2.GaussianBlur(ground, (0, 0), 2)
        for item in scene.placements:
            for x, y in footprint_of(item).points:
                u, v = round(x), round(y)
                if not (0 <= u < scene.width and 0 <= v < scene.height):
                    continue
                red, _, blue = blurred[v, u].astype(int)
                if item.class_name == "soldier" and abs(scene.shore.side(x, y)) > 10:
                    assert red > blue
                if item.class_name == "boat" and abs(scene.shore.side(x, y)) > 10:
                    assert blue > red
                checked[item.class_name] += 1
    assert min(checked["soldier"], checked["boat"], checked["house"]) > 100
    assert {plan(index, rule_table).mirrored for index in range(60)} == {True, False}


def test_a_written_set_is_sound_and_counts_its_shores(shore_set):
    folder, game = shore_set
    assert scene_separation_problems(SyntheticSet.open(folder), game) == ()
    assert label_problems(SyntheticSet.open(folder), game) == ()
    kinds = Counter(scene.kind for scene in SyntheticSet.open(folder).scenes())
    assert json.loads((folder / "set.json").read_text())["scenes"] == dict(kinds)
    assert set(kinds) == {"land", "water", "shore"}
    counts = json.loads((folder / "set.json").read_text())["counts"]
    assert min(counts[name] for name in ("house", "soldier", "boat")) > 5


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(shore_set, sources, shores, tmp_path):
    folder, game = shore_set
    write_set(tmp_path / "set", game, replace(sources, shore=shores), workers=2)
    assert manifest_of(tmp_path / "set").digest == manifest_of(folder).digest


def test_a_file_of_a_game_without_shores_says_nothing_of_them(written):
    text = "".join(file.read_text() for file in sorted(written.rglob("*.json")))
    assert "shore" not in text
    assert "footprint" not in text


@pytest.mark.parametrize(
    ("name", "class_id", "place"),
    [("boat", 2, "on its water"), ("house", 0, "where the two meet")],
)
def test_a_label_on_the_wrong_side_is_found(name, class_id, place, shore_set, tmp_path):
    folder, game = shore_set
    copy = shutil.copytree(folder, tmp_path / "set")
    for scene in SyntheticSet.open(copy).scenes():
        rows = scene.labels.read_text().splitlines()
        if scene.kind == "shore" and any(row.startswith("1 ") for row in rows):
            break
    number = next(n for n, row in enumerate(rows) if row.startswith("1 "))
    rows[number] = f"{class_id} {rows[number].split(' ', 1)[1]}"
    scene.labels.write_text("\n".join(rows) + "\n")
    [finding] = scene_separation_problems(SyntheticSet.open(copy), game)
    assert finding.image == f"{scene.subset}/{scene.name}"
    assert finding.problem == f"a shore scene with a label of '{name}' that does not stand {place}"


def test_a_shore_scene_that_does_not_say_where_things_stand_is_found(shore_set, tmp_path):
    folder, game = shore_set
    copy = shutil.copytree(folder, tmp_path / "set")
    scene = next(
        s for s in SyntheticSet.open(copy).scenes() if s.kind == "shore" and s.labels.read_text()
    )
    sidecar = copy / "objects" / scene.subset / f"{scene.name}.json"
    content = json.loads(sidecar.read_text())
    del content["shore"]
    sidecar.write_text(json.dumps(content))
    findings = scene_separation_problems(SyntheticSet.open(copy), game)
    assert findings
    assert all("does not say where it stands" in finding.problem for finding in findings)


def test_a_set_drawn_without_gating_is_found_by_the_rules_of_a_gated_one(
    ashore, sources, shores, tmp_path
):
    write_set(tmp_path, ashore(gated=False, images=10), replace(sources, shore=shores))
    assert scene_separation_problems(SyntheticSet.open(tmp_path), ashore(images=10))


def test_missing_shore_backgrounds_are_refused_with_what_to_do(ashore, stock, sources):
    dry = replace(stock, backgrounds={**stock.backgrounds, "shore": ()})
    with pytest.raises(BackgroundError, match=r"(?s)no shore backgrounds.*shore_fraction to 0"):
        plan(0, RuleTable(ashore().scenes, dry))
    with pytest.raises(BackgroundError, match=r"(?s)no shore backgrounds.*shore_fraction to 0"):
        open_shard_writer(ashore(), sources)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"shore_fraction": 0.7, "water_fraction": 0.7}, "together must not exceed 1"),
        ({"shore_fraction": 0.0}, "house would never be drawn"),
    ],
)
def test_fractions_that_cannot_be_meant_are_refused(changes, reason, ashore):
    with pytest.raises(ValidationError, match=reason):
        ashore(**changes)


def test_shore_scenes_need_the_terrain_of_a_shore(pack):
    with pytest.raises(ValidationError, match="the terrain has no 'shore'"):
        pack(shore_fraction=0.2)
