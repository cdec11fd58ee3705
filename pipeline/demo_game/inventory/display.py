"""How one player's computer shows the game: resolution, scale, theme, quality of the image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.demo_game.inventory.lettering import Rgb


class Theme(NamedTuple):
    """Colours of the interface."""

    backdrop: Rgb
    panel: Rgb
    edge: Rgb
    slot: Rgb
    ink: Rgb
    accent: Rgb


THEMES: Mapping[str, Theme] = {
    "oak": Theme(
        backdrop=(60, 108, 132),
        panel=(74, 52, 36),
        edge=(150, 110, 66),
        slot=(34, 24, 18),
        ink=(244, 230, 196),
        accent=(255, 204, 84),
    ),
    "slate": Theme(
        backdrop=(52, 74, 104),
        panel=(44, 50, 62),
        edge=(104, 118, 140),
        slot=(20, 24, 32),
        ink=(226, 234, 244),
        accent=(96, 196, 255),
    ),
    "parchment": Theme(
        backdrop=(96, 120, 104),
        panel=(222, 204, 162),
        edge=(142, 108, 64),
        slot=(104, 82, 54),
        ink=(58, 38, 22),
        accent=(176, 44, 36),
    ),
    "lagoon": Theme(
        backdrop=(40, 116, 118),
        panel=(24, 66, 72),
        edge=(74, 160, 152),
        slot=(10, 34, 40),
        ink=(214, 246, 236),
        accent=(126, 255, 178),
    ),
}
RESOLUTIONS = ((640, 360), (960, 540), (1280, 720), (1600, 900), (1920, 1080))
UI_SCALES = (0.6, 0.7, 0.85, 1.0, 1.15)
"""At the smallest ones an OCR misreads some texts."""
QUALITIES = (None, None, None, 92, 85, 75)
BRIGHTNESS = (256, 256, 236, 272)


@dataclass(frozen=True)
class DisplaySettings:
    """What a player set, and how the screenshots are saved.

    Attributes:
        width, height: of a screenshot in pixels.
        ui_scale: of the interface.
        theme: a key of `THEMES`.
        brightness: 256 leaves colours as they are.
        soft: whether the image is a little blurred, as when it was scaled by the screen.
        quality: 1 to 100 of a compression like JPEG's before the image is seen; None for none.
    """

    width: int = 1280
    height: int = 720
    ui_scale: float = 1.0
    theme: str = "oak"
    brightness: int = 256
    soft: bool = False
    quality: int | None = None


def random_display(seed: int, max_height: int = 1080) -> DisplaySettings:
    """Some player's settings; every third one has changed nothing but the theme."""
    rng = np.random.default_rng([seed, 501])
    sizes = [size for size in RESOLUTIONS if size[1] <= max_height]
    theme = list(THEMES)[int(rng.integers(len(THEMES)))]
    width, height = sizes[int(rng.integers(len(sizes)))]
    if rng.integers(3) == 0:
        width, height = max(size for size in sizes if size[1] <= 720)
        return DisplaySettings(width, height, theme=theme)
    return DisplaySettings(
        width=width,
        height=height,
        ui_scale=UI_SCALES[int(rng.integers(len(UI_SCALES)))],
        theme=theme,
        brightness=BRIGHTNESS[int(rng.integers(len(BRIGHTNESS)))],
        soft=bool(rng.integers(4) == 0),
        quality=QUALITIES[int(rng.integers(len(QUALITIES)))],
    )
