"""What is seen stays in mind: in one slot, remembered out of sight, forgotten where it is gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pipeline.play.perception.looking import Predicted, Sightings
from pipeline.play.perception.memory import (
    ENEMY,
    FORGOTTEN_HIDDEN,
    FORGOTTEN_LOOKS,
    FORGOTTEN_UNSURE,
    IN_SIGHT,
    NOBODY,
    NOT_KNOWN,
    OWN,
    REMEMBERED,
    SURE_LOOKS,
    Memory,
)
from pipeline.play.perception.places import FEET, feet
from pipeline.play.simulator.observation import Column
from pipeline.play.simulator.rules import NOTHING, Kind

Thing = tuple[str, Kind, int, int, int, float]
"""Id, kind, x and y of the map, whose colour it has (-1 for nobody's), filled part of its bar."""
KEEP: Thing = ("keep_0", Kind.KEEP, 160, 160, 0, 1.0)


def sightings(things: Sequence[Thing]) -> tuple[list[str], Sightings]:
    boxes = []
    for _name, kind, x, y, _player, _bar in things:
        dx, dy = FEET[kind]
        boxes.append((x - dx - 10, y * 0.6 - dy - 30, x - dx + 10, y * 0.6 - dy))
    colours = np.array(
        [[20 * (player == one) for one in (0, 1)] for *_rest, player, _bar in things]
    )
    corners, kinds = np.array(boxes, np.float32), np.array([thing[1] for thing in things], np.intp)
    return [thing[0] for thing in things], Sightings(
        corners,
        np.full(len(things), 0.9, np.float32),
        kinds,
        colours,
        feet(corners, kinds),
        np.array([thing[5] for thing in things]),
        np.zeros(len(things), np.bool_),
    )


def look(memory: Memory, tick: int, *things: Thing) -> dict[str, Any]:
    """The rows of these things after a look at them."""
    ids, seen = sightings(things)
    slots = memory.see(ids, seen, tick)
    return {name: memory.rows[slot].copy() for name, slot in zip(ids, slots.tolist(), strict=True)}


@pytest.fixture
def memory() -> Memory:
    return Memory((OWN, ENEMY))


def test_a_sighting_becomes_the_row_that_the_game_would_tell(memory: Memory) -> None:
    spearman: Thing = ("spearman_0", Kind.SPEARMAN, 200, 220, 1, 0.4)
    rows = look(memory, 0, KEEP, spearman, ("gold_mine_0", Kind.GOLD_MINE, 90, 100, -1, 1.0))
    row = rows["spearman_0"]
    assert memory.rows[row[Column.ID]].tolist() == row.tolist()
    assert (row[Column.KIND], row[Column.OWNER], row[Column.KNOWN]) == (2, ENEMY, IN_SIGHT)
    assert abs(row[Column.X] - 200) <= 1
    assert abs(row[Column.Y] - 220) <= 1
    assert row[Column.HIT_POINTS] == 22  # Of 55.
    assert rows["keep_0"][Column.OWNER] == OWN
    assert rows["keep_0"][Column.HIT_POINTS] == 500
    mine = rows["gold_mine_0"]
    assert (mine[Column.OWNER], mine[Column.HIT_POINTS], mine[Column.CARRIES]) == (NOBODY, 0, 150)


def test_whose_it_is_stays_unknown_without_a_colour_and_is_not_lost_with_one(
    memory: Memory,
) -> None:
    rider: Thing = ("rider_0", Kind.RIDER, 200, 220, -1, 1.0)
    assert look(memory, 0, KEEP, rider)["rider_0"][Column.OWNER] == NOT_KNOWN
    coloured: Thing = (*rider[:4], 1, 1.0)
    assert look(memory, 4, KEEP, coloured)["rider_0"][Column.OWNER] == ENEMY
    assert look(memory, 8, KEEP, rider)["rider_0"][Column.OWNER] == ENEMY


def test_what_leaves_sight_is_remembered_as_it_was(memory: Memory) -> None:
    near: Thing = ("rider_0", Kind.RIDER, 300, 160, 1, 0.5)
    far: Thing = ("rider_0", Kind.RIDER, 340, 160, 1, 1.0)
    look(memory, 0, KEEP, near)
    look(memory, 4, KEEP, far)
    for tick in range(8, 68, 4):
        look(memory, tick, ("keep_0", Kind.KEEP, 100, 160, 0, 1.0))
    (row,) = memory.rows[memory.rows[:, Column.KIND] == Kind.RIDER]
    assert (row[Column.KNOWN], row[Column.AGE]) == (REMEMBERED, 60)
    assert abs(row[Column.X] - 340) <= 1
    assert (row[Column.HIT_POINTS], row[Column.HEADING]) == (90, 0)


def test_what_is_gone_from_where_one_looks_is_forgotten(memory: Memory) -> None:
    for number in range(SURE_LOOKS):
        look(memory, 4 * number, KEEP, ("worker_0", Kind.WORKER, 200, 220, 1, 1.0))
    for number in range(1, FORGOTTEN_LOOKS + 1):
        assert memory.known.sum() == 2
        look(memory, 4 * (SURE_LOOKS + number), KEEP)
    assert memory.rows[memory.known, Column.KIND].tolist() == [Kind.KEEP]


def test_what_was_seen_once_or_twice_is_forgotten_soon(memory: Memory) -> None:
    look(memory, 0, KEEP, ("worker_0", Kind.WORKER, 200, 220, 1, 1.0))
    for number in range(1, FORGOTTEN_UNSURE + 1):
        assert memory.known.sum() == 2
        look(memory, 4 * number, KEEP)
    assert memory.known.sum() == 1


def test_what_may_be_hidden_behind_another_is_kept_and_goes_with_it(memory: Memory) -> None:
    def workers(x: int) -> tuple[Thing, Thing]:
        return (
            ("worker_0", Kind.WORKER, x, 220, 0, 1.0),
            ("worker_1", Kind.WORKER, x + 8, 215, 0, 1.0),
        )

    for number in range(-SURE_LOOKS, 1):
        both = look(memory, 40 + 4 * number, KEEP, *workers(200))
    for number in range(1, 2 * FORGOTTEN_LOOKS):
        look(memory, 40 + 4 * number, KEEP, workers(200 + 8 * number)[0])
    hidden = memory.rows[both["worker_1"][Column.ID]]
    assert hidden[Column.KNOWN] == IN_SIGHT
    assert abs(hidden[Column.X] - (208 + 8 * 9)) <= 2
    back = look(memory, 80, KEEP, workers(280)[0], ("worker_2", Kind.WORKER, 288, 215, 0, 1.0))
    assert back["worker_2"][Column.ID] == both["worker_1"][Column.ID]
    for number in range(21, 22 + FORGOTTEN_HIDDEN):
        look(memory, 4 * number, KEEP, workers(280)[0])
    assert (memory.rows[memory.known, Column.KIND] == Kind.WORKER).sum() == 1


def test_what_is_hidden_is_not_carried_off_the_map(memory: Memory) -> None:
    def walking(number: int) -> Thing:
        return ("worker_0", Kind.WORKER, min(960 + 10 * number, 1023), 220, 0, 1.0)

    hidden: Thing = ("worker_1", Kind.WORKER, 1020, 220, 0, 1.0)
    for number in range(SURE_LOOKS):
        rows = look(memory, 4 * number, walking(number - SURE_LOOKS + 4), hidden)
    for number in range(4, 8):
        look(memory, 4 * (SURE_LOOKS + number), walking(number))
        row = memory.rows[rows["worker_1"][Column.ID]]
        assert row[Column.ID] != NOTHING
        assert row[Column.X] == 1023


def test_who_was_nearly_dead_is_not_hidden_but_dead(memory: Memory) -> None:
    hurt: Thing = ("worker_1", Kind.WORKER, 208, 215, 1, 0.2)
    for number in range(SURE_LOOKS):
        look(memory, 4 * number, KEEP, ("worker_0", Kind.WORKER, 200, 220, 0, 1.0), hurt)
    for number in range(SURE_LOOKS, SURE_LOOKS + FORGOTTEN_LOOKS):
        look(memory, 4 * number, KEEP, ("worker_0", Kind.WORKER, 200, 220, 0, 1.0))
    assert (memory.rows[memory.known, Column.KIND] == Kind.WORKER).sum() == 1


def test_a_new_id_of_the_tracker_is_no_new_thing_where_one_was_just_lost(memory: Memory) -> None:
    first = look(memory, 0, KEEP, ("worker_0", Kind.WORKER, 200, 220, 0, 1.0))["worker_0"]
    again = look(memory, 8, KEEP, ("worker_1", Kind.WORKER, 210, 225, 0, 1.0))["worker_1"]
    assert again[Column.ID] == first[Column.ID]
    rows = look(
        memory,
        12,
        KEEP,
        ("worker_1", Kind.WORKER, 210, 225, 0, 1.0),
        ("worker_2", Kind.WORKER, 212, 225, 0, 1.0),
    )
    assert rows["worker_2"][Column.ID] != first[Column.ID] == rows["worker_1"][Column.ID]


def test_motion_gives_a_heading_and_a_place_between_two_looks(memory: Memory) -> None:
    look(memory, 0, KEEP, ("worker_0", Kind.WORKER, 200, 220, 0, 1.0))
    row = look(memory, 4, KEEP, ("worker_0", Kind.WORKER, 200, 208, 0, 1.0))["worker_0"]
    assert row[Column.HEADING] == 12
    ids, ahead = sightings([("worker_0", Kind.WORKER, 200, 202, 0, 1.0)])
    memory.follow(Predicted(tuple(ids), ahead.boxes, ahead.kinds), 6)
    assert abs(memory.rows[row[Column.ID], Column.Y] - 202) <= 1
    assert memory.rows[row[Column.ID], Column.AGE] == 0


def test_there_is_room_for_what_is_new(memory: Memory) -> None:
    things = [(f"sheep_{n}", Kind.SHEEP, 60 + 14 * n, 700, -1, 1.0) for n in range(63)]
    look(memory, 0, KEEP, *things)
    rows = look(memory, 400, KEEP, ("rider_0", Kind.RIDER, 150, 220, 1, 1.0))
    assert memory.known.sum() == 64
    assert rows["rider_0"][Column.ID] != rows["keep_0"][Column.ID]
