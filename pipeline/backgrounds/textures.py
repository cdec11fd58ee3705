"""Which terrain textures of a game serve as land, which as water, and which never."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from pipeline.errors import OutpostError
from pipeline.formats.dds import DdsError, read_dds
from pipeline.games.pack import Surface, TerrainRules
from pipeline.games.sections.images import HexKind
from pipeline.games.terrain import TerrainNames

Pixels = npt.NDArray[np.uint8]
Kind = Literal["land", "water", "shore"]

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601."""


class TextureError(OutpostError):
    """No usable texture of a kind."""


@dataclass(frozen=True)
class Texture:
    """A terrain texture and how often it is taken.

    It is read anew for every image: all textures of a game together take most of a gigabyte.

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


Weighted = TypeVar("Weighted", Texture, HexKind)


@dataclass(frozen=True)
class TextureChoice:
    """The usable textures of one surface, and why each other one is left out."""

    textures: tuple[Texture, ...]
    left_out: dict[str, str]


def choose_textures(files: Sequence[Path], surface: Surface, rules: TerrainRules) -> TextureChoice:
    """Choose the textures of one surface; every other one is left out with a reason.

    Raises:
        TextureError: none is left.
    """
    names = TerrainNames(rules)
    textures: list[Texture] = []
    left_out: dict[str, str] = {}
    for file in sorted(files, key=lambda file: file.stem):
        decision = names.decide(file.stem, surface)
        reason = decision if isinstance(decision, str) else _reason_by_pixels(file, rules)
        if reason is not None:
            left_out[file.stem] = reason
        elif not isinstance(decision, str):
            textures.append(Texture(file, decision))
    if not textures:
        patterns = ", ".join(choice.named for choice in rules.choices(surface))
        reasons = ", ".join(f"{n} {why}" for why, n in Counter(left_out.values()).most_common(5))
        raise TextureError(
            f"No terrain texture can serve as {surface}: {len(files)} files, patterns {patterns}, "
            f"left out: {reasons or 'none'}.",
            f"Correct the list terrain.{surface} of the game pack, or the game's folder.",
        )
    return TextureChoice(tuple(textures), left_out)


def one_by_weight(choices: Sequence[Weighted], rng: np.random.Generator) -> Weighted:
    """One of them, drawn as often as its weight says beside those of the others."""
    weights = np.array([choice.weight for choice in choices])
    return choices[int(rng.choice(len(choices), p=weights / weights.sum()))]


def _reason_by_pixels(file: Path, rules: TerrainRules) -> str | None:
    """Why its pixels forbid it, if so; the only step that reads the file."""
    try:
        pixels = Texture(file, 1.0).read()
    except DdsError as error:
        return error.problem
    luminance = float((pixels.reshape(-1, 3).mean(axis=0) * LUMINANCE).sum())
    if luminance < rules.min_luminance:
        return f"darker ({luminance:.0f}) than {rules.min_luminance:.0f}"
    return None
