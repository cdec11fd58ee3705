"""What light does to a game's colours, and how far a colour speaks for a player under any light."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from detector_runtime.owners.evidence import COLOURS, LEVEL_BITS, codes_of

from pipeline.formats.palette import Colour

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

BRIGHTNESS = (0.6, 1.1)
TINT = (0.93, 1.07)
SHIFT, SHIFTED = (-35.0, 12.0), 0.4
"""Added to each channel in that share of cases, as games darken the world at night and at dusk."""
SHADES = (2.0, 1.6)
"""Of the beta distribution of how bright a player's area is, as a share of the player's colour."""
GRAIN = 4.0
DRAWN = 200_000
BLUR = 0.7
"""Levels by which the table is smoothed: what was not drawn lies beside what was."""
STRONGEST = 6.0
"""Logarithm of the likelihood ratio from which on more says nothing new."""


def lights(count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Factors and additions of lights, float32 [count, 3] each."""
    bright = rng.uniform(*BRIGHTNESS, (count, 1))
    factor = bright * rng.uniform(*TINT, (count, 3))
    shifted = rng.random((count, 1)) < SHIFTED
    added = rng.uniform(*SHIFT, (count, 3)) * shifted
    return factor.astype(np.float32), added.astype(np.float32)


def relit(samples: Bytes, rng: np.random.Generator) -> Bytes:
    """Each sample, uint8 [n, h, w, 3], under a light of its own."""
    count = len(samples)
    factor, added = lights(count, rng)
    values = np.arange(256, dtype=np.float32)
    tables = np.clip(values * factor[..., None] + added[..., None], 0, 255).astype(np.uint8)
    chosen = np.arange(count)[:, None, None, None]
    found: Bytes = tables[chosen, np.arange(3), samples]
    return found


def evidence_table(players: Sequence[Colour], others: Bytes, rng: np.random.Generator) -> Bytes:
    """How far each colour speaks for each player.

    Args:
        players: their colours.
        others: uint8 [n, 3], colours as they occur in and around boxes.

    Returns:
        uint8 [COLOURS + 1, players]; see `detector_runtime.owners.evidence`.
    """
    background = _frequencies(others)
    columns = [_evidence(np.array(one, np.float32), background, rng) for one in players]
    table = np.rint(np.stack(columns, axis=1) / STRONGEST * 255).astype(np.uint8)
    return np.concatenate([table, np.zeros((1, len(players)), np.uint8)])


def _evidence(
    team: Floats, background: npt.NDArray[np.float64], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    factor, added = lights(DRAWN, rng)
    shades = rng.beta(*SHADES, (DRAWN, 1)) * team * factor + added
    drawn = np.clip(shades + rng.normal(0, GRAIN, shades.shape), 0, 255).astype(np.uint8)
    ratio = (_frequencies(drawn) + 1e-7) / (background + 3e-6)
    return np.clip(np.log(ratio), 0, STRONGEST)


def _frequencies(colours: Bytes) -> npt.NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter  # Late: whoever loads the definitions draws nothing.

    counts = np.bincount(codes_of(colours).ravel(), minlength=COLOURS).astype(np.float64)
    levels = 1 << LEVEL_BITS
    cube = gaussian_filter(counts.reshape(levels, levels, levels), BLUR, mode="nearest")
    flat: npt.NDArray[np.float64] = cube.ravel() / max(cube.sum(), 1)
    return flat
