"""Play of policies, with what the strategist was told and chose; and corrections of that."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from detector_runtime.policies.known import Numbers
from detector_runtime.policies.networks import PolicyNetworks
from detector_runtime.policies.player import STRATEGIST_TICKS, PolicyPlayer
from PIL import Image

from pipeline.play.corrections.correctors import Corrector
from pipeline.play.corrections.lines import GOALS, Correction, GoalName, State, states_of
from pipeline.play.corrections.sorting import Alike, alike_of
from pipeline.play.policies.examples import UNLABELLED, Examples, joined
from pipeline.play.policies.judging import PlayedGames, PolicyTable, both_sides, play_policies
from pipeline.play.simulator.rules import ACTION_SIZE
from pipeline.play.simulator.view import camera_of, render
from pipeline.progress import Report, silent, track

FRAME_QUALITY = 85
"""Of JPEGs of what a player saw."""

Rows = npt.NDArray[np.int_]


@dataclass(frozen=True)
class CorrectedPlay:
    """The games that are looked at.

    Attributes:
        opponent: name in `scripted.SKILLS`.
        games: even; as many are played to correct, and later others by both policies to compare.
        seed: of the first game; the others follow it.
        most_asked: moments to ask about, spread over kinds of situations; all of them if None.
        frames: whether who corrects is shown what the player saw.
    """

    opponent: str
    games: int
    seed: int
    most_asked: int | None = None
    frames: bool = False

    def seeds(self) -> tuple[range, range]:
        """Of games to correct, and of games to compare in; each is played from both sides."""
        half = self.games // 2
        return range(self.seed, self.seed + half), range(self.seed + half, self.seed + 2 * half)


@dataclass(frozen=True, eq=False)
class WatchedGames:
    """How games went, and every moment in which a goal was chosen.

    Attributes:
        moments: their `goals` are the chosen ones.
        games: int [n], number of the game that each moment is of.
    """

    played: PlayedGames
    moments: Examples
    games: Rows


@dataclass(frozen=True, eq=False)
class MomentsToAsk:
    """Moments to be corrected.

    Attributes:
        watched: the games that they are of.
        moments: n of theirs.
        frames: JPEGs of what the player saw in each, or None.
    """

    watched: WatchedGames
    moments: Examples
    frames: Sequence[bytes | None]

    def __len__(self) -> int:
        return len(self.moments)

    def questions(self) -> Iterator[tuple[State, GoalName, bytes | None]]:
        """What a corrector is asked about each."""
        goals = self.moments.goals.tolist()
        for state, goal, frame in zip(states_of(self.moments), goals, self.frames, strict=True):
            yield state, GOALS[goal], frame


class WatchedPlayer(PolicyPlayer):
    """Policies at play, as always, with what their strategist was told and chose."""

    def __init__(self, networks: PolicyNetworks, games: int, seed: int) -> None:
        super().__init__(networks, games, seed)
        self.moments: list[Examples] = []
        self.played: list[Rows] = []

    def act(self, entities: Numbers, status: Numbers, running: Any = None) -> npt.NDArray[np.int32]:
        """As `PolicyPlayer.act`."""
        asked, deeds = self._tick % STRATEGIST_TICKS == 0, self._deeds
        actions = super().act(entities, status, running)
        if asked:
            played = np.arange(len(self.goals)) if running is None else np.asarray(running)
            played = played[(entities[played, :, 0] >= 0).any(axis=1)]
            count = len(played)
            self.played.append(played)
            self.moments.append(
                Examples(
                    entities[played].astype(np.int16),
                    status[played].astype(np.int32),
                    deeds.rows(played),
                    self.goals[played].astype(np.int8),
                    np.full(count, UNLABELLED, np.int16),
                    np.zeros((count, ACTION_SIZE), np.int32),
                )
            )
        return actions


def watch_policies(
    networks: PolicyNetworks, opponent: str, seeds: Sequence[int], report: Report = silent
) -> WatchedGames:
    """Let policies play, two games for each seed, and keep what the strategist chose.

    Raises:
        GameError: there is no such opponent.
    """
    player = WatchedPlayer(networks, 2 * len(seeds), seeds[0])
    played = play_policies(networks, opponent, seeds, report, player)
    moments = joined(player.moments, "strategist")
    return WatchedGames(played, moments, np.concatenate(player.played))


def moments_to_ask(
    networks: PolicyNetworks, play: CorrectedPlay, report: Report = silent
) -> MomentsToAsk:
    """Let policies play, and choose of which moments somebody is asked.

    Raises:
        GameError: there is no such opponent.
    """
    seeds, _compared = play.seeds()
    watched = watch_policies(networks, play.opponent, seeds, report)
    rows = spread(watched.moments, play.most_asked, play.seed)
    frames: Sequence[bytes | None] = [None] * len(rows)
    if play.frames:
        frames = frames_of(networks, play, watched, rows, report)
    return MomentsToAsk(watched, watched.moments.rows(rows), frames)


def spread(moments: Examples, most: int | None, seed: int) -> Rows:
    """Rows of so many moments, in their order: of each kind of situation as many, if there are."""
    if most is None or most >= len(moments):
        return np.arange(len(moments))
    alike = alike_of(moments)
    order = np.random.default_rng([seed, len(moments)]).permutation(len(moments))
    before = Counter[Alike]()
    turns = np.zeros(len(moments), np.int_)
    for row in order.tolist():
        turns[row] = before[alike[row]]
        before[alike[row]] += 1
    return np.sort(order[np.argsort(turns[order], kind="stable")[:most]])


def frames_of(
    networks: PolicyNetworks,
    play: CorrectedPlay,
    watched: WatchedGames,
    rows: Rows,
    report: Report = silent,
) -> list[bytes]:
    """What the player saw in some moments, as JPEGs; the same games are played again for it."""
    at: dict[int, list[int]] = defaultdict(list)
    for number, tick in enumerate(watched.moments.status[rows, 0].tolist()):
        at[tick].append(number)
    frames = [b""] * len(rows)
    table = PolicyTable.start(networks, play.opponent, *both_sides(play.seeds()[0]))
    last = max(at, default=-1)
    for tick in track(range(last + 1), last + 1, "draw what was seen", report):
        for number in at[tick]:
            game = int(watched.games[rows[number]])
            frames[number] = _frame(table, game)
        table.step()
    return frames


def _frame(table: PolicyTable, game: int) -> bytes:
    player = int(table.sides[game])
    seen = render(table.games, game, camera_of(table.games, game, player), player)
    content = io.BytesIO()
    Image.fromarray(seen.image).save(content, "JPEG", quality=FRAME_QUALITY)
    return content.getvalue()


def correct_moments(
    moments: MomentsToAsk, corrector: Corrector, report: Report = silent
) -> Iterator[Correction]:
    """Ask about each moment in turn; a correction is there as soon as it is made."""
    questions = track(moments.questions(), len(moments), "ask for corrections", report)
    for state, action, frame in questions:
        objection = corrector.correct(state, action, frame)
        if objection is not None:
            yield Correction(
                state=state,
                action=action,
                correction=objection.correction,
                reason=objection.reason,
                confidence=objection.confidence,
            )
