"""What the networks are told of entities: places as seen from one's own keep, shares, memory.

The map is the same from both sides, so a player whose keep is in the lower right half sees it
turned by half a turn; both then look the same, and so do policies' answers, which are turned back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detector_runtime.policies.known import (
    ACT,
    ACTS,
    AGE,
    CARRIES,
    COMMAND,
    ENEMY,
    ENTITY,
    GOALS,
    HIT_POINTS,
    HIT_POINTS_OF,
    ID,
    KEEP,
    KEY,
    KEYS,
    KIND,
    KINDS,
    KNOWN,
    LONG_AGO,
    MAP_SIDE,
    NO_TARGET,
    NOBODY,
    ORDER,
    ORDERS,
    OWN,
    OWNER,
    OWNERS,
    PRESS,
    SCORE,
    SELECT,
    SELECTED,
    SHEEP,
    SOLDIERS,
    STOCK,
    TICK,
    WARSHIP,
    WORKER,
    Deeds,
    Numbers,
    X,
    Y,
)

Floats = npt.NDArray[np.float32]

FORCES = 3
"""Workers, soldiers on land, warships."""
CLOCK_STEPS, CLOCK_TICKS = 18, 200
"""Parts of a game, of ten seconds each, of which a policy is told how far they have gone."""
AGES = (2, 4, 6, 8, 12, 20, 40, 80, 160)
"""Ticks by which it is told how long ago something was done."""
WEALTH = 300.0
STRENGTH = 500.0
NOBODY_SEEN = 1.5
"""The distance of what is nowhere, in sides of the map."""

ENTITY_FEATURES = KINDS + OWNERS + ORDERS + 8 + 12 + 3
STATUS_FEATURES = CLOCK_STEPS + 2 + 7 * FORCES + 14 + (ACTS - 1) + KEYS + 2 * len(AGES) + 2
GOAL_FEATURES = GOALS
TARGET_FEATURES = 1


@dataclass(frozen=True, eq=False)
class Features:
    """What is known in n games, for the networks. Only rows of entities that are known are there.

    Attributes:
        entities: float32 [n, most known, features].
        places: float32 [n, most known, 2], 0 to 1, turned where `turned` says so.
        known: bool [n, most known]: a game in which fewer are known than in another has rows of
            zeros at its end.
        status: float32 [n, features].
        slots: int [n, most known], of which entity a row tells; NO_TARGET where `known` is false.
        turned: bool [n].
    """

    entities: Floats
    places: Floats
    known: npt.NDArray[np.bool_]
    status: Floats
    slots: npt.NDArray[np.int_]
    turned: npt.NDArray[np.bool_]


def features_of(
    entities: Numbers,
    status: Numbers,
    deeds: Deeds,
    dropped: npt.NDArray[np.bool_] | None = None,
) -> Features:
    """Describe what is known.

    Args:
        entities: int [n, slots, 12], a row without an entity has the id -1; in each game at least
            one is known.
        status: int [n, 4].
        deeds: what the player did before.
        dropped: bool [n], where the last act is not to be told; nowhere by default.
    """
    if dropped is None:
        dropped = np.zeros(len(entities), bool)
    known, rows = _known_first(entities.astype(np.int32))
    turned = _is_turned(rows, known)
    places = _turn(rows[:, :, [X, Y]], turned[:, None, None])
    sights = _Sights.of(rows, known, (places / (MAP_SIDE - 1)).astype(np.float32))
    deeds = _without(deeds, dropped)
    return Features(
        np.concatenate([_looks(rows), sights.relations(), _marks(rows, deeds)], axis=-1)
        * known[..., None],
        sights.places * known[..., None],
        known,
        np.concatenate([_clock(status), sights.summary(), _past(deeds, dropped)], axis=-1),
        np.where(known, rows[:, :, ID], NO_TARGET),
        turned,
    )


def with_goal(features: Features, goals: Numbers) -> Floats:
    """The status with a goal: int [n], one that is none of the five says nothing."""
    return np.concatenate([features.status, _one_hot(goals, GOALS)], axis=-1)


def with_target(features: Features, status: Floats, targets: Numbers) -> tuple[Floats, Floats]:
    """Entities and status with whom to fight: int [n], slots, or NO_TARGET."""
    aimed = _is_slot(features.slots, targets)[..., None].astype(np.float32)
    nobody = (targets == NO_TARGET)[:, None].astype(np.float32)
    return (
        np.concatenate([features.entities, aimed], axis=-1),
        np.concatenate([status, nobody], axis=-1),
    )


def rows_of(features: Features, slots: Numbers) -> npt.NDArray[np.int_]:
    """Where the networks point when they mean an entity: 0 for nobody, else its row and 1.

    Args:
        slots: int [n], or NO_TARGET.

    Returns:
        int [n]; -1 for an entity of which nothing is known.
    """
    found = _is_slot(features.slots, slots)
    rows = np.where(found.any(axis=1), found.argmax(axis=1) + 1, -1)
    return np.where(slots == NO_TARGET, 0, rows)


def turn_points(points: Numbers, turned: npt.NDArray[np.bool_]) -> Numbers:
    """Points of the map as the networks see them, and back: int [n, 2]."""
    return _turn(points, turned[:, None])


def _turn(places: Numbers, turned: npt.NDArray[np.bool_]) -> Numbers:
    return np.where(turned, MAP_SIDE - 1 - places, places)


def _known_first(entities: Numbers) -> tuple[npt.NDArray[np.bool_], Numbers]:
    """Rows of what is known, in their order, with as many others as the fullest game asks for."""
    known = entities[:, :, ID] >= 0
    most = int(known.sum(axis=1).max(initial=1))
    order = np.argsort(~known, axis=1, kind="stable")[:, :most]
    return (
        np.take_along_axis(known, order, axis=1),
        np.take_along_axis(entities, order[..., None], axis=1),
    )


def _is_turned(rows: Numbers, known: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Whether one's own keep, or else what is one's own, lies below the other diagonal."""
    own = known & (rows[:, :, OWNER] == OWN)
    keeps = own & (rows[:, :, KIND] == KEEP)
    judged = np.where(keeps.any(axis=1, keepdims=True), keeps, own)
    # Doubled and centred, a place is odd: the middle of the map is none.
    centred = 2 * rows[:, :, [X, Y]] - (MAP_SIDE - 1)
    sums = (centred * judged[..., None]).sum(axis=1)
    diagonal = sums.sum(axis=1)
    return np.asarray((diagonal > 0) | ((diagonal == 0) & (sums[:, 1] > 0)))


