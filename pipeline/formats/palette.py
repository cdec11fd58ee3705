"""The colours of the eight players, as an installed Age of Empires II states them.

`spritecolors.json` has them as fractions under `TeamColors`, `Player 1` to `Player 8`; beside it
lie palettes in the JASC-PAL format, one per colour, whose first entry is the colour itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.errors import OutpostError

Colour = tuple[int, int, int]
"""RGB, 0 to 255 each."""

PLAYERS = 8
PALETTES = tuple(
    f"playercolor_{name}.pal"
    for name in ("blue", "red", "green", "yellow", "teal", "purple", "grey", "orange")
)
"""Of players 1 to 8."""
MAX_BYTES = 1 << 20
FIX = "Let the game's launcher verify its files; until then the usual colours are used."


class PaletteError(OutpostError):
    """A palette that does not state the players' colours."""


def palette_files(palette: Path) -> tuple[Path, ...]:
    """The files that state the colours: `palette`, else the JASC-PAL files beside it, else none."""
    if palette.is_file():
        return (palette,)
    separate = tuple(palette.parent / name for name in PALETTES)
    return separate if all(file.is_file() for file in separate) else ()


def read_team_colours(palette: Path) -> tuple[Colour, ...] | None:
    """The colours of players 1 to 8.

    Args:
        palette: `spritecolors.json`, which may be missing; then the JASC-PAL files beside it count.

    Returns:
        Eight colours, or None where neither is there.

    Raises:
        PaletteError: a file is damaged or does not hold what it should.
        OSError: a file cannot be opened.
    """
    files = palette_files(palette)
    if not files:
        return None
    if files == (palette,):
        return _from_json(palette)
    return tuple(_first_of_jasc(file) for file in files)


def _from_json(file: Path) -> tuple[Colour, ...]:
    try:
        teams = json.loads(_text(file))["TeamColors"]
        return tuple(_colour(teams[f"Player {n}"]["FloatRGBA"]) for n in range(1, PLAYERS + 1))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PaletteError(f"{file} does not state eight team colours ({error!r}).", FIX) from error


def _colour(fractions: dict[str, Any]) -> Colour:
    red, green, blue = (float(fractions[channel]) for channel in "rgb")
    for fraction in (red, green, blue):
        if not 0 <= fraction <= 1:
            raise ValueError(f"{fraction} is not between 0 and 1")
    return round(red * 255), round(green * 255), round(blue * 255)


def _first_of_jasc(file: Path) -> Colour:
    lines = _text(file).splitlines()
    try:
        if lines[0].strip() != "JASC-PAL":
            raise ValueError("it does not begin with JASC-PAL")
        red, green, blue = (int(text) for text in lines[3].split()[:3])
        if not all(0 <= value <= 255 for value in (red, green, blue)):
            raise ValueError(f"'{lines[3]}' is not a colour")
        return red, green, blue
    except (ValueError, IndexError) as error:
        raise PaletteError(f"{file} is not a palette ({error}).", FIX) from error


def _text(file: Path) -> str:
    if file.stat().st_size > MAX_BYTES:
        raise PaletteError(f"{file} is larger than {MAX_BYTES} bytes.", FIX)
    return file.read_text("utf-8-sig", errors="replace")
