"""Players by script, of several strengths, who stand in for people.

They see what a player sees, and act with a reaction time, so many actions a minute, hands that
miss now and then, and more or less understanding. `docs/explanation/play.md` says how often each
beats which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.play.simulator.games import Actions, GameError, Games, Records
from pipeline.play.simulator.maps import Stream
from pipeline.play.simulator.records import SCRIPT_DTYPE
from pipeline.play.simulator.rules import FIGURES, Kind


class Goal(IntEnum):
    """What a player is after at present."""

    FIGHT = 0
    LOOT = 1
    FLEE = 2
    EXPLORE = 3
    CAUTIOUS = 4


class Skill(NamedTuple):
    """How good a scripted player is.

    Attributes:
        reaction: ticks from seeing to doing on average; a triangle from half to one and a half.
        gap: ticks between two decisions at least.
        misses: clicks out of 1,000 that land up to 60 pixels beside.
        aim: pixels by which all others may be off.
        works: the tick from which its workers gather.
        marches: the tick from which it goes for the enemy.
        loots: 1 when idle soldiers fetch loot, and idle workers look for more to gather.
        focuses: 1 when all strike the one that falls first, not the nearest.
        flees: percent of its hit points below which a unit is sent home; 0 for never.
        weighs: 1 when it goes home from an enemy that is too strong.
        random: 1 when it does anything.
    """

    reaction: int
    gap: int
    misses: int
    aim: int
    works: int = 0
    marches: int = 0
    loots: int = 0
    focuses: int = 0
    flees: int = 0
    weighs: int = 0
    random: int = 0


SKILLS: Mapping[str, Skill] = {
    "random": Skill(6, 20, 0, 0, random=1),
    "scripted_l1": Skill(30, 80, 250, 6, works=600, marches=300),
    "scripted_l2": Skill(20, 50, 150, 5, works=300, marches=600),
    "scripted_l3": Skill(12, 30, 80, 4, marches=900, loots=1),
    "scripted_l4": Skill(8, 15, 40, 3, marches=1300, loots=1, focuses=1, weighs=1),
    "scripted_l5": Skill(4, 6, 10, 2, marches=2000, loots=1, focuses=1, flees=35, weighs=1),
}
"""By the name of the player, from the weakest to the strongest."""

SKILL_DTYPE = np.dtype([(name, np.int32) for name in Skill._fields])


@dataclass(frozen=True, eq=False)
class ScriptedPlayers:
    """The scripted players of many games. `act` changes their records in place.

    Attributes:
        scripts: `SCRIPT_DTYPE` [games, players].
    """

    scripts: Records

    @classmethod
    def start(cls, seeds: Sequence[int], names: Sequence[str | None]) -> ScriptedPlayers:
        """Players at the beginning of their games.

        Args:
            seeds: one a game; a player's chance follows from it and from its number.
            names: of `SKILLS`, one a player; None where somebody else plays.

        Raises:
            GameError: there is no player of that name.
        """
        known = list(SKILLS)
        for name in names:
            if name is not None and name not in known:
                raise GameError(
                    f"There is no scripted player '{name}'.", f"Choose one of {', '.join(known)}."
                )
        scripts = np.zeros((len(seeds), len(names)), SCRIPT_DTYPE)
        scripts["level"] = [-1 if name is None else known.index(name) for name in names]
        scripts["due"], scripts["target"], scripts["goal"] = -1, -1, Goal.EXPLORE
        for game, seed in enumerate(seeds):
            for player in range(len(names)):
                stream = Stream(int(seed) * 64 + player)
                scripts["random"][game, player] = 1 + stream.below((1 << 63) - 1)
        return cls(scripts)

    def act(self, games: Games, actions: Actions | None = None) -> Actions:
        """What they do in this tick; to be asked in every tick, once.

        Args:
            actions: what others do; a scripted player's row is written over when it acts.

        Returns:
            int32 [games, players, 5], for `Games.step`.
        """
        from pipeline.play.simulator.player_kernel import scripted_actions

        chosen = games.no_actions() if actions is None else actions
        scripted_actions(
            games.entities,
            games.players,
            games.memory,
            games.clocks,
            self.scripts,
            _SKILL_TABLE,
            _HIT_POINTS,
            chosen,
        )
        return chosen

    def copy(self) -> ScriptedPlayers:
        """The same players, changed by nobody else."""
        return ScriptedPlayers(self.scripts.copy())


def decide(
    entities: npt.NDArray[np.int32], status: npt.NDArray[np.int32], script: Records
) -> tuple[npt.NDArray[np.int32], Records]:
    """What a scripted player decides on what it knows, before it has reacted.

    Args:
        entities, status: of one game, as in `observation.Observations`.
        script: `SCRIPT_DTYPE` [1], which is left as it is.

    Returns:
        The action, int32 [5], and the player's record afterwards.
    """
    from pipeline.play.simulator.player_kernel import decide_once

    after = script.copy()
    level = int(script["level"][0])
    decide_once(entities, status, after, _SKILL_TABLE[level : level + 1], _HIT_POINTS)
    return after["action"][0].copy(), after


_SKILL_TABLE = np.array([tuple(skill) for skill in SKILLS.values()], SKILL_DTYPE)
_HIT_POINTS = np.array([FIGURES[kind].hit_points for kind in Kind], np.int32)
