"""What the things in the inventory are made of."""

from __future__ import annotations

from pipeline.demo_game.inventory.icons.painting import Colour, Paint

STEEL = Paint((206, 214, 226), bevel=0.09, gloss=0.5)
IRON = Paint((128, 134, 148), bevel=0.09, gloss=0.3)
BRONZE = Paint((202, 132, 66), bevel=0.09, gloss=0.4)
GOLD = Paint((246, 194, 58), bevel=0.08, gloss=0.6)
SILVER = Paint((216, 222, 232), bevel=0.08, gloss=0.7)
LEATHER = Paint((122, 76, 44), bevel=0.07, gloss=0.15)
OAK = Paint((176, 122, 66), bevel=0.07, gloss=0.15)
CHERRY = Paint((158, 54, 40), bevel=0.07, gloss=0.25)
EBONY = Paint((58, 50, 58), bevel=0.07, gloss=0.35)
CORK = Paint((196, 152, 100), bevel=0.06, gloss=0.05)
PARCHMENT = Paint((238, 218, 172), bevel=0.06, gloss=0.1)
CANVAS = Paint((240, 232, 212), bevel=0.05, gloss=0.05)
WHITE = Paint((246, 246, 240), bevel=0.05, gloss=0.2)
BLACK = Paint((40, 40, 48), bevel=0.04, gloss=0.3)

RUBY: Colour = (228, 32, 56)
GARNET: Colour = (166, 34, 44)
SAPPHIRE: Colour = (44, 96, 236)
EMERALD: Colour = (28, 176, 84)
AMETHYST: Colour = (164, 76, 226)
TOPAZ: Colour = (250, 178, 40)
CRIMSON: Colour = (190, 34, 42)
AZURE: Colour = (46, 92, 184)

STEEL_GROUND: Colour = (60, 74, 96)
EARTH_GROUND: Colour = (92, 66, 44)
FOREST_GROUND: Colour = (48, 84, 62)
PLUM_GROUND: Colour = (78, 54, 98)
SEA_GROUND: Colour = (36, 84, 104)
EMBER_GROUND: Colour = (104, 48, 40)
NIGHT_GROUND: Colour = (40, 44, 84)


def jewel(colour: Colour) -> Paint:
    """Polished and bright."""
    return Paint(colour, bevel=0.12, gloss=0.9, fade=0.1)


def cloth(colour: Colour) -> Paint:
    """Dull and soft."""
    return Paint(colour, bevel=0.07, gloss=0.08)


def flat(colour: Colour, fade: float = 0.2) -> Paint:
    """Painted on, without an edge that rises."""
    return Paint(colour, bevel=0.0, gloss=0.0, fade=fade)


def scaled(colour: Colour, factor: float) -> Colour:
    """Brighter or darker."""
    red, green, blue = (min(channel * factor, 255.0) for channel in colour)
    return (red, green, blue)
