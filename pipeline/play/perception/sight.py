"""Games as their players see them on a screen, in the arrays in which the game would tell them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from detector_runtime.models.base import Model

from pipeline.demo_game.game_folder import TEAM_COLOURS
from pipeline.play.perception.looking import Finder, ScreenLook, Sightings, Watch
from pipeline.play.perception.memory import ALLY, ENEMY, OWN, Memory
from pipeline.play.perception.orders import OwnOrders
from pipeline.play.perception.reading import read_amounts
from pipeline.play.perception.screen import number_line
from pipeline.play.simulator.games import Actions, Games
from pipeline.play.simulator.observation import (
    STATUS,
    UNKNOWN_GROUND,
    Column,
    Observations,
    side_of,
)
from pipeline.play.simulator.rules import FOG_CELLS, MAP_SIDE, NOTHING, Act
from pipeline.play.simulator.view import Shown, shown_to

LOOK_TICKS = 4
"""From one look to the next: five a second, as often as a tactician decides."""
GAMES_AT_ONCE = 16
"""Whose screens are looked at together: the first look is at all of them."""
AMOUNTS_AT, AMOUNTS_PITCH, AMOUNTS_TOP = 17, 44, 4
"""Where the line has its numbers: column of the first, columns to the next, row."""


class PlayerSight:
    """One player's sight of one game."""

    def __init__(self, finder: Finder, stances: Sequence[int], look_ticks: int) -> None:
        """
        Args:
            stances: what each player is to this one.
            look_ticks: from one look to the next.
        """
        self._look_ticks = look_ticks
        self.watch, self.memory = Watch(finder, look_ticks), Memory(stances)
        self._orders = OwnOrders(self.memory)
        self.status = np.zeros(len(STATUS), np.int32)

    def wanted(self, shown: Shown) -> ScreenLook:
        """What of the screen must be looked at."""
        return self.watch.wanted(shown)

    def take(self, look: ScreenLook, found: Sightings, tick: int) -> None:
        """Take in what a look has found."""
        ids, seen = self.watch.take(found, tick)
        slots = self.memory.see(ids, seen, tick)
        self._orders.see(slots, seen.marked, self._look_ticks)
        line = number_line(look.shown)
        amounts = read_amounts(line, 4, AMOUNTS_AT, AMOUNTS_PITCH, AMOUNTS_TOP)
        for place, amount in enumerate(amounts[2:], start=1):
            self.status[place] = self.status[place] if amount is None else amount
        self.status[0] = tick

    def follow(self, tick: int) -> None:
        """Between two looks: go by what was seen."""
        self.memory.follow(self.watch.predict(tick), tick)
        self.status[0] = tick

    def did(self, action: npt.NDArray[np.int32]) -> None:
        """After an act of the player's own, with clicks as points of the map."""
        self._orders.did(action)


class DetectedSight:
    """What players see of games on their screens: entities are detected, and numbers read.

    Rows are as `observation.observe` gives them, with 64 slots of the player's own; what cannot be
    seen is -1. A click on an entity falls where that was seen.
    """

    def __init__(
        self,
        model: Model,
        games: Games,
        players: npt.NDArray[np.int_],
        look_ticks: int = LOOK_TICKS,
    ) -> None:
        """
        Args:
            model: of `looking.open_finder_model`.
            players: int [games], whose sight of each.
            look_ticks: from one look to the next.

        Raises:
            PerceptionError: the model does not know a kind of the game.
        """
        colours = np.array(list(TEAM_COLOURS.values())[: games.player_count])
        self._finder = finder = Finder(model, colours)
        self._players, self._look_ticks = players, look_ticks
        self.looks = 0
        """At screens, by now."""
        self.sights = [
            PlayerSight(finder, _stances(games, player), look_ticks) for player in players.tolist()
        ]

    def see(self, games: Games, running: npt.NDArray[np.intp]) -> Observations:
        """What is known by now, in all of the games.

        Args:
            running: numbers of the games that go on; the others are not looked at any more.
        """
        ticks = games.clocks["tick"]
        due = running[ticks[running] % self._look_ticks == 0].tolist()
        for first in range(0, len(due), GAMES_AT_ONCE):
            self._look(games, due[first : first + GAMES_AT_ONCE])
        for game in np.setdiff1d(running, due).tolist():
            self.sights[game].follow(int(ticks[game]))
        return Observations(
            np.stack([sight.memory.rows for sight in self.sights]),
            np.stack([sight.status for sight in self.sights]),
            np.full((len(self.sights), FOG_CELLS, FOG_CELLS), UNKNOWN_GROUND, np.uint8),
        )

    def _look(self, games: Games, numbers: Sequence[int]) -> None:
        """At several screens at once, which costs a model least."""
        ticks = games.clocks["tick"].tolist()
        looks = [
            self.sights[game].wanted(shown_to(games, game, int(self._players[game])))
            for game in numbers
        ]
        for game, look, found in zip(numbers, looks, self._finder.find(looks), strict=True):
            self.sights[game].take(look, found, ticks[game])
        self.looks += len(looks)

    def aim(self, actions: Actions, seen: Observations) -> Actions:
        """Actions with clicks where things were seen, which are then done.

        Args:
            actions: int32 [games, 5]; an entity is a slot of what was seen.
            seen: what the players acted on.

        Returns:
            int32 [games, 5], with points of the map alone.
        """
        aimed = np.array(actions)
        slots = aimed[:, 1]
        rows = seen.entities[np.arange(len(aimed)), slots]
        clicks = np.isin(aimed[:, 0], (Act.SELECT, Act.COMMAND)) & (slots != NOTHING)
        aimed[clicks, 2:4] += rows[clicks][:, [Column.X, Column.Y]]
        aimed[clicks, 2:4] = np.clip(aimed[clicks, 2:4], 0, MAP_SIDE - 1)
        aimed[:, 1] = NOTHING
        unknown = clicks & (rows[:, Column.ID] == NOTHING)
        aimed[unknown] = (Act.NOTHING, NOTHING, 0, 0, 0)
        for sight, action in zip(self.sights, aimed, strict=True):
            sight.did(action)
        return aimed


def _stances(games: Games, player: int) -> list[int]:
    side = side_of(games, player)
    allies = [
        ALLY if side_of(games, other) == side else ENEMY for other in range(games.player_count)
    ]
    allies[player] = OWN
    return allies
