"""A scene before it is drawn: what is drawn where, as pure data.

What there are many of in a scene is a named tuple, here and where it is planned and measured: a
frozen dataclass takes almost three times as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pipeline.backgrounds.shores import Footprint, Shoreline
from pipeline.backgrounds.textures import Kind
from pipeline.games.sections.overlays import HealthBarRules

PanelKind = Literal["resource_bar", "minimap", "command_panel"]
Corner = Literal["top left", "top right", "bottom left", "bottom right"]
Edge = Literal["as it is", "feathered", "hard"]

CORNERS: tuple[Corner, ...] = ("top left", "top right", "bottom left", "bottom right")


class Placement(NamedTuple):
    """One sprite of a scene; lengths in pixels of the image.

    Attributes:
        class_name: None for an unlabelled distractor.
        left, top, width, height: the sprite's rectangle, which may reach outside the image.
        ground: where it stands (x, y): its hotspot.
        scale: drawn size over the sprite's own size.
        player: index in `TEAM_COLOURS`, or None for what belongs to nobody.
        selected: whether a selection ellipse lies under it.
        health: filled part of its health bar, or None without a bar.
        edge: how its edge is drawn.
        waterline: the row of its rectangle from which on it is under water, or None on dry ground.
        garrisoned: whether a badge tells that units are inside.
        group: the name of the group that it came with, or None when it was placed alone.
    """

    sprite_id: str
    class_name: str | None
    left: int
    top: int
    width: int
    height: int
    ground: tuple[int, int]
    scale: float
    player: int | None
    selected: bool
    health: float | None
    edge: Edge = "as it is"
    waterline: int | None = None
    garrisoned: bool = False
    group: str | None = None


@dataclass(frozen=True)
class Panel:
    """A part of the interface that covers the scene; its details follow from `seed`."""

    kind: PanelKind
    left: int
    top: int
    width: int
    height: int
    seed: int


@dataclass(frozen=True)
class FogPatch:
    """A corner that is dimmed, most in the corner itself, by `darkness` (0 to 1)."""

    corner: Corner
    width: int
    height: int
    darkness: float


@dataclass(frozen=True)
class FogBank:
    """An oval that is dimmed, most in its middle, by `darkness` (0 to 1); it may reach outside."""

    left: int
    top: int
    width: int
    height: int
    darkness: float


@dataclass(frozen=True)
class Light:
    """What happens to every colour value v of the world: v * factor + add, then the vignette.

    Attributes:
        factor: on red, green and blue; multiples of 1/256, so that the products are exact and
            therefore the same on every processor.
        add: to red, green and blue, of 255.
        vignette: how much darker the corners are, 0 to 1.
    """

    factor: tuple[float, float, float]
    add: tuple[int, int, int]
    vignette: float


@dataclass(frozen=True)
class Marks:
    """The look of what is drawn on objects; shares of the object's own width and height.

    Attributes:
        reach: how far an ellipse goes beyond its object, on either side.
        bar: how a health bar looks.
        badge_radius: of the shorter side.
    """

    reach: float = 0.125
    bar: HealthBarRules = field(default_factory=HealthBarRules)
    badge_radius: float = 0.125


@dataclass(frozen=True)
class Surface:
    """How what is under water is seen.

    Attributes:
        opacity: just below the surface, 0 to 1.
        fade: pixels of the image down to where nothing is seen.
    """

    opacity: float = 0.3
    fade: float = 16.0


@dataclass(frozen=True)
class ScenePlan:
    """An image before it is drawn.

    Attributes:
        crop: (left, top) of the image within its background.
        mirrored: whether the background is flipped left to right.
        zoom: the scale that all sprites share, before their own size and jitter.
        shadow_opacity: factor on the sprites' shadows, 0 to 1.
        placements: in drawing order, from the back (small ground y) to the front.
        shore: where the image's land ends, in a scene of land and water.
        light: None when every colour stays as it is.
        distant: whether the scene is seen from farther away than most.
        jpeg_quality: None for that of all images.
    """

    seed: int
    index: int
    kind: Kind
    width: int
    height: int
    background_id: str
    crop: tuple[int, int]
    mirrored: bool
    zoom: float
    shadow_opacity: float
    placements: tuple[Placement, ...]
    panels: tuple[Panel, ...]
    fog: tuple[FogPatch | FogBank, ...]
    shore: Shoreline | None = None
    light: Light | None = None
    marks: Marks = Marks()
    surface: Surface = Surface()
    distant: bool = False
    jpeg_quality: int | None = None


def footprint_of(placement: Placement) -> Footprint:
    """The ground under a placed object."""
    return Footprint(*placement.ground, placement.width)
