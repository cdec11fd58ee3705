"""Every icon of the inventory: its name, where it goes, and what it is easily taken for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from pipeline.demo_game.art.raycasting import Pixels
from pipeline.demo_game.inventory.icons import abilities, armour, treasures, weapons
from pipeline.demo_game.inventory.icons.colours import (
    AMETHYST,
    AZURE,
    BRONZE,
    CHERRY,
    CRIMSON,
    EARTH_GROUND,
    EBONY,
    EMBER_GROUND,
    EMERALD,
    FOREST_GROUND,
    GARNET,
    GOLD,
    IRON,
    NIGHT_GROUND,
    OAK,
    PLUM_GROUND,
    RUBY,
    SAPPHIRE,
    SEA_GROUND,
    SILVER,
    STEEL,
    STEEL_GROUND,
    TOPAZ,
)
from pipeline.demo_game.inventory.icons.painting import Colour, Layer, Paint, paint_tile

FULL, HALF = 0.86, 0.42
"""How far a potion is filled."""
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "longswords": ("Longsword", "Ruby Longsword", "Sapphire Longsword", "Emerald Longsword"),
    "sabres": ("Port Sabre", "Starboard Sabre"),
    "axes": ("Oak Axe", "Cherry Axe", "Ebony Axe", "Twin Axe"),
    "bows": ("Hunting Bow", "Fire Bow", "Frost Bow"),
    "shields": (
        "Azure Bend Shield",
        "Azure Sinister Shield",
        "Azure Cross Shield",
        "Azure Saltire Shield",
        "Azure Chevron Shield",
        "Crimson Bend Shield",
        "Crimson Sinister Shield",
    ),
    "helmets": ("Iron Helm", "Bronze Helm", "Crimson Plumed Helm", "Azure Plumed Helm"),
    "gauntlets": ("Left Gauntlet", "Right Gauntlet"),
    "potions": (
        "Healing Potion",
        "Minor Healing Potion",
        "Mana Potion",
        "Minor Mana Potion",
        "Antidote",
        "Minor Antidote",
        "Elixir of Dusk",
    ),
    "gems": ("Ruby", "Garnet", "Sapphire", "Emerald", "Amethyst", "Topaz"),
    "rings": (
        "Gold Ruby Ring",
        "Gold Sapphire Ring",
        "Gold Emerald Ring",
        "Silver Ruby Ring",
        "Silver Sapphire Ring",
        "Silver Emerald Ring",
    ),
    "moons": ("Waxing Moon Charm", "Waning Moon Charm", "Full Moon Charm"),
    "scrolls": ("Crimson Scroll", "Azure Scroll", "Emerald Scroll"),
    "keys": ("Iron Key", "Brass Key"),
    "compasses": ("North Compass", "East Compass", "South Compass", "West Compass"),
    "turns": ("Turn to Port", "Turn to Starboard"),
    "broadsides": ("Port Broadside", "Starboard Broadside"),
    "sails": ("Full Sail", "Half Sail"),
    "ram": ("Ramming Speed",),
    "repair": ("Repair",),
}
"""Icons that a person may take for each other."""
MIRRORED: Mapping[str, str] = {
    "Port Sabre": "Starboard Sabre",
    "Right Gauntlet": "Left Gauntlet",
    "Azure Sinister Shield": "Azure Bend Shield",
    "Crimson Sinister Shield": "Crimson Bend Shield",
    "Waning Moon Charm": "Waxing Moon Charm",
    "Turn to Port": "Turn to Starboard",
    "Port Broadside": "Starboard Broadside",
}
"""Icons that are the mirror image of another one."""


@dataclass(frozen=True, eq=False)
class IconArt:
    """An icon as a wiki of the game would show it.

    Attributes:
        image: uint8 [64, 64, 3].
    """

    name: str
    image: Pixels


@cache
def icon_catalogue() -> tuple[IconArt, ...]:
    """All icons in the order of `FAMILIES`; drawn once in a process, in about a second."""
    drawn = {name: paint_tile(ground, layers) for name, ground, layers in _drawings()}
    for name, original in MIRRORED.items():
        drawn[name] = drawn[original][:, ::-1].copy()
    for image in drawn.values():
        image.flags.writeable = False
    return tuple(IconArt(name, drawn[name]) for names in FAMILIES.values() for name in names)


@cache
def icons_by_name() -> Mapping[str, Pixels]:
    """The same images by their names."""
    return {icon.name: icon.image for icon in icon_catalogue()}


@cache
def look_alikes() -> Mapping[str, tuple[str, ...]]:
    """By icon, the others of its family."""
    return {
        name: tuple(other for other in names if other != name)
        for names in FAMILIES.values()
        for name in names
    }


Drawing = tuple[str, Colour, Sequence[Layer]]


def _drawings() -> Iterator[Drawing]:
    yield from _weapons()
    yield from _armour()
    yield from _potions()
    yield from _jewels()
    yield from _tools()
    yield from _abilities()


def _weapons() -> Iterator[Drawing]:
    for name, stone in zip(FAMILIES["longswords"], (None, RUBY, SAPPHIRE, EMERALD), strict=True):
        yield name, STEEL_GROUND, weapons.longsword(stone)
    yield "Starboard Sabre", STEEL_GROUND, weapons.sabre()
    for name, handle in (("Oak Axe", OAK), ("Cherry Axe", CHERRY), ("Ebony Axe", EBONY)):
        yield name, STEEL_GROUND, weapons.axe(handle)
    yield "Twin Axe", STEEL_GROUND, weapons.axe(OAK, twin=True)
    frost = Paint((120, 220, 255), bevel=0.08, gloss=0.8)
    fire = Paint((255, 120, 30), bevel=0.08, gloss=0.5)
    bows = ((CRIMSON, fire), ((90, 200, 240), frost))
    yield "Hunting Bow", FOREST_GROUND, weapons.bow((74, 132, 70), STEEL)
    for name, (wrap, tip) in zip(("Fire Bow", "Frost Bow"), bows, strict=True):
        yield name, FOREST_GROUND, weapons.bow(wrap, tip)


def _armour() -> Iterator[Drawing]:
    charges: tuple[armour.Charge, ...] = ("bend", "cross", "saltire", "chevron")
    for charge in charges:
        yield f"Azure {charge.title()} Shield", EARTH_GROUND, armour.shield(AZURE, charge)
    yield "Crimson Bend Shield", EARTH_GROUND, armour.shield(CRIMSON, "bend")
    yield "Iron Helm", EARTH_GROUND, armour.helmet(IRON, None)
    yield "Bronze Helm", EARTH_GROUND, armour.helmet(BRONZE, None)
    yield "Crimson Plumed Helm", EARTH_GROUND, armour.helmet(STEEL, CRIMSON)
    yield "Azure Plumed Helm", EARTH_GROUND, armour.helmet(STEEL, AZURE)
    yield "Left Gauntlet", EARTH_GROUND, armour.gauntlet()


def _potions() -> Iterator[Drawing]:
    for name, liquid in (
        ("Healing Potion", (222, 36, 52)),
        ("Mana Potion", (48, 100, 236)),
        ("Antidote", (54, 186, 76)),
    ):
        yield name, PLUM_GROUND, treasures.potion(liquid, FULL)
        yield f"Minor {name}", PLUM_GROUND, treasures.potion(liquid, HALF)
    yield "Elixir of Dusk", PLUM_GROUND, treasures.potion((132, 62, 204), FULL)


def _jewels() -> Iterator[Drawing]:
    for name, colour, corners in (
        ("Ruby", RUBY, 8),
        ("Garnet", GARNET, 8),
        ("Sapphire", SAPPHIRE, 8),
        ("Emerald", EMERALD, 6),
        ("Amethyst", AMETHYST, 6),
        ("Topaz", TOPAZ, 6),
    ):
        yield name, NIGHT_GROUND, treasures.gem(colour, corners)
    for metal, paint in (("Gold", GOLD), ("Silver", SILVER)):
        for stone, colour in (("Ruby", RUBY), ("Sapphire", SAPPHIRE), ("Emerald", EMERALD)):
            yield f"{metal} {stone} Ring", NIGHT_GROUND, treasures.ring(paint, colour)
    yield "Waxing Moon Charm", NIGHT_GROUND, treasures.moon("waxing")
    yield "Full Moon Charm", NIGHT_GROUND, treasures.moon("full")


def _tools() -> Iterator[Drawing]:
    for name, seal in (("Crimson", CRIMSON), ("Azure", AZURE), ("Emerald", EMERALD)):
        yield f"{name} Scroll", FOREST_GROUND, treasures.scroll(seal)
    yield "Iron Key", FOREST_GROUND, treasures.key(IRON)
    yield "Brass Key", FOREST_GROUND, treasures.key(GOLD)
    for name, heading in (("North", 0.0), ("East", 90.0), ("South", 180.0), ("West", 270.0)):
        yield f"{name} Compass", SEA_GROUND, treasures.compass(heading)


def _abilities() -> Iterator[Drawing]:
    yield "Turn to Starboard", SEA_GROUND, abilities.turn_to_starboard()
    yield "Starboard Broadside", EMBER_GROUND, abilities.broadside_to_starboard()
    yield "Full Sail", SEA_GROUND, abilities.sail(0.95)
    yield "Half Sail", SEA_GROUND, abilities.sail(0.5)
    yield "Ramming Speed", SEA_GROUND, abilities.ramming_speed()
    yield "Repair", SEA_GROUND, abilities.repair()
