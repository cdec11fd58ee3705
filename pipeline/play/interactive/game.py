"""One game between a person and a scripted player, tick by tick, recorded."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.play.demonstrations import outcome_of
from pipeline.play.interactive.inputs import PersonInput, action_of
from pipeline.play.recordings.events import SessionInfo
from pipeline.play.recordings.simulated_play import (
    WHOLE_MAP,
    GameRecorder,
    PlannedGame,
    session_info,
)
from pipeline.play.recordings.writer import SessionWriter
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.observation import side_of
from pipeline.play.simulator.rules import Result
from pipeline.play.simulator.scripted import ScriptedPlayers
from pipeline.play.simulator.view import MapView


class InteractiveGame:
    """Goes on by a tick when it is told to; what is done is written at once.

    Attributes:
        games: the one game.
        player: number of the person.
    """

    def __init__(self, planned: PlannedGame) -> None:
        """A game that has not begun.

        Raises:
            GameError: there is no such opponent, or no such seed.
        """
        self.games = Games.start([planned.seed])
        self.player = planned.side
        self._planned = planned
        names = [
            None if number == self.player else name for number, name in enumerate(planned.actors)
        ]
        self._opponent = ScriptedPlayers.start([planned.seed], names)
        self._recorder: GameRecorder | None = None

    @property
    def info(self) -> SessionInfo:
        """What its session says of itself."""
        planned = self._planned
        return session_info(
            self.games, self.player, planned.actors, planned.name, planned.seed, WHOLE_MAP
        )

    @property
    def has_ended(self) -> bool:
        """Whether somebody has won, or the time is over."""
        return bool(self.games.clocks["result"][0] != Result.RUNNING)

    @property
    def has_begun(self) -> bool:
        """Whether a tick has been played."""
        return bool(self.games.clocks["tick"][0] > 0)

    @property
    def outcome(self) -> int:
        """How it has ended for the person: 1 won, 0 neither, -1 lost."""
        return outcome_of(int(self.games.clocks["result"][0]), side_of(self.games, self.player))

    def record(self, writer: SessionWriter) -> None:
        """Write it from now on, which is before its first tick."""
        self._recorder = GameRecorder(writer, self.games, self._planned.actors)

    def step(self, inputs: Sequence[PersonInput], view: MapView) -> None:
        """Play a tick.

        Args:
            inputs: movements of the pointer, and one press or key at most, which is done.
            view: what the person saw.

        Raises:
            RecordingError: the disk is full.
        """
        assert self._recorder is not None
        actions, clicked = self.games.no_actions(), None
        for given in inputs:
            if given.kind == "move":
                self._recorder.move(given.x, given.y)
            elif given.kind in ("press", "key"):
                actions[0, self.player] = action_of(given, view)
                clicked = (given.x, given.y) if given.kind == "press" else None
        self._opponent.act(self.games, actions)
        self._recorder.before(actions, clicked=clicked)
        self.games.step(actions)
        self._recorder.after()