@dataclass(frozen=True, eq=False)
class _Sights:
    """Entities by what they are to a player: masks bool [n, rows], places float32 [n, rows, 2]."""

    rows: Numbers
    places: Floats
    forces: tuple[npt.NDArray[np.bool_], ...]
    enemies: tuple[npt.NDArray[np.bool_], ...]
    """Those in sight."""
    home: Floats
    """float32 [n, 2]: one's own keep."""
    middle: Floats
    """float32 [n, 2]: of one's own soldiers on land, or the keep without any."""

    @classmethod
    def of(cls, rows: Numbers, known: npt.NDArray[np.bool_], places: Floats) -> _Sights:
        kinds, owners = rows[:, :, KIND], rows[:, :, OWNER]
        own, seen = known & (owners == OWN), known & (rows[:, :, KNOWN] == 1)
        soldiers = np.isin(kinds, SOLDIERS)
        groups = (kinds == WORKER, soldiers, kinds == WARSHIP)
        home = _mean(places, own & (kinds == KEEP), np.full(2, 0.5, np.float32))
        return cls(
            rows,
            places,
            tuple(own & group for group in groups),
            tuple(seen & (owners == ENEMY) & group for group in (*groups, kinds == KEEP)),
            home,
            _mean(places, own & soldiers, home),
        )

    def relations(self) -> Floats:
        """Where entities are: place, as seen from home and from the soldiers; who is near them."""
        parts = [self.places]
        for origin in (self.home, self.middle):
            away = self.places - origin[:, None]
            parts += [away, np.linalg.norm(away, axis=-1, keepdims=True)]
        apart = np.linalg.norm(self.places[:, :, None] - self.places[:, None], axis=-1)
        idle = self.rows[:, :, ORDER] == 0
        own_workers, own_soldiers, _ships = self.forces
        foes = self.enemies[0] | self.enemies[1]
        for group in (foes, own_soldiers, own_soldiers & idle, own_workers & idle):
            nearest = np.where(group[:, None], apart, NOBODY_SEEN).min(axis=-1)
            parts.append(nearest[..., None])
        return np.concatenate(parts, axis=-1).astype(np.float32)

    def summary(self) -> Floats:
        """How many of whom, how strong, how near."""
        hit_points = self.rows[:, :, HIT_POINTS]
        selected = self.rows[:, :, SELECTED] == 1
        idle = self.rows[:, :, ORDER] == 0
        parts = []
        for force in self.forces:
            count = force.sum(axis=1)
            chosen = (force & selected).sum(axis=1)
            resting = (force & idle).sum(axis=1)
            parts += [count / 4, chosen / 4, resting / 4, resting > 0]
            parts += [(chosen == count) & (count > 0), chosen > 0, 2 * resting >= count]
        workers, soldiers, ships, keep = self.enemies
        fighters = soldiers | ships
        units = workers | soldiers
        parts += [
            (self.forces[1] * hit_points).sum(axis=1) / STRENGTH,
            (fighters * hit_points).sum(axis=1) / STRENGTH,
            units.sum(axis=1) / 4,
            units.any(axis=1),
            keep.any(axis=1),
            self._nearest(units, self.middle),
            self._nearest(units, self.home),
            np.linalg.norm(self.middle - self.home, axis=-1),
            np.where(self.forces[1], hit_points / _full(self.rows), 1.0).min(axis=1),
            *(self.middle.T),
            *(self.home.T),
            selected.sum(axis=1) / 8,
        ]
        return np.stack(parts, axis=-1).astype(np.float32)

    def _nearest(self, group: npt.NDArray[np.bool_], origin: Floats) -> Floats:
        distances = np.linalg.norm(self.places - origin[:, None], axis=-1)
        nearest: Floats = np.where(group, distances, NOBODY_SEEN).min(axis=1)
        return nearest


