"""What a moment of play comes to, in few numbers: for rules, and to tell which moments are alike.

The measures are those by which the strongest scripted player decides (`simulator.player_kernel`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from detector_runtime.policies.known import (
    ENEMY,
    HIT_POINTS,
    HIT_POINTS_OF,
    ID,
    KEEP,
    KIND,
    KNOWN,
    ORDER,
    OWN,
    OWNER,
    SOLDIERS,
    WARSHIP,
    WORKER,
    X,
    Y,
)

from pipeline.play.policies.examples import Examples
from pipeline.play.simulator.rules import Order

KEEP_STRENGTH = 80
"""Hit points of soldiers that an enemy's keep counts for."""
HURT = 0.35
"""Share of its hit points below which a unit is hurt."""
DANGER, HOME_REACH = 230, 120
"""Pixels within which an enemy threatens a unit, and a keep protects it."""
OUTNUMBERED = 0.7
"""Own strength in that of the enemies in sight, below which they are too many."""
NEVER_NEAR = 1 << 20
STRENGTHS = (0.35, OUTNUMBERED, 1.0, 1.5)
"""Between which own strength is alike."""
AT_ONCE = 512
"""Moments, of which all distances between entities are held."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Situations:
    """Of n moments.

    Attributes:
        strength: int [n], hit points of own soldiers on land.
        enemies: int [n], hit points of enemies in sight that fight; a keep counts KEEP_STRENGTH.
        soldiers: int [n], own ones on land.
        from_home: int [n], pixels from their middle to the own keep, NEVER_NEAR without either.
        hurt: int [n], own units on land that are hurt, in danger, away from home and not on their
            way there.
    """

    strength: Ints
    enemies: Ints
    soldiers: Ints
    from_home: Ints
    hurt: Ints

    def __len__(self) -> int:
        return len(self.strength)

    @property
    def outnumbered(self) -> npt.NDArray[np.bool_]:
        """Soldiers away from home before enemies that are too strong: bool [n]."""
        weaker = self.strength < OUTNUMBERED * self.enemies
        away = (self.from_home > 2 * HOME_REACH) & (self.from_home < NEVER_NEAR)
        return np.asarray(weaker & away)

    def keys(self) -> list[tuple[int, ...]]:
        """Moments of one key are alike: as hurt, as strong, as far from home."""
        ratio = self.strength / np.maximum(self.enemies, 1)
        columns = (
            np.minimum(self.hurt, 1),
            np.minimum(self.soldiers, 1),
            np.where(self.enemies > 0, np.digitize(ratio, STRENGTHS), -1),
            np.digitize(self.from_home, (HOME_REACH, 2 * HOME_REACH + 1, NEVER_NEAR)),
        )
        return list(zip(*(column.tolist() for column in columns), strict=True))


def situations_of(moments: Examples) -> Situations:
    """What some moments come to."""
    starts = range(0, max(len(moments), 1), AT_ONCE)
    parts = [_situations(moments.entities[start : start + AT_ONCE]) for start in starts]
    return Situations(
        *(
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Situations)
        )
    )


def _situations(entities: npt.NDArray[np.int16]) -> Situations:
    rows = entities.astype(np.int64)
    kinds, owners, places = rows[:, :, KIND], rows[:, :, OWNER], rows[:, :, [X, Y]]
    own = (rows[:, :, ID] >= 0) & (owners == OWN)
    soldiers = own & np.isin(kinds, SOLDIERS)
    foes = (rows[:, :, ID] >= 0) & (owners == ENEMY) & (rows[:, :, KNOWN] == 1)
    fighters = foes & (kinds != WORKER)
    keeps = own & (kinds == KEEP)
    worth = np.where(kinds == KEEP, KEEP_STRENGTH, rows[:, :, HIT_POINTS])
    home = (places * keeps[..., None]).sum(axis=1) // np.maximum(keeps.sum(axis=1), 1)[:, None]
    count = soldiers.sum(axis=1)
    middle = (places * soldiers[..., None]).sum(axis=1) // np.maximum(count, 1)[:, None]
    from_home = np.where(keeps.any(axis=1) & (count > 0), _apart(middle, home), NEVER_NEAR)
    full = np.array(HIT_POINTS_OF, np.int64)[np.clip(kinds, 0, len(HIT_POINTS_OF) - 1)]
    hurt = own & (kinds < WARSHIP) & (rows[:, :, HIT_POINTS] < HURT * full)
    hurt &= (rows[:, :, ORDER] != Order.RETURN) & keeps.any(axis=1)[:, None]
    hurt &= _apart(places, home[:, None]) >= HOME_REACH
    between = _apart(places[:, :, None], places[:, None])
    threats = foes & (kinds != WARSHIP)
    hurt &= (np.where(threats[:, None], between, NEVER_NEAR) <= DANGER).any(axis=2)
    return Situations(
        (soldiers * rows[:, :, HIT_POINTS]).sum(axis=1),
        (fighters * worth).sum(axis=1),
        count,
        from_home,
        hurt.sum(axis=1),
    )


def _apart(one: Ints, other: Ints) -> Ints:
    """As scripted players measure it: the longer way and half of the shorter one."""
    ways = np.abs(one - other)
    return np.asarray(ways.max(axis=-1) + ways.min(axis=-1) // 2)
