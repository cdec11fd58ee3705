import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.demo_game.art.solids import (
    MISSED,
    Cone,
    Ellipsoid,
    Points,
    Solid,
    Vector,
    axes_along,
    ball,
    box,
    dot,
    gable,
    hull,
    tilted,
    turned,
)

SOLIDS: tuple[Solid, ...] = (
    ball((1.0, 2.0, 3.0), 4.0),
    Ellipsoid((0.0, 0.0, 2.0), (6.0, 2.0, 3.0), tilted(30)),
    box((1.0, -1.0, 2.0), (6.0, 4.0, 2.0), turned(20)),
    Cone((0.0, 0.0, 0.0), (3.0, 1.0, 6.0), 3.0, 1.0),
    Cone((0.0, 0.0, 0.0), (0.0, 0.0, 6.0), 2.0, 2.0),
    gable((0.0, 0.0, 1.0), (8.0, 6.0, 4.0)),
    hull(20.0, 8.0, 4.0),
)
DIRECTIONS = st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1)).filter(
    lambda v: dot(v, v) > 0.1
)


def points(*places: Vector) -> Points:
    return Points(*(np.array(axis, np.float32) for axis in zip(*places, strict=True)))


@pytest.mark.parametrize("solid", SOLIDS)
@given(direction=DIRECTIONS)
@settings(deadline=None, max_examples=60)
def test_a_ray_through_the_middle_meets_the_solid_where_its_surface_faces_the_ray(
    solid: Solid, direction: Vector
) -> None:
    way = axes_along(direction).z
    x, y, z = (m - 50 * w for m, w in zip(solid.middle, way, strict=True))
    origin = points((x, y, z))
    distance = solid.distance(origin, way)
    # The middle of a roof or hull lies on its underside, which rays may graze.
    if distance[0] == MISSED:
        assert not isinstance(solid, Ellipsoid)
        return
    normal = solid.normal(origin.along(way, distance))
    assert math.isclose(_length(normal), 1, abs_tol=1e-3)
    assert float(normal.dot(way)[0]) < 0.02


def _length(vectors: Points) -> float:
    return float(np.sqrt(vectors.x**2 + vectors.y**2 + vectors.z**2)[0])


@pytest.mark.parametrize("solid", SOLIDS)
@given(direction=DIRECTIONS, seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=40)
def test_no_ray_meets_a_solid_beyond_its_extent(solid: Solid, direction: Vector, seed: int) -> None:
    axes = axes_along(direction)
    offsets = np.random.default_rng(seed).uniform(-25, 25, (200, 2))
    across = [
        tuple(
            m + u * a + v * b - 60 * w
            for m, a, b, w in zip(solid.middle, axes.x, axes.y, axes.z, strict=True)
        )
        for u, v in offsets.tolist()
    ]
    origins = Points(*(np.array(axis, np.float32) for axis in zip(*across, strict=True)))
    met = solid.distance(origins, axes.z) < MISSED
    for axis, offset in ((axes.x, offsets[:, 0]), (axes.y, offsets[:, 1])):
        assert (np.abs(offset[met]) <= solid.half_extent(axis) + 1e-3).all()


def test_distances_are_those_of_plain_geometry() -> None:
    down: Vector = (0.0, 0.0, -1.0)
    above = points((0.0, 0.0, 10.0), (9.0, 0.0, 10.0))
    assert ball((0.0, 0.0, 0.0), 2.0).distance(above, down).tolist() == [8.0, math.inf]
    assert box((0.0, 0.0, 0.0), (2.0, 2.0, 2.0)).distance(above, down).tolist() == [9.0, math.inf]
    tower = Cone((0.0, 0.0, 0.0), (0.0, 0.0, 4.0), 3.0, 1.0)
    assert tower.distance(above, down).tolist() == [6.0, math.inf]
