"""Games at a person's pace, one after another, each into a session of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from pipeline.play.interactive.game import InteractiveGame
from pipeline.play.recordings.events import ENDED
from pipeline.play.recordings.simulated_play import PlannedGame, require_new_sessions
from pipeline.play.recordings.writer import SessionWriter
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.rules import TICKS_A_SECOND
from resources.interactive_play.frame_renderer import FrameRenderer
from resources.interactive_play.screen import PlayScreen, PlayStatus
from resources.interactive_play.server import PlayServer

TICK_SECONDS = 1 / TICKS_A_SECOND
LATEST = 5 * TICK_SECONDS
"""By which a game may lag before it goes on slower rather than catch up."""
LOOK_SECONDS = 0.05
LINGER_SECONDS = 3.0
"""How long the page can still ask for its last status."""


class PlayTable:
    """A page, and the games that are played on it."""

    def __init__(self, folder: Path, planned: Sequence[PlannedGame], port: int = 0) -> None:
        """
        Args:
            folder: of the sessions.
            planned: at least one game, of a person.
            port: of the page; a free one by default.

        Raises:
            RecordingError: there is a session of one of the games already.
            GameError: no such opponent, or no such seed.
            PlayServerError: another program has the port.
        """
        require_new_sessions(folder, planned)
        self._folder = folder
        for one in (planned[0], planned[-1]):  # Of thousands it would take a minute.
            InteractiveGame(one)
        self._planned = planned
        self._screen = PlayScreen(PlayStatus("waiting", 1, len(planned), planned[0].opponent))
        self._server = PlayServer(self._screen, port)

    @property
    def address(self) -> str:
        """Of the page."""
        return self._server.address

    def play(self) -> Iterator[Path]:
        """Play them, as the person does.

        Yields:
            The session's file after each game.

        Raises:
            RecordingError: a session cannot be written; what there is of it stays.
            KeyboardInterrupt: as it comes; a game that goes on is kept as far as it was played.
        """
        with self._serving():
            for number, planned in enumerate(self._planned, start=1):
                self._screen.show(phase="waiting", game=number)
                self._wait_for_start()
                yield self._record(InteractiveGame(planned))
            self._screen.show(phase="over")
            sleep(LINGER_SECONDS)

    @contextmanager
    def _serving(self) -> Iterator[None]:
        serving = threading.Thread(target=self._server.serve_forever, daemon=True)
        serving.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()

    def _wait_for_start(self) -> None:
        while not any(given.kind == "start" for given in self._screen.take()):
            sleep(LOOK_SECONDS)

    def _record(self, game: InteractiveGame) -> Path:
        with (
            SessionWriter(self._folder, game.info) as writer,
            FrameRenderer(game.games.copy(), game.player, self._show) as renderer,
        ):
            game.record(writer)
            try:
                self._go_through(game, renderer)
            except KeyboardInterrupt:
                if game.has_begun:
                    writer.finish()
                else:
                    writer.discard()
                raise
            file = writer.finish()
        self._screen.show(outcome=f"You have {ENDED[game.outcome]}.")
        return file

    def _go_through(self, game: InteractiveGame, renderer: FrameRenderer) -> None:
        """Tick by tick, as long as somebody looks."""
        due = monotonic()
        while not game.has_ended:
            if self._screen.is_watched:
                game.step(self._screen.take(), renderer.view)
                renderer.draw(game.games)
            else:
                self._screen.show(phase="paused")
            due = max(due + TICK_SECONDS, monotonic() - LATEST)
            sleep(max(0.0, due - monotonic()))

    def _show(self, games: Games, player: int, jpeg: bytes) -> None:
        own = games.players[0, player]
        self._screen.show(
            jpeg,
            phase="playing",
            seconds=int(games.clocks["tick"][0]) / TICKS_A_SECOND,
            score=int(own["score"]),
            stock=int(own["stock"]),
        )
