"""Draws the image of docs/how-to/community.md: the built-in game's icons, and two of its screens.

uv run python docs/draw_inventory.py docs/images
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from pipeline.demo_game.inventory.display import DisplaySettings
from pipeline.demo_game.inventory.icon_catalogue import icon_catalogue
from pipeline.demo_game.inventory.screens import ScreenTexts, draw_screen

COLUMNS, GAP = 13, 6
PAPER = (24, 26, 31)
SHIP = ScreenTexts("Hornet Sloop", "Tier 4")
SCREENS = (("EQUIPMENT", 3, "oak"), ("CARGO", 4, "slate"))
"""Type, seed and theme."""


def main(folder: Path) -> None:
    """Draw the image into a folder; the same pixels whenever the built-in game is the same."""
    for name, image in images().items():
        image.save(folder / name, optimize=True)


def images() -> dict[str, Image.Image]:
    """All images by file name."""
    return {"inventory.png": sheet()}


def sheet() -> Image.Image:
    """Every icon, look-alikes beside one another; below them two screens."""
    icons = [Image.fromarray(icon.image) for icon in icon_catalogue()]
    pitch = icons[0].width + GAP
    rows = -(-len(icons) // COLUMNS)
    width = COLUMNS * pitch + GAP
    panels = [panel(*screen, width=(width - 3 * GAP) // 2) for screen in SCREENS]
    top = rows * pitch + 2 * GAP
    image = Image.new("RGB", (width, top + panels[0].height + GAP), PAPER)
    for number, icon in enumerate(icons):
        image.paste(icon, (GAP + number % COLUMNS * pitch, GAP + number // COLUMNS * pitch))
    for number, drawn in enumerate(panels):
        image.paste(drawn, (GAP + number * (drawn.width + GAP), top))
    return image


def panel(screen_type: str, seed: int, theme: str, width: int) -> Image.Image:
    """A screen, scaled to a width."""
    drawn = draw_screen(seed, screen_type, DisplaySettings(1280, 720, theme=theme), SHIP)
    whole = Image.fromarray(drawn.image)
    height = round(whole.height * width / whole.width)
    return whole.resize((width, height), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
