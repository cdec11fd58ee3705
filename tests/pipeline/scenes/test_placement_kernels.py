"""The loops that find state: compiled and as Python runs them the same, to the last bit."""

import importlib.util
import math
from types import ModuleType, SimpleNamespace

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.backgrounds.hexes import HexGrid
from pipeline.backgrounds.shores import drawn_shoreline
from pipeline.games.pack import ShoreRules
from pipeline.games.sections.scenes import SceneRules
from pipeline.scenes.planning import placement_kernels as kernels
from pipeline.scenes.planning.placement import (
    CELL,
    PLACEMENT_ITEM,
    SCENE_BOUNDS,
    PlacementGround,
    shore_records,
)
from pipeline.scenes.planning.placement_kernels import AT_ONCE
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.planning.rule_table import NO_LIMIT, PLACES, RuleTable
from pipeline.scenes.sources.catalogue import BackgroundShape, Catalogue, SpriteShape

SIZE = (360, 290)
KINDS = 4
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
    group_of=dict.fromkeys(SIDES, "items"),
)


def rules(**changes) -> SceneRules:
    """Every way of finding state: alone and in groups, at the shore, crowded."""
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
def plain() -> ModuleType:
    """The same lines, run by Python; on lists, which it reads faster than arrays of records."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba.config, "DISABLE_JIT", True)
        spec = importlib.util.find_spec(kernels.__name__)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    by_python = module._place_all

    def on_lists(row, items, ground, state, stream):
        listed = [listed_of(rows) for rows in state]
        row = by_python(row, listed_of(items), [listed_of(rows) for rows in ground], listed, stream)
        for rows, records in zip(state, listed, strict=True):
            rows[:] = [tuple(vars(record).values()) for record in records]
        return row

    module._place_all = on_lists
    return module


def listed_of(rows: np.ndarray) -> list | np.ndarray:
    """Objects of their own instead of records; other arrays as they are."""
    names = rows.dtype.names
    if names is None:
        return rows
    return [SimpleNamespace(**dict(zip(names, row, strict=True))) for row in rows.tolist()]


def test_places_are_numbered_alike() -> None:
    numbered = {name.lower(): getattr(kernels, name.upper()) for name in PLACES}
    assert numbered == {name: number for number, name in enumerate(PLACES)}


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_plans_are_the_same_compiled_and_by_python(game, plain, monkeypatch) -> None:
    assert kernels._side.py_func is not kernels._side
    assert not hasattr(plain._side, "py_func")
    rule_table = RuleTable(game, CATALOGUE)
    compiled = [plan(index, rule_table) for index in range(40)]
    for name in ("place_objects", "on_water"):
        monkeypatch.setattr(kernels, name, getattr(plain, name))
    assert [plan(index, rule_table) for index in range(40)] == compiled
    assert len({scene.kind for scene in compiled}) == 3
    assert np.mean([len(scene.placements) for scene in compiled]) > 5


def things_by_chance(rng: np.random.Generator, count: int, edge: int) -> np.ndarray:
    """Things of any size and rules, some of them in groups; `edge` is the most kept from edges."""
    items = np.zeros(count, PLACEMENT_ITEM)
    items["width"], items["height"] = rng.integers(1, 90, (2, count))
    items["area"] = items["width"] * items["height"]
    items["x"], items["y"] = rng.integers(-5, 95, (2, count))
    margins = rng.integers(-30, edge + 1, (2, count))
    items["margin_x"], items["margin_y"] = np.maximum(margins.T, 1 - sides_of(items)).T
    items["kind"], items["place"] = rng.integers(0, KINDS, count), rng.integers(0, 4, count)
    items["on_cell"] = rng.integers(0, 2, count)
    group_id = np.sort(rng.integers(0, 4, count))
    items["group_id"] = group_id[np.argsort(group_id == 0, kind="stable")]
    items["max_overlap"] = items["area"] * rng.choice([0.0, 0.2, 1.0], count)
    items["group_overlap"], items["spacing"] = (
        rng.random(count),
        rng.choice([0.0, 20.0, 60.0], count),
    )
    items["dx"], items["dy"] = rng.uniform(-60, 60, (2, count))
    return items


def sides_of(items: np.ndarray) -> np.ndarray:
    return np.stack([items["width"], items["height"]], axis=1)


@given(
    seed=st.integers(0, 2**32),
    count=st.integers(0, 40),
    edge=st.integers(-5, 40),
    attempts=st.sampled_from([1, 5, 30, AT_ONCE + 1]),
    shore=st.booleans(),
    grid=st.booleans(),
)
@settings(deadline=None, max_examples=100)
def test_room_is_found_the_same(plain, seed, count, edge, attempts, shore, grid) -> None:
    rng = np.random.default_rng(seed)
    items = things_by_chance(rng, count, edge)
    coast = shore_records(background("shore", seed % 1000).shore if shore else None)
    limits = rng.choice([NO_LIMIT, 0.0, 0.5, 1.0], (KINDS, KINDS))
    bounds = np.array([(*SIZE, attempts, shore, -2.5, 5.5)], SCENE_BOUNDS)
    cells = np.zeros(int(rng.integers(0, 60)) if grid else 0, CELL)
    cells["x"], cells["y"] = rng.integers(-30, 390, (2, len(cells)))
    found = []
    for way in (kernels, plain):
        chance = np.random.default_rng(seed)
        standing = way.place_objects(
            items, PlacementGround(bounds, *coast, limits), cells.copy(), chance
        )
        found.append(([column.tolist() for column in standing], chance.random()))
    assert found[0] == found[1]


def test_records_are_read_and_written_by_name() -> None:
    cells = np.zeros(3, CELL)
    cells[1].x = 7
    assert cells["x"].tolist() == [0, 7, 0]
    assert PLACEMENT_ITEM.itemsize == 8 * len(PLACEMENT_ITEM.names)


def test_what_is_kept_on_disk_names_no_class_of_ours() -> None:
    """Where it does, numba cannot read what it kept once the class is called otherwise."""
    plan(0, RuleTable(GAMES["free"], CATALOGUE))
    assert kernels._place_all.signatures
    for signature in kernels._place_all.signatures:
        named = [kind for kind in signature if isinstance(kind, numba.types.BaseNamedTuple)]
        assert named == []


@given(
    st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(-99, 400), st.integers(-99, 400)), min_size=1, max_size=9),
)
@settings(deadline=None, max_examples=100)
def test_a_shore_is_where_its_background_says(plain, seed, points) -> None:
    shore = background("shore", seed).shore
    x, y = np.array(points).T
    wet = kernels.on_water(x, y, shore).tolist()
    assert wet == plain.on_water(x, y, shore).tolist() == [shore.side(*p) < 0 for p in points]


def test_when_chance_runs_out_the_rest_is_placed_with_other_chances() -> None:
    """Of four hundred small items with two attempts, some are placed after the first hundreds."""
    crows = [{"class_name": "crow", "count": (400, 400), "max_overlap": 1.0}]
    game = rules(placements=crows, groups=[], attempts=2)
    rule_table = RuleTable(game, CATALOGUE)
    for index in range(3):
        scene = plan(index, rule_table)
        assert len(scene.placements) == 400
        assert len({item.ground for item in scene.placements}) > 380
        assert all(math.isfinite(item.scale) for item in scene.placements)
