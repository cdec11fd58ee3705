"""The scene section of a game pack: how synthetic images are composed.

`docs/reference/scenes.md` lists every key with its meaning, limits and default; it is made from
these models.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from pipeline.games.patterns import NamePattern
from pipeline.games.sections.base import (
    CountRange,
    FactorRange,
    Factors,
    Fraction,
    PixelRange,
    Range,
    Scene,
    Section,
    ShareRange,
    SignedRange,
    Steps,
    ZoomRange,
)
from pipeline.games.sections.overlays import OverlayRules

Shape = Literal["row", "block", "clump", "beside"]
Named = tuple[str, str]
"""The key that names something, and the name."""


class PlacementRule(Section):
    """How one class is placed in a scene."""

    class_name: str = Field(description="The class, or 'distractor'.")
    count: CountRange = Field((0, 1), description="Fewest and most in one scene, both possible.")
    size: float = Field(
        1.0,
        gt=0.0,
        le=16.0,
        description="Factor on its sprites' own size, apart from the scene's zoom; "
        "`outpost fit-scale` proposes it.",
    )
    scale: Range = Field((1.0, 1.0), description="Jitter around the scene's zoom.")
    max_overlap: Fraction = Field(
        0.35, description="Of its own box that another object may share when it is placed."
    )
    margin: int = Field(
        0, ge=-10_000, le=10_000, description="Pixels kept from the edge; negative lets it be cut."
    )
    cut: Fraction = Field(
        0.0,
        description="Share of its width or height that the image's edge may cut off; where it is "
        "not 0, it stands for the margin.",
    )
    spacing: float = Field(0.0, ge=0.0, description="Least distance in pixels to its own class.")
    depth: PixelRange | None = Field(
        None,
        description="For what stands in water: how deep, in pixels of the sprite above its "
        "hotspot. What lies deeper is seen through the water and is not labelled.",
    )
    oversample: float = Field(
        1.0, gt=0.0, le=100.0, description="Factor on the count; see also `rebalance`."
    )
    recolour: bool = Field(True, description="Paint its player-colour area in a team colour.")
    include: list[NamePattern] = Field(
        [], description="Patterns over sprite names, to place some of its sprites alone."
    )
    scene: Scene | None = Field(
        None,
        description="For distractors: where these may stand, on land if left out. Where a class "
        "may stand is said in classes.yaml.",
    )

    @model_validator(mode="after")
    def _scene_is_a_distractors(self) -> PlacementRule:
        if self.scene is not None and self.class_name != "distractor":
            raise ValueError(
                f"scene: the scene of '{self.class_name}' is said in classes.yaml, not here"
            )
        return self


class GroupMember(Section):
    """One class of a group."""

    class_name: str = Field(description="The class; one of `placements` must describe it.")
    count: CountRange = Field((1, 1), description="Fewest and most in one group, both possible.")
    include: list[NamePattern] = Field(
        [],
        description="Patterns over sprite names, such as those of a work; where none fits, all "
        "sprites of the class may come.",
    )


class GroupRule(Section):
    """Things that stand together in play: a flock, an army, a forest, a wall, workers at a mine.

    A group is placed as a whole around one point, and what has no room there is left out. Its
    members come on top of those that `placements` scatters, with the same sizes and limits.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_ ]*$", description="Stands in plans and messages.")
    members: list[GroupMember] = Field(
        min_length=1, description="What it consists of, in the order of a row; at least one."
    )
    shape: Shape = Field(
        description="'row': one after another along one of the game's axes; 'block': ranks and "
        "files; 'clump': as a crowd around a point; 'beside': before and at the sides of the first."
    )
    chance: Fraction = Field(0.2, description="Of a scene in which its members may stand.")
    times: CountRange = Field((1, 1), description="How many, when it comes up.")
    spacing: Range = Field(
        (0.8, 1.1),
        description="Distance between neighbours, of the wider one's width. Below 1 they overlap.",
    )
    overlap: Fraction = Field(
        0.5, description="Of its own box that a member may share with another of its group."
    )
    scene: Scene | None = Field(
        None, description="Only in such scenes; wherever its members may stand if left out."
    )
    one_player: bool = Field(True, description="All owned members have one player's colour.")
    one_heading: bool = Field(
        True, description="All members of a class look the same way, where its sprites turn."
    )


class OverlapRule(Section):
    """What may cover what more than `max_overlap` allows, such as a tree a unit behind it."""

    classes: list[str] = Field(min_length=1, description="Classes, or groups of classes.")
    others: list[str] = Field(min_length=1, description="Classes, or groups of classes.")
    limit: Fraction = Field(description="Of the smaller box, between one of each list.")


