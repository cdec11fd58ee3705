"""Scenes of the aoe2 pack, planned with sprites as large as those of the game: no file is needed.

Sizes are those that the pack's scenes.yaml names, and rough ones of their groups for the rest.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.backgrounds.shores import drawn_shoreline
from pipeline.games.pack import GamePack
from pipeline.scenes.plan import ScenePlan
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.planning.rule_table import RuleTable
from pipeline.scenes.reports.expected_counts import expected_counts
from pipeline.scenes.sources.catalogue import BackgroundShape, Catalogue, SpriteShape, catalogue_of

SCENES = 160
WATER = {"fishing_ship", "unique_ship", "fish", "galley", "fire_galley"}
SIZES = {
    "town_center": (390, 271),
    "house": (195, 162),
    "castle": (420, 380),
    "wonder": (500, 480),
    "gate": (260, 200),
    "wall": (96, 100),
    "tower": (110, 180),
    "tree": (120, 150),
    "sheep": (39, 27),
    "villager": (18, 41),
    "fish": (50, 40),
}
GROUP_SIZES = {
    "economy building": (230, 190),
    "military building": (280, 230),
    "special building": (280, 240),
    "defence": (150, 170),
    "cavalry": (65, 59),
    "siege": (90, 80),
}
UNIT = (45, 50)


def shapes(pack: GamePack) -> Iterator[SpriteShape]:
    for known in pack.classes:
        if known.has_sprites:
            width, height = SIZES.get(known.name) or GROUP_SIZES.get(known.group, UNIT)
            for heading in range(4):
                yield shape(f"{known.name}/u{heading}", known.name, width + heading, height)
    for name in ("n_plant_a", "n_tree_oak", "n_water_lily", "n_rock_sea1"):
        yield shape(f"distractor/{name}", None, 60, 50)


def shape(stem: str, class_name: str | None, width: int, height: int) -> SpriteShape:
    return SpriteShape(
        id=f"{stem}_h0_s0",
        class_name=class_name,
        width=width,
        height=height,
        hotspot=(width // 2, round(height * 0.85)),
        owned=class_name is not None,
        heading=0,
    )


@pytest.fixture(scope="module")
def catalogue(pack: GamePack) -> Catalogue:
    assert pack.terrain.shore is not None
    size, rng = (pack.scenes.width, pack.scenes.height), np.random.default_rng(1)
    coasts = [drawn_shoreline(size, pack.terrain.shore, rng) for _ in range(20)]
    backgrounds = {
        "land": (BackgroundShape("land", *size),),
        "water": (BackgroundShape("water", *size),),
        "shore": tuple(BackgroundShape(f"shore_{n}", *size, c) for n, c in enumerate(coasts)),
    }
    return catalogue_of(shapes(pack), backgrounds, pack.classes)


@pytest.fixture(scope="module")
def scenes(pack: GamePack, catalogue: Catalogue) -> list[ScenePlan]:
    """Spread over the set, so that all coasts come up."""
    step = pack.scenes.images // SCENES
    rule_table = RuleTable(pack.scenes, catalogue)
    return [plan(index * step, rule_table) for index in range(SCENES)]


def seen(scenes: list[ScenePlan], kind: str) -> set[str | None]:
    return {item.class_name for scene in scenes if scene.kind == kind for item in scene.placements}


def test_the_five_water_classes_are_on_water_and_nothing_else_is(
    pack: GamePack, scenes: list[ScenePlan]
) -> None:
    assert seen(scenes, "land").isdisjoint(WATER | {"dock"})
    assert seen(scenes, "water") == WATER | {None}
    assert "dock" in seen(scenes, "shore")


def test_every_class_comes_about_as_often_as_asked(
    pack: GamePack, catalogue: Catalogue, scenes: list[ScenePlan]
) -> None:
    """A crowded screen has no room for some; groups make the numbers of others uneven."""
    found = Counter(item.class_name for scene in scenes for item in scene.placements)
    asked = {name: n * SCENES for name, n in expected_counts(pack.scenes, catalogue).items()}
    assert set(asked) == {known.name for known in pack.classes if known.has_sprites}
    far = {
        name: round(found[name] / number, 2)
        for name, number in asked.items()
        if not 0.6 - 2 / np.sqrt(number) < found[name] / number < 1.25 + 2 / np.sqrt(number)
    }
    assert far == {}


def test_a_screen_is_as_full_as_the_games(scenes: list[ScenePlan]) -> None:
    """Some eighty labels and more on land; water scenes have ships and fish alone."""
    land = [len(scene.placements) for scene in scenes if scene.kind == "land"]
    water = [len(scene.placements) for scene in scenes if scene.kind == "water"]
    assert 60 < np.mean(land) < 160
    assert 10 < np.mean(water) < 60