def _looks(rows: Numbers) -> Floats:
    """What entities are, without where."""
    hit_points, carries = rows[:, :, HIT_POINTS], rows[:, :, CARRIES]
    states = np.stack(
        [
            np.minimum(hit_points / _full(rows), 1),
            hit_points / 100,
            np.minimum(carries / 50, 3),
            carries > 0,
            rows[:, :, KNOWN] == 1,
            rows[:, :, SELECTED] == 1,
            np.log1p(rows[:, :, AGE]) / 8,
            (rows[:, :, OWNER] == NOBODY) & (rows[:, :, KIND] != SHEEP) & (carries > 0),
        ],
        axis=-1,
    )
    parts = (
        _one_hot(rows[:, :, KIND], KINDS),
        _one_hot(rows[:, :, OWNER], OWNERS),
        _one_hot(rows[:, :, ORDER], ORDERS),
        states,
    )
    return np.concatenate(parts, axis=-1).astype(np.float32)


def _marks(rows: Numbers, deeds: Deeds) -> Floats:
    """Whom the player last commanded its units to, selected, or clicked at all."""
    slots = rows[:, :, ID]
    acts, last = deeds.action[:, ACT], deeds.action[:, ENTITY]
    marks = (
        _is_slot(slots, deeds.commanded),
        _is_slot(slots, np.where(acts == SELECT, last, NO_TARGET)),
        _is_slot(slots, np.where(acts == COMMAND, last, NO_TARGET)),
    )
    return np.stack(marks, axis=-1).astype(np.float32)


def _clock(status: Numbers) -> Floats:
    """How far the game has gone, and what the player has gained."""
    steps = status[:, TICK, None] / CLOCK_TICKS - np.arange(CLOCK_STEPS)
    wealth = np.stack([status[:, STOCK], status[:, SCORE]], axis=-1) / WEALTH
    return np.concatenate([np.clip(steps, 0, 1), wealth], axis=-1).astype(np.float32)


def _past(deeds: Deeds, dropped: npt.NDArray[np.bool_]) -> Floats:
    """What the player did last, and how long ago."""
    acts = deeds.action[:, ACT]
    parts = (
        _one_hot(acts - 1, ACTS - 1),
        _one_hot(np.where(acts == PRESS, deeds.action[:, KEY], -1), KEYS),
        deeds.since[:, None] >= np.array(AGES),
        deeds.since_command[:, None] >= np.array(AGES),
        dropped[:, None],
        (deeds.commanded == NO_TARGET)[:, None],
    )
    return np.concatenate(parts, axis=-1).astype(np.float32)


def _without(deeds: Deeds, dropped: npt.NDArray[np.bool_]) -> Deeds:
    """Without the last act where it is dropped; when it was stays, and so does the last command."""
    nothing = Deeds.none(len(dropped))
    return Deeds(
        np.where(dropped[:, None], nothing.action, deeds.action),
        np.minimum(deeds.since, LONG_AGO),
        deeds.commanded,
        deeds.since_command,
    )


def _is_slot(slots: Numbers, wanted: Numbers) -> npt.NDArray[np.bool_]:
    return np.asarray((slots == wanted[:, None]) & (wanted[:, None] != NO_TARGET))


def _one_hot(values: Numbers, count: int) -> Floats:
    return np.asarray(values[..., None] == np.arange(count), np.float32)


def _full(rows: Numbers) -> Floats:
    """Hit points at the beginning."""
    table = np.array(HIT_POINTS_OF, np.float32)
    return np.asarray(table[np.clip(rows[:, :, KIND], 0, KINDS - 1)])


def _mean(places: Floats, group: npt.NDArray[np.bool_], otherwise: Floats) -> Floats:
    """The middle of a group, float32 [n, 2]."""
    count = group.sum(axis=1, keepdims=True)
    total = (places * group[..., None]).sum(axis=1)
    middle: Floats = np.where(count > 0, total / np.maximum(count, 1), otherwise).astype(np.float32)
    return middle
