import numpy as np
import pytest

from pipeline.demo_game.ground import BLACK, TERRAINS, TILE, Terrain, placeholder, tile_of


@pytest.mark.parametrize("terrain", TERRAINS, ids=lambda terrain: terrain.name)
def test_opposite_edges_fit_each_other(terrain: Terrain) -> None:
    tile = tile_of(terrain, 5).astype(np.int32)
    inside = np.abs(np.diff(tile, axis=0)).mean()
    seam = np.abs(tile[0] - tile[-1]).mean()
    assert seam < 1.5 * inside + 1
    inside = np.abs(np.diff(tile, axis=1)).mean()
    seam = np.abs(tile[:, 0] - tile[:, -1]).mean()
    assert seam < 1.5 * inside + 1


def test_the_black_tile_is_black_and_all_others_are_not() -> None:
    assert tile_of(BLACK, 1).max() < 5
    assert all(tile_of(terrain, 1).mean() > 30 for terrain in TERRAINS)


def test_water_is_bluer_than_land() -> None:
    for terrain in TERRAINS:
        red, _, blue = tile_of(terrain, 1).reshape(-1, 3).mean(axis=0)
        assert (blue > red) == terrain.name.startswith("g_wt")


def test_another_seed_gives_another_tile_of_the_same_kind() -> None:
    first, second = (tile_of(TERRAINS[0], seed) for seed in (1, 2))
    assert (first != second).any()
    assert np.abs(first.mean(axis=(0, 1)) - second.mean(axis=(0, 1))).max() < 12


def test_the_placeholder_cannot_be_taken_for_ground() -> None:
    colours = np.unique(placeholder().reshape(-1, 3), axis=0).tolist()
    assert colours == [[0, 0, 0], [255, 0, 255]]
    assert placeholder().shape == (TILE, TILE, 3)
