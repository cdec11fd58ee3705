"""Which terrain textures of a game serve as land, which as water, and which never."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.errors import OutpostError
from pipeline.formats.dds import DdsError, read_dds
from pipeline.games.pack import TerrainChoice, TerrainRules

Pixels = npt.NDArray[np.uint8]
Kind = Literal["land", "water"]

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601."""


class TextureError(OutpostError):
    """No usable texture of a kind."""


@dataclass(frozen=True, eq=False)
class Texture:
    """A terrain texture and how often it is taken.

    Attributes:
        name: file name without suffix.
        pixels: uint8 [height, width, 3], RGB.
        weight: relative to the other textures of its kind.
    """

    name: str
    pixels: Pixels
    weight: float


@dataclass(frozen=True)
class TextureChoice:
    """The usable textures of one kind, and why others were left out."""

    textures: tuple[Texture, ...]
    left_out: dict[str, str]


def choose_textures(files: Sequence[Path], kind: Kind, rules: TerrainRules) -> TextureChoice:
    """Read the textures of one kind; void, dark and unreadable ones are left out with a reason.

    Args:
        files: the game's terrain files.
        kind: which of the pack's lists is taken.
        rules: the pack's terrain rules.

    Raises:
        TextureError: none is left.
    """
    textures: list[Texture] = []
    left_out: dict[str, str] = {}
    choices = rules.land if kind == "land" else rules.water
    for file in sorted(files, key=lambda file: file.stem):
        weight = _weight(file.stem, choices)
        if weight is None:
            continue
        reason_or_pixels = _usable(file, rules)
        if isinstance(reason_or_pixels, str):
            left_out[file.stem] = reason_or_pixels
        else:
            textures.append(Texture(file.stem, reason_or_pixels, weight))
    if not textures:
        patterns = ", ".join(choice.include for choice in choices)
        raise TextureError(
            f"No terrain texture can serve as {kind}: {len(files)} files, patterns {patterns}, "
            f"left out {left_out or 'none'}.",
            f"Correct the list terrain.{kind} of the game pack, or the game's folder.",
        )
    return TextureChoice(tuple(textures), left_out)


def _weight(name: str, choices: Sequence[TerrainChoice]) -> float | None:
    """The weight of the first pattern that takes the file."""
    matching = (choice.weight for choice in choices if fnmatchcase(name, choice.include))
    return next(matching, None)


def _usable(file: Path, rules: TerrainRules) -> Pixels | str:
    if any(fnmatchcase(file.stem, pattern) for pattern in rules.exclude):
        return "excluded by the pack"
    try:
        pixels = read_dds(file)[..., :3]
    except DdsError as error:
        return error.problem
    luminance = float((pixels.reshape(-1, 3).mean(axis=0) * LUMINANCE).sum())
    if luminance < rules.min_luminance:
        return f"darker ({luminance:.0f}) than {rules.min_luminance:.0f}"
    return np.ascontiguousarray(pixels)
