"""Screens of the built-in game's inventory, and what is truly to be seen on them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image

from pipeline.demo_game.inventory.display import (
    RESOLUTIONS,
    THEMES,
    DisplaySettings,
    random_display,
)
from pipeline.demo_game.inventory.icon_catalogue import FAMILIES, icons_by_name
from pipeline.demo_game.inventory.screens import (
    SCREENS,
    SLOT_FAMILIES,
    InventoryScreen,
    ScreenTexts,
    draw_screen,
    inventory_rules,
)

PLAIN = DisplaySettings(640, 360)
WORN = DisplaySettings(640, 360, 1.15, "slate", brightness=236, soft=True, quality=75)
GOLDEN = {
    "EQUIPMENT": "5c2bfecfd5703acdf6b982af371e81a7814928aaaf09d74dfb17078b2cf40fd2",
    "CARGO": "38e8b70a97c519ec7f8c73a40e5fb635dd673e0f15520ffb37838315b724ef4c",
    "MARKET": "c8a99403a27842cfe7b16be468d3ac87e56f854afc9e9bbc81cbf56092ace62c",
    "ABILITIES": "6a9c4d584e4b64b859e6bee8e4e3476409dc5cae1db9d1f64cc3abe27ae3a7e2",
    "CREW": "aebfc60f0867b86a25b41bdc9c4eb17c3df05150a6357d695e5f015f03f68114",
}
"""Pixels of a screen with everything that happens to one, the same on every machine."""
UNCOVERED = slice(4, 46)
"""Of the 64 rows and columns of an icon: what neither counts nor frames cover."""


@pytest.mark.parametrize("screen_type", GOLDEN)
def test_a_screen_is_the_same_on_every_machine(screen_type: str) -> None:
    screen = draw_screen(1, screen_type, WORN)
    assert sha256(screen.image.tobytes()).hexdigest() == GOLDEN[screen_type]


def test_they_are_those_of_the_pack() -> None:
    rules = inventory_rules()
    assert list(SCREENS) == rules.screen_types
    assert list(SLOT_FAMILIES) == rules.icon_slots
    assert list(ScreenTexts._fields) == list(rules.text_slots)


def test_every_icon_has_a_slot() -> None:
    assert {family for families in SLOT_FAMILIES.values() for family in families} == set(FAMILIES)


def test_every_slot_of_the_pack_is_on_some_screen() -> None:
    rules = inventory_rules()
    seen = {
        item.slot
        for screen_type in SCREENS
        for seed in range(3)
        for item in draw_screen(seed, screen_type, PLAIN).items
    }
    assert seen == {*rules.icon_slots, *rules.text_slots, *rules.private_slots}


@pytest.mark.parametrize("resolution", RESOLUTIONS)
@pytest.mark.parametrize("theme", THEMES)
def test_an_icon_is_where_its_box_says(resolution: tuple[int, int], theme: str) -> None:
    screen = draw_screen(5, "CARGO", DisplaySettings(*resolution, 1.15, theme))
    assert screen.image.shape == (resolution[1], resolution[0], 3)
    assert len(screen.items) > 25
    right = sum(
        nearest_icon(screen, number) == item.name for number, item in enumerate(screen.items)
    )
    assert right >= 0.9 * len(screen.items)


def nearest_icon(screen: InventoryScreen, number: int) -> str:
    """The catalogue's icon that differs least."""
    box = screen.items[number].box
    tile = screen.image[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)]
    small = np.asarray(Image.fromarray(tile).resize((64, 64), Image.Resampling.BICUBIC))
    differences = np.abs(uncovered_icons() - small[UNCOVERED, UNCOVERED])
    return list(icons_by_name())[differences.sum(axis=(1, 2, 3), dtype=np.int32).argmin()]


@cache
def uncovered_icons() -> np.ndarray:
    """int16 [icons, 42, 42, 3], so that differences of two fit."""
    icons = np.stack([*icons_by_name().values()])
    return icons[:, UNCOVERED, UNCOVERED].astype(np.int16)


def test_boxes_lie_in_the_image() -> None:
    for seed in range(12):
        # Blur and compression move nothing, and take most of the time.
        display = replace(random_display(seed), brightness=256, soft=False, quality=None)
        screen = draw_screen(seed, list(SCREENS)[seed % 5], display)
        height, width = screen.image.shape[:2]
        for item in screen.items:
            assert 0 <= item.box.x1 < item.box.x2 <= width
            assert 0 <= item.box.y1 < item.box.y2 <= height


def test_what_a_tooltip_hides_is_not_among_the_items() -> None:
    """Half of the screens have one; the slots of a full grid then miss some icons."""
    counts = [len(draw_screen(seed, "CREW", PLAIN).items) for seed in range(20)]
    assert min(counts) < max(counts)


def test_another_seed_shows_other_things() -> None:
    one, other = (draw_screen(seed, "CARGO", PLAIN) for seed in (1, 2))
    assert [item.name for item in one.items] != [item.name for item in other.items]


def test_texts_are_shown_as_they_were_given() -> None:
    texts = ScreenTexts("Mermaid Brigantine", "Tier 10")
    items = draw_screen(3, "EQUIPMENT", PLAIN, texts).items
    shown = {item.slot: item.name for item in items}
    assert (shown["ship_type"], shown["ship_tier"]) == texts


def test_a_third_of_the_players_have_changed_nothing_but_the_theme() -> None:
    """Whoever shows the same icon in the same way sees the very same pixels."""
    displays = [random_display(seed) for seed in range(300)]
    default = [d for d in displays if d == DisplaySettings(theme=d.theme)]
    assert 70 < len(default) < 130
    assert {(d.width, d.height) for d in displays} == set(RESOLUTIONS)
