"""Games of the simulator, recorded: what one of its players knows and does, and what comes of it.

A scripted player looks at a screen that shows a part of the map. It stays where it is until the
player clicks on a place that is not on it; then it shows that place in the middle. A person has the
whole map on the screen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.demo_game.renderer import FRAME_HEIGHT, FRAME_WIDTH
from pipeline.play.demonstrations import UNSTATED, outcome_of
from pipeline.play.recordings.events import (
    GAME,
    KINDS,
    TICK_NANOSECONDS,
    ActionEvent,
    EntitiesEvent,
    GoalEvent,
    KeyEvent,
    MouseEvent,
    OutcomeEvent,
    RecordingError,
    ScoresEvent,
    SessionInfo,
    StateEvent,
    Topic,
    rules_digest,
)
from pipeline.play.recordings.writer import ENDING, PART_ENDING, SessionWriter
from pipeline.play.simulator.games import Actions, Games
from pipeline.play.simulator.observation import Column, observe, side_of
from pipeline.play.simulator.rules import (
    FIGURES,
    MAP_SIDE,
    NOTHING,
    SIDES,
    TICKS_A_SECOND,
    Act,
    Key,
    Kind,
    Result,
)
from pipeline.play.simulator.scripted import Goal, ScriptedPlayers
from pipeline.play.simulator.view import MAP_HEIGHT, Camera, camera_of
from pipeline.progress import Report, silent, track

IDLE = (Act.NOTHING, NOTHING, 0, 0, 0)
"""What a player does that does nothing."""
WHOLE_MAP = (MAP_SIDE, MAP_HEIGHT)
"""Width and height of a screen that shows all of the map."""
BUTTONS = {Act.SELECT: "left", Act.COMMAND: "right"}


@dataclass(frozen=True)
class PlannedGame:
    """A game to be recorded.

    Attributes:
        side: of the player; 0 for the first.
    """

    player: str
    opponent: str
    seed: int
    side: int

    @property
    def name(self) -> str:
        """Of the session, as `demonstrate` names the same game."""
        return f"{self.player}-{self.opponent}-{self.seed}"

    @property
    def actors(self) -> tuple[str, str]:
        """Who plays, by number of the player."""
        names = (self.player, self.opponent)
        return names if self.side == 0 else (names[1], names[0])


def planned_games(player: str, opponent: str, seeds: Sequence[int]) -> list[PlannedGame]:
    """Games as `demonstrate` plays them: on the first side in games of even number."""
    return [
        PlannedGame(player, opponent, seed, number % SIDES) for number, seed in enumerate(seeds)
    ]


def record_games(
    folder: Path, planned: Sequence[PlannedGame], report: Report = silent
) -> Iterator[Path]:
    """Let scripted players play, and write a session of each game.

    Yields:
        The session's file after each game.

    Raises:
        GameError: no such player, or a seed out of range.
        RecordingError: there is a session of one of the games already, which is known before the
            first one is played, or the disk is full.
    """
    for game in planned:
        ScriptedPlayers.start([], game.actors)
    require_new_sessions(folder, planned)
    for game in track(planned, len(planned), "record games", report):
        yield _record_game(folder, game)


def require_new_sessions(folder: Path, planned: Sequence[PlannedGame]) -> None:
    """See that a folder has no session of any of these games yet.

    Raises:
        RecordingError: it has one.
    """
    for game in planned:
        if is_recorded(folder, game):
            raise RecordingError(
                f"There is a session called {game.name} in {folder} already.",
                "Choose another folder or other seeds, or remove it.",
            )


def is_recorded(folder: Path, game: PlannedGame) -> bool:
    """Whether a folder has a session of a game, if only the part of one."""
    return any((folder / f"{game.name}{ending}").exists() for ending in (ENDING, PART_ENDING))


def _record_game(folder: Path, planned: PlannedGame) -> Path:
    games = Games.start([planned.seed])
    players = ScriptedPlayers.start([planned.seed], planned.actors)
    info = session_info(games, planned.side, planned.actors, planned.name, planned.seed)
    with SessionWriter(folder, info) as writer:
        recorder = GameRecorder(writer, games, planned.actors)
        while games.clocks["result"][0] == Result.RUNNING:
            actions = players.act(games)
            script = players.scripts[0, planned.side]
            recorder.before(actions, int(script["goal"]), int(script["target"]))
            games.step(actions)
            recorder.after()
        return writer.finish()


def session_info(
    games: Games,
    player: int,
    actors: Sequence[str],
    name: str,
    seed: int,
    screen: tuple[int, int] = (FRAME_WIDTH, FRAME_HEIGHT),
) -> SessionInfo:
    """What a session of the first of some games says of itself, which has not begun yet.

    Args:
        player: who is recorded, by number.
        actors: who plays, one for each player.
        screen: width and height of what the player looks at; WHOLE_MAP for all of it.
    """
    opponent = next(
        actors[other]
        for other in range(games.player_count)
        if side_of(games, other) != side_of(games, player)
    )
    return SessionInfo(
        name=name,
        game=GAME,
        actor=actors[player],
        classes=KINDS,
        screen=screen,
        rates={Topic.ENTITIES: float(TICKS_A_SECOND), Topic.STATE: 1.0},
        application=f"outpost {installed_version('outpost')}",
        rules=rules_digest(),
        seed=seed,
        map=int(games.clocks["map"][0]),
        players_a_side=games.player_count // SIDES,
        player=player,
        opponent=opponent,
    )


class GameRecorder:
    """Writes one player's game, tick by tick: `before` each step, and `after` it."""

    def __init__(self, writer: SessionWriter, games: Games, actors: Sequence[str]) -> None:
        """Of the first of some games, which `games.step` changes while it is recorded."""
        assert writer.info.player is not None
        self._writer, self._games, self._actors = writer, games, actors
        self._player = writer.info.player
        self._side = side_of(games, self._player)
        whole = writer.info.screen == WHOLE_MAP
        self._camera = Camera(0, 0) if whole else camera_of(games, 0, self._player)
        self._places = np.zeros((games.slot_count, 2), np.int32)
        self._goal: tuple[int, int] | None = None
        self._scores: list[int] = []
        self._entities = games.entities[0].copy()
        self._stock = 0
        self._clicked: tuple[int, int] | None = None

    def move(self, x: int, y: int) -> None:
        """The pointer is at another pixel of the screen."""
        time = int(self._games.clocks["tick"][0]) * TICK_NANOSECONDS
        event = MouseEvent(actor=self._actors[self._player], kind="move", x=x, y=y)
        self._writer.write(time, event)

    def before(
        self,
        actions: Actions,
        goal: int = UNSTATED,
        target: int = NOTHING,
        clicked: tuple[int, int] | None = None,
    ) -> None:
        """What is known, and what everybody does in the tick that follows.

        Args:
            actions: int32 [games, players, 5], as for `Games.step`.
            goal: `scripted.Goal` of the player, or UNSTATED.
            target: whom it fights, or -1.
            clicked: the pixel of the screen, where that is known; else it follows from the action.
        """
        self._clicked = clicked
        tick = int(self._games.clocks["tick"][0])
        time = tick * TICK_NANOSECONDS
        if tick % TICKS_A_SECOND == 0:
            self._write_state(tick, time)
        self._write_known(time)
        if (goal, target) != self._goal:
            self._goal = (goal, target)
            name = None if goal == UNSTATED else Goal(goal).name
            aim = None if target == NOTHING else target
            self._writer.write(time, GoalEvent.model_validate({"goal": name, "target": aim}))
        for player, action in enumerate(actions[0].tolist()):
            if tuple(action) != IDLE:
                self._write_action(tick, player, action)
        self._entities = self._games.entities[0].copy()

    def after(self) -> None:
        """What has come of it."""
        clock = self._games.clocks[0]
        tick, result = int(clock["tick"]), Result(int(clock["result"]))
        time = tick * TICK_NANOSECONDS
        for outcome in self._outcomes():
            self._writer.write(time, outcome)
        scores = self._scores_now()
        if scores != self._scores:
            self._scores = scores
            self._writer.write(time, ScoresEvent(scores=scores))
        if result is not Result.RUNNING:
            amount = outcome_of(result, self._side)
            self._writer.write(time, OutcomeEvent(kind="end", amount=amount))
            self._write_state(tick, time)
            self._write_known(time)

    def _write_known(self, time: int) -> None:
        known = observe(self._games, self._player)
        rows = known.entities[0]
        rows = rows[rows[:, Column.ID] != NOTHING]
        self._places[rows[:, Column.ID]] = rows[:, [Column.X, Column.Y]]
        seen = EntitiesEvent(rows=rows.tolist(), status=known.status[0].tolist())
        self._writer.write(time, seen)

    def _write_state(self, tick: int, time: int) -> None:
        self._writer.write(time, StateEvent(tick=tick, digest=state_digest(self._games)))

    def _write_action(self, tick: int, player: int, action: list[int]) -> None:
        time, actor = tick * TICK_NANOSECONDS, self._actors[player]
        act, entity, x, y, key = action
        if player == self._player:
            if act in (Act.SELECT, Act.COMMAND):
                self._writer.write(time, self._click(actor, Act(act), entity, x, y))
            elif act == Act.KEY and key in list(Key):
                self._writer.write(time, KeyEvent(actor=actor, kind="press", key=Key(key).name))
        deed = ActionEvent(actor=actor, tick=tick, player=player, action=action)
        self._writer.write(time, deed)

    def _click(self, actor: str, act: Act, entity: int, x: int, y: int) -> MouseEvent:
        meant = 0 <= entity < len(self._places)
        place = self._places[entity] + (x, y) if meant else np.array((x, y))
        at = self._clicked or self._on_screen(np.clip(place, 0, MAP_SIDE - 1))
        values = {"actor": actor, "kind": "press", "button": BUTTONS[act], "x": at[0], "y": at[1]}
        aim = {"entity": entity if meant else None, "map_x": x, "map_y": y}
        return MouseEvent.model_validate({**values, **aim})

    def _on_screen(self, place: npt.NDArray[np.int32]) -> tuple[int, int]:
        """The pixel that shows a place of the map, after looking there."""
        x, y = place.tolist()
        width, height = self._writer.info.screen
        at = self._camera.to_screen(x, y)
        if (width, height) != WHOLE_MAP and not (0 <= at[0] < width and 0 <= at[1] < height):
            self._camera = Camera.on(x, y)
            at = self._camera.to_screen(x, y)
        return min(max(at[0], 0), width - 1), min(max(at[1], 0), height - 1)

    def _outcomes(self) -> Iterator[OutcomeEvent]:
        earlier, now = self._entities, self._games.entities[0]
        own = earlier["owner"] == self._player
        sides = earlier["owner"] * SIDES // self._games.player_count
        enemies = (earlier["owner"] >= 0) & (sides != self._side)
        lost = np.where(now["present"] == 1, earlier["hit_points"] - now["hit_points"], 0)
        fallen = (earlier["present"] == 1) & (now["present"] == 0) & (earlier["owner"] >= 0)
        lost = np.where(fallen, earlier["hit_points"], lost)
        for slot in np.flatnonzero(enemies & (lost > 0)).tolist():
            yield OutcomeEvent(kind="hit", entity=slot, amount=int(lost[slot]))
        for slot in np.flatnonzero(fallen & (enemies | own)).tolist():
            worth = FIGURES[Kind(int(earlier["kind"][slot]))].worth
            kind = "kill" if enemies[slot] else "death"
            yield OutcomeEvent.model_validate({"kind": kind, "entity": slot, "amount": worth})
        stock = int(self._games.players["stock"][0, self._player])
        if stock > self._stock:
            yield OutcomeEvent(kind="loot", amount=stock - self._stock)
        self._stock = stock

    def _scores_now(self) -> list[int]:
        """Of the player, and of the other side's best."""
        players = range(self._games.player_count)
        scores = self._games.players["score"][0].tolist()
        others = [scores[one] for one in players if side_of(self._games, one) != self._side]
        return [scores[self._player], max(others)]


def state_digest(games: Games) -> str:
    """Of the whole state of the first game, SHA-256."""
    return hashlib.sha256(games.to_bytes(0)).hexdigest()
