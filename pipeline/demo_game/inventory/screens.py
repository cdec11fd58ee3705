"""Screens of the inventory: what lies where on each, drawn as one player's computer shows it.

Places are in points: 640 by 360 of them fill the screen at a scale of 1, whatever its resolution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from pipeline.demo_game.art.raycasting import Pixels
from pipeline.demo_game.inventory.display import THEMES, DisplaySettings, random_display
from pipeline.demo_game.inventory.finishing import finish
from pipeline.demo_game.inventory.icon_catalogue import FAMILIES
from pipeline.demo_game.inventory.lettering import Rgb, draw_text, text_size
from pipeline.demo_game.inventory.widgets import (
    draw_backdrop,
    draw_cooldown,
    draw_count,
    draw_figure,
    draw_highlight,
    draw_icon,
    draw_panel,
    draw_slot,
    fill,
    shaded,
)
from pipeline.games.pack import load_pack
from pipeline.games.sections.community import CommunityRules
from pipeline.labels.boxes import Box

POINTS_HIGH = 360
ICON = 36
"""Points of an icon's side."""
SMALLEST = 5
"""Pixels of a capital letter."""
HIDDEN = 0.1
"""Share of an item that a tooltip may cover; nobody confirms what is hidden further."""
ABILITY_FAMILIES = ("turns", "broadsides", "sails", "ram", "repair")
GOODS = tuple(family for family in FAMILIES if family not in ABILITY_FAMILIES)
SLOT_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "main_hand": ("longswords", "sabres", "axes", "bows"),
    "off_hand": ("shields",),
    "head": ("helmets",),
    "hands": ("gauntlets",),
    "finger": ("rings",),
    "charm": ("moons", "gems"),
    "belt": ("potions", "scrolls", "keys", "compasses"),
    "cargo": GOODS,
    "offer": GOODS,
    "ability": ABILITY_FAMILIES,
    "crew_weapon": ("longswords", "sabres", "axes", "bows"),
    "crew_ability": ABILITY_FAMILIES,
}
"""Which icons may lie in each slot."""
CAPTAINS = ("Old Marlow", "Anne of Corvo", "J. Hornbill", "Mistral", "Dunmore", "El Turco")
SHIPS = ("Salty Heron", "Molly Dawn", "Good Intent", "Sea Lion", "Thunderchild", "Morning Star")
RANKS = ("Gunner", "Boatswain", "Carpenter", "Lookout")
FIGURES = (
    "u_inf_swordsman_idleA_x1",
    "u_inf_spearman_idleA_x1",
    "u_vil_worker_idleA_x1",
    "u_cav_rider_idleA_x1",
)
WARSHIP = "u_shp_warship_x1"


class InventoryItem(NamedTuple):
    """What a place of a screen shows.

    Attributes:
        slot: one of the pack's icon slots, text slots or private slots.
        name: the icon's name, or the text.
        box: of the icon, or around the text; whole pixels.
    """

    slot: str
    name: str
    box: Box


@dataclass(frozen=True, eq=False)
class InventoryScreen:
    """A screenshot of the inventory.

    Attributes:
        image: uint8 [height, width, 3].
        items: what a player could confirm, in the order in which it was drawn.
    """

    image: Pixels
    screen_type: str
    items: tuple[InventoryItem, ...]


class ScreenTexts(NamedTuple):
    """What the title of a ship says."""

    ship_type: str
    ship_tier: str


@cache
def inventory_rules() -> CommunityRules:
    """What the pack of the built-in game says of its inventory."""
    rules = load_pack("demo").community
    assert rules is not None
    return rules


def draw_screen(
    seed: int,
    screen_type: str,
    display: DisplaySettings | None = None,
    texts: ScreenTexts | None = None,
) -> InventoryScreen:
    """A screenshot, the same for the same arguments.

    Args:
        seed: what lies in the slots, and what is not given.
        screen_type: a key of `SCREENS`.
        display: how it is shown.
        texts: shown where the screen names the ship.
    """
    display = display or random_display(seed)
    canvas = _Canvas(seed, display, texts or random_texts(seed))
    SCREENS[screen_type](canvas)
    canvas.draw_tooltip()
    return InventoryScreen(finish(canvas.image, display), screen_type, tuple(canvas.seen()))


def random_texts(seed: int) -> ScreenTexts:
    """Texts that the pack lists as valid."""
    rng = np.random.default_rng([seed, 507])
    choices = (inventory_rules().text_slots[slot] for slot in ScreenTexts._fields)
    return ScreenTexts(*(listed[int(rng.integers(len(listed)))] for listed in choices))


