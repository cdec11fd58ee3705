"""The palette of the built-in game: what its things are made of."""

from __future__ import annotations

from pipeline.demo_game.art.surfaces import Material, courses, foliage, rows, speckles, stripes

CLOTH = Material((205, 205, 205), player=1.0)
"""Grey, and wholly in the player's colour when the game shows it."""
SAIL = Material((236, 236, 236), stripes(9.0, 0.16), player=0.85)
CANVAS = Material((238, 222, 176), rows(7.0, 0.12))

STONE = Material((172, 168, 160), courses(4.2, 0.34))
PALE_STONE = Material((226, 218, 196), courses(4.6, 0.2))
SLATE = Material((92, 104, 132), rows(2.6, 0.3))
SHINGLE = Material((190, 84, 50), rows(3.0, 0.34))
THATCH = Material((214, 172, 84), rows(2.4, 0.28))
PLASTER = Material((232, 216, 182), speckles(2.0, 0.1))
TIMBER = Material((112, 74, 42))
PLANKS = Material((150, 100, 56), rows(3.2, 0.34))
DARK_PLANKS = Material((104, 66, 42), rows(3.0, 0.34))
DOOR = Material((72, 46, 28))
WINDOW = Material((46, 42, 52))

SKIN = Material((232, 178, 134))
LEATHER = Material((132, 88, 50))
TROUSERS = Material((94, 82, 70))
LINEN = Material((236, 228, 206))
STRAW = Material((240, 204, 92), rows(1.6, 0.15))
STEEL = Material((206, 214, 224), glow=0.5)
DARK_STEEL = Material((126, 136, 150))
WOOD = Material((156, 106, 58))
PALE_WOOD = Material((212, 176, 116))

HORSE = Material((140, 82, 42))
MANE = Material((58, 38, 26))
HOOF = Material((64, 48, 38))
WOOL = Material((246, 242, 230), speckles(1.5, 0.2))
SHEEP_FACE = Material((48, 42, 42))
HEN = Material((186, 86, 36), speckles(1.2, 0.22))
HEN_TAIL = Material((84, 40, 28))
COMB = Material((226, 36, 32), glow=0.75)
BEAK = Material((246, 196, 50))

BARK = Material((104, 76, 50), rows(4.0, 0.2))
OAK_LEAVES = Material((66, 128, 46), foliage(2.2, 0.62))
LIGHT_LEAVES = Material((96, 152, 52), foliage(2.2, 0.6))
PINE_NEEDLES = Material((36, 98, 62), foliage(1.8, 0.6))
AUTUMN_LEAVES = Material((170, 136, 44), foliage(2.2, 0.58))
BUSH_LEAVES = Material((54, 138, 72), foliage(1.8, 0.55))
BERRY = Material((214, 34, 64), glow=0.7)
ROCK = Material((134, 124, 116), speckles(2.6, 0.3))
GREY_ROCK = Material((156, 158, 160), speckles(3.0, 0.26))
GOLD = Material((255, 208, 48), speckles(1.6, 0.24), glow=0.6)
PETAL_WHITE = Material((250, 246, 240), glow=0.8)
PETAL_PINK = Material((236, 120, 190), glow=0.75)
PETAL_BLUE = Material((120, 130, 240), glow=0.75)
GRASS_BLADE = Material((92, 150, 60))

FISH_BACK = Material((236, 146, 58), speckles(1.4, 0.18))
FISH_SILVER = Material((226, 234, 240), glow=0.6)
FOAM = Material((232, 244, 250), glow=0.9)
WHALE_SKIN = Material((48, 60, 92), speckles(2.4, 0.14))
WHALE_BELLY = Material((196, 204, 216))
NET = Material((120, 142, 112), speckles(1.3, 0.45))
