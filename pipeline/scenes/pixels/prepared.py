"""A sprite in the form in which it is drawn, and where the compiled loops find that in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pipeline.scenes.pixels.mipmaps import Pyramid

Sprites = npt.NDArray[np.int64]
"""int64 [n, 4, 4]: of each sprite the rows `BGRA`, `LIGHT`, `SHADOW` and `CAST`."""
BGRA, LIGHT, SHADOW = 0, 1, 2
"""`Pyramid.place` of what a sprite is made from; zeros where it has no such thing."""
CAST = 3
"""Height and width of the shadow at its own size, and its offset (x, y) from the sprite."""
NOTHING = (0, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class PreparedSprite:
    """A sprite in the form in which it is resized and blended.

    Colours are multiplied by alpha before any resize, because resizing straight alpha bleeds the
    colour of transparent pixels into the edge. Recolouring (`pipeline.sprites.recolour`) is linear
    in the pixels, so the two parts of its formula are resized apart and joined at the drawn size.

    Attributes:
        bgra: [h, w, 4], premultiplied; without what a team's colour replaces if there is a
            `team_light`.
        team_light: [h, w], what a team's colour is multiplied by before it is added; or None for
            a sprite in its own colours.
        shadow: [h, w] opacity of black, or None; `shadow_offset` as in `Sprite`.
    """

    bgra: Pyramid
    team_light: Pyramid | None
    shadow: Pyramid | None
    shadow_offset: tuple[int, int]

    @cached_property
    def nbytes(self) -> int:
        parts = (self.bgra, self.team_light, self.shadow)
        return sum(part.nbytes for part in parts if part is not None)

    @cached_property
    def numbers(self) -> bytes:
        """Its part of `Sprites`; valid as long as the sprite is held."""
        light, shadow = self.team_light, self.shadow
        rows = [
            self.bgra.place,
            NOTHING if light is None else light.place,
            NOTHING if shadow is None else shadow.place,
            NOTHING if shadow is None else (*shadow.shape[:2], *self.shadow_offset),
        ]
        return np.array(rows, np.int64).tobytes()


def numbers_of(sprites: Iterable[PreparedSprite]) -> Sprites:
    """All of them; valid as long as they are held.

    Bytes, because there is no faster way to put many short rows together.
    """
    numbers = b"".join([sprite.numbers for sprite in sprites])
    return np.frombuffer(numbers, np.int64).reshape(-1, 4, 4)
