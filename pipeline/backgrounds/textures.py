"""Which terrain textures of a game serve as land, which as water, and which never."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.errors import OutpostError
from pipeline.formats.dds import DdsError, read_dds
from pipeline.games.pack import TerrainChoice, TerrainRules
from pipeline.games.patterns import matcher

Pixels = npt.NDArray[np.uint8]
Kind = Literal["land", "water"]

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601."""


class TextureError(OutpostError):
    """No usable texture of a kind."""


@dataclass(frozen=True)
class Texture:
    """A terrain texture and how often it is taken.

    It is read anew for every picture: all textures of a game together take most of a gigabyte.

    Attributes:
        file: of the game.
        weight: relative to the other textures of its kind.
    """

    file: Path
    weight: float

    @property
    def name(self) -> str:
        """File name without suffix."""
        return self.file.stem

    def read(self) -> Pixels:
        """The pixels, uint8 [height, width, 3], RGB.

        Raises:
            DdsError: the file cannot be read.
        """
        return np.ascontiguousarray(read_dds(self.file)[..., :3])


@dataclass(frozen=True)
class TextureChoice:
    """The usable textures of one kind, and why others were left out."""

    textures: tuple[Texture, ...]
    left_out: dict[str, str]


def choose_textures(files: Sequence[Path], kind: Kind, rules: TerrainRules) -> TextureChoice:
    """Choose the textures of one kind; void, dark and unreadable ones are left out with a reason.

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
        texture = Texture(file, weight)
        reason = _reason_against(texture, rules)
        if reason is None:
            textures.append(texture)
        else:
            left_out[texture.name] = reason
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
    matching = (choice.weight for choice in choices if matcher([choice.include]).fullmatch(name))
    return next(matching, None)


def _reason_against(texture: Texture, rules: TerrainRules) -> str | None:
    if matcher(rules.exclude).fullmatch(texture.name):
        return "excluded by the pack"
    try:
        pixels = texture.read()
    except DdsError as error:
        return error.problem
    luminance = float((pixels.reshape(-1, 3).mean(axis=0) * LUMINANCE).sum())
    if luminance < rules.min_luminance:
        return f"darker ({luminance:.0f}) than {rules.min_luminance:.0f}"
    return None
