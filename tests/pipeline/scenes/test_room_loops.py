"""The loops that find room: compiled and plain the same, to the last bit."""

import importlib.util
import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.backgrounds.hexes import HexGrid
from pipeline.backgrounds.shores import drawn_shoreline
from pipeline.games.pack import ShoreRules
from pipeline.games.sections.scenes import SceneRules
from pipeline.scenes.planning import placement_kernels as room_loops
from pipeline.scenes.planning.placement import AT_ONCE, on_water
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.planning.rule_table import PLACES
from pipeline.scenes.sources.catalogue import BackgroundShape, Catalogue, SpriteShape

SIZE = (360, 290)
PLACE_OF = {"hut": "shore", "axe": "land", "raft": "water", "crow": "both"}
SIDES = {"hut": (60, 50), "axe": (20, 26), "raft": (44, 30), "crow": (14, 12)}


def background(kind: str, number: int) -> BackgroundShape:
    rules = ShoreRules.model_validate({"beach": [{"include": "beach"}]})
    shore = drawn_shoreline(SIZE, rules, np.random.default_rng(number))
    grid = HexGrid(-20, -31, 54, 72) if number % 2 else None
    return BackgroundShape(f"{kind}_{number}", *SIZE, shore if kind == "shore" else None, grid)


CATALOGUE = Catalogue(
    sprites={
        name: tuple(
            SpriteShape(f"{name}/{n}", name, w + 3 * n, h + n, (w // 2, h - 2), True, n % 2)
            for n in range(4)
        )
        for name, (w, h) in SIDES.items()
    },
    backgrounds={
        kind: tuple(background(kind, number) for number in range(4))
        for kind in ("land", "water", "shore")
    },
    scene_of=PLACE_OF,
    group_of=dict.fromkeys(SIDES, "things"),
)


def rules(**changes) -> SceneRules:
    """Every way of finding room: alone and in groups, at the shore, crowded."""
    groups = [("army", "block", ["axe"]), ("port", "beside", ["hut", "raft"])]
    groups += [("wall", "row", ["axe"]), ("flock", "clump", ["crow"])]
    return SceneRules.model_validate(
        {
            "width": 320,
            "height": 256,
            "images": 40,
            "water_fraction": 0.2,
            "shore_fraction": 0.5,
            "zoom": (0.6, 1.1),
            "overlaps": [{"classes": ["axe"], "others": ["crow"], "limit": 0.7}],
            "placements": [
                {"class_name": "hut", "count": (1, 4), "cut": 0.5},
                {"class_name": "axe", "count": (4, 30), "max_overlap": 0.1, "margin": 5},
                {"class_name": "raft", "count": (2, 9), "depth": (0, 9)},
                {"class_name": "crow", "count": (3, 9), "spacing": 30.0, "max_overlap": 1.0},
            ],
            "groups": [
                {
                    "name": name,
                    "shape": shape,
                    "chance": 0.7,
                    "members": [{"class_name": member, "count": (1, 5)} for member in members],
                }
                for name, shape, members in groups
            ],
        }
        | changes
    )


GRID = {"step": (54, 72), "stagger": 36, "jitter": (-2.5, 3.0)}
GAMES = {
    "free": rules(),
    "on a grid": rules(grid=GRID),
    "everywhere": rules(gated=False),
    "many attempts": rules(attempts=2 * AT_ONCE, zoom=(1.5, 1.5)),
    "one attempt": rules(attempts=1),
}


@pytest.fixture(scope="module")
def plain():
    """The loops as they are without numba."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "numba", None)
        spec = importlib.util.find_spec("pipeline.scenes.planning.placement_kernels")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def test_places_are_numbered_alike() -> None:
    numbered = {name.lower(): getattr(room_loops, name.upper()) for name in PLACES}
    assert numbered == {name: number for number, name in enumerate(PLACES)}


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_plans_are_the_same_with_and_without_numba(game, plain, monkeypatch) -> None:
    pytest.importorskip("numba")
    assert room_loops.COMPILED
    assert not plain.COMPILED
    compiled = [plan(index, game, CATALOGUE) for index in range(40)]
    monkeypatch.setattr("pipeline.scenes.planning.placement.room_loops", lambda: plain)
    assert [plan(index, game, CATALOGUE) for index in range(40)] == compiled
    assert len({scene.kind for scene in compiled}) == 3
    assert np.mean([len(scene.placements) for scene in compiled]) > 5


@given(
    st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(-99, 400), st.integers(-99, 400)), min_size=1, max_size=9),
)
@settings(deadline=None, max_examples=100)
def test_a_shore_is_where_its_background_says(plain, seed, points) -> None:
    shore = background("shore", seed).shore
    x, y = np.array(points).T
    with pytest.MonkeyPatch.context() as patch:
        wet = on_water(x, y, shore).tolist()
        patch.setattr("pipeline.scenes.planning.placement.room_loops", lambda: plain)
        assert wet == on_water(x, y, shore).tolist() == [shore.side(*p) < 0 for p in points]


def test_when_chance_runs_out_the_rest_is_placed_with_other_chances() -> None:
    """Of four hundred small things with two attempts, some are placed after the first hundreds."""
    crows = [{"class_name": "crow", "count": (400, 400), "max_overlap": 1.0}]
    game = rules(placements=crows, groups=[], attempts=2)
    for index in range(3):
        scene = plan(index, game, CATALOGUE)
        assert len(scene.placements) == 400
        assert len({item.ground for item in scene.placements}) > 380
        assert all(math.isfinite(item.scale) for item in scene.placements)
