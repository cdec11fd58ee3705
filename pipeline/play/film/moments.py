"""What a film shows of a game: moments at a steady distance, and what was done before each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, SupportsInt

import numpy as np
from detector_runtime.policies.networks import PolicyNetworks

from pipeline.play.policies.judging import PolicyTable
from pipeline.play.recordings.events import (
    TICK_NANOSECONDS,
    ActionEvent,
    GoalEvent,
    Topic,
)
from pipeline.play.recordings.reader import SessionReader
from pipeline.play.recordings.replay import states
from pipeline.play.recordings.simulated_play import IDLE
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.observation import side_of
from pipeline.play.simulator.rules import NOTHING, SUBPIXELS, TICKS_A_SECOND, Act, Key, Result
from pipeline.play.simulator.scripted import Goal, ScriptedPlayers

SHOWN_TICKS = TICKS_A_SECOND
"""How long a click or key is to be seen."""
SHOWN_ACTS = (Act.SELECT, Act.COMMAND, Act.KEY)


class PlayedTick(NamedTuple):
    """A game before one of its ticks, and what the watched player is about to do.

    Attributes:
        games: one game, which is changed in place by the next tick.
        action: five numbers, as one of `Games.step`.
        goal: name of `scripted.Goal`, or None where it is not known.
        target: slot of whom the player fights, or NOTHING.
    """

    games: Games
    action: Sequence[int]
    goal: str | None
    target: int


class Deed(NamedTuple):
    """A click or key of the watched player.

    Attributes:
        key: name of `rules.Key`; None for a click.
        x, y: pixels of the map that were clicked on; 0 for a key.
    """

    tick: int
    act: Act
    key: str | None
    x: int
    y: int


@dataclass(frozen=True, eq=False)
class Moment:
    """What a frame shows.

    Attributes:
        games: one game.
        goal, target: as in `PlayedTick`.
        deeds: of the last second, the newest last.
    """

    games: Games
    goal: str | None
    target: int
    deeds: tuple[Deed, ...]

    @property
    def tick(self) -> int:
        """How many ticks have been played."""
        return int(self.games.clocks["tick"][0])


def scripted_play(player: str, opponent: str, seed: int) -> Iterator[PlayedTick]:
    """A game between scripted players, of which the first is watched, to its end.

    Raises:
        GameError: there is no such player, or no such seed.
    """
    scripts, games = ScriptedPlayers.start([seed], (player, opponent)), Games.start([seed])
    script = scripts.scripts[0, 0]
    while games.clocks["result"][0] == Result.RUNNING:
        actions = scripts.act(games)
        yield _played(games, actions[0, 0].tolist(), script["goal"], script["target"])
        games.step(actions)
    yield _played(games, IDLE, script["goal"], script["target"])


def policy_play(networks: PolicyNetworks, opponent: str, seed: int) -> Iterator[PlayedTick]:
    """A game of policies, which are watched, against a scripted player, to its end.

    Raises:
        GameError: there is no such player, or no such seed.
    """
    table = PolicyTable.start(networks, opponent, [seed], np.zeros(1, np.int_))
    policies = table.policies
    while (actions := table.act()) is not None:
        action = actions[0, 0].tolist()
        yield _played(table.games, action, policies.goals[0], policies.targets[0])
        table.games.step(actions)
    yield _played(table.games, IDLE, policies.goals[0], policies.targets[0])


def session_play(session: SessionReader) -> Iterator[PlayedTick]:
    """A recorded game, played again as far as it is recorded; its player is watched.

    Raises:
        RecordingError: it cannot be played again: of another game, other rules, without a seed.
    """
    actions = dict[int, Sequence[int]]()
    goals = deque[tuple[int, GoalEvent]]()
    for time, event in session.events(Topic.ACTIONS, Topic.GOALS):
        if isinstance(event, ActionEvent) and event.player == session.info.player:
            actions[event.tick] = event.action
        elif isinstance(event, GoalEvent):
            goals.append((time // TICK_NANOSECONDS, event))
    goal: str | None = None
    target = NOTHING
    for tick, games in enumerate(states(session)):
        while goals and goals[0][0] <= tick:
            stated = goals.popleft()[1]
            goal, target = stated.goal, NOTHING if stated.target is None else stated.target
        yield PlayedTick(games, actions.get(tick, IDLE), goal, target)


def _played(
    games: Games, action: Sequence[int], goal: SupportsInt, target: SupportsInt
) -> PlayedTick:
    return PlayedTick(games, action, Goal(int(goal)).name, int(target))


def moments_of(ticks: Iterable[PlayedTick], player: int, every: int) -> list[Moment]:
    """The first moment, one after every so many ticks, and the last.

    Args:
        player: the one that is watched, by number.
    """
    moments: list[Moment] = []
    deeds = deque[Deed](maxlen=SHOWN_TICKS)
    last: Moment | None = None
    for number, played in enumerate(ticks):
        shown = tuple(deed for deed in deeds if deed.tick >= number - SHOWN_TICKS)
        last = Moment(played.games.copy(), played.goal, played.target, shown)
        if number % every == 0:
            moments.append(last)
        if played.action[0] in SHOWN_ACTS:
            deeds.append(_deed(played, player, number))
    if last is not None and moments[-1] is not last:
        moments.append(last)
    return moments


def _deed(played: PlayedTick, player: int, tick: int) -> Deed:
    act, entity, x, y, key = played.action
    if act == Act.KEY:
        return Deed(tick, Act.KEY, Key(key).name if key in list(Key) else None, 0, 0)
    if 0 <= entity < played.games.slot_count:
        known = played.games.memory[0, side_of(played.games, player), entity]
        x, y = x + int(known["x"]) // SUBPIXELS, y + int(known["y"]) // SUBPIXELS
    return Deed(tick, Act(act), None, x, y)
