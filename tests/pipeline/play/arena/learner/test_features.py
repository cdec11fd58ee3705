"""What a policy is given is what its player knows: the same in a few slow lines as compiled."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.play.arena.learner import features_kernel as kernel
from pipeline.play.arena.learner.features import features_of, known_to
from pipeline.play.arena.learner.layout import Role, layout_of
from pipeline.play.simulator.environments.perspective import observe_as_first
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.observation import Column
from pipeline.play.simulator.rules import FIGURES, MAP_SIDE, MAX_TICKS, Kind, Order
from pipeline.play.simulator.scripted import ScriptedPlayers

Row = npt.NDArray[np.int32]
OWN, ENEMY, IN_SIGHT = 0, 2, 1


@pytest.fixture(scope="module")
def played() -> Games:
    """Games in their middle, in which both sides have met."""
    seeds = range(8)
    games, players = Games.start(seeds), ScriptedPlayers.start(seeds, ("scripted_l5", "random"))
    for _tick in range(900):
        games.step(players.act(games))
    return games


def test_the_kernels_numbers_are_those_of_the_game() -> None:
    assert [getattr(kernel, column.name) for column in Column] == list(Column)
    names = {Role.KEEP: "KEEP_ROLE"}
    assert [getattr(kernel, names.get(role, role.name)) for role in Role] == list(Role)
    kinds = (Kind.WORKER, Kind.WARSHIP, Kind.KEEP)
    assert kinds == (kernel.WORKER, kernel.WARSHIP, kernel.KEEP)
    assert (kernel.ENEMY, kernel.VISIBLE, kernel.IDLE) == (ENEMY, IN_SIGHT, Order.IDLE)
    assert (kernel.MAP_LAST, kernel.SIDE) == (MAP_SIDE - 1, MAP_SIDE)
    assert kernel.CLOCK_STEPS * kernel.CLOCK_TICKS == MAX_TICKS


@pytest.mark.parametrize("player", [0, 1])
def test_features_are_what_is_known(played: Games, player: int) -> None:
    seen = observe_as_first(played, player)
    found = features_of(*known_to(played, player), layout_of(player))
    expected = [
        [*status_of(rows, status), *entities_of(rows)]
        for rows, status in zip(seen.entities, seen.status, strict=True)
    ]
    np.testing.assert_allclose(found, np.array(expected), atol=1e-5)
    assert (found > 0).any(axis=0).mean() > 0.4, "many of them are something in some game"


def sighted(rows: Row, owner: int) -> Row:
    known = (rows[:, Column.ID] >= 0) & (rows[:, Column.KNOWN] == IN_SIGHT)
    return rows[known & (rows[:, Column.OWNER] == owner)]


def place(rows: Row) -> npt.NDArray[np.float64]:
    return rows[..., [Column.X, Column.Y]] / MAP_SIDE


def soldiers_of(rows: Row) -> Row:
    kinds = (Kind.SWORDSMAN, Kind.SPEARMAN, Kind.RIDER)
    return rows[np.isin(rows[:, Column.KIND], kinds)]


def middle_of(rows: Row) -> npt.NDArray[np.float64]:
    soldiers = soldiers_of(sighted(rows, OWN))
    return place(soldiers).mean(axis=0) if len(soldiers) else np.zeros(2)


def status_of(rows: Row, status: Row) -> list[float]:
    own, enemies = sighted(rows, OWN), sighted(rows, ENEMY)
    soldiers, workers = soldiers_of(own), own[own[:, Column.KIND] == Kind.WORKER]
    foes = enemies[enemies[:, Column.KIND] != Kind.KEEP]
    home = place(own[own[:, Column.KIND] == Kind.KEEP])[0]
    tick, stock, score, _result = status.tolist()
    return [
        1.0,
        own[:, Column.SELECTED].sum() / 8,
        tick / MAX_TICKS,
        stock / 300,
        score / 300,
        len(workers) / 2,
        (workers[:, Column.ORDER] == Order.IDLE).sum() / 2,
        len(soldiers) / 5,
        (soldiers[:, Column.ORDER] == Order.IDLE).sum() / 5,
        soldiers[:, Column.HIT_POINTS].sum() / 300,
        foes[:, Column.HIT_POINTS].sum() / 300,
        len(foes) / 8,
        float(len(foes) < len(enemies)),
        min([1.5, *np.linalg.norm(place(foes) - home, axis=1)]),
        *middle_of(rows),
        *np.clip(tick / 400 - np.arange(9), 0, 1),
    ]


def entities_of(rows: Row) -> list[float]:
    enemies, middle, layout = sighted(rows, ENEMY), middle_of(rows), layout_of(0)
    told: list[float] = []
    for slot, role in zip(layout.slots.tolist(), layout.roles.tolist(), strict=True):
        told += entity_of(rows[slot], Role(role), enemies, middle)
    return told


def entity_of(
    entity: Row, role: Role, enemies: Row, middle: npt.NDArray[np.float64]
) -> list[float]:
    widths = {Role.OWN_UNIT: 11, Role.OTHER_UNIT: 7, Role.KEEP: 5, Role.RESOURCE: 4, Role.LOOT: 4}
    is_sighted = entity[Column.KNOWN] == IN_SIGHT
    if entity[Column.ID] < 0 or (role == Role.OWN_UNIT and not is_sighted):
        return [0.0] * widths[role]
    head = [1.0, *place(entity)]
    if role in (Role.RESOURCE, Role.LOOT):
        return [*head, entity[Column.CARRIES] / (150 if role == Role.RESOURCE else 60)]
    health = entity[Column.HIT_POINTS] / FIGURES[Kind(entity[Column.KIND])].hit_points
    if role == Role.KEEP:
        return [*head, health, float(is_sighted)]
    load = entity[Column.CARRIES] / 60
    if role == Role.OTHER_UNIT:
        apart = np.linalg.norm(place(entity) - middle)
        return [*head, health, load, float(is_sighted), float(apart)]
    orders = [float(entity[Column.ORDER] == order) for order in Order if order != Order.IDLE]
    distances = np.linalg.norm(place(enemies) - place(entity), axis=1)
    nearness = max([0.0, *(1 - 3 * distances)])
    return [*head, health, load, float(entity[Column.SELECTED]), *orders, nearness]
