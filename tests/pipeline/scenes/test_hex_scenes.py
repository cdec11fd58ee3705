"""Scenes on ground that shows its hexes: units stand in their middles, deep where one wades."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.backgrounds.hexes import HexGrid
from pipeline.games.sections.scenes import SceneRules
from pipeline.scenes.plan import ScenePlan
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.planning.rule_table import RuleTable
from pipeline.scenes.sources.catalogue import BackgroundShape, Catalogue, SpriteShape

GRID = HexGrid(-20, -31, 54, 72)
WADING = tuple(GRID.middle((column, row)) for column in range(2, 9, 3) for row in range(8))
RULES = SceneRules.model_validate(
    {
        "width": 320,
        "height": 300,
        "images": 500,
        "water_fraction": 0.0,
        "grid": {"step": [54, 72], "stagger": 36},
        "placements": [
            {"class_name": "knight", "count": [4, 8], "cut": 0.5, "depth": [-7, -7]},
            {"class_name": "gryphon", "count": [2, 4], "cut": 0.5},
        ],
    }
)
CATALOGUE = Catalogue(
    sprites={
        "knight": (SpriteShape("knight/a", "knight", 30, 44, (15, 20), owned=True),),
        "gryphon": (SpriteShape("gryphon/a", "gryphon", 64, 66, (32, 40), owned=True),),
    },
    backgrounds={"land": (BackgroundShape("land_0000", 480, 420, None, GRID, WADING),)},
    scene_of={"knight": "land", "gryphon": "land"},
)


def on_the_map(scene: ScenePlan, x: int, y: int) -> tuple[int, int]:
    """A point of the image as one of its background."""
    return (scene.width - x if scene.mirrored else x) + scene.crop[0], y + scene.crop[1]


def is_a_middle(x: int, y: int) -> bool:
    column, beside = divmod(x - GRID.left, GRID.column)
    lower = GRID.row // 2 if column % 2 else 0
    return beside == 0 and (y - GRID.top - lower) % GRID.row == 0


@settings(deadline=None, max_examples=60)
@given(index=st.integers(0, 499))
def test_units_stand_in_the_middles_of_hexes_one_to_each(index: int) -> None:
    scene = plan(index, RuleTable(RULES, CATALOGUE))
    middles = [on_the_map(scene, *placed.ground) for placed in scene.placements]
    assert middles
    assert all(is_a_middle(x, y) for x, y in middles)
    assert len(set(middles)) == len(middles)


@settings(deadline=None, max_examples=60)
@given(index=st.integers(0, 499))
def test_units_stand_deep_where_one_wades_and_flyers_never(index: int) -> None:
    scene = plan(index, RuleTable(RULES, CATALOGUE))
    for placed in scene.placements:
        wades = on_the_map(scene, *placed.ground) in WADING
        if placed.class_name == "knight" and wades:
            assert placed.waterline == 20 + 7
        else:
            assert placed.waterline is None
