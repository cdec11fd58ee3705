"""A player knows what its units do: from what it told them, and from what it sees of them."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.play.perception.memory import ENEMY, OWN, Memory
from pipeline.play.perception.orders import LOOKS_AT_MARKS, OwnOrders
from pipeline.play.simulator.observation import Column
from pipeline.play.simulator.rules import NOTHING, Act, Key, Kind, Order

from .test_memory import KEEP, Thing, sightings

SWORDSMAN: Thing = ("swordsman_0", Kind.SWORDSMAN, 300, 300, 0, 1.0)
WORKER: Thing = ("worker_0", Kind.WORKER, 260, 300, 0, 1.0)
MINE: Thing = ("gold_mine_0", Kind.GOLD_MINE, 300, 200, -1, 1.0)


class Player:
    """Looks, and acts."""

    def __init__(self) -> None:
        self.memory = Memory((OWN, ENEMY))
        self.orders = OwnOrders(self.memory)
        self.tick = 0

    def look(self, *things: Thing, marked: tuple[str, ...] = ()) -> None:
        ids, seen = sightings(things)
        slots = self.memory.see(ids, seen, self.tick)
        self.slots = dict(zip(ids, slots.tolist(), strict=True))
        self.orders.see(slots, np.array([name in marked for name in ids]), 4)
        self.tick += 4

    def act(self, act: Act, x: int = 0, y: int = 0, key: int = 0) -> None:
        self.orders.did(np.array([act, NOTHING, x, y, key], np.int32))

    def of(self, name: str, column: Column) -> int:
        return int(self.memory.rows[self.slots[name], column])


@pytest.fixture
def player() -> Player:
    player = Player()
    player.look(KEEP, SWORDSMAN, WORKER, MINE)
    return player


def test_keys_and_clicks_choose(player: Player) -> None:
    player.act(Act.KEY, key=Key.SOLDIERS)
    assert player.of("swordsman_0", Column.SELECTED) == 1
    assert player.of("worker_0", Column.SELECTED) == 0
    player.act(Act.SELECT, 262, 303)
    assert player.of("swordsman_0", Column.SELECTED) == 0
    assert player.of("worker_0", Column.SELECTED) == 1
    player.act(Act.KEY, key=Key.EVERYONE)
    assert player.of("keep_0", Column.SELECTED) == 0
    player.act(Act.SELECT, 500, 500)
    assert not player.memory.rows[:, Column.SELECTED].any()


def test_marks_on_the_screen_have_the_last_word(player: Player) -> None:
    player.act(Act.KEY, key=Key.WORKERS)
    for number in range(1, 1 + LOOKS_AT_MARKS):
        player.look(KEEP, SWORDSMAN, WORKER, MINE, marked=("swordsman_0",))
        late = number == LOOKS_AT_MARKS
        assert player.of("swordsman_0", Column.SELECTED) == late
        assert player.of("worker_0", Column.SELECTED) == (not late)


def test_one_mark_speaks_for_all_that_were_chosen(player: Player) -> None:
    player.act(Act.KEY, key=Key.EVERYONE)
    for _look in range(2 * LOOKS_AT_MARKS):
        player.look(KEEP, SWORDSMAN, WORKER, MINE, marked=("swordsman_0",))
    assert player.of("worker_0", Column.SELECTED) == 1


def test_a_unit_walks_until_it_is_there_or_stands(player: Player) -> None:
    player.act(Act.KEY, key=Key.SOLDIERS)
    player.act(Act.COMMAND, 340, 300)
    assert player.of("swordsman_0", Column.ORDER) == Order.MOVE
    for x in (308, 316, 324):
        player.look(KEEP, (*SWORDSMAN[:2], x, *SWORDSMAN[3:]), WORKER)
        assert player.of("swordsman_0", Column.ORDER) == Order.MOVE
    player.look(KEEP, (*SWORDSMAN[:2], 334, *SWORDSMAN[3:]), WORKER)
    assert player.of("swordsman_0", Column.ORDER) == Order.IDLE
    player.act(Act.KEY, key=Key.SOLDIERS)
    player.act(Act.COMMAND, 600, 300)
    for _look in range(4):
        player.look(KEEP, (*SWORDSMAN[:2], 334, *SWORDSMAN[3:]), WORKER)
    assert player.of("swordsman_0", Column.ORDER) == Order.IDLE


def test_a_soldier_attacks_whom_it_was_sent_to_and_who_comes_near(player: Player) -> None:
    enemy: Thing = ("rider_0", Kind.RIDER, 400, 300, 1, 1.0)
    player.look(KEEP, SWORDSMAN, enemy)
    assert player.of("swordsman_0", Column.ORDER) == Order.IDLE
    player.act(Act.KEY, key=Key.SOLDIERS)
    player.act(Act.COMMAND, 403, 305)
    assert player.of("swordsman_0", Column.ORDER) == Order.ATTACK
    player.act(Act.KEY, key=Key.STOP)
    assert player.of("swordsman_0", Column.ORDER) == Order.IDLE
    player.look(KEEP, SWORDSMAN, (*enemy[:2], 340, *enemy[3:]))
    assert player.of("swordsman_0", Column.ORDER) == Order.ATTACK
    for _look in range(6):
        player.look(KEEP, SWORDSMAN)
    assert player.of("swordsman_0", Column.ORDER) == Order.IDLE


def test_a_worker_fills_up_brings_it_home_and_goes_back(player: Player) -> None:
    at_mine, at_home = (*WORKER[:2], 300, 225, *WORKER[4:]), (*WORKER[:2], 200, 180, *WORKER[4:])
    player.act(Act.KEY, key=Key.WORKERS)
    player.act(Act.COMMAND, 300, 200)
    assert player.of("worker_0", Column.ORDER) == Order.GATHER
    loads = []
    while player.of("worker_0", Column.ORDER) == Order.GATHER:
        player.look(KEEP, at_mine, MINE)
        loads.append(player.of("worker_0", Column.CARRIES))
    assert len(loads) == 30  # Two every twelve ticks, up to 20, four ticks a look.
    assert loads[-1] == 20
    assert player.of("worker_0", Column.ORDER) == Order.RETURN
    player.look(KEEP, at_home, MINE)
    assert player.of("worker_0", Column.CARRIES) == 0
    assert player.of("worker_0", Column.ORDER) == Order.GATHER


def test_loot_that_is_gone_is_carried_home(player: Player) -> None:
    loot: Thing = ("sheep_0", Kind.SHEEP, 340, 320, -1, 1.0)
    player.look(KEEP, SWORDSMAN, loot)
    player.act(Act.KEY, key=Key.SOLDIERS)
    player.act(Act.COMMAND, 340, 320)
    assert player.of("swordsman_0", Column.ORDER) == Order.GATHER
    for _look in range(3):
        player.look(KEEP, SWORDSMAN)
    assert player.of("swordsman_0", Column.ORDER) == Order.RETURN
    assert player.of("swordsman_0", Column.CARRIES) == 15


def test_who_is_sent_home_returns(player: Player) -> None:
    player.act(Act.KEY, key=Key.EVERYONE)
    player.act(Act.KEY, key=Key.HOME)
    assert player.of("swordsman_0", Column.ORDER) == Order.RETURN
    assert player.of("keep_0", Column.ORDER) == Order.IDLE
    player.look(KEEP, (*SWORDSMAN[:2], 200, 180, *SWORDSMAN[4:]), WORKER)
    assert player.of("swordsman_0", Column.ORDER) == Order.IDLE
