"""Changes of a batch that a game makes too, all at once on tensors.

None turns one name into another. There are no flips and no rotation: a mirrored glove is the other
glove, a turned needle points elsewhere. Hue moves by few degrees alone, because gems and potions
differ in nothing else. What a game draws over an icon is drawn here too: the sweep of a cooldown,
a count in a corner, the edge of a window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Augmentation:
    """How far images are changed.

    Attributes:
        zoom: largest change of size, a share of it.
        shift: largest shift, a share of the side.
        light: largest change of brightness and of contrast, a share.
        tint: largest change of one channel against the others, a share.
        hue_degrees: largest turn of the hue.
        blur: share of images that are drawn smaller and enlarged again.
        cooldown, count, window: shares of images over which each is drawn.
    """

    zoom: float
    shift: float
    light: float
    tint: float
    hue_degrees: float
    blur: float
    cooldown: float
    count: float
    window: float


ICONS = Augmentation(0.08, 0.06, 0.15, 0.04, 4.0, 0.3, 0.2, 0.35, 0.15)
SCREENS = Augmentation(0.05, 0.03, 0.15, 0.05, 8.0, 0.3, 0.0, 0.0, 0.3)
BY_KIND = {"icon": ICONS, "screen": SCREENS}


def augment(images: Any, chosen: Augmentation, generator: Any) -> Any:
    """The same images as players may see them.

    Args:
        images: float32 [n, 3, height, width], 0 to 1; left as they are.
        generator: of random numbers; equal ones change images equally.
    """
    moved = move(images, chosen, generator)
    coloured = colour(blur(moved, chosen, generator), chosen, generator)
    return draw_over(coloured, chosen, generator).clamp_(0, 1)


def uniform(images: Any, generator: Any, low: float, high: float, *shape: int) -> Any:
    """Random numbers for each image, [n, *shape]."""
    import torch

    size = (len(images), *shape)
    drawn = torch.rand(size, generator=generator, dtype=torch.float32)
    return (low + (high - low) * drawn).to(images.device)


def move(images: Any, chosen: Augmentation, generator: Any) -> Any:
    """Zoom and shift each image; what comes in from outside repeats the edge."""
    import torch
    from torch.nn import functional

    zoom = 1 / uniform(images, generator, 1 - chosen.zoom, 1 + chosen.zoom)
    places = torch.zeros(len(images), 2, 3, device=images.device)
    places[:, 0, 0] = places[:, 1, 1] = zoom
    # The grid runs from -1 to 1, so a share of the side is twice as much of it.
    places[:, :, 2] = uniform(images, generator, -2 * chosen.shift, 2 * chosen.shift, 2)
    grid = functional.affine_grid(places, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def blur(images: Any, chosen: Augmentation, generator: Any) -> Any:
    """Draw some images smaller and enlarge them again, as interfaces of other sizes do."""
    from torch.nn import functional

    which = uniform(images, generator, 0, 1) < chosen.blur
    if not which.any():
        return images
    share = float(uniform(images[:1], generator, 0.5, 0.9))
    sides = [max(8, round(side * share)) for side in images.shape[2:]]
    small = functional.interpolate(images[which], sides, mode="bilinear", antialias=True)
    images = images.clone()
    images[which] = functional.interpolate(small, images.shape[2:], mode="bilinear")
    return images


def colour(images: Any, chosen: Augmentation, generator: Any) -> Any:
    """Other brightness, contrast and tint, and a hue that is turned a little."""
    import torch

    turned = torch.einsum("nij,njhw->nihw", hue_turns(images, chosen, generator), images)
    mean = turned.mean(dim=(1, 2, 3), keepdim=True)
    contrast, brightness = (
        uniform(images, generator, 1 - chosen.light, 1 + chosen.light, 1, 1, 1) for _ in range(2)
    )
    tint = uniform(images, generator, 1 - chosen.tint, 1 + chosen.tint, 3, 1, 1)
    return ((turned - mean) * contrast + mean) * (brightness * tint)


def hue_turns(images: Any, chosen: Augmentation, generator: Any) -> Any:
    """Rotations of RGB about the grey axis, [n, 3, 3] (Rodrigues' formula)."""
    import torch

    limit = math.radians(chosen.hue_degrees)
    angle = uniform(images, generator, -limit, limit, 1, 1)
    axis = 1 / math.sqrt(3)
    cross = torch.tensor([[0, -axis, axis], [axis, 0, -axis], [-axis, axis, 0]])
    cross = cross.to(images.device)
    one = torch.eye(3, device=images.device)
    return one + angle.sin() * cross + (1 - angle.cos()) * (cross @ cross)


def draw_over(images: Any, chosen: Augmentation, generator: Any) -> Any:
    """A cooldown's sweep, a count in a corner and the edge of a window, each over some images."""
    images = darken_sweep(images, chosen, generator)
    images = cover_edge(images, chosen, generator)
    return write_count(images, chosen, generator)


def darken_sweep(images: Any, chosen: Augmentation, generator: Any) -> Any:
    """Darken a sector from the top clockwise, as games show how long something is not ready."""
    import torch

    if chosen.cooldown == 0:
        return images
    height, width = images.shape[2:]
    y = torch.linspace(-1, 1, height, device=images.device)[:, None]
    x = torch.linspace(-1, 1, width, device=images.device)[None, :]
    clockwise = (torch.atan2(x, -y) / (2 * math.pi)) % 1
    starts = uniform(images, generator, 0, 1, 1, 1)
    dark = uniform(images, generator, 0.35, 0.75, 1, 1)
    has = uniform(images, generator, 0, 1, 1, 1) < chosen.cooldown
    factor = torch.where((clockwise[None] >= starts) & has, dark, torch.ones_like(dark))
    return images * factor[:, None]


def cover_edge(images: Any, chosen: Augmentation, generator: Any) -> Any:
    """Cover up to a quarter of each side of some images with one colour, from a corner on."""
    import torch

    height, width = images.shape[2:]
    has = uniform(images, generator, 0, 1, 1, 1) < chosen.window
    y = torch.linspace(0, 1, height, device=images.device)[None, :, None]
    x = torch.linspace(0, 1, width, device=images.device)[None, None, :]
    flips = uniform(images, generator, 0, 1, 2, 1, 1) < 0.5
    y, x = torch.where(flips[:, 0], 1 - y, y), torch.where(flips[:, 1], 1 - x, x)
    sides = uniform(images, generator, 0.05, 0.25, 2, 1, 1)
    # A corner's rectangle, or a whole strip along one edge.
    along = uniform(images, generator, 0, 1, 1, 1) < 0.5
    inside = (y < sides[:, 0]) & ((x < sides[:, 1] * 2) | along) & has
    paint = uniform(images, generator, 0, 1, 3, 1, 1)
    return torch.where(inside[:, None], paint, images)


def write_count(images: Any, chosen: Augmentation, generator: Any) -> Any:
    """Write what looks like one or two digits into a lower corner of some images.

    Random strokes: which digits a game draws, and how, is nobody's business here.
    """
    import torch
    from torch.nn import functional

    if chosen.count == 0:
        return images
    height, width = images.shape[2:]
    strokes = (uniform(images, generator, 0, 1, 1, 5, 7) < 0.5).to(torch.float32)
    strokes[:, :, :, 3] = 0
    single = uniform(images, generator, 0, 1, 1, 1, 1) < 0.5
    strokes[:, :, :, :3] *= ~single
    size = (max(5, height // 4), max(7, width // 3))
    glyphs = functional.interpolate(strokes, size)
    rim = functional.max_pool2d(glyphs, 3, stride=1, padding=1)
    bright = uniform(images, generator, 0.75, 1, 3, 1, 1)
    has = (uniform(images, generator, 0, 1, 1, 1, 1) < chosen.count).to(torch.float32)
    top, left = height - size[0] - 1, (width - size[1] - 1)
    images = images.clone()
    corner = images[:, :, top : top + size[0], left : left + size[1]]
    written = corner * (1 - rim * has * 0.9) * (1 - glyphs * has) + bright * glyphs * has
    images[:, :, top : top + size[0], left : left + size[1]] = written
    return images
