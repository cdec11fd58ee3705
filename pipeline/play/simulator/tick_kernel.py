"""One tick of every game, compiled. To be imported where games are stepped: loads numba.

`tests/doubles/plain_game.py` has the same rules in plain Python, and both are compared tick by
tick. Distances are of whole numbers; a square root of them is exact in 64 bits. The numbers of
`rules` stand here once more, because `pipeline.compilation` looks at no other file; figures of
kinds come in as a table.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline.compilation import compiled, part
from pipeline.play.simulator.records import (
    ClockRecord,
    EntityRecord,
    MemoryRecord,
    Numbers,
    PlayerRecord,
    RecordRows,
    RecordTable,
)
from pipeline.play.simulator.rules import Figures

Bytes: TypeAlias = npt.NDArray[np.uint8]
Words: TypeAlias = npt.NDArray[np.uint32]
Masks: TypeAlias = npt.NDArray[np.uint64]

TICKS_AT_MOST = 3600
SUBPIXELS, CELL_SUBPIXELS, FOG_SUBPIXELS, SIDE_SUBPIXELS = 16, 1024, 512, 16384
UNITS, RESOURCES = 8, 3
WORKER, KEEP, SHEEP = 0, 5, 8
IDLE, MOVE, ATTACK, GATHER, RETURN = 0, 1, 2, 3, 4
SELECT, COMMAND, KEY = 1, 2, 3
KEY_SOLDIERS, KEY_WORKERS, KEY_EVERYONE, KEY_STOP, KEY_HOME = 0, 1, 2, 3, 4
RUNNING, DRAW = 0, 3
TAKEN_AT_ONCE, GATHERING_TICKS = 2, 12
HEALING_REACH, HEALING_TICKS = 1536, 8
TOUCH = 192
THINKING_TICKS = 4
"""Every so many ticks an idle unit looks for an enemy, and a crowd moves apart."""
WAY_TICKS = 8
"""Every so many ticks a walking unit looks whether there is a straighter way."""
LOOK_AHEAD = 8
"""Half cells ahead in which a straight way must be free."""
CROWD, CROWD_STEP = 192, 8
"""Distance below which idle units move apart, and how far in one tick."""


@compiled
def step_games(
    entities: RecordTable[EntityRecord],
    players: RecordTable[PlayerRecord],
    memory: RecordRows[RecordTable[MemoryRecord]],
    in_sight: Words,
    explored: Words,
    clocks: RecordRows[ClockRecord],
    actions: Numbers,
    ticks: int,
    ways: Bytes,
    nearest: Bytes,
    figures: RecordRows[Figures],
    damage: Numbers,
    masks: Masks,
) -> None:
    """As `games.Games.step`."""
    for game in range(len(clocks)):
        clock = clocks[game]
        number = clock.map
        for tick in range(ticks):
            if clock.result != RUNNING:
                break
            if tick == 0:
                for player in range(players.shape[1]):
                    _act(
                        entities[game], players[game], memory[game], player,
                        actions[game, player], nearest[number], figures,
                    )  # fmt: skip
            _move_all(
                entities[game], players[game], in_sight[game], clock,
                ways[number], nearest[number], figures, damage,
            )  # fmt: skip
            clock.tick += 1
            look(
                entities[game], memory[game], in_sight[game], explored[game],
                clock.tick, players.shape[1], figures, masks,
            )  # fmt: skip
            _judge(entities[game], players[game], clock)


@part
def _act(
    entities: RecordRows[EntityRecord],
    players: RecordRows[PlayerRecord],
    memory: RecordTable[MemoryRecord],
    player: int,
    action: Numbers,
    nearest: Bytes,
    figures: RecordRows[Figures],
) -> None:
    act = action[0]
    if act == KEY:
        _press(entities, players, player, action[4], figures)
    elif act in (SELECT, COMMAND):
        side = _side_of(player, len(players))
        entity, x, y = action[1], action[2] * SUBPIXELS, action[3] * SUBPIXELS
        if entity >= len(entities):
            return
        if entity >= 0:
            known = memory[side, entity]
            if known.tick < 0:
                return
            x += known.x
            y += known.y
        if x < 0 or y < 0 or x >= SIDE_SUBPIXELS or y >= SIDE_SUBPIXELS:
            return
        clicked = _clicked(entities, memory[side], x, y, figures)
        if act == SELECT:
            own = clicked >= 0 and clicked // UNITS == player
            players[player].selected = 1 << (clicked % UNITS) if own else 0
        else:
            _command(entities, players, memory[side], player, clicked, x, y, nearest, figures)


@part
def _press(
    entities: RecordRows[EntityRecord],
    players: RecordRows[PlayerRecord],
    player: int,
    key: int,
    figures: RecordRows[Figures],
) -> None:
    first = player * UNITS
    if key in (KEY_SOLDIERS, KEY_WORKERS, KEY_EVERYONE):
        selected = 0
        for unit in range(UNITS):
            entity = entities[first + unit]
            soldier = figures[entity.kind].soldier
            wanted = key == KEY_EVERYONE or (soldier == 1) == (key == KEY_SOLDIERS)
            if entity.present == 1 and wanted:
                selected |= 1 << unit
        players[player].selected = selected
    elif key in (KEY_STOP, KEY_HOME):
        for unit in range(UNITS):
            entity = entities[first + unit]
            if entity.present == 1 and (players[player].selected >> unit) & 1:
                entity.job = -1
                entity.target = -1
                entity.order = IDLE
                if key == KEY_HOME:
                    entity.order = RETURN
                    entity.way_x = entity.x
                    entity.way_y = entity.y


@part
def _clicked(
    entities: RecordRows[EntityRecord],
    known: RecordRows[MemoryRecord],
    x: int,
    y: int,
    figures: RecordRows[Figures],
) -> int:
    """The entity whose footprint holds that point, the nearest of several; -1 if none."""
    best, found = 1 << 60, -1
    for slot in range(len(entities)):
        if known[slot].tick < 0:
            continue
        dx, dy = known[slot].x - x, known[slot].y - y
        radius = figures[entities[slot].kind].radius * SUBPIXELS
        distance = dx * dx + dy * dy
        if distance <= radius * radius and distance < best:
            best, found = distance, slot
    return found


@part
def _command(
    entities: RecordRows[EntityRecord],
    players: RecordRows[PlayerRecord],
    known: RecordRows[MemoryRecord],
    player: int,
    clicked: int,
    x: int,
    y: int,
    nearest: Bytes,
    figures: RecordRows[Figures],
) -> None:
    side = _side_of(player, len(players))
    for unit in range(UNITS):
        entity = entities[player * UNITS + unit]
        if entity.present == 0 or (players[player].selected >> unit) & 1 == 0:
            continue
        figure = figures[entity.kind]
        order, target = MOVE, -1
        if clicked >= 0:
            other = entities[clicked]
            if other.owner >= 0 and _side_of(other.owner, len(players)) != side:
                order, target = ATTACK, clicked
            elif other.owner == player and other.kind == KEEP and entity.carries > 0:
                order = RETURN
            elif (
                other.owner < 0
                and figure.capacity > 0
                and (other.kind == SHEEP or figure.gathers == 1)
            ):
                order, target = GATHER, clicked
        entity.order = order
        entity.target = target
        entity.job = target if order == GATHER and entities[clicked].kind != SHEEP else -1
        if order in (ATTACK, GATHER):
            entity.goal_x, entity.goal_y = known[clicked].x, known[clicked].y
        else:
            entity.goal_x, entity.goal_y = x, y
        if order == MOVE:
            _reachable_goal(entity, nearest, figure.afloat)
        entity.way_x, entity.way_y = entity.x, entity.y


@part
def _reachable_goal(entity: EntityRecord, nearest: Bytes, afloat: int) -> None:
    """Where the goal is out of reach, the middle of the nearest cell that is not."""
    cell = _cell(entity.goal_x, entity.goal_y)
    reached = int(nearest[afloat, cell])
    if reached != cell:
        entity.goal_x = (reached % 16) * CELL_SUBPIXELS + CELL_SUBPIXELS // 2
        entity.goal_y = (reached // 16) * CELL_SUBPIXELS + CELL_SUBPIXELS // 2


@part
def _move_all(
    entities: RecordRows[EntityRecord],
    players: RecordRows[PlayerRecord],
    in_sight: Words,
    clock: ClockRecord,
    ways: Bytes,
    nearest: Bytes,
    figures: RecordRows[Figures],
    damage: Numbers,
) -> None:
    """Every unit and keep, from the first and from the last by turns: it favours nobody."""
    movers = len(players) * (UNITS + 1)
    for turn in range(movers):
        slot = turn if clock.tick % 2 == 0 else movers - 1 - turn
        entity = entities[slot]
        if entity.present == 0:
            continue
        if entity.cooldown > 0:
            entity.cooldown -= 1
        figure = figures[entity.kind]
        if entity.order == IDLE:
            _idle(entities, players, in_sight, clock, slot, nearest, figures)
        if entity.order == MOVE:
            if _walk(entity, figure, clock.tick + slot, ways, nearest):
                entity.order = IDLE
        elif entity.order == ATTACK:
            _attack(entities, players, in_sight, clock, slot, ways, nearest, figures, damage)
        elif entity.order == GATHER:
            _gather(entities, in_sight, clock, slot, len(players), ways, nearest, figures)
        elif entity.order == RETURN:
            _return(entities, players, clock, slot, ways, nearest, figures)


@part
def _idle(
    entities: RecordRows[EntityRecord],
    players: RecordRows[PlayerRecord],
    in_sight: Words,
    clock: ClockRecord,
    slot: int,
    nearest: Bytes,
    figures: RecordRows[Figures],
) -> None:
    """Heal near the own keep, make room, and turn on enemies that come near."""
    if (clock.tick + slot) % THINKING_TICKS != 0:
        return
    entity = entities[slot]
    figure = figures[entity.kind]
    keep = entities[len(players) * UNITS + entity.owner]
    if entity.kind != KEEP and keep.present == 1 and entity.hit_points < figure.hit_points:
        near = _distance(entity.x - keep.x, entity.y - keep.y) <= HEALING_REACH
        if near and (clock.tick + slot) % HEALING_TICKS == 0:
            entity.hit_points += 1
    side = _side_of(entity.owner, len(players))
    best, found = (figure.alert * SUBPIXELS) ** 2 + 1, -1
    for other_slot in range(len(players) * (UNITS + 1)):
        other = entities[other_slot]
        if other.present == 0 or other_slot == slot:
            continue
        dx, dy = other.x - entity.x, other.y - entity.y
        distance = dx * dx + dy * dy
        if _side_of(other.owner, len(players)) != side:
            if distance < best and _is_lit(in_sight[side], other.x, other.y):
                best, found = distance, other_slot
        elif distance < CROWD * CROWD and entity.kind != KEEP and other.kind != KEEP:
            # Who stands on the very spot of another goes to the side that its number says.
            across = CROWD_STEP if dx < 0 or (dx == 0 and slot > other_slot) else -CROWD_STEP
            along = CROWD_STEP if dy < 0 or (dy == 0 and slot > other_slot) else -CROWD_STEP
            if _can_stand(nearest, entity.x + across, entity.y + along, figure.afloat):
                entity.x += across
                entity.y += along
    if found >= 0 and figure.alert > 0:
        entity.order = ATTACK
        entity.target = found
        entity.way_x, entity.way_y = entity.x, entity.y


@part
def _attack(
    entities: RecordRows[EntityRecord],
    players: RecordRows[PlayerRecord],
    in_sight: Words,
    clock: ClockRecord,
    slot: int,
    ways: Bytes,
    nearest: Bytes,
    figures: RecordRows[Figures],
    damage: Numbers,
) -> None:
    entity, target = entities[slot], entities[entities[slot].target]
    figure = figures[entity.kind]
    side = _side_of(entity.owner, len(players))
    if target.present == 1 and _is_lit(in_sight[side], target.x, target.y):
        entity.goal_x, entity.goal_y = target.x, target.y
        reach = (figure.reach + figure.radius + figures[target.kind].radius) * SUBPIXELS
        dx, dy = target.x - entity.x, target.y - entity.y
        if dx * dx + dy * dy <= reach * reach:
            _face(entity, dx, dy)
            if entity.cooldown == 0:
                entity.cooldown = figure.cooldown
                _strike(entities, players, clock, slot, entity.target, figures, damage)
            return
        if figure.speed == 0:
            entity.order = IDLE
        else:
            _walk(entity, figure, clock.tick + slot, ways, nearest)
    elif target.present == 0 and _is_lit(in_sight[side], entity.goal_x, entity.goal_y):
        entity.order = IDLE
    elif figure.speed == 0 or _walk(entity, figure, clock.tick + slot, ways, nearest):
        # Where it was last seen, it is not.
        entity.order = IDLE


@part
def _strike(
    entities: RecordRows[EntityRecord],
    players: RecordRows[PlayerRecord],
    clock: ClockRecord,
    slot: int,
    target_slot: int,
    figures: RecordRows[Figures],
    damage: Numbers,
) -> None:
    """A blow: three quarters to five quarters of its damage, and what follows from the last one."""
    entity, target = entities[slot], entities[target_slot]
    # xorshift64* (Vigna 2016).
    state = clock.random
    state ^= state >> np.uint64(12)
    state ^= state << np.uint64(25)
    state ^= state >> np.uint64(27)
    clock.random = state
    luck = int(np.int64((state * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(56))) % 33
    mean = int(damage[entity.kind, target.kind])
    target.hit_points -= (mean * (48 + luck) + 32) // 64
    if target.hit_points > 0:
        return
    target.hit_points = 0
    target.present = 0
    players[entity.owner].score += figures[target.kind].worth
    if target_slot < len(players) * UNITS:
        pile = entities[len(players) * (UNITS + 1 + RESOURCES) + target_slot]
        pile.carries = target.carries + figures[target.kind].loot
        target.carries = 0
        if pile.carries > 0:
            pile.present = 1
            pile.x, pile.y = target.x, target.y


@part
def _gather(
    entities: RecordRows[EntityRecord],
    in_sight: Words,
    clock: ClockRecord,
    slot: int,
    players: int,
    ways: Bytes,
    nearest: Bytes,
    figures: RecordRows[Figures],
) -> None:
    entity, target = entities[slot], entities[entities[slot].target]
    figure = figures[entity.kind]
    side = _side_of(entity.owner, players)
    # What is gone is known to be gone once one sees its place.
    if target.present == 0 and _is_lit(in_sight[side], entity.goal_x, entity.goal_y):
        entity.job = -1
        entity.order = RETURN if entity.carries > 0 else IDLE
        entity.way_x, entity.way_y = entity.x, entity.y
        return
    dx, dy = entity.goal_x - entity.x, entity.goal_y - entity.y
    reach = TOUCH + (figure.radius + figures[target.kind].radius) * SUBPIXELS
    if dx * dx + dy * dy > reach * reach:
        if _walk(entity, figure, clock.tick + slot, ways, nearest):
            entity.order = IDLE
        return
    _face(entity, dx, dy)
    taken = min(figure.capacity - entity.carries, target.carries)
    if target.kind != SHEEP:
        if entity.cooldown > 0:
            return
        entity.cooldown = GATHERING_TICKS
        taken = min(taken, TAKEN_AT_ONCE)
    entity.carries += taken
    target.carries -= taken
    if target.carries == 0:
        target.present = 0
    if entity.carries >= figure.capacity or target.kind == SHEEP or target.carries == 0:
        entity.order = RETURN
        entity.way_x, entity.way_y = entity.x, entity.y


@part
def _return(
    entities: RecordRows[EntityRecord],
    players: RecordRows[PlayerRecord],
    clock: ClockRecord,
    slot: int,
    ways: Bytes,
    nearest: Bytes,
    figures: RecordRows[Figures],
) -> None:
    entity = entities[slot]
    keep = entities[len(players) * UNITS + entity.owner]
    figure = figures[entity.kind]
    if keep.present == 0:
        entity.order = IDLE
        return
    entity.goal_x, entity.goal_y = keep.x, keep.y
    dx, dy = keep.x - entity.x, keep.y - entity.y
    reach = TOUCH + (figure.radius + figures[KEEP].radius) * SUBPIXELS
    if dx * dx + dy * dy > reach * reach:
        if _walk(entity, figure, clock.tick + slot, ways, nearest):
            entity.order = IDLE
        return
    players[entity.owner].stock += entity.carries
    players[entity.owner].score += entity.carries
    entity.carries = 0
    entity.order = IDLE
    if entity.job >= 0:
        job = entities[entity.job]
        entity.order = GATHER
        entity.target = entity.job
        entity.goal_x, entity.goal_y = job.x, job.y
        entity.way_x, entity.way_y = entity.x, entity.y


@part
def _walk(entity: EntityRecord, figure: Figures, turn: int, ways: Bytes, nearest: Bytes) -> bool:
    """A step to the goal, or as near as the ground allows; whether that is reached."""
    at_way = entity.x == entity.way_x and entity.y == entity.way_y
    if at_way or turn % WAY_TICKS == 0:
        _choose_way(entity, figure.afloat, ways, nearest, True)
        if entity.x == entity.way_x and entity.y == entity.way_y:
            return True
    if not _step(entity, figure, nearest):
        # A corner in the way: by the middle of the next cell there is none.
        _choose_way(entity, figure.afloat, ways, nearest, False)
        _step(entity, figure, nearest)
    return False


@part
def _choose_way(
    entity: EntityRecord, afloat: int, ways: Bytes, nearest: Bytes, straight: bool
) -> None:
    """Straight to the goal where nothing is in the way, else to the middle of the next cell."""
    here = _cell(entity.x, entity.y)
    goal = _cell(entity.goal_x, entity.goal_y)
    reached = int(nearest[afloat, goal])
    x, y = entity.goal_x, entity.goal_y
    if reached != goal:
        x = (reached % 16) * CELL_SUBPIXELS + CELL_SUBPIXELS // 2
        y = (reached // 16) * CELL_SUBPIXELS + CELL_SUBPIXELS // 2
    if reached != here and not (straight and _is_free(entity, x, y, afloat, nearest)):
        step = ways[afloat, reached, here]
        across = 1 if step == 0 or step == 1 or step == 7 else 0
        across = -1 if step == 3 or step == 4 or step == 5 else across
        along = 1 if step == 1 or step == 2 or step == 3 else 0
        along = -1 if step == 5 or step == 6 or step == 7 else along
        x = (here % 16 + across) * CELL_SUBPIXELS + CELL_SUBPIXELS // 2
        y = (here // 16 + along) * CELL_SUBPIXELS + CELL_SUBPIXELS // 2
    entity.way_x, entity.way_y = x, y


@part
def _is_free(entity: EntityRecord, x: int, y: int, afloat: int, nearest: Bytes) -> bool:
    """Whether a straight way lies on ground of its own for some cells."""
    dx, dy = x - entity.x, y - entity.y
    steps = max(abs(dx), abs(dy)) // FOG_SUBPIXELS + 1
    for number in range(1, min(steps, LOOK_AHEAD) + 1):
        across, along = _divided(dx * number, steps), _divided(dy * number, steps)
        if not _can_stand(nearest, entity.x + across, entity.y + along, afloat):
            return False
    return True


@part
def _step(entity: EntityRecord, figure: Figures, nearest: Bytes) -> bool:
    """One step towards the way's next point, where there is ground for it."""
    dx, dy = entity.way_x - entity.x, entity.way_y - entity.y
    distance = _distance(dx, dy)
    x, y = entity.way_x, entity.way_y
    if distance > figure.speed:
        x = entity.x + _divided(dx * figure.speed, distance)
        y = entity.y + _divided(dy * figure.speed, distance)
    if not _can_stand(nearest, x, y, figure.afloat):
        return False
    _face(entity, dx, dy)
    entity.x, entity.y = x, y
    return True


