"""Games of a scripted player: what it knew and did, and what was true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from detector_runtime.policies.known import OWN, OWNER, SELECTED

from pipeline.play.online.outcomes.events import PlayOutcome
from pipeline.play.online.outcomes.orders import Orders
from pipeline.play.online.outcomes.sights import Sights
from pipeline.play.online.own_play import OwnTick
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.observation import observe
from pipeline.play.simulator.rules import Act, Order, Result
from pipeline.play.simulator.scripted import ScriptedPlayers

Found = set[tuple[int, int]]
"""Ticks, and slots of whom something befell."""


@dataclass(frozen=True, eq=False)
class TrueGame:
    """A game, of the player on the first side.

    Attributes:
        entities, status, actions, goals, targets: as of a demonstration.
        true: the simulator's records, [ticks, slots].
    """

    entities: npt.NDArray[np.int16]
    status: npt.NDArray[np.int32]
    actions: npt.NDArray[np.int32]
    goals: npt.NDArray[np.int32]
    targets: npt.NDArray[np.int32]
    true: npt.NDArray[np.void]

    @property
    def sights(self) -> Sights:
        return Sights.of(self.entities)

    @property
    def orders(self) -> Orders:
        return Orders.of(self.sights.rows, self.actions)

    def ticks(self, name: str) -> list[OwnTick]:
        """The game as policies would have handed it over."""
        parts = (self.entities, self.status, self.actions, self.goals, self.targets)
        return [OwnTick(name, *tick) for tick in zip(*parts, strict=True)]

    def events(self) -> dict[PlayOutcome, Found]:
        """What has happened."""
        own, foe = self.true["owner"][0] == 0, self.true["owner"][0] > 0
        present, points = self.true["present"] == 1, self.true["hit_points"]
        died = present[:-1] & ~present[1:]
        lost = (points[:-1] > points[1:]) & ~died
        more = np.diff(self.true["carries"], axis=0) > 0
        parts = {
            PlayOutcome.HIT: lost & foe,
            PlayOutcome.MISS: self._missed(),
            PlayOutcome.KILL: died & foe,
            PlayOutcome.HURT: lost & own,
            PlayOutcome.DEATH: died & own,
            PlayOutcome.LOOT: more & own,
        }
        return {
            outcome: {(int(tick), int(slot)) for tick, slot in np.argwhere(part)}
            for outcome, part in parts.items()
        }

    def _missed(self) -> npt.NDArray[np.bool_]:
        """Right clicks that name an enemy, after which nobody selected attacks anybody."""
        missed = np.zeros((len(self.true) - 1, self.true.shape[1]), bool)
        for tick in np.flatnonzero(self.actions[:-1, 0] == Act.COMMAND).tolist():
            slot = int(self.actions[tick, 1])
            rows = self.entities[tick]
            selected = (rows[:, OWNER] == OWN) & (rows[:, SELECTED] == 1)
            after = self.true[tick + 1]
            is_foe = slot >= 0 and after["owner"][slot] > 0 and after["present"][slot] == 1
            if is_foe and selected.any():
                missed[tick, slot] = not (selected & (after["order"] == Order.ATTACK)).any()
        return missed


def true_game(player: str, opponent: str, seed: int) -> TrueGame:
    """A game to its end."""
    games, players = Games.start([seed]), ScriptedPlayers.start([seed], (player, opponent))
    rows = []
    while games.clocks["result"][0] == Result.RUNNING:
        seen, true = observe(games, 0), games.entities[0].copy()
        chosen = players.act(games)
        script = players.scripts[0, 0]
        rows.append(
            (
                seen.entities[0].astype(np.int16),
                seen.status[0],
                chosen[0, 0].copy(),
                script["goal"],
                script["target"],
                true,
            )
        )
        games.step(chosen)
    return TrueGame(*(np.stack(part) for part in zip(*rows, strict=True)))