class _Canvas:
    """A screen in the making: an image, and what was put where."""

    def __init__(self, seed: int, display: DisplaySettings, texts: ScreenTexts) -> None:
        self.rng = np.random.default_rng([seed, 503])
        self.theme = THEMES[display.theme]
        self.texts = texts
        self.image = draw_backdrop(display, self.theme, int(self.rng.integers(4)))
        self._unit = display.height / POINTS_HIGH * display.ui_scale
        self._origin = (0, 0)
        self._panel = Box(0, 0, 0, 0)
        self._items: list[InventoryItem] = []
        self._covered = Box(0, 0, 0, 0)

    def pixels(self, points: float) -> int:
        return round(points * self._unit)

    def at(self, x: float, y: float) -> tuple[int, int]:
        """Pixels of a place in the panel."""
        return self._origin[0] + self.pixels(x), self._origin[1] + self.pixels(y)

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def open_panel(self, width: float, height: float, shift: float = 0.0) -> None:
        """The board in the middle of the screen; all places are from its upper left corner."""
        size = (self.pixels(width), self.pixels(height))
        rows, columns = self.image.shape[:2]
        drift = self.rng.integers(-6, 7, 2) * (rows / POINTS_HIGH)
        x = (columns - size[0]) // 2 + self.pixels(shift) + round(float(drift[0]))
        y = max(2, (rows - size[1]) // 2 + round(float(drift[1]) / 2))
        self._origin = (x, y)
        self._panel = Box(x, y, x + size[0], y + size[1])
        colours = (self.theme.panel, self.theme.edge)
        draw_panel(self.image, self._origin, size, colours, max(2, self.pixels(3)))

    def write(self, x: float, y: float, text: str, height: float, ink: Rgb | None = None) -> Box:
        """A line of text; the box is what an OCR would be given."""
        tall, (left, top) = max(SMALLEST, self.pixels(height)), self.at(x, y)
        draw_text(self.image, (left, top), text, tall, ink or self.theme.ink)
        width, line = text_size(text, tall)
        return Box(left - 2, top - 1, left + width + 2, top + line + 1)

    def label(self, slot: str, x: float, y: float, text: str, height: float) -> None:
        """A text that a player can confirm."""
        self._items.append(InventoryItem(slot, text, self.write(x, y, text, height)))

    def strip(self, x: float, y: float, width: float, height: float) -> None:
        """A darker part of the panel."""
        size = (self.pixels(width), self.pixels(height))
        fill(self.image, self.at(x, y), size, shaded(self.theme.panel, 196))

    def slot(self, slot: str, x: float, y: float, filled: float = 1.0) -> tuple[int, int] | None:
        """A slot that has an icon, or none; returns the icon's upper left corner."""
        side, place = self.pixels(ICON), self.at(x, y)
        draw_slot(self.image, place, side, self.theme)
        if not self.chance(filled):
            return None
        names = [name for family in SLOT_FAMILIES[slot] for name in FAMILIES[family]]
        name = names[int(self.rng.integers(len(names)))]
        draw_icon(self.image, place, side, name)
        box = Box(place[0], place[1], place[0] + side, place[1] + side)
        self._items.append(InventoryItem(slot, name, box))
        return place

    @property
    def last_name(self) -> str:
        return self._items[-1].name

    def count(self, place: tuple[int, int] | None, share: float) -> None:
        if place is not None and self.chance(share):
            draw_count(self.image, place, self.pixels(ICON), int(self.rng.integers(2, 60)))

    def cooldown(self, place: tuple[int, int] | None, share: float) -> None:
        if place is not None and self.chance(share):
            waiting = int(self.rng.integers(1, 16)) / 16
            draw_cooldown(self.image, place, self.pixels(ICON), waiting)

    def draw_tooltip(self) -> None:
        """On half of the screens the mouse is over an icon, whose name is shown beside it."""
        icons = [item for item in self._items if item.slot in SLOT_FAMILIES]
        if not icons or not self.chance(0.5):
            return
        item = icons[int(self.rng.integers(len(icons)))]
        x, y, side = int(item.box.x1), int(item.box.y1), self.pixels(ICON)
        draw_highlight(self.image, (x, y), side, self.theme.accent)
        height = max(SMALLEST, self.pixels(6))
        width, line = text_size(item.name, height)
        size = (width + height * 2, line * 3)
        rows, columns = self.image.shape[:2]
        left = min(x + side * 2 // 3, columns - size[0] - 2)
        top = min(y + side + 4, rows - size[1] - 2)
        draw_panel(self.image, (left, top), size, (self.theme.slot, self.theme.accent), 2)
        ink = self.theme.ink if self.theme.ink[0] > 128 else (240, 232, 214)
        draw_text(self.image, (left + height, top + line // 3), item.name, height, ink)
        fill(
            self.image,
            (left + height, top + line * 2),
            (width * 2 // 3, max(1, height // 4)),
            self.theme.edge,
        )
        self._covered = Box(left, top, left + size[0], top + size[1])

    def seen(self) -> Iterator[InventoryItem]:
        """What no tooltip hides."""
        for item in self._items:
            box, over = item.box, self._covered
            width = min(box.x2, over.x2) - max(box.x1, over.x1)
            height = min(box.y2, over.y2) - max(box.y1, over.y1)
            if max(width, 0.0) * max(height, 0.0) <= HIDDEN * box.area:
                yield item


def _pick(canvas: _Canvas, texts: Sequence[str]) -> str:
    return texts[int(canvas.rng.integers(len(texts)))]


def _equipment(canvas: _Canvas) -> None:
    canvas.open_panel(420, 300)
    canvas.strip(8, 8, 404, 46)
    canvas.label("ship_type", 18, 11, canvas.texts.ship_type, 9)
    canvas.label("ship_tier", 330, 12, canvas.texts.ship_tier, 8)
    canvas.label("ship_name", 18, 34, f"The {_pick(canvas, SHIPS)}", 7)
    canvas.label("captain_name", 270, 35, f"Captain {_pick(canvas, CAPTAINS)}", 6.5)
    for row, slot in enumerate(("main_hand", "off_hand", "head", "hands", "charm")):
        canvas.slot(slot, 22, 64 + 46 * row, 0.92)
    for row, slot in enumerate(("finger", "finger", "belt", "belt", "belt")):
        canvas.count(canvas.slot(slot, 360, 64 + 46 * row, 0.92), 0.4 if slot == "belt" else 0.0)
    canvas.strip(76, 64, 266, 168)
    draw_figure(canvas.image, canvas.at(209, 148), WARSHIP, canvas.pixels(120))
    for number, word in enumerate(("Hull", "Guns", "Speed")):
        canvas.write(80 + 92 * number, 246, f"{word} {int(canvas.rng.integers(20, 99))}", 7)
        canvas.strip(80 + 92 * number, 264, 76, 6)


def _cargo(canvas: _Canvas) -> None:
    canvas.open_panel(420, 286)
    canvas.strip(8, 8, 404, 28)
    canvas.write(18, 12, "Cargo hold", 10)
    canvas.write(300, 13, f"Weight {int(canvas.rng.integers(40, 240))}/240", 7)
    for number in range(45):
        row, column = divmod(number, 9)
        canvas.count(canvas.slot("cargo", 18 + 43 * column, 46 + 43 * row, 0.88), 0.45)
    canvas.write(18, 264, f"Gold {int(canvas.rng.integers(100, 9000))}", 7, canvas.theme.accent)


def _market(canvas: _Canvas) -> None:
    canvas.open_panel(470, 300)
    canvas.strip(8, 8, 454, 26)
    for number, word in enumerate(("Weapons", "Armour", "Potions", "All goods")):
        canvas.write(18 + 112 * number, 12, word, 8)
    for number in range(10):
        row, column = number // 2, number % 2
        x, y = 16 + 226 * column, 44 + 48 * row
        canvas.strip(x - 4, y - 4, 220, 44)
        if canvas.slot("offer", x, y, 0.95) is not None:
            canvas.write(x + 46, y + 1, canvas.last_name, 7)
            price = f"{int(canvas.rng.integers(5, 990))} gold"
            canvas.write(x + 46, y + 19, price, 6.5, canvas.theme.accent)


def _abilities(canvas: _Canvas) -> None:
    canvas.open_panel(400, 250, -40)
    canvas.strip(8, 8, 384, 28)
    canvas.write(18, 12, "Orders to the crew", 10)
    for number in range(16):
        row, column = divmod(number, 8)
        place = canvas.slot("ability", 18 + 46 * column, 46 + 46 * row, 0.9)
        canvas.cooldown(place, 0.4)
    for row in range(3):
        canvas.strip(14, 146 + 32 * row, 372, 26)
        canvas.write(22, 150 + 32 * row, f"Order {row + 1}: hold ENTER to repeat", 7)


def _crew(canvas: _Canvas) -> None:
    canvas.open_panel(380, 310, 30)
    canvas.strip(8, 8, 364, 28)
    canvas.write(18, 12, "Officers", 10)
    for row, (rank, figure) in enumerate(zip(RANKS, FIGURES, strict=True)):
        y = 46 + 64 * row
        canvas.strip(10, y - 4, 360, 58)
        draw_figure(canvas.image, canvas.at(36, y + 25), figure, canvas.pixels(46))
        canvas.write(66, y, rank, 7)
        canvas.write(66, y + 20, f"Level {int(canvas.rng.integers(1, 60))}", 6)
        canvas.slot("crew_weapon", 150, y + 7, 0.95)
        for number in range(3):
            canvas.slot("crew_ability", 214 + 50 * number, y + 7, 0.9)


SCREENS: Mapping[str, Callable[[_Canvas], None]] = {
    "EQUIPMENT": _equipment,
    "CARGO": _cargo,
    "MARKET": _market,
    "ABILITIES": _abilities,
    "CREW": _crew,
}
