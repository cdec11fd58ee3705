"""What the game draws over a scene: ellipses and bars of units, interface panels, fog.

Every function draws into an image or a region of it (uint8 [h, w, 4], BGRX) in place; none touches
the id buffer, because only whoever draws the scene knows what covers what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.games.sections.overlays import UprightBar
from pipeline.scenes.pixels.kernels import fill
from pipeline.scenes.plan import FogBank, FogPatch, Marks, Panel, PanelKind, Placement
from pipeline.scenes.rendering.effects import darken
from pipeline.scenes.sources.catalogue import Colour
from pipeline.sprites.library import Pixels

Ink = tuple[int, int, int, int]
"""Blue, green, red, and the channel without meaning."""
Patch = tuple[int, int, int, int, Ink]
"""A rectangle of one colour: left, top, width, height."""


class Patches(NamedTuple):
    """Some of them: int64 [n, 4] and uint8 [n, 4]."""

    sides: npt.NDArray[np.int64]
    inks: Pixels


FULL_HEALTH: Ink = (40, 200, 40, 255)
LOST_HEALTH: Ink = (20, 25, 150, 255)
BAR_EDGE: Ink = (15, 15, 15, 255)
BAR_FRAME: Ink = (180, 180, 180, 255)
HEALTH_COLOURS: tuple[Ink, ...] = (
    (30, 30, 225, 255),
    (20, 140, 235, 255),
    (40, 180, 215, 255),
    (60, 210, 130, 255),
)
"""From hardly any health to full health."""
SELECTION: Ink = (245, 245, 245, 255)
PANEL_TINTS: tuple[Ink, ...] = (
    (40, 64, 92, 255),
    (46, 52, 60, 255),
    (58, 42, 38, 255),
    (62, 78, 84, 255),
)
PANEL_EDGE: Ink = (96, 164, 196, 255)
PANEL_INK: Ink = (190, 216, 226, 255)
MAP_GROUND: tuple[Ink, ...] = ((40, 96, 58, 255), (60, 104, 120, 255), (120, 72, 40, 255))


def draw_selection(image: Pixels, placement: Placement, marks: Marks) -> None:
    """The ellipse on the ground around a selected object; twice as wide as it is high."""
    radius = max(3, round(placement.width * (0.5 + marks.reach)))
    axes = (radius, max(2, radius // 2))
    cv2.ellipse(image, placement.ground, axes, 0, 0, 360, SELECTION, 1, cv2.LINE_AA)


def health_bar_of(placement: Placement, marks: Marks) -> tuple[Patch, ...]:
    """The patches that make up the bar above an object; its filled part is `placement.health`."""
    if placement.health is None:
        return ()
    bar = marks.bar
    if bar.upright is not None:
        return _upright_bar_of(placement, bar.upright, placement.health)
    width = max(6, int(placement.width * bar.width))
    height = min(max(2, int(placement.height * bar.height)), bar.tallest)
    left = placement.left + (placement.width - width) // 2
    top = placement.top - bar.gap - height
    filled = max(1, round(width * placement.health))
    return (
        (left - 1, top - 1, width + 2, height + 2, BAR_EDGE),
        (left, top, width, height, LOST_HEALTH),
        (left, top, filled, height, FULL_HEALTH),
    )


def _upright_bar_of(placement: Placement, bar: UprightBar, health: float) -> tuple[Patch, ...]:
    """A narrow frame beside an object, filled from below, from red to green with its health.

    Its height goes with that of the object, as that of the game's bars does with hardiness.
    """
    scale, (shortest, tallest) = placement.scale, bar.height
    width = max(3, round(bar.width * scale))
    height = max(6, round(min(max(placement.height / 2, shortest * scale), tallest * scale)))
    left = placement.ground[0] + round(bar.dx * scale)
    top = placement.ground[1] + round(bar.dy * scale)
    filled = max(1, round((height - 2) * health))
    step = min(int(health * len(HEALTH_COLOURS)), len(HEALTH_COLOURS) - 1)
    return (
        (left, top, width, 1, BAR_FRAME),
        (left, top + height - 1, width, 1, BAR_FRAME),
        (left, top, 1, height, BAR_FRAME),
        (left + width - 1, top, 1, height, BAR_FRAME),
        (left + 1, top + height - 1 - filled, width - 2, filled, HEALTH_COLOURS[step]),
    )


def patches_of(patches: Sequence[Patch]) -> Patches:
    """Patches as arrays."""
    sides = chain.from_iterable([patch[:4] for patch in patches])
    inks = chain.from_iterable([patch[4] for patch in patches])
    return Patches(
        np.fromiter(sides, np.int64).reshape(-1, 4), np.fromiter(inks, np.uint8).reshape(-1, 4)
    )


def draw_patches(image: Pixels, patches: Patches) -> None:
    """Draw patches in their order, in one call; what reaches outside the image is cut off."""
    if len(patches.sides):
        fill(image, patches.sides, patches.inks)


def draw_badge(image: Pixels, placement: Placement, marks: Marks, colour: Colour) -> None:
    """The round badge of a building with units inside, at its lower left, in a team's colour."""
    radius = max(3, int(min(placement.width, placement.height) * marks.badge_radius))
    middle = (placement.left + radius + 2, placement.top + placement.height - radius - 2)
    cv2.circle(image, middle, radius, BAR_EDGE, cv2.FILLED, cv2.LINE_AA)
    cv2.circle(image, middle, radius - 1, _ink(colour), cv2.FILLED, cv2.LINE_AA)
    stroke = max(1, radius // 3)
    _fill(image, middle[0] - stroke // 2, middle[1] - radius // 2, stroke, radius, SELECTION)


def draw_panel(image: Pixels, panel: Panel, team_colours: Sequence[Colour]) -> None:
    """One opaque part of the interface; the map on it shows teams in their colours."""
    rng = np.random.default_rng(panel.seed)
    box = image[panel.top : panel.top + panel.height, panel.left : panel.left + panel.width]
    _draw_board(box, rng)
    if panel.kind == "minimap":
        _draw_map(box, rng, team_colours)
    else:
        PANEL_CONTENTS[panel.kind](box, rng)


def dim(image: Pixels, patch: FogPatch | FogBank) -> None:
    """Darken a corner or an oval, most where its fog lies thickest and not at all at its edge."""
    if isinstance(patch, FogBank):
        left, top = patch.left, patch.top
        near = _towards_corner(np.linspace(-1.0, 1.0, 25))
        fade = (near * (2.0 - near)).clip(0.0, 1.0)
    else:
        left = 0 if "left" in patch.corner else image.shape[1] - patch.width
        top = 0 if "top" in patch.corner else image.shape[0] - patch.height
        fade = _towards_corner(np.linspace(0.0, 1.0, 24))
        fade = fade[:, ::-1] if "right" in patch.corner else fade
        fade = fade[::-1] if "bottom" in patch.corner else fade
    # Smooth, so it is made small.
    light = np.ascontiguousarray(np.rint(255.0 * (1.0 - patch.darkness * fade)), np.uint8)
    resized = cv2.resize(light, (patch.width, patch.height))
    darken(image, np.asarray(resized, np.uint8), left, top)


def _towards_corner(steps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1 where rows and columns are at step 0, and 0 from a distance of 1 on."""
    return (1.0 - steps[:, None] ** 2 - steps[None, :] ** 2).clip(0.0, 1.0)


def _draw_board(box: Pixels, rng: np.random.Generator) -> None:
    """Grained wood, stone or metal with a light edge."""
    height, width = box.shape[:2]
    tint = np.array(PANEL_TINTS[int(rng.integers(len(PANEL_TINTS)))])
    grain = rng.integers(-14, 15, (max(1, height // 4), max(1, width // 4), 1))
    board = (tint + grain).clip(0, 255).astype(np.uint8)
    cv2.resize(board, (width, height), box, interpolation=cv2.INTER_LINEAR)
    cv2.rectangle(box, (0, 0), (width - 1, height - 1), PANEL_EDGE, max(1, height // 60))


def _draw_resources(box: Pixels, rng: np.random.Generator) -> None:
    """Icons with figures beside them, from the left."""
    height, width = box.shape[:2]
    icon = max(2, height * 3 // 5)
    top, step = (height - icon) // 2, max(12, height * 3)
    for left in range(icon, min(width, step * 8), step):
        _fill(box, left, top, icon, icon, _bright(rng))
        for figure in range(int(rng.integers(1, 5))):
            _draw_figure(box, left + icon + 2 + figure * icon // 2, top, icon, rng)


def _draw_figure(box: Pixels, left: int, top: int, height: int, rng: np.random.Generator) -> None:
    """A digit as it looks when it is a few pixels high: two strokes."""
    stroke = max(1, height // 6)
    _fill(box, left, top + height // 5, stroke, height * 3 // 5, PANEL_INK)
    across = top + int(rng.integers(1, 4)) * height // 5
    _fill(box, left, across, max(2, height // 3), stroke, PANEL_INK)


def _draw_commands(box: Pixels, rng: np.random.Generator) -> None:
    """A block of buttons on the left, some of them empty."""
    height, width = box.shape[:2]
    side = max(4, height // 4)
    for top in range(side // 2, height - side, side + 2):
        for left in range(side // 2, min(width - side, 6 * (side + 2)), side + 2):
            _fill(box, left, top, side, side, BAR_EDGE)
            if rng.random() < 0.7:
                _fill(box, left + 1, top + 1, side - 2, side - 2, _bright(rng))


def _draw_map(box: Pixels, rng: np.random.Generator, team_colours: Sequence[Colour]) -> None:
    """A diamond of ground with dots in the players' colours."""
    height, width = box.shape[:2]
    x, y = width // 2, height // 2
    corners = np.array([(x, 2), (width - 3, y), (x, height - 3), (2, y)], np.int32)
    cv2.fillConvexPoly(box, corners, MAP_GROUND[int(rng.integers(len(MAP_GROUND)))])
    dot = max(1, height // 60)
    for u, v in rng.uniform(-0.45, 0.45, (int(rng.integers(20, 80)), 2)).tolist():
        colour = _ink(team_colours[int(rng.integers(len(team_colours)))])
        left, top = round(x + (u + v) * width / 2), round(y + (u - v) * height / 2)
        _fill(box, left, top, dot, dot, colour)


PANEL_CONTENTS: dict[PanelKind, Callable[[Pixels, np.random.Generator], None]] = {
    "resource_bar": _draw_resources,
    "command_panel": _draw_commands,
}


def _bright(rng: np.random.Generator) -> Ink:
    red, green, blue = rng.integers(60, 240, 3).tolist()
    return _ink((red, green, blue))


def _ink(colour: Colour) -> Ink:
    red, green, blue = colour
    return blue, green, red, 255


def _fill(image: Pixels, left: int, top: int, width: int, height: int, colour: Ink) -> None:
    """A rectangle, of which only the part inside the image is drawn."""
    image[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)] = colour
