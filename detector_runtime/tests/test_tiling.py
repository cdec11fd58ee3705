from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector_runtime.geometry.tiling import Region, clusters, regions_of_interest, tiles


def test_a_large_screen_takes_eighteen_tiles() -> None:
    made = tiles(Region(0, 0, 3024, 1672), (640, 640))
    assert len(made) == 18
    assert made[5].right == 3024
    assert made[-1].bottom == 1672


@settings(max_examples=100, deadline=None)
@given(
    region=st.builds(
        Region,
        st.integers(0, 50),
        st.integers(0, 50),
        st.integers(1, 900),
        st.integers(1, 900),
    ),
    tile=st.tuples(st.integers(70, 400), st.integers(70, 400)),
)
def test_tiles_cover_the_region_and_stay_inside(region: Region, tile: tuple[int, int]) -> None:
    covered = np.zeros((1000, 1000), bool)
    made = tiles(region, tile)
    for each in made:
        assert each.width <= tile[0]
        assert each.height <= tile[1]
        assert region.left <= each.left
        assert each.right <= region.right
        assert region.top <= each.top
        assert each.bottom <= region.bottom
        covered[each.top : each.bottom, each.left : each.right] = True
    assert covered[region.top : region.bottom, region.left : region.right].all()
    assert len(set(made)) == len(made)
    for left, right in itertools.pairwise(made):
        if left.top == right.top and left.width == tile[0]:
            assert left.right - right.left >= tile[0] // 10


@pytest.mark.parametrize("size", [(3024, 1672), (1920, 1080), (1000, 700), (640, 640), (500, 300)])
def test_tiles_are_those_of_sahi(size: tuple[int, int]) -> None:
    slicing = pytest.importorskip("sahi.slicing")
    theirs = slicing.get_slice_bboxes(size[1], size[0], 640, 640, False, 0.1, 0.1)
    ours = tiles(Region(0, 0, *size), (640, 640))
    assert [[t.left, t.top, t.right, t.bottom] for t in ours] == [list(t) for t in theirs]


def test_chains_of_near_points_are_one_cluster() -> None:
    points = np.array([[0, 0], [150, 0], [300, 0], [800, 0], [0, 199], [0, 400]])
    labels = clusters(points, 200.0)
    assert labels[0] == labels[1] == labels[2] == labels[4]
    assert len({labels[0], labels[3], labels[5]}) == 3


def around(*points: tuple[float, float]) -> np.ndarray:
    place = np.array(points, float)
    return np.concatenate([place - 10, place + 10], 1)


def test_regions_are_padded_at_least_a_tile_large_and_apart() -> None:
    (one,) = regions_of_interest(around((1500, 800)), (3024, 1672), (640, 640))
    assert one == Region(1180, 480, 640, 640)
    (wide,) = regions_of_interest(
        around(*[(x, 800) for x in range(500, 1700, 150)]), (3024, 1672), (640, 640)
    )
    assert (wide.left, wide.right) == (500 - 138, 1550 + 138)
    corner = regions_of_interest(around((5, 5), (3000, 1660)), (3024, 1672), (640, 640))
    assert corner == [Region(0, 0, 640, 640), Region(2384, 1032, 640, 640)]
    assert regions_of_interest(around((5, 5))[:0], (3024, 1672), (640, 640)) == []


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(1, 40))
def test_regions_hold_every_box_and_never_overlap(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = around(*rng.uniform(10, (2990, 1660), (count, 2)).tolist())
    regions = regions_of_interest(boxes, (3024, 1672), (640, 640))
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    x, y = centres.T
    holding = [(x >= r.left) & (x < r.right) & (y >= r.top) & (y < r.bottom) for r in regions]
    assert np.sum(holding, axis=0).tolist() == [1] * count
    for region in regions:
        assert region.left >= 0
        assert region.right <= 3024
        assert region.top >= 0
        assert region.bottom <= 1672
