"""The part of the scene section for what a game's interface draws over its world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from pipeline.games.sections.base import CountRange, Fraction, Section, ShareRange

MapCorner = Literal["top left", "top right", "bottom left", "bottom right"]


class SelectionRules(Section):
    """The ellipse on the ground that shows that a unit is selected."""

    chance: Fraction = Field(0.15, description="Of an owned object to have one.")
    reach: ShareRange = Field(
        (0.125, 0.125), description="By which it reaches beyond the object, of its width."
    )
    without: list[str] = Field(
        [], description="Classes, or groups of classes, that the game marks otherwise."
    )


class UprightBar(Section):
    """A health bar that stands beside a unit instead of lying above it; pixels at zoom 1."""

    dx: int = Field(-22, ge=-512, le=512, description="Its left side, from the unit's anchor.")
    dy: int = Field(-25, ge=-512, le=512, description="Its upper end, from the unit's anchor.")
    width: int = Field(4, ge=2, le=64, description="Of the bar.")
    height: CountRange = Field((15, 45), description="Of the bar: the more, the hardier the unit.")


class HealthBarRules(Section):
    """The bar that shows how much health a unit has left."""

    chance: Fraction = Field(0.20, description="Of an owned object to have one above it.")
    filled: ShareRange = Field((0.2, 1.0), description="Part of the bar.")
    width: Fraction = Field(0.8, description="Of the object's width.")
    height: Fraction = Field(0.083, description="Of the object's height; at least 2 pixels.")
    tallest: int = Field(64, ge=2, le=64, description="Pixels at most.")
    gap: int = Field(2, ge=0, le=64, description="Pixels between an object and its bar.")
    upright: UprightBar | None = Field(None, description="In games that have such bars.")


class GarrisonRules(Section):
    """The badge of a building with units inside."""

    chance: Fraction = Field(0.0, description="Of an owned building to have one.")
    classes: list[str] = Field(
        [], description="Classes, or groups of classes, that units can be garrisoned in."
    )
    radius: Fraction = Field(0.125, description="Of the building's shorter side.")


class ResourceBarRules(Section):
    """The bar along the top."""

    chance: Fraction = Field(0.5, description="Where there are panels.")
    height: ShareRange = Field((0.035, 0.055), description="Of the image's height.")


class MinimapRules(Section):
    """The map in a corner."""

    chance: Fraction = Field(0.5, description="Where there are panels.")
    side: ShareRange = Field((0.18, 0.25), description="Of the image's height.")
    corners: list[MapCorner] = Field(
        ["bottom left", "bottom right"], min_length=1, description="One is chosen."
    )


class CommandPanelRules(Section):
    """The panel along the bottom."""

    chance: Fraction = Field(0.5, description="Where there are panels.")
    height: ShareRange = Field((0.125, 0.21), description="Of the image's height.")


class FogRules(Section):
    """Where nobody looks at present the game is dimmed."""

    chance: Fraction = Field(0.3, description="Of a scene to have some.")
    corners: CountRange = Field((1, 4), description="How many corners are dimmed, 4 at most.")
    width: ShareRange = Field((0.16, 0.31), description="Of a dimmed corner, of the image's.")
    height: ShareRange = Field((0.21, 0.42), description="Of a dimmed corner, of the image's.")
    darkness: ShareRange = Field((0.31, 0.59), description="Where it is darkest.")
    banks: CountRange = Field(
        (0, 0), description="How many dimmed ovals lie anywhere, in addition to the corners."
    )
    bank_size: ShareRange = Field((0.3, 0.7), description="Of the image's sides.")

    @model_validator(mode="after")
    def _corners_are_four(self) -> FogRules:
        if self.corners[1] > 4:
            raise ValueError(f"corners: an image has 4; got {list(self.corners)}")
        return self


class MarkRule(Section):
    """An image that the game lays under or over units; all sprites of that name are drawn."""

    renamed_keys: ClassVar[Mapping[str, str]] = {"picture": "image"}

    image: str = Field(description="One of the names in sprites.marks.")
    chance: Fraction = Field(1.0, description="Of a unit to have it.")
    under: bool = Field(True, description="Under the unit, or over everything.")
    of_player: bool = Field(True, description="In the unit's colour, or in any team's.")
    dx: int = Field(0, ge=-512, le=512, description="Pixels to the right of the unit's anchor.")
    dy: int = Field(0, ge=-512, le=512, description="Pixels below it.")
    classes: list[str] = Field([], description="Classes, or groups of classes; all without any.")
    without: list[str] = Field([], description="Classes, or groups of classes, that have none.")


class OverlayRules(Section):
    """What the game's interface draws over a scene; probabilities per object or per scene."""

    renamed_keys: ClassVar[Mapping[str, str]] = {
        "selection": "selection.chance",
        "selection_reach": "selection.reach",
        "without_ellipse": "selection.without",
        "health_bar": "health_bar.chance",
        "health": "health_bar.filled",
        "bar_width": "health_bar.width",
        "bar_height": "health_bar.height",
        "bar_tallest": "health_bar.tallest",
        "bar_gap": "health_bar.gap",
        "upright_bar": "health_bar.upright",
        "garrison": "garrison.chance",
        "garrison_classes": "garrison.classes",
        "garrison_radius": "garrison.radius",
        "resource_bar": "resource_bar.chance",
        "resource_bar_height": "resource_bar.height",
        "minimap": "minimap.chance",
        "minimap_side": "minimap.side",
        "minimap_corners": "minimap.corners",
        "command_panel": "command_panel.chance",
        "command_panel_height": "command_panel.height",
        "fog": "fog.chance",
        "fog_corners": "fog.corners",
        "fog_width": "fog.width",
        "fog_height": "fog.height",
        "fog_darkness": "fog.darkness",
        "fog_banks": "fog.banks",
        "fog_bank_size": "fog.bank_size",
        "pictures": "marks",
    }

    selection: SelectionRules = Field(SelectionRules(), description="Ellipses on the ground.")
    health_bar: HealthBarRules = Field(HealthBarRules(), description="Bars above objects.")
    garrison: GarrisonRules = Field(GarrisonRules(), description="Badges of buildings.")
    everyone: bool = Field(
        False, description="What shows no player's colour has ellipse and bar as well."
    )
    marks: list[MarkRule] = Field([], description="What the game lays on or under units.")
    hud: Fraction = Field(0.20, description="Interface panels of a scene.")
    resource_bar: ResourceBarRules = Field(ResourceBarRules(), description="One of the panels.")
    minimap: MinimapRules = Field(MinimapRules(), description="One of the panels.")
    command_panel: CommandPanelRules = Field(CommandPanelRules(), description="One of the panels.")
    fog: FogRules = Field(FogRules(), description="Dimmed parts of a scene.")

    @classmethod
    def nothing(cls) -> OverlayRules:
        """Rules by which nothing is drawn over a scene."""
        return cls(
            selection=SelectionRules(chance=0),
            health_bar=HealthBarRules(chance=0),
            garrison=GarrisonRules(chance=0),
            hud=0,
            fog=FogRules(chance=0),
        )
