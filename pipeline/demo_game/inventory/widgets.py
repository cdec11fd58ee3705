"""What screens are made of: panels, slots with icons, and what the game shows on top of icons."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image

from pipeline.demo_game.art.catalogue import drawing, sprite_files
from pipeline.demo_game.art.raycasting import Mask, Pixels
from pipeline.demo_game.art.solids import unit_circle
from pipeline.demo_game.inventory.display import DisplaySettings, Theme
from pipeline.demo_game.inventory.icon_catalogue import icons_by_name
from pipeline.demo_game.inventory.lettering import Rgb, draw_text, text_size

BACKDROP_CELL = 120
"""Pixels of one of the random values that a backdrop is blended from."""
DARK: Rgb = (10, 10, 12)
PALE: Rgb = (250, 250, 244)


def draw_backdrop(display: DisplaySettings, theme: Theme, variant: int) -> Pixels:
    """The blurred game behind the interface, uint8 [height, width, 3]."""
    light = Image.fromarray(_clouds(display.width, display.height, variant), "P")
    ramps = [np.minimum(np.arange(256) * channel // 160, 255) for channel in theme.backdrop]
    light.putpalette(np.stack(ramps, axis=-1).astype(np.uint8).tobytes())
    return np.array(light.convert("RGB"))


@lru_cache(maxsize=16)
def _clouds(width: int, height: int, variant: int) -> Pixels:
    rng = np.random.default_rng([variant, 502])
    small = rng.integers(70, 190, (height // BACKDROP_CELL + 3, width // BACKDROP_CELL + 3))
    image = Image.fromarray(small.astype(np.uint8))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def fill(image: Pixels, place: tuple[int, int], size: tuple[int, int], colour: Rgb) -> None:
    """A rectangle of one colour by its upper left corner."""
    (x, y), (width, height) = place, size
    target = image[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
    # Row by row: single pixels of three values take eight times as long.
    row = np.empty(target.shape[1:], np.uint8)
    row[:] = colour
    target[:] = row


def draw_panel(
    image: Pixels,
    place: tuple[int, int],
    size: tuple[int, int],
    colours: tuple[Rgb, Rgb],
    edge: int,
) -> None:
    """A raised board: its surface, and an edge that is light above and dark below."""
    (x, y), (width, height), (surface, rim) = place, size, colours
    fill(image, (x - 1, y - 1), (width + 2, height + 2), DARK)
    fill(image, place, size, rim)
    fill(image, (x, y), (width, max(1, edge // 2)), shaded(rim, 340))
    fill(image, (x, y + height - max(1, edge // 2)), (width, max(1, edge // 2)), shaded(rim, 150))
    fill(image, (x + edge, y + edge), (width - 2 * edge, height - 2 * edge), surface)
    fill(image, (x + edge, y + edge), (width - 2 * edge, 1), shaded(surface, 170))


def shaded(colour: Rgb, factor: int) -> Rgb:
    """A colour times a factor in 256ths."""
    red, green, blue = (min(channel * factor >> 8, 255) for channel in colour)
    return (red, green, blue)


def draw_slot(image: Pixels, place: tuple[int, int], side: int, theme: Theme) -> None:
    """A hollow for an icon of so many pixels, with a frame around it."""
    (x, y), frame = place, max(1, side // 20)
    outer = side + 2 * frame
    fill(image, (x - frame, y - frame), (outer, outer), shaded(theme.edge, 150))
    fill(image, (x - frame, y + side), (outer, frame), theme.edge)
    fill(image, (x, y), (side, side), theme.slot)


def draw_icon(image: Pixels, place: tuple[int, int], side: int, name: str) -> None:
    """An icon of the catalogue, scaled to a slot."""
    x, y = place
    image[y : y + side, x : x + side] = _icon_at(name, side)


@lru_cache(maxsize=2048)
def _icon_at(name: str, side: int) -> Pixels:
    art = icons_by_name()[name]
    if side == art.shape[0]:
        return art
    return np.asarray(Image.fromarray(art).resize((side, side), Image.Resampling.BICUBIC))


def draw_count(image: Pixels, place: tuple[int, int], side: int, count: int) -> None:
    """How many there are, in the lower right corner of an icon."""
    height = max(6, side // 5)
    width, line = text_size(str(count), height)
    x, y = place[0] + side - width - 1, place[1] + side - line + height // 3
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        draw_text(image, (x + dx, y + dy), str(count), height, DARK)
    draw_text(image, (x, y), str(count), height, PALE)


def draw_cooldown(image: Pixels, place: tuple[int, int], side: int, share: float) -> None:
    """Darken what is still to wait for: a share of a turn, clockwise up to the top."""
    x, y = place
    tile = image[y : y + side, x : x + side]
    waiting = _sector(side, share)
    tile[waiting] = tile[waiting] * np.uint16(90) >> 8


@lru_cache(maxsize=256)
def _sector(side: int, share: float) -> Mask:
    along = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
    x, y = np.meshgrid(along, along)
    cosine, sine = unit_circle(360.0 * (1 - share) - 90.0)
    after_start = np.float32(cosine) * y - np.float32(sine) * x >= 0
    left = x < 0
    sector: Mask = after_start | left if share > 0.5 else after_start & left
    return sector


def draw_highlight(image: Pixels, place: tuple[int, int], side: int, colour: Rgb) -> None:
    """Mark the slot under the mouse: brighter, in a frame."""
    x, y = place
    tile = image[y : y + side, x : x + side]
    tile[:] = np.minimum(tile * np.uint32(300) >> 8, 255)
    thick = max(1, side // 24)
    for at, size in (
        ((x, y), (side, thick)),
        ((x, y + side - thick), (side, thick)),
        ((x, y), (thick, side)),
        ((x + side - thick, y), (thick, side)),
    ):
        fill(image, at, size, colour)


def draw_figure(image: Pixels, middle: tuple[int, int], file_name: str, height: int) -> None:
    """A thing of the game's map, scaled to a height and put around a place."""
    rgba = _figure(file_name, height).astype(np.int32)
    x, y = middle[0] - rgba.shape[1] // 2, middle[1] - height // 2
    target = image[y : y + height, x : x + rgba.shape[1]]
    alpha = rgba[..., 3:]
    target[:] = ((target * (255 - alpha) + rgba[..., :3] * alpha + 127) // 255).astype(np.uint8)


@lru_cache(maxsize=64)
def _figure(file_name: str, height: int) -> Pixels:
    file = next(file for file in sprite_files() if file.name == file_name)
    image = Image.fromarray(drawing(file, 2, 0).rgba)
    width = round(image.width * height / image.height)
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
