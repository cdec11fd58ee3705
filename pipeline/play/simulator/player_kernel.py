"""What players know, and what scripted ones do with it, compiled. Loads numba, as `tick_kernel`.

A scripted player is a function of what it knows and of its own record, in which its stream of
chance is: `observation` and `scripted` say what the numbers mean. Its decisions are carried out
after its reaction time, as those of people.
"""

from __future__ import annotations

import numpy as np

from pipeline.compilation import compiled, part
from pipeline.play.simulator.records import (
    ClockRecord,
    EntityRecord,
    MemoryRecord,
    Numbers,
    PlayerRecord,
    RecordRows,
    RecordTable,
    ScriptRecord,
)
from pipeline.play.simulator.scripted import Skill

SUBPIXELS, UNITS, MAP_SIDE = 16, 8, 1024
KEEP, SHEEP, WARSHIP, GOLD_MINE, WORKER = 5, 8, 4, 6, 0
IDLE, RETURN = 0, 4
NO_ACT, SELECT, COMMAND, KEY = 0, 1, 2, 3
KEY_SOLDIERS, KEY_WORKERS, KEY_HOME = 0, 1, 4
RUNNING = 0
ID, KIND, OWNER, X, Y, HIT_POINTS, CARRIES, KNOWN, SELECTED, ORDER, AGE, HEADING = range(12)
OWN, ALLY, ENEMY, NEUTRAL = 0, 1, 2, 3
VISIBLE, REMEMBERED = 1, 2
FIGHT, LOOT, FLEE, EXPLORE, CAUTIOUS = 0, 1, 2, 3, 4
DANGER, NEAR_LOOT, HOME_REACH, LOOK_AROUND = 230, 420, 120, 350
"""Pixels: from where a hurt unit flees, from where loot is fetched, where one is at home, how far
from there workers look around."""


@compiled
def observe_games(
    entities: RecordTable[EntityRecord],
    players: RecordTable[PlayerRecord],
    memory: RecordRows[RecordTable[MemoryRecord]],
    clocks: RecordRows[ClockRecord],
    viewer: int,
    rows: Numbers,
    status: Numbers,
) -> None:
    """As `observation.observe`, into arrays that are there."""
    for game in range(len(clocks)):
        _observe(
            entities[game], players[game], memory[game], clocks[game], viewer,
            rows[game], status[game],
        )  # fmt: skip