class Factor(Section):
    """Classes that are drawn more often, and by how much."""

    classes: list[str] = Field([], description="Classes, or groups of classes.")
    factor: float = Field(1.0, gt=0.0, le=100.0, description="On the counts of their placements.")


class Rebalancing(Section):
    """Which classes come more often than their counts say; in both lists, the factors multiply."""

    rare: Factor = Field(Factor(), description="What real images rarely show.")
    confusable: Factor = Field(Factor(), description="What is easily taken for something else.")


class DistantRules(Section):
    """Scenes that are seen from farther away, all of them and everything in them."""

    share: Fraction = Field(0.0, description="Of all scenes.")
    zoom: ZoomRange = Field((0.5, 0.7), description="Instead of the zoom of the other scenes.")
    crowding: float = Field(
        1.5,
        ge=1.0,
        le=16.0,
        description="Factor on the counts: from farther away more can be seen.",
    )


class GridRules(Section):
    """The cells of a game in which everything stands on one, such as hexes; pixels at zoom 1.

    A cell takes one object. Distractors stand off the grid.
    """

    step: tuple[int, int] = Field(description="From a cell to the next column, and the next row.")
    stagger: int = Field(0, description="By how much every second column lies lower.")
    jitter: PixelRange = Field((0.0, 0.0), description="Off the middle of its cell, either way.")

    @model_validator(mode="after")
    def _cells_are_large_enough(self) -> GridRules:
        if min(self.step) < 4:
            raise ValueError(f"step: at least 4 pixels; got {list(self.step)}")
        return self


class TimeOfDay(Section):
    """One light of the game: a colour value v becomes v * factor + add."""

    name: str = Field(description="For those who read the pack.")
    weight: float = Field(1.0, gt=0.0, le=1000.0, description="How often, beside the others.")
    factor: Factors = Field((1.0, 1.0, 1.0), description="On red, green and blue.")
    add: Steps = Field((0, 0, 0), description="To red, green and blue, -255 to 255.")


class LightRules(Section):
    """The light of a whole scene; the interface and the bars over units keep their own."""

    times: list[TimeOfDay] = Field([], description="One is chosen for each scene; none, no change.")
    brightness: FactorRange = Field((1.0, 1.0), description="Factor on all colours.")
    temperature: Fraction = Field(0.0, description="How many scenes are warmer or colder.")
    temperature_range: SignedRange = Field(
        (-0.1, 0.1), description="Share by which red is raised and blue lowered."
    )
    vignette: Fraction = Field(0.0, description="How many scenes darken towards their corners.")
    vignette_darkness: ShareRange = Field((0.15, 0.4), description="In the corners themselves.")


class EdgeRules(Section):
    """How the edges of sprites are drawn, so that no one kind of edge tells a drawn object.

    What remains of 1 is drawn as it is.
    """

    feathered: Fraction = Field(0.0, description="Share of objects that fade out inwards.")
    hard: Fraction = Field(0.0, description="Share of objects cut out without half-transparency.")

    @model_validator(mode="after")
    def _shares_fit(self) -> EdgeRules:
        if self.feathered + self.hard > 1:
            raise ValueError("feathered and hard together must not exceed 1")
        return self


class WaterRules(Section):
    """How the part of an object below the surface is seen; see `depth` of a placement."""

    opacity: Fraction = Field(0.3, description="Just below the surface.")
    fade: float = Field(
        16.0, ge=1.0, le=4096.0, description="Pixels of the sprite down to where nothing is seen."
    )


class LabelPolicy(Section):
    """Which objects of a drawn scene become labels, and with which box."""

    box: Literal["visible", "full"] = Field("visible", description="Extent that is labelled.")
    min_visible: Fraction = Field(0.3, description="Drop objects of which less is visible.")
    min_side: int = Field(6, ge=1, description="Drop boxes with a shorter side, in pixels.")


