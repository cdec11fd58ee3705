"""The icons of the built-in game's inventory, and that they can be told apart where they should."""

from __future__ import annotations

from collections import defaultdict
from hashlib import sha256

import numpy as np
from detector_runtime.classify.hashes import perceptual_hash
from PIL import Image

from pipeline.demo_game.inventory.icon_catalogue import (
    FAMILIES,
    MIRRORED,
    icon_catalogue,
    icons_by_name,
    look_alikes,
)
from pipeline.games.pack import load_pack

GOLDEN = "9dd9dbdfe297eb6b14ae5d3bbe0f92d74ef8ca922481ae02fed6cda446bab2e2"
"""Of all icons' pixels, the same on every machine."""


def test_they_are_those_of_the_pack() -> None:
    rules = load_pack("demo").community
    assert rules is not None
    assert [icon.name for icon in icon_catalogue()] == rules.icons
    assert len(rules.icons) == 65


def test_they_are_the_same_on_every_machine() -> None:
    pixels = b"".join(icon.image.tobytes() for icon in icon_catalogue())
    assert sha256(pixels).hexdigest() == GOLDEN


def test_every_icon_is_a_tile_that_nobody_can_change() -> None:
    for icon in icon_catalogue():
        assert (icon.image.shape, icon.image.dtype) == ((64, 64, 3), np.uint8)
        assert not icon.image.flags.writeable


def test_no_two_are_the_same() -> None:
    assert len({icon.image.tobytes() for icon in icon_catalogue()}) == len(icon_catalogue())


def test_look_alikes_differ_in_a_part_of_the_tile_alone() -> None:
    """A gem, a handle, a level: some pixels at least, never all of them."""
    icons = icons_by_name()
    for one, others in look_alikes().items():
        for other in others:
            differing = (icons[one] != icons[other]).any(axis=2).mean()
            assert 0.015 < differing < 0.8, (one, other)


def test_mirrored_icons_become_one_another_when_they_are_flipped() -> None:
    icons = icons_by_name()
    assert len(MIRRORED) >= 6
    for one, other in MIRRORED.items():
        assert np.array_equal(icons[one][:, ::-1], icons[other])
        assert other in look_alikes()[one]
        assert one in look_alikes()[other]


def test_some_icons_have_the_same_perceptual_hash() -> None:
    """What matches by hashes alone must not take them for the same."""
    hashes = defaultdict(set)
    for name, image in icons_by_name().items():
        hashes[perceptual_hash(Image.fromarray(image))].add(name)
    same = sum(len(names) * (len(names) - 1) // 2 for names in hashes.values())
    assert same == 11
    assert {"Ruby Longsword", "Sapphire Longsword", "Emerald Longsword"} in hashes.values()


def test_every_icon_belongs_to_one_family() -> None:
    listed = [name for names in FAMILIES.values() for name in names]
    assert len(set(listed)) == len(listed)
    assert sum(len(names) > 1 for names in FAMILIES.values()) >= 15