@compiled
def scripted_actions(
    entities: RecordTable[EntityRecord],
    players: RecordTable[PlayerRecord],
    memory: RecordRows[RecordTable[MemoryRecord]],
    clocks: RecordRows[ClockRecord],
    scripts: RecordTable[ScriptRecord],
    skills: RecordRows[Skill],
    hit_points: Numbers,
    actions: Numbers,
) -> None:
    """As `scripted.ScriptedPlayers.act`, into actions that are there."""
    rows = np.zeros((entities.shape[1], 12), np.int32)
    status = np.zeros(4, np.int32)
    for game in range(len(clocks)):
        clock = clocks[game]
        if clock.result != RUNNING:
            continue
        for player in range(players.shape[1]):
            script = scripts[game, player]
            if script.level < 0:
                continue
            if script.due == clock.tick:
                actions[game, player] = script.action
            elif script.next <= clock.tick and script.due < clock.tick:
                skill = skills[script.level]
                _observe(entities[game], players[game], memory[game], clock, player, rows, status)
                _decide(rows, status, script, skill, hit_points, script.action)
                reaction = skill.reaction // 2 + _below(script, skill.reaction // 2 + 1)
                reaction += _below(script, skill.reaction // 2 + 1)
                script.due = clock.tick + max(1, reaction)
                script.next = max(script.due + 1, clock.tick + skill.gap)


@compiled
def decide_once(
    rows: Numbers,
    status: Numbers,
    script: RecordRows[ScriptRecord],
    skill: RecordRows[Skill],
    hit_points: Numbers,
) -> None:
    """As `scripted.decide`."""
    _decide(rows, status, script[0], skill[0], hit_points, script[0].action)


@part
def _observe(
    entities: RecordRows[EntityRecord],
    players: RecordRows[PlayerRecord],
    memory: RecordTable[MemoryRecord],
    clock: ClockRecord,
    viewer: int,
    rows: Numbers,
    status: Numbers,
) -> None:
    count = len(players)
    side = _side_of(viewer, count)
    status[0] = clock.tick
    status[1] = players[viewer].stock
    status[2] = players[viewer].score
    status[3] = clock.result
    for slot in range(len(entities)):
        entity, known, row = entities[slot], memory[side, slot], rows[slot]
        row[:] = 0
        row[ID] = -1
        if known.tick < 0:
            continue
        owner = NEUTRAL
        if entity.owner >= 0:
            owner = ALLY if _side_of(entity.owner, count) == side else ENEMY
        row[ID], row[KIND] = slot, entity.kind
        row[X], row[Y] = known.x // SUBPIXELS, known.y // SUBPIXELS
        row[HIT_POINTS], row[CARRIES] = known.hit_points, known.carries
        row[AGE] = clock.tick - known.tick
        row[KNOWN] = VISIBLE if known.tick == clock.tick else REMEMBERED
        if row[KNOWN] == VISIBLE:
            row[HEADING] = entity.heading
        if entity.owner == viewer:
            owner = OWN
            row[ORDER] = entity.order
            if slot < count * UNITS:
                row[SELECTED] = (players[viewer].selected >> (slot % UNITS)) & 1
        row[OWNER] = owner


@part
def _decide(
    rows: Numbers,
    status: Numbers,
    script: ScriptRecord,
    skill: Skill,
    hit_points: Numbers,
    action: Numbers,
) -> None:
    """What to do next, in the order of what is most urgent."""
    action[0], action[1] = NO_ACT, -1
    action[2], action[3], action[4] = 0, 0, 0
    if skill.random == 1:
        _do_anything(rows, script, action)
        return
    if skill.flees > 0 and _flee(rows, script, skill, hit_points, action):
        return
    if status[0] >= skill.works and _put_to_work(rows, script, skill, action):
        return
    if _fight(rows, script, skill, action):
        return
    if skill.loots == 1 and _fetch_loot(rows, script, skill, action):
        return
    _march(rows, status, script, skill, action)


@part
def _do_anything(rows: Numbers, script: ScriptRecord, action: Numbers) -> None:
    action[0] = _below(script, 4)
    slot = _below(script, len(rows))
    action[1] = slot if rows[slot, KNOWN] > 0 else -1
    reach = MAP_SIDE if action[1] < 0 else 1
    action[2], action[3] = _below(script, reach), _below(script, reach)
    action[4] = _below(script, 5)


@part
def _flee(
    rows: Numbers, script: ScriptRecord, skill: Skill, hit_points: Numbers, action: Numbers
) -> bool:
    """Send a hurt unit home that an enemy is near."""
    home = _own_keep(rows)
    if home < 0:
        return False
    for slot in range(len(rows)):
        row = rows[slot]
        if not _is_own_unit(row) or row[KIND] == WARSHIP or row[ORDER] == RETURN:
            continue
        if row[HIT_POINTS] * 100 >= skill.flees * hit_points[row[KIND]]:
            continue
        if _apart(row, rows[home]) < HOME_REACH:
            continue
        if _nearest_enemy(rows, row[X], row[Y], DANGER, False) < 0:
            continue
        script.goal = FLEE
        if row[SELECTED] == 1 and _selected(rows) == 1:
            _press_key(action, KEY_HOME)
        else:
            _click(script, skill, action, SELECT, slot)
        return True
    return False


@part
def _put_to_work(rows: Numbers, script: ScriptRecord, skill: Skill, action: Numbers) -> bool:
    """Workers that do nothing gather from what is nearest to them, or look for it."""
    idle = -1
    workers, chosen = 0, 0
    for slot in range(len(rows)):
        row = rows[slot]
        if _is_own_unit(row) and row[KIND] == WORKER:
            workers += 1
            chosen += row[SELECTED]
            if row[ORDER] == IDLE:
                idle = slot
    if idle < 0:
        return False
    best, found = 1 << 60, -1
    for slot in range(len(rows)):
        row = rows[slot]
        resource = row[KNOWN] > 0 and row[OWNER] == NEUTRAL and row[KIND] != SHEEP
        if resource and row[CARRIES] > 0 and _apart(row, rows[idle]) < best:
            best, found = _apart(row, rows[idle]), slot
    home = _own_keep(rows)
    if found < 0 and (skill.loots == 0 or home < 0):
        return False
    script.goal = LOOT if found >= 0 else EXPLORE
    if chosen != workers or _selected(rows) != workers:
        _press_key(action, KEY_WORKERS)
    elif found >= 0:
        _click(script, skill, action, COMMAND, found)
    else:
        # Nothing is known to be left: they look around at home.
        action[0] = COMMAND
        for axis in range(2):
            near = rows[home, X + axis] + _below(script, 2 * LOOK_AROUND + 1) - LOOK_AROUND
            action[2 + axis] = min(max(near, 0), MAP_SIDE - 1)
    return True


@part
def _fight(rows: Numbers, script: ScriptRecord, skill: Skill, action: Numbers) -> bool:
    """All soldiers against one enemy that is in sight; home again where there are too many."""
    soldiers, chosen, idle, x, y, strength = _muster(rows)
    if soldiers == 0:
        return False
    target = _nearest_enemy(rows, x, y, 1 << 20, skill.focuses == 1)
    if target < 0:
        return False
    enemies = 0
    for slot in range(len(rows)):
        row = rows[slot]
        if row[KNOWN] == VISIBLE and row[OWNER] == ENEMY and row[KIND] != WORKER:
            enemies += row[HIT_POINTS] if row[KIND] != KEEP else 80
    home = _own_keep(rows)
    outnumbered = skill.weighs == 1 and home >= 0 and strength * 10 < enemies * 7
    if outnumbered and _distance_between(x, y, rows[home, X], rows[home, Y]) > 2 * HOME_REACH:
        script.goal, script.target = CAUTIOUS, -1
        if idle + _under_orders(rows) == 0:
            return True
        if chosen == soldiers and _selected(rows) == soldiers + _ships_selected(rows):
            _press_key(action, KEY_HOME)
        else:
            _press_key(action, KEY_SOLDIERS)
        return True
    if script.target == target and 2 * idle < soldiers:
        return False
    script.goal = FIGHT
    if chosen == soldiers and _selected(rows) == soldiers + _ships_selected(rows):
        _click(script, skill, action, COMMAND, target)
        script.target = target
    else:
        _press_key(action, KEY_SOLDIERS)
    return True


@part
def _fetch_loot(rows: Numbers, script: ScriptRecord, skill: Skill, action: Numbers) -> bool:
    """A soldier without anything to do takes what lies near it."""
    for slot in range(len(rows)):
        unit = rows[slot]
        if not _is_own_unit(unit) or unit[KIND] == WORKER or unit[KIND] == WARSHIP:
            continue
        if unit[ORDER] != IDLE:
            continue
        best, found = NEAR_LOOT, -1
        for other in range(len(rows)):
            row = rows[other]
            loot = row[KNOWN] > 0 and row[KIND] == SHEEP and row[CARRIES] > 0
            if loot and _apart(row, unit) < best:
                best, found = _apart(row, unit), other
        if found < 0:
            continue
        script.goal = LOOT
        if unit[SELECTED] == 1 and _selected(rows) == 1:
            _click(script, skill, action, COMMAND, found)
        else:
            _click(script, skill, action, SELECT, slot)
        return True
    return False


@part
def _march(
    rows: Numbers, status: Numbers, script: ScriptRecord, skill: Skill, action: Numbers
) -> None:
    """When its time has come, all soldiers go to the enemy's keep, or to where it must be."""
    soldiers, chosen, idle, _x, _y, _strength = _muster(rows)
    if status[0] < skill.marches or soldiers == 0 or 2 * idle < soldiers:
        return
    if _nearest_enemy(rows, 0, 0, 1 << 20, False) >= 0:
        return
    script.goal = EXPLORE
    if chosen != soldiers or _selected(rows) != soldiers + _ships_selected(rows):
        _press_key(action, KEY_SOLDIERS)
        return
    script.target = -1
    for slot in range(len(rows)):
        row = rows[slot]
        if row[KNOWN] > 0 and row[OWNER] == ENEMY and row[KIND] == KEEP:
            _click(script, skill, action, COMMAND, slot)
            return
    home = _own_keep(rows)
    action[0], action[1] = COMMAND, -1
    if home >= 0:
        # The map is the same from both sides.
        action[2] = MAP_SIDE - 1 - rows[home, X]
        action[3] = MAP_SIDE - 1 - rows[home, Y]
    else:
        action[2], action[3] = _below(script, MAP_SIDE), _below(script, MAP_SIDE)


@part
def _click(script: ScriptRecord, skill: Skill, action: Numbers, act: int, slot: int) -> None:
    """Click on an entity, as well as one aims, or beside it."""
    wide = skill.aim
    if _below(script, 1000) < skill.misses:
        wide = 60
    action[0], action[1] = act, slot
    action[2] = _below(script, 2 * wide + 1) - wide
    action[3] = _below(script, 2 * wide + 1) - wide


@part
def _press_key(action: Numbers, key: int) -> None:
    action[0], action[4] = KEY, key


@part
def _muster(rows: Numbers) -> tuple[int, int, int, int, int, int]:
    """Soldiers on land: how many, how many chosen, without orders, their middle, hit points."""
    soldiers, chosen, idle, x, y, strength = 0, 0, 0, 0, 0, 0
    for slot in range(len(rows)):
        row = rows[slot]
        if _is_own_unit(row) and row[KIND] != WORKER and row[KIND] != WARSHIP:
            soldiers += 1
            chosen += row[SELECTED]
            idle += 1 if row[ORDER] == IDLE else 0
            x += row[X]
            y += row[Y]
            strength += row[HIT_POINTS]
    if soldiers > 0:
        x, y = x // soldiers, y // soldiers
    return soldiers, chosen, idle, x, y, strength


@part
def _under_orders(rows: Numbers) -> int:
    """Soldiers on land that do something else than going home."""
    count = 0
    for slot in range(len(rows)):
        row = rows[slot]
        if _is_own_unit(row) and row[KIND] != WORKER and row[KIND] != WARSHIP:
            count += 1 if row[ORDER] != RETURN and row[ORDER] != IDLE else 0
    return count


@part
def _side_of(player: int, players: int) -> int:
    return 1 if 2 * player >= players else 0


@part
def _selected(rows: Numbers) -> int:
    count = 0
    for slot in range(len(rows)):
        count += rows[slot, SELECTED]
    return count


@part
def _ships_selected(rows: Numbers) -> int:
    count = 0
    for slot in range(len(rows)):
        count += rows[slot, SELECTED] if rows[slot, KIND] == WARSHIP else 0
    return count


@part
def _nearest_enemy(rows: Numbers, x: int, y: int, within: int, weakest: bool) -> int:
    """An enemy in sight that is near, or the one of those near that falls first; units first."""
    best, found = 1 << 60, -1
    for slot in range(len(rows)):
        row = rows[slot]
        if row[KNOWN] != VISIBLE or row[OWNER] != ENEMY or row[KIND] == WARSHIP:
            continue
        distance = _distance_between(row[X], row[Y], x, y)
        if distance > within:
            continue
        price = distance + (400 if row[KIND] == KEEP else 0)
        if weakest and row[KIND] != KEEP:
            price += row[HIT_POINTS]
        if price < best:
            best, found = price, slot
    return found


@part
def _own_keep(rows: Numbers) -> int:
    for slot in range(len(rows)):
        if rows[slot, KNOWN] > 0 and rows[slot, KIND] == KEEP and rows[slot, OWNER] == OWN:
            return slot
    return -1


@part
def _is_own_unit(row: Numbers) -> bool:
    return bool(row[KNOWN] > 0 and row[OWNER] == OWN and row[KIND] != KEEP)


@part
def _apart(one: Numbers, other: Numbers) -> int:
    return _distance_between(one[X], one[Y], other[X], other[Y])


@part
def _distance_between(x: int, y: int, other_x: int, other_y: int) -> int:
    """The longer way and half of the shorter one: near enough for who decides by eye."""
    dx, dy = abs(x - other_x), abs(y - other_y)
    return max(dx, dy) + min(dx, dy) // 2


@part
def _below(script: ScriptRecord, limit: int) -> int:
    """A whole number from 0 to `limit` - 1 of the player's own stream, xorshift64* (Vigna 2016)."""
    state = script.random
    state ^= state >> np.uint64(12)
    state ^= state << np.uint64(25)
    state ^= state >> np.uint64(27)
    script.random = state
    drawn = (state * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(33)
    return int(np.int64(drawn)) % limit
