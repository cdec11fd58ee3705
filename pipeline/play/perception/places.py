"""Where things stand whose boxes are on the screen, and what one's own units see from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.demo_game.world import FLATTENING
from pipeline.play.simulator.rules import FIGURES, FOG_CELLS, MAP_SIDE, Kind

Places = npt.NDArray[np.float64]

FEET: Mapping[Kind, tuple[float, float]] = {
    Kind.WORKER: (0.0, -2.3),
    Kind.SWORDSMAN: (0.0, -2.3),
    Kind.SPEARMAN: (0.0, -2.5),
    Kind.RIDER: (0.0, -5.6),
    Kind.WARSHIP: (0.0, -13.3),
    Kind.KEEP: (0.0, -17.0),
    Kind.GOLD_MINE: (0.3, -8.0),
    Kind.BERRY_BUSH: (0.1, -3.3),
    Kind.SHEEP: (0.0, -2.0),
}
"""From the middle of a box's lower edge to the point on which a thing stands, in pixels: means over
the game's sprites."""
_FEET = np.array([FEET[kind] for kind in Kind])
_SIGHT = np.array([FIGURES[kind].sight for kind in Kind])


def feet(boxes: npt.NDArray[np.floating[Any]], kinds: npt.NDArray[np.integer[Any]]) -> Places:
    """The points on which things stand, in pixels of the screen.

    Args:
        boxes: (n, 4), corners in pixels of the screen.
        kinds: (n,), `rules.Kind`.

    Returns:
        (n, 2).
    """
    middles = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]], axis=1)
    return np.asarray(middles + _FEET[kinds], np.float64)


def on_map(places: Places) -> Places:
    """Places of the screen, (n, 2), in pixels of the map."""
    return np.clip(places / (1.0, FLATTENING), 0, MAP_SIDE - 1)


def seen_cells(places: Places, kinds: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.bool_]:
    """Cells of the fog that units and keeps see: bool [32, 32].

    Args:
        places: (n, 2), pixels of the map.
        kinds: (n,).
    """
    cells = (places * FOG_CELLS // MAP_SIDE).astype(int)
    reach = _SIGHT[kinds]
    along = (np.arange(FOG_CELLS) - cells[:, 1, None]) ** 2
    across = (np.arange(FOG_CELLS) - cells[:, 0, None]) ** 2
    # As the game lights up cells: rules.sight_masks.
    lit = along[:, :, None] + across[:, None] <= (reach * reach + reach)[:, None, None]
    return np.asarray(lit.any(axis=0))


def in_cells(cells: npt.NDArray[np.bool_], places: Places) -> npt.NDArray[np.bool_]:
    """Which places of the map lie in these cells: (n,)."""
    at = (places * FOG_CELLS // MAP_SIDE).astype(int)
    return np.asarray(cells[at[:, 1], at[:, 0]])
