"""How long simulated players of the built-in game take to play, label and upload."""

from __future__ import annotations

import time

from pipeline.demo_game.contributors import DEFAULT_MIX, simulate_contributions
from pipeline.demo_game.inventory.icon_catalogue import icon_catalogue
from pipeline.demo_game.inventory.screens import SCREENS, draw_screen
from pipeline.demo_game.players.player import Habits

INSTALLS = 200
SCREENS_DRAWN = 20


def measure() -> dict[str, float]:
    """Processor seconds of the catalogue and of all players, and of one screen on average."""
    began = time.process_time()
    icon_catalogue()
    drawn = time.process_time()
    for seed in range(SCREENS_DRAWN):
        draw_screen(seed, list(SCREENS)[seed % len(SCREENS)])
    shown = time.process_time()
    sizes: list[int] = []
    simulate_contributions(
        lambda _key, content: sizes.append(len(content)),
        INSTALLS,
        mix=DEFAULT_MIX,
        habits=Habits(icons=40, texts=1, screens=0),
    )
    return {
        "catalogue_seconds": drawn - began,
        "screen_ms": (shown - drawn) / SCREENS_DRAWN * 1000,
        "players_seconds": time.process_time() - shown,
        "uploaded_mb": sum(sizes) / 1e6,
    }
