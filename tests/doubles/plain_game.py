"""The rules of the built-in game once more, in plain Python over plain objects.

What the compiled loops are compared with, and raced against. It is written from the rules and not
from the loops: games are objects, fog is a set of cells, a square root is `math.isqrt`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache

from pipeline.play.simulator.games import Games
from pipeline.play.simulator.maps import STEPS, GameMap, map_of
from pipeline.play.simulator.rules import (
    CELL,
    DAMAGE,
    FIGURES,
    FOG_CELLS,
    GATHERING_TICKS,
    HEALING_REACH,
    HEALING_TICKS,
    MAP_SIDE,
    MAX_TICKS,
    SUBPIXELS,
    TAKEN_AT_ONCE,
    TOUCH,
    UNITS,
    Act,
    Figures,
    Key,
    Kind,
    Order,
    Result,
)

FOG = MAP_SIDE // FOG_CELLS
HEADINGS = {(1, 0): 0, (1, 1): 2, (0, 1): 4, (-1, 1): 6, (-1, 0): 8, (-1, -1): 10, (0, -1): 12}


@dataclass(eq=False)
class Thing:
    slot: int
    kind: Kind
    owner: int
    present: bool
    x: int
    y: int
    hit_points: int
    carries: int
    heading: int
    order: Order = Order.IDLE
    target: Thing | None = None
    goal: tuple[int, int] = (0, 0)
    way: tuple[int, int] = (0, 0)
    job: Thing | None = None
    cooldown: int = 0

    @property
    def figures(self) -> Figures:
        return FIGURES[self.kind]

    @property
    def place(self) -> tuple[int, int]:
        return self.x, self.y


@dataclass
class Known:
    tick: int
    x: int
    y: int
    hit_points: int
    carries: int


@dataclass
class Player:
    number: int
    selected: set[int] = field(default_factory=set)
    stock: int = 0
    score: int = 0


class PlainGame:
    """One game, taken over from a row of `Games` before its first tick."""

    def __init__(self, games: Games, number: int = 0) -> None:
        clock = games.clocks[number]
        self.map: GameMap = map_of(int(clock["map"]))
        self.random, self.tick, self.result = int(clock["random"]), 0, Result.RUNNING
        self.players = [Player(n) for n in range(games.player_count)]
        self.things = [
            Thing(
                slot,
                Kind(int(e["kind"])),
                int(e["owner"]),
                bool(e["present"]),
                *(int(e[name]) for name in ("x", "y", "hit_points", "carries", "heading")),
                goal=(int(e["goal_x"]), int(e["goal_y"])),
                way=(int(e["way_x"]), int(e["way_y"])),
            )
            for slot, e in enumerate(games.entities[number])
        ]
        count = len(self.players)
        self.keeps = self.things[count * UNITS : count * (UNITS + 1)]
        self.movers = self.things[: count * (UNITS + 1)]
        self.piles = self.things[count * (UNITS + 4) : count * (2 * UNITS + 4)]
        self.lit: list[set[tuple[int, int]]] = [set(), set()]
        self.explored: list[set[tuple[int, int]]] = [set(), set()]
        self.known: list[dict[Thing, Known]] = [{}, {}]
        self._look()

    def step(self, actions: list[tuple[int, int, int, int, int]]) -> None:
        if self.result != Result.RUNNING:
            return
        for player, action in zip(self.players, actions, strict=True):
            self._act(player, *action)
        order = self.movers if self.tick % 2 == 0 else self.movers[::-1]
        for thing in order:
            if thing.present:
                self._live(thing)
        self.tick += 1
        self._look()
        self._judge()

    def side(self, owner: int) -> int:
        return int(owner >= len(self.players) // 2)

    # What players do

    def _act(self, player: Player, act: int, entity: int, x: int, y: int, key: int) -> None:
        if act == Act.KEY:
            self._press(player, key)
        if act not in (Act.SELECT, Act.COMMAND) or entity >= len(self.things):
            return
        known = self.known[self.side(player.number)]
        point = (x * SUBPIXELS, y * SUBPIXELS)
        if entity >= 0:
            remembered = known.get(self.things[entity])
            if remembered is None:
                return
            point = (point[0] + remembered.x, point[1] + remembered.y)
        if not (0 <= point[0] < MAP_SIDE * SUBPIXELS and 0 <= point[1] < MAP_SIDE * SUBPIXELS):
            return
        near = [
            (squared(one.x - point[0], one.y - point[1]), thing.slot, thing)
            for thing, one in known.items()
        ]
        inside = [one for one in near if one[0] <= (one[2].figures.radius * SUBPIXELS) ** 2]
        clicked = min(inside)[2] if inside else None
        if act == Act.COMMAND:
            for unit in self._units(player):
                if unit.present and unit.slot % UNITS in player.selected:
                    self._command(unit, clicked, point)
        elif clicked is not None and clicked in self._units(player):
            player.selected = {clicked.slot % UNITS}
        else:
            player.selected = set()

    def _units(self, player: Player) -> list[Thing]:
        return self.things[player.number * UNITS : (player.number + 1) * UNITS]

    def _press(self, player: Player, key: int) -> None:
        units = [unit for unit in self._units(player) if unit.present]
        if key in (Key.SOLDIERS, Key.WORKERS, Key.EVERYONE):
            player.selected = {
                unit.slot % UNITS
                for unit in units
                if key == Key.EVERYONE or bool(unit.figures.soldier) == (key == Key.SOLDIERS)
            }
        if key in (Key.STOP, Key.HOME):
            for unit in units:
                if unit.slot % UNITS in player.selected:
                    unit.job = unit.target = None
                    unit.order = Order.RETURN if key == Key.HOME else Order.IDLE
                    unit.way = unit.place if key == Key.HOME else unit.way

    def _command(self, unit: Thing, clicked: Thing | None, point: tuple[int, int]) -> None:
        unit.order, unit.target, unit.job = Order.MOVE, None, None
        if clicked is None:
            pass
        elif clicked.owner >= 0 and self.side(clicked.owner) != self.side(unit.owner):
            unit.order, unit.target = Order.ATTACK, clicked
        elif clicked is self.keeps[unit.owner] and unit.carries:
            unit.order = Order.RETURN
        elif clicked.owner < 0 and unit.figures.capacity:
            if clicked.kind == Kind.SHEEP:
                unit.order, unit.target = Order.GATHER, clicked
            elif unit.figures.gathers:
                unit.order, unit.target, unit.job = Order.GATHER, clicked, clicked
        unit.way, unit.goal = unit.place, point
        if unit.target is not None:
            known = self.known[self.side(unit.owner)][unit.target]
            unit.goal = (known.x, known.y)
        if unit.order == Order.MOVE:
            unit.goal = self._reachable(unit, point)

    # What units do

    def _live(self, unit: Thing) -> None:
        unit.cooldown = max(0, unit.cooldown - 1)
        if unit.order == Order.IDLE and (self.tick + unit.slot) % 4 == 0:
            self._idle(unit)
        match unit.order:
            case Order.MOVE:
                if self._walk(unit):
                    unit.order = Order.IDLE
            case Order.ATTACK:
                self._attack(unit)
            case Order.GATHER:
                self._gather(unit)
            case Order.RETURN:
                self._return(unit)

    def _idle(self, unit: Thing) -> None:
        keep = self.keeps[unit.owner]
        hurt = unit.hit_points < unit.figures.hit_points and unit.kind != Kind.KEEP
        near = distance(unit, keep.place) <= HEALING_REACH * SUBPIXELS
        if hurt and keep.present and near and (self.tick + unit.slot) % HEALING_TICKS == 0:
            unit.hit_points += 1
        enemies = []
        for other in self.movers:
            if not other.present or other is unit:
                continue
            apart = squared(other.x - unit.x, other.y - unit.y)
            if self.side(other.owner) != self.side(unit.owner):
                if self._lit(self.side(unit.owner), other.place):
                    enemies.append((apart, other.slot, other))
            elif apart < 192**2 and Kind.KEEP not in (unit.kind, other.kind):
                moved = tuple(
                    at + (8 if at > theirs or (at == theirs and unit.slot > other.slot) else -8)
                    for at, theirs in zip(unit.place, other.place, strict=True)
                )
                if self._can_stand(unit, moved):
                    unit.x, unit.y = moved
        # How far they are is judged from where the unit is after it has made room for others
        # before them, as it goes through all others once.
        alert = (unit.figures.alert * SUBPIXELS) ** 2
        if enemies and unit.figures.alert and min(enemies)[0] <= alert:
            unit.order, unit.target, unit.way = Order.ATTACK, min(enemies)[2], unit.place

    def _attack(self, unit: Thing) -> None:
        target, side = unit.target, self.side(unit.owner)
        assert target is not None
        walks = unit.figures.speed > 0
        if target.present and self._lit(side, target.place):
            unit.goal = target.place
            reach = unit.figures.reach + unit.figures.radius + target.figures.radius
            dx, dy = target.x - unit.x, target.y - unit.y
            if squared(dx, dy) <= (reach * SUBPIXELS) ** 2:
                self._face(unit, dx, dy)
                if not unit.cooldown:
                    unit.cooldown = unit.figures.cooldown
                    self._strike(unit, target)
            elif walks:
                self._walk(unit)
            else:
                unit.order = Order.IDLE
        else:
            known_gone = not target.present and self._lit(side, unit.goal)
            if known_gone or not walks or self._walk(unit):
                unit.order = Order.IDLE

    def _strike(self, unit: Thing, target: Thing) -> None:
        word = (1 << 64) - 1
        state = self.random
        state ^= state >> 12
        state ^= (state << 25) & word
        state ^= state >> 27
        self.random = state
        luck = ((state * 0x2545F4914F6CDD1D) & word) >> 56
        mean = DAMAGE[unit.kind][target.kind]
        target.hit_points -= (mean * (48 + luck % 33) + 32) // 64
        if target.hit_points > 0:
            return
        target.hit_points, target.present = 0, False
        self.players[unit.owner].score += target.figures.worth
        if target.kind == Kind.KEEP:
            return
        pile = self.piles[target.slot]
        pile.carries, target.carries = target.carries + target.figures.loot, 0
        if pile.carries:
            pile.present, pile.x, pile.y = True, target.x, target.y

    def _gather(self, unit: Thing) -> None:
        target = unit.target
        assert target is not None
        if not target.present and self._lit(self.side(unit.owner), unit.goal):
            unit.job = None
            unit.order = Order.RETURN if unit.carries else Order.IDLE
            unit.way = unit.place
            return
        reach = (TOUCH + unit.figures.radius + target.figures.radius) * SUBPIXELS
        dx, dy = unit.goal[0] - unit.x, unit.goal[1] - unit.y
        if squared(dx, dy) > reach**2:
            if self._walk(unit):
                unit.order = Order.IDLE
            return
        self._face(unit, dx, dy)
        taken = min(unit.figures.capacity - unit.carries, target.carries)
        if target.kind != Kind.SHEEP:
            if unit.cooldown:
                return
            unit.cooldown = GATHERING_TICKS
            taken = min(taken, TAKEN_AT_ONCE)
        unit.carries += taken
        target.carries -= taken
        target.present = target.carries > 0
        full = unit.carries >= unit.figures.capacity
        if full or target.kind == Kind.SHEEP or not target.present:
            unit.order, unit.way = Order.RETURN, unit.place

    def _return(self, unit: Thing) -> None:
        keep = self.keeps[unit.owner]
        if not keep.present:
            unit.order = Order.IDLE
            return
        unit.goal = keep.place
        reach = (TOUCH + unit.figures.radius + keep.figures.radius) * SUBPIXELS
        if squared(keep.x - unit.x, keep.y - unit.y) > reach**2:
            if self._walk(unit):
                unit.order = Order.IDLE
            return
        player = self.players[unit.owner]
        player.stock += unit.carries
        player.score += unit.carries
        unit.carries, unit.order = 0, Order.IDLE
        if unit.job is not None:
            unit.order, unit.target = Order.GATHER, unit.job
            unit.goal, unit.way = unit.job.place, unit.place

    # Ways

    def _walk(self, unit: Thing) -> bool:
        if unit.place == unit.way or (self.tick + unit.slot) % 8 == 0:
            unit.way = self._way(unit, straight=True)
            if unit.place == unit.way:
                return True
        if not self._step(unit):
            unit.way = self._way(unit, straight=False)
            self._step(unit)
        return False

    def _way(self, unit: Thing, straight: bool) -> tuple[int, int]:
        here, end = cell(unit.place), self._reachable(unit, unit.goal)
        if cell(end) == here or (straight and self._is_free(unit, end)):
            return end
        step = int(self.map.ways[unit.figures.afloat, cell(end), here])
        across, along = STEPS[step] if step < len(STEPS) else (0, 0)
        return middle(here + across + 16 * along)

    def _reachable(self, unit: Thing, point: tuple[int, int]) -> tuple[int, int]:
        nearest = int(self.map.nearest[unit.figures.afloat, cell(point)])
        return point if nearest == cell(point) else middle(nearest)

    def _is_free(self, unit: Thing, end: tuple[int, int]) -> bool:
        dx, dy = end[0] - unit.x, end[1] - unit.y
        steps = max(abs(dx), abs(dy)) // (FOG * SUBPIXELS) + 1
        return all(
            self._can_stand(
                unit, (unit.x + towards(dx * n, steps), unit.y + towards(dy * n, steps))
            )
            for n in range(1, min(steps, 8) + 1)
        )

    def _step(self, unit: Thing) -> bool:
        far, speed = distance(unit, unit.way), unit.figures.speed
        dx, dy = unit.way[0] - unit.x, unit.way[1] - unit.y
        place = unit.way
        if far > speed:
            place = (unit.x + towards(dx * speed, far), unit.y + towards(dy * speed, far))
        if not self._can_stand(unit, place):
            return False
        self._face(unit, dx, dy)
        unit.x, unit.y = place
        return True

    def _can_stand(self, unit: Thing, place: tuple[int, ...]) -> bool:
        inside = all(0 <= at < MAP_SIDE * SUBPIXELS for at in place)
        return inside and self.map.nearest[unit.figures.afloat, cell(place)] == cell(place)

    @staticmethod
    def _face(unit: Thing, dx: int, dy: int) -> None:
        if (dx, dy) != (0, 0):
            across = 0 if 5 * abs(dx) < 2 * abs(dy) else int(math.copysign(1, dx))
            along = 0 if 5 * abs(dy) < 2 * abs(dx) else int(math.copysign(1, dy))
            unit.heading = HEADINGS.get((across, along), 14)

    # What is seen, and who has won

    def _lit(self, side: int, place: tuple[int, int]) -> bool:
        return (place[0] // (FOG * SUBPIXELS), place[1] // (FOG * SUBPIXELS)) in self.lit[side]

    def _look(self) -> None:
        self.lit = [set(), set()]
        for thing in self.movers:
            if thing.present:
                column, row = (at // (FOG * SUBPIXELS) for at in thing.place)
                self.lit[self.side(thing.owner)] |= seen_from(column, row, thing.figures.sight)
        for side in range(2):
            self.explored[side] |= self.lit[side]
            for thing in self.things:
                known = self.known[side].get(thing)
                if thing.present and self._lit(side, thing.place):
                    self.known[side][thing] = Known(
                        self.tick, thing.x, thing.y, thing.hit_points, thing.carries
                    )
                elif known is not None and self._lit(side, (known.x, known.y)):
                    del self.known[side][thing]

    def _judge(self) -> None:
        def of(side: int, things: list[Thing]) -> list[Thing]:
            return [t for t in things if t.present and self.side(t.owner) == side]

        units = self.movers[: len(self.players) * UNITS]
        lost = [not of(side, self.keeps) or not of(side, units) for side in range(2)]
        scores = [
            sum(p.score for p in self.players if self.side(p.number) == side) for side in range(2)
        ]
        if all(lost) or (not any(lost) and self.tick >= MAX_TICKS and scores[0] == scores[1]):
            self.result = Result.DRAW
        elif any(lost):
            self.result = Result.SECOND_SIDE if lost[0] else Result.FIRST_SIDE
        elif self.tick >= MAX_TICKS:
            self.result = Result.FIRST_SIDE if scores[0] > scores[1] else Result.SECOND_SIDE


@cache
def seen_from(column: int, row: int, radius: int) -> frozenset[tuple[int, int]]:
    """Cells of the fog that are lit around one."""
    return frozenset(
        (column + dx, row + dy)
        for dx in range(-radius, radius + 1)
        for dy in range(-radius, radius + 1)
        if squared(dx, dy) <= radius * (radius + 1)
        and 0 <= column + dx < FOG_CELLS
        and 0 <= row + dy < FOG_CELLS
    )


def differences(plain: PlainGame, games: Games, number: int = 0) -> list[str]:
    """What differs between a plain game and a row of compiled ones; nothing at best."""
    found = []
    clock = games.clocks[number]
    if (plain.tick, plain.result, plain.random) != tuple(
        int(clock[name]) for name in ("tick", "result", "random")
    ):
        found.append(f"clock: {plain.tick} {plain.result} against {clock}")
    names = ["present", "x", "y", "hit_points", "carries", "order", "cooldown", "heading"]
    names += ["goal_x", "goal_y", "way_x", "way_y"]
    rows = games.entities[number][names].tolist()
    for thing, theirs in zip(plain.things, rows, strict=True):
        ours = (thing.present, thing.x, thing.y, thing.hit_points, thing.carries, thing.order)
        ours = (*ours, thing.cooldown, thing.heading, *thing.goal, *thing.way)
        if ours != theirs:
            found.append(f"slot {thing.slot} {thing.kind.name}: {ours} against {theirs}")
    for player, p in zip(plain.players, games.players[number], strict=True):
        bits = sum(1 << unit for unit in player.selected)
        if (bits, player.stock, player.score) != tuple(int(v) for v in p.tolist()):
            found.append(f"player {player.number}: {player} against {p}")
    for side in range(2):
        for lit, rows in (
            (plain.lit[side], games.in_sight[number, side]),
            (plain.explored[side], games.explored[number, side]),
        ):
            bits = [0] * FOG_CELLS
            for x, y in lit:
                bits[y] |= 1 << x
            if bits != rows.tolist():
                found.append(f"fog of side {side}")
        memory = games.memory[number, side].tolist()
        for thing, theirs in zip(plain.things, memory, strict=True):
            known = plain.known[side].get(thing)
            remembered = theirs[0] >= 0
            if (known is not None) != remembered:
                found.append(f"memory of side {side} of slot {thing.slot}")
            elif known is not None and tuple(vars(known).values()) != theirs:
                found.append(
                    f"memory of side {side} of slot {thing.slot}: {known} against {theirs}"
                )
    return found


def squared(dx: int, dy: int) -> int:
    return dx * dx + dy * dy


def distance(thing: Thing, place: tuple[int, int]) -> int:
    return math.isqrt(squared(place[0] - thing.x, place[1] - thing.y))


def towards(product: int, whole: int) -> int:
    """Divided towards zero."""
    return int(math.copysign(abs(product) // whole, product))


def cell(place: tuple[int, ...]) -> int:
    return place[1] // (CELL * SUBPIXELS) * 16 + place[0] // (CELL * SUBPIXELS)


def middle(number: int) -> tuple[int, int]:
    row, column = divmod(number, 16)
    half = CELL * SUBPIXELS // 2
    return column * CELL * SUBPIXELS + half, row * CELL * SUBPIXELS + half
