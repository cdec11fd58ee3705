"""A sprite in the colour of a team."""

from __future__ import annotations

import numpy as np

from pipeline.sprites.library import Pixels

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601."""


def recolour(rgba: Pixels, player_weight: Pixels, team_rgb: tuple[int, int, int]) -> Pixels:
    """Blend an image towards a team's colour, which keeps the image's light and shade.

    With the weight k in 0..1 a pixel becomes `rgb * (1 - k) + team * luminance * k`. Hues are not
    looked at: a blue roof of weight 0 stays blue.

    Args:
        rgba: uint8 [h, w, 4]; not changed.
        player_weight: uint8 [h, w], 255 for k = 1.
        team_rgb: 0..255 each.

    Returns:
        uint8 [h, w, 4] with the same alpha.
    """
    colour = rgba[..., :3].astype(np.float32)
    weight = player_weight.astype(np.float32)[..., None] / 255.0
    luminance = (colour * LUMINANCE).sum(axis=2, keepdims=True) / 255.0
    team = np.array(team_rgb, np.float32) * luminance
    painted = np.rint(colour + (team - colour) * weight).astype(np.uint8)
    return np.dstack((painted, rgba[..., 3]))