@part
def _face(entity: EntityRecord, dx: int, dy: int) -> None:
    """Turn to the nearest of eight directions; counted in sixteenths of a turn."""
    if dx == 0 and dy == 0:
        return
    across = 0 if 5 * abs(dx) < 2 * abs(dy) else (1 if dx > 0 else -1)
    along = 0 if 5 * abs(dy) < 2 * abs(dx) else (1 if dy > 0 else -1)
    if along == 0:
        entity.heading = 0 if across > 0 else 8
    elif across == 0:
        entity.heading = 4 if along > 0 else 12
    elif along > 0:
        entity.heading = 2 if across > 0 else 6
    else:
        entity.heading = 14 if across > 0 else 10


@compiled
def look(
    entities: RecordRows[EntityRecord],
    memory: RecordTable[MemoryRecord],
    in_sight: Words,
    explored: Words,
    tick: int,
    players: int,
    figures: RecordRows[Figures],
    masks: Masks,
) -> None:
    """Light up what each side of one game sees now, and keep in mind what stands there.

    Args:
        tick: int32, as a clock has it: for another type it would be compiled once more.
    """
    for side in range(2):
        for row in range(32):
            in_sight[side, row] = 0
    movers = players * (UNITS + 1)
    for slot in range(movers):
        entity = entities[slot]
        if entity.present == 0:
            continue
        radius = figures[entity.kind].sight
        column, row = np.uint64(entity.x // FOG_SUBPIXELS), entity.y // FOG_SUBPIXELS
        side = _side_of(entity.owner, players)
        for offset in range(max(-radius, -row), min(radius, 31 - row) + 1):
            mask = (masks[radius, 8 + offset] << column) >> np.uint64(16)
            in_sight[side, row + offset] |= np.uint32(mask & np.uint64(0xFFFFFFFF))
    for side in range(2):
        for row in range(32):
            explored[side, row] |= in_sight[side, row]
        for slot in range(len(entities)):
            entity, known = entities[slot], memory[side, slot]
            if entity.present == 1 and _is_lit(in_sight[side], entity.x, entity.y):
                known.tick = tick
                known.x, known.y = entity.x, entity.y
                known.hit_points, known.carries = entity.hit_points, entity.carries
            elif known.tick >= 0 and _is_lit(in_sight[side], known.x, known.y):
                known.tick = -1


@part
def _judge(
    entities: RecordRows[EntityRecord], players: RecordRows[PlayerRecord], clock: ClockRecord
) -> None:
    """A side without keeps or without units has lost; after the last tick the score decides."""
    keeps, units, scores = [0, 0], [0, 0], [0, 0]
    for player in range(len(players)):
        side = _side_of(player, len(players))
        keeps[side] += entities[len(players) * UNITS + player].present
        scores[side] += players[player].score
        for unit in range(UNITS):
            units[side] += entities[player * UNITS + unit].present
    first_lost, second_lost = keeps[0] * units[0] == 0, keeps[1] * units[1] == 0
    if first_lost or second_lost:
        clock.result = DRAW if first_lost and second_lost else (2 if first_lost else 1)
    elif clock.tick >= TICKS_AT_MOST:
        clock.result = DRAW if scores[0] == scores[1] else (1 if scores[0] > scores[1] else 2)


@part
def _side_of(player: int, players: int) -> int:
    return 1 if 2 * player >= players else 0


@part
def _cell(x: int, y: int) -> int:
    return (y // CELL_SUBPIXELS) * 16 + x // CELL_SUBPIXELS


@part
def _can_stand(nearest: Bytes, x: int, y: int, afloat: int) -> bool:
    inside = 0 <= x < SIDE_SUBPIXELS and 0 <= y < SIDE_SUBPIXELS
    return inside and nearest[afloat, _cell(x, y)] == _cell(x, y)


@part
def _is_lit(rows: Words, x: int, y: int) -> bool:
    return bool((rows[y // FOG_SUBPIXELS] >> np.uint32(x // FOG_SUBPIXELS)) & np.uint32(1) == 1)


@part
def _distance(dx: int, dy: int) -> int:
    return int(math.sqrt(dx * dx + dy * dy))


@part
def _divided(product: int, whole: int) -> int:
    """Divided towards zero, so that both sides of the map are alike."""
    return product // whole if product >= 0 else -(-product // whole)