class SceneRules(Section):
    """How synthetic scenes are composed."""

    width: int = Field(1280, ge=64, le=8192, description="Of an image, in pixels.")
    height: int = Field(720, ge=64, le=8192, description="Of an image, in pixels.")
    images: int = Field(3000, ge=1, description="Images in the set.")
    train_fraction: Fraction = Field(0.8, description="Of the images, for training.")
    seed: int = Field(42, ge=0, description="Another seed, other images.")
    gated: bool = Field(
        True,
        description="Keep every class in its own kind of scene. False places all of them "
        "everywhere; with `water_fraction` and `shore_fraction` at 0 that is the original's mode "
        "without water backgrounds.",
    )
    enhanced: bool = Field(
        True,
        description="False turns off, at once, what is not in the game's world: `overlays`, "
        "`light`, `edges` and varied JPEG quality.",
    )
    water_fraction: Fraction = Field(0.15, description="Scenes on water.")
    shore_fraction: Fraction = Field(0.0, description="Scenes of land and water with a shore.")
    zoom: Range = Field((1.0, 1.0), description="One zoom for a whole scene.")
    distant: DistantRules = Field(DistantRules(), description="Scenes seen from farther away.")
    attempts: int = Field(50, ge=1, le=1000, description="Tries to find room for an object.")
    placements: list[PlacementRule] = Field(
        min_length=1, description="How each class is placed; at least one."
    )
    groups: list[GroupRule] = Field([], description="What stands together, on top of that.")
    grid: GridRules | None = Field(None, description="Cells on which everything stands.")
    overlaps: list[OverlapRule] = Field(
        [], description="Exceptions to `max_overlap`; the last one that fits counts."
    )
    rebalance: Rebalancing = Field(Rebalancing(), description="Classes that come more often.")
    overlays: OverlayRules = Field(OverlayRules(), description="What the interface draws.")
    light: LightRules = Field(LightRules(), description="The light of whole scenes.")
    edges: EdgeRules = Field(EdgeRules(), description="The edges of sprites.")
    water: WaterRules = Field(WaterRules(), description="How what is under water is seen.")
    shadow_opacity: Fraction = Field(0.6, description="Of the sprites' own shadow layer.")
    labels: LabelPolicy = Field(LabelPolicy(), description="What gets a label, and which box.")
    jpeg_quality: int = Field(90, ge=1, le=100, description="Of the written images.")
    jpeg_varied: Fraction = Field(0.0, description="How many images get another quality.")
    jpeg_range: CountRange = Field((70, 90), description="From which that is chosen, 1 to 100.")

    @property
    def in_force(self) -> SceneRules:
        """The rules with what `enhanced` switches off set to nothing."""
        if self.enhanced:
            return self
        none = OverlayRules.nothing()
        off = {"overlays": none, "light": LightRules(), "edges": EdgeRules(), "jpeg_varied": 0.0}
        return self.model_copy(update=off)

    def named_classes(self) -> Iterator[Named]:
        """Every key that names a class, and the name."""
        for number, rule in enumerate(self.placements):
            yield f"placements[{number}].class_name", rule.class_name
        for number, group in enumerate(self.groups):
            for place, member in enumerate(group.members):
                yield f"groups[{number}].members[{place}].class_name", member.class_name

    def unplaced_members(self) -> Iterator[str]:
        """Groups with members whose size and limits no placement states, and what to do."""
        placed = {rule.class_name for rule in self.placements}
        for number, group in enumerate(self.groups):
            missing = sorted({member.class_name for member in group.members} - placed)
            if missing:
                yield (
                    f"groups[{number}] ('{group.name}') has {', '.join(missing)}, which no "
                    "placement describes: add one, with count [0, 0] if it comes in groups alone"
                )

    def named_lists(self) -> Iterator[Named]:
        """Every key that names a class or a group of classes, and the name."""
        lists = {
            "rebalance.rare.classes": self.rebalance.rare.classes,
            "rebalance.confusable.classes": self.rebalance.confusable.classes,
            "overlays.selection.without": self.overlays.selection.without,
            "overlays.garrison.classes": self.overlays.garrison.classes,
        }
        for number, mark in enumerate(self.overlays.marks):
            lists[f"overlays.marks[{number}].classes"] = mark.classes
            lists[f"overlays.marks[{number}].without"] = mark.without
        for number, rule in enumerate(self.overlaps):
            lists[f"overlaps[{number}].classes"] = rule.classes
            lists[f"overlaps[{number}].others"] = rule.others
        for key, names in lists.items():
            yield from ((key, name) for name in names)

    def named_marks(self) -> Iterator[Named]:
        """Every key that names a mark, and the name."""
        for number, mark in enumerate(self.overlays.marks):
            yield f"overlays.marks[{number}].image", mark.image

    @model_validator(mode="after")
    def _fractions_fit(self) -> SceneRules:
        if self.water_fraction + self.shore_fraction > 1:
            raise ValueError("water_fraction and shore_fraction together must not exceed 1")
        if not 1 <= self.jpeg_range[0] <= self.jpeg_range[1] <= 100:
            raise ValueError(f"jpeg_range: from 1 to 100; got {list(self.jpeg_range)}")
        return self
