"""What a detector sees, as entities and as what clicks mean."""

from __future__ import annotations

import numpy as np
import pytest
from detector_runtime.results import Detections, ModelSource
from hypothesis import given
from hypothesis import strategies as st

from pipeline.play.desktop.sightings import (
    MAP_ROWS,
    MOST_NUMBERS,
    Aim,
    EntityNumbers,
    look_of,
    scale_of,
)
from pipeline.play.recordings.events import NOT_KNOWN
from pipeline.play.simulator.observation import Column

BOXES = [[10, 10, 110, 90], [40, 30, 60, 50], [200, 100, 220, 140]]


def detections(boxes, ids, tentative=None) -> Detections:
    count = len(boxes)
    return Detections(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.full(count, 0.9, np.float32),
        class_ids=np.arange(count, dtype=np.intp) % 2,
        class_names=("keep", "worker"),
        ids=tuple(ids),
        source=ModelSource("mock", "test"),
        image_size=(640, 360),
        tentative=np.zeros(count, np.bool_) if tentative is None else np.array(tentative),
    )


def look(boxes=BOXES, factor=1.0, camera=(0.0, 0.0), shows_more=False):
    seen = detections(np.array(boxes) * factor, ("keep_0", "worker_0", "keep_1"))
    scale = scale_of(round(360 * factor), shows_more=shows_more)
    at = camera[0] * factor, camera[1] * factor
    return look_of(seen, EntityNumbers(), 5, at, scale)


def test_an_entity_has_a_number_a_kind_and_a_place_and_nothing_that_is_not_known():
    event = look(camera=(100.0, 0.0)).event()
    first = dict(zip(Column, event.rows[0], strict=True))
    assert first[Column.ID] == 0
    assert first[Column.KIND] == 0
    assert (first[Column.X], first[Column.Y]) == (160 * 3, 50 * 3)
    assert first[Column.KNOWN] == 1
    assert first[Column.HIT_POINTS] == first[Column.OWNER] == first[Column.HEADING] == NOT_KNOWN
    assert event.status == [NOT_KNOWN] * 4


def test_the_smallest_of_boxes_that_hold_a_click_is_meant():
    seen = look()
    assert seen.aim(50, 40) == Aim(1, 0, 0)
    assert seen.aim(20, 20) == Aim(0, -40 * 3, -30 * 3)
    assert seen.aim(150, 20) == Aim(None, 450, 60)
    # The right and lower edge belong to what lies there.
    assert seen.aim(109, 89).entity == 0
    assert seen.aim(110, 90).entity is None


@given(
    st.integers(0, 639),
    st.integers(0, 359),
    st.sampled_from((1, 2, 3, 4)),
    st.tuples(st.integers(-500, 500), st.integers(-500, 500)),
)
def test_a_click_means_the_same_wherever_everything_is_larger(x, y, factor, camera):
    assert look(camera=camera).aim(x, y) == look(factor=factor, camera=camera).aim(
        x * factor, y * factor
    )


@given(st.integers(0, 639), st.integers(0, 359), st.integers(0, 800), st.integers(0, 400))
def test_a_click_on_an_entity_means_the_same_where_more_is_shown(x, y, left, up):
    """On a larger screen the same things are elsewhere, and as large as before."""
    moved = np.array(BOXES) + np.array((left, up, left, up))
    here, there = look(shows_more=True), look(moved, shows_more=True)
    one, other = here.aim(x, y), there.aim(x + left, y + up)
    assert one.entity == other.entity
    if one.entity is not None:
        assert one == other


def test_the_screens_height_is_as_many_pixels_of_the_map_on_every_screen():
    assert scale_of(2160, shows_more=False) * 2160 == MAP_ROWS
    assert scale_of(2160, shows_more=True) == 1.0


def test_what_the_tracker_does_not_believe_in_yet_is_left_out():
    seen = detections(BOXES, ("a_0", "b_0", "c_0"), [True, False, False])
    event = look_of(seen, EntityNumbers(), 0, (0.0, 0.0), 1.0).event()
    assert [row[Column.ID] for row in event.rows] == [0, 1]


def test_ids_keep_their_numbers_and_none_is_given_twice():
    numbers = EntityNumbers()
    assert numbers.of(["a_0", "b_0"]) == [0, 1]
    assert numbers.of(["c_0", "b_0"]) == [2, 1]


def test_once_all_numbers_are_given_new_entities_are_left_out():
    numbers = EntityNumbers()
    numbers.of([f"a_{n}" for n in range(MOST_NUMBERS)])
    seen = detections(BOXES, ("a_5", "new_0", "a_6"))
    event = look_of(seen, numbers, 0, (0.0, 0.0), 1.0).event()
    assert [row[Column.ID] for row in event.rows] == [5, 6]


@pytest.mark.parametrize("camera", [(1e7, -1e7), (0.0, 0.0)])
def test_places_far_away_and_no_entities_fit_into_events(camera):
    assert look(camera=camera).event().rows
    empty = look_of(detections([], ()), EntityNumbers(), 0, camera, 1.0)
    assert empty.event().rows == []
    assert empty.aim(3, 4).entity is None
