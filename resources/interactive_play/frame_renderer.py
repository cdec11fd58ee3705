"""Images of a game, drawn beside it: the game never waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self

from PIL import Image

from pipeline.play.simulator.games import Games
from pipeline.play.simulator.view import MapView, render_map
from pipeline.visualization.tiles import encode_jpeg

Shown = Callable[[Games, int, bytes], None]
"""Is given a moment, whose view of it was drawn, and the image as JPEG."""


class FrameRenderer(threading.Thread):
    """Draws the newest moment that it was given, as often as it can."""

    def __init__(self, games: Games, player: int, shown: Shown) -> None:
        """
        Args:
            games: the beginning, which is drawn at once.
            player: whose view is drawn.
            shown: is given each image.
        """
        super().__init__(name="renderer", daemon=True)
        self._player, self._shown = player, shown
        self._changed = threading.Condition()
        self._waiting: Games | None = None
        self._is_ending = False
        self._view = self._drawn(games)

    @property
    def view(self) -> MapView:
        """What was drawn last."""
        return self._view

    def draw(self, games: Games) -> None:
        """Have a moment drawn, unless a newer one comes before that."""
        with self._changed:
            self._waiting = games.copy()
            self._changed.notify()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Draw what waits, and nothing more."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        self.join()

    def run(self) -> None:
        """Until it is ended."""
        while (games := self._next()) is not None:
            self._view = self._drawn(games)

    def _next(self) -> Games | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is not None or self._is_ending)
            games, self._waiting = self._waiting, None
            return games

    def _drawn(self, games: Games) -> MapView:
        view = render_map(games, 0, self._player)
        self._shown(games, self._player, encode_jpeg(Image.fromarray(view.image)))
        return view
