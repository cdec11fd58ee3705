"""A game of policies as a sheet of frames, drawn by the demo game's own renderer."""

from __future__ import annotations

import numpy as np
from detector_runtime.policies.networks import PolicyNetworks

from pipeline.play.policies.judging import PolicyTable
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.rules import MAX_TICKS, TICKS_A_SECOND
from pipeline.play.simulator.sheets import sheet_of, spread
from pipeline.progress import Report, silent


def film_strip(
    networks: PolicyNetworks, opponent: str, seed: int, report: Report = silent
) -> bytes:
    """Play a game of the policies on the first side, and draw 16 of its moments; JPEG.

    Raises:
        GameError: there is no such opponent.
    """
    return sheet_of(spread(_moments(networks, opponent, seed)), report)


def _moments(networks: PolicyNetworks, opponent: str, seed: int) -> list[Games]:
    """The game at every second, and at its end."""
    table = PolicyTable.start(networks, opponent, [seed], np.zeros(1, np.int_))
    moments = [table.games.copy()]
    for tick in range(1, MAX_TICKS + 1):
        goes_on = table.step()
        if tick % TICKS_A_SECOND == 0 or not goes_on:
            moments.append(table.games.copy())
        if not goes_on:
            break
    return moments
