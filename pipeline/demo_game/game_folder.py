"""The built-in game's files, laid out as in an installed copy of Age of Empires II."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from pipeline.demo_game.art.catalogue import SpriteFile, drawings_of, sprite_files
from pipeline.demo_game.art.raycasting import SolidView
from pipeline.demo_game.ground import BLACK, PLACEHOLDER, TERRAINS, placeholder, tile_of
from pipeline.errors import OutpostError
from pipeline.files import write_json
from pipeline.formats.dds import write_dds
from pipeline.formats.sld import PlacedLayer, SldFrame, encode
from pipeline.progress import Report, silent, track
from pipeline.provenance import code_version_of

SPRITES = Path("resources/_common/drs/graphics")
TEXTURES = Path("resources/_common/terrain/textures/2x")
PALETTE = Path("resources/_common/palettes/spritecolors.json")
MARKER = "drawn.json"

SEED = 1999
CANVAS = 240
HOTSPOT = (120, 140)
SHORT_HEADER = 14
"""Some of the game's files, those of trees and mills among them, have the shorter file header."""

TEAM_COLOURS = {
    "Player 1": (40, 80, 230),
    "Player 2": (220, 30, 30),
    "Player 3": (30, 180, 50),
    "Player 4": (240, 220, 40),
    "Player 5": (30, 190, 190),
    "Player 6": (190, 50, 190),
    "Player 7": (130, 130, 130),
    "Player 8": (240, 130, 30),
}
PLAYER_NAMES = ("blue", "red", "green", "yellow", "teal", "purple", "grey", "orange")
"""What the players are called, by the names of their colours, in that order."""
NATURE = "nature"
"""Owner of what belongs to no player."""


class DrawnGameError(OutpostError):
    """The built-in game cannot be drawn where it was asked for."""


def drawing_version() -> str:
    """A digest of the code that draws and writes the game; changes when the art may have changed.

    It only decides whether to draw again, and is no part of what is drawn.
    """
    return code_version_of("pipeline.demo_game", "pipeline.formats")


def draw_game(folder: Path, report: Report = silent) -> None:
    """Draw every file of the built-in game below `folder`; nothing to do when it lies there.

    The files appear together or not at all. A folder drawn by older code is drawn again.

    Raises:
        DrawnGameError: the folder holds something else, or cannot be written.
    """
    if _drawn_version(folder) == drawing_version():
        return
    if folder.exists() and not (folder / MARKER).is_file() and any(folder.iterdir()):
        raise DrawnGameError(
            f"{folder} holds files that Outpost did not draw.",
            "Name an empty folder for the built-in game, or one that does not exist.",
        )
    try:
        _draw_and_swap(folder, report)
    except OSError as error:
        raise DrawnGameError(
            f"The built-in game cannot be written to {folder}: {error}",
            "Free some space there (20 MB), or choose a folder that you may write to.",
        ) from error


def _drawn_version(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / MARKER).read_text(encoding="utf-8"))["drawing_version"])
    except (OSError, ValueError, KeyError):
        return None


def _draw_and_swap(folder: Path, report: Report) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        drawn, replaced = Path(scratch) / "drawn", Path(scratch) / "replaced"
        _write_sprites(drawn / SPRITES, report)
        _write_textures(drawn / TEXTURES)
        _write_palette(drawn / PALETTE)
        write_json(drawn / MARKER, {"drawing_version": drawing_version()}, indent=2)
        if folder.exists():
            folder.replace(replaced)
        drawn.replace(folder)
        shutil.rmtree(replaced, ignore_errors=True)


def _write_sprites(folder: Path, report: Report) -> None:
    folder.mkdir(parents=True)
    files = sprite_files()
    for file in track(files, len(files), "draw the built-in game", report):
        frames = [_frame_of(file, drawing) for drawing in drawings_of(file)]
        header = SHORT_HEADER if "_tree_" in file.name or "_mill_" in file.name else 16
        (folder / f"{file.name}.sld").write_bytes(encode(frames, header))


def _frame_of(file: SpriteFile, drawing: SolidView) -> SldFrame:
    """Place a drawing on the canvas so that its ground anchor lies on the hotspot."""
    x, y = HOTSPOT[0] - drawing.hotspot[0], HOTSPOT[1] - drawing.hotspot[1]
    shadow_x, shadow_y = x + drawing.shadow_offset[0], y + drawing.shadow_offset[1]
    shadow = PlacedLayer(shadow_x, shadow_y, drawing.shadow)
    if "_shadow" in file.name:  # Parts of large buildings hold a shadow alone.
        return SldFrame(CANVAS, CANVAS, HOTSPOT, shadow=shadow)
    owned = bool(drawing.player.any())
    return SldFrame(
        CANVAS,
        CANVAS,
        HOTSPOT,
        main=PlacedLayer(x, y, drawing.rgba),
        shadow=shadow,
        outline=PlacedLayer(x, y, drawing.mask),
        player=PlacedLayer(x, y, drawing.player) if owned else None,
    )


def _write_textures(folder: Path) -> None:
    folder.mkdir(parents=True)
    for terrain in (*TERRAINS, BLACK):
        write_dds(folder / f"{terrain.name}.dds", tile_of(terrain, SEED))
    write_dds(folder / f"{PLACEHOLDER}.dds", placeholder())


def _write_palette(file: Path) -> None:
    """Team colours as the game states them: fractions, with a pivot that is not used here."""
    file.parent.mkdir(parents=True)
    colours = {
        player: {"FloatRGBA": {"r": r / 255, "g": g / 255, "b": b / 255, "a": 1.0}}
        for player, (r, g, b) in TEAM_COLOURS.items()
    }
    write_json(file, {"TeamColors": colours}, indent=2)
