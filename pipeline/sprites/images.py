"""Sprites that lie in image files, one frame to a file.

Such a game draws what it needs from the one image: it mirrors it for the other direction, and
replaces exact shades by those of the player's colour. Both become what a sprite file has: a second
heading, and a layer that says how much of a pixel is the player's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pipeline.formats.png import Rgba
from pipeline.formats.sld import PlacedLayer, SldFrame
from pipeline.games.sections.images import parse_shades
from pipeline.sprites.library import Pixels

SHADOW_ALPHA = 204
"""Up to this alpha, dark pixels are the shadow of what stands there."""
SHADOW_COLOUR = 64
"""Up to this value in all channels a half-transparent pixel counts as shadow."""


class Frames(tuple[SldFrame, ...]):
    """The frames of an image: as it is, and mirrored."""

    def select(self, indices: Iterable[int]) -> Sequence[SldFrame]:
        return tuple(self[index] for index in indices)


@dataclass(frozen=True, eq=False)
class SpriteImage:
    """An image as a sprite file of two headings with one step each.

    Attributes:
        image: uint8 [h, w, 4]; its middle stands on the ground.
        team_shades: colours that stand for the player's, the reference first.
    """

    image: Rgba
    team_shades: tuple[str, ...] = ()
    headings: int = 2
    steps: int = 1

    @cached_property
    def frames(self) -> Frames:
        mirrored = np.ascontiguousarray(self.image[:, ::-1])
        return Frames(frame_of(each, self.team_shades) for each in (self.image, mirrored))

    def frame_index(self, heading: int, step: int) -> int:
        return heading + step


def frame_of(image: Rgba, team_shades: tuple[str, ...] = ()) -> SldFrame:
    """Split an image into its layers: what is opaque, its shadow, and the player's part."""
    height, width = image.shape[:2]
    main, shadow = _without_shadow(image)
    main, weight = _with_player(main, team_shades)
    return SldFrame(
        canvas_width=width,
        canvas_height=height,
        hotspot=(width // 2, height // 2),
        main=PlacedLayer(0, 0, main),
        shadow=PlacedLayer(0, 0, shadow) if shadow.any() else None,
        player=PlacedLayer(0, 0, weight) if weight.any() else None,
    )


def _without_shadow(image: Rgba) -> tuple[Rgba, Pixels]:
    alpha = image[..., 3]
    dark = (image[..., :3] <= SHADOW_COLOUR).all(axis=2)
    is_shadow = (alpha > 0) & (alpha <= SHADOW_ALPHA) & dark
    main = image.copy()
    main[is_shadow] = 0
    return main, np.where(is_shadow, alpha, 0).astype(np.uint8)


def _with_player(image: Rgba, team_shades: tuple[str, ...]) -> tuple[Rgba, Pixels]:
    """The image with the player's shades as greys, and the weight of the player's colour there.

    `recolour` takes the team's colour times the grey, as far as the weight goes. So a shade darker
    than the reference becomes a dark grey of full weight, and one that is lighter becomes white of
    which the weight lets through as much as is missing to it.
    """
    if not team_shades:
        return image, np.zeros(image.shape[:2], np.uint8)
    reference = sum(next(parse_shades(team_shades[0]))) / 3
    table = _greys_and_weights(team_shades, reference)
    codes = _codes(image)
    known = np.array(sorted(table), np.uint32)
    at = np.searchsorted(known, codes).clip(max=len(known) - 1)
    found = (known[at] == codes) & (image[..., 3] > 0)
    grey, weight = np.array([table[code] for code in known.tolist()], np.uint8).T[:, at]
    painted = image.copy()
    painted[..., :3] = np.where(found[..., None], grey[..., None], image[..., :3])
    return painted, np.where(found, weight, 0).astype(np.uint8)


def _greys_and_weights(
    team_shades: tuple[str, ...], reference: float
) -> dict[int, tuple[int, int]]:
    """By colour, which is written as one number."""
    table = {}
    for shade in (shade for entry in team_shades for shade in parse_shades(entry)):
        red, green, blue = shade
        mean = sum(shade) / 3
        lighter = max(mean - reference, 0.0) / max(255.0 - reference, 1.0)
        grey = 255 if lighter else round(255 * mean / max(reference, 1.0))
        table[red << 16 | green << 8 | blue] = grey, round(255 * (1 - lighter))
    return table


def _codes(image: Rgba) -> npt.NDArray[np.uint32]:
    red, green, blue = (image[..., channel].astype(np.uint32) for channel in range(3))
    return np.asarray(red * 65536 + green * 256 + blue, np.uint32)
