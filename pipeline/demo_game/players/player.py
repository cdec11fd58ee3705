"""One simulated install: its settings, the screens it sees, and what it uploads of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

import numpy as np
from detector_runtime.contribute.crops import SCREEN_SIDE
from detector_runtime.contribute.records import (
    ICON_SIDE,
    ContributionRecord,
    annotations_key,
    crop_key,
    screen_key,
)
from PIL import Image

from pipeline.demo_game.art.raycasting import Pixels
from pipeline.demo_game.captures import stored_png
from pipeline.demo_game.inventory.display import random_display
from pipeline.demo_game.inventory.screens import (
    SCREENS,
    SLOT_FAMILIES,
    InventoryItem,
    InventoryScreen,
    draw_screen,
)
from pipeline.demo_game.players.labelling import ContributorKind, Labeller
from pipeline.demo_game.players.malformed import malformed_lines, malformed_objects
from pipeline.demo_game.players.misreadings import misreadings_of
from pipeline.games.sections.community import CommunityRules

FIRST_DAY = date(2025, 1, 6)
PER_DAY = 200
"""Crops that a client uploads in a day at most."""
FLOOD = 450
"""Crops that a flooding install uploads in one day."""
MAX_HEIGHT = 720
"""Of the screens, which makes drawing them quick."""
SMALL_TEXT, LARGE_TEXT = 14, 28
"""Pixels of a text's box: lower ones are misread half of the time, higher ones rarely."""
VARIANTS = 3
"""In how many ways a text is misread: an OCR makes the same mistake again."""

Put = Callable[[str, bytes], object]
"""Stores content under a key, as an object store's `put` does."""


class Habits(NamedTuple):
    """How much each install contributes.

    Attributes:
        icons: crops of icons.
        texts: screens of which it confirms the texts, two on each.
        screens: whole screens.
    """

    icons: int = 40
    texts: int = 1
    screens: int = 1


class SimulatedPlayer:
    """An install that plays, labels and uploads; the same for the same seed and number."""

    def __init__(
        self,
        kind: ContributorKind,
        rules: CommunityRules,
        slips: float,
        habits: Habits,
        seed: tuple[int, int],
    ) -> None:
        self._kind, self._rules, self._habits = kind, rules, habits
        self._labeller = Labeller(kind, rules, slips, seed)
        self._rng = np.random.default_rng([*seed, 506])
        self.install = UUID(bytes=self._rng.bytes(16), version=4)
        self._display = random_display(int(self._rng.integers(1 << 31)), MAX_HEIGHT)
        self._first_day = FIRST_DAY + timedelta(int(self._rng.integers(60)))
        self._records: dict[str, ContributionRecord] = {}
        self._names: dict[str, str] = {}

    def contribute(self, put: Put) -> dict[str, str]:
        """Upload everything, images first.

        Returns:
            What truly is on each image, by its digest.
        """
        screens = list(self._screens())
        if self._kind is ContributorKind.FLOODING:
            self._flood(screens[0], put)
        else:
            self._upload_items(screens, put)
        self._upload_screens(screens, put)
        lines = [record.model_dump_json().encode() for record in self._records.values()]
        if self._kind is ContributorKind.MALFORMED:
            for key, content in malformed_objects(self.install):
                put(key, content)
            lines += malformed_lines(self.install)
        put(annotations_key(self.install), b"".join(line + b"\n" for line in lines))
        return self._names

    def _screens(self) -> Iterator[InventoryScreen]:
        """Those with texts, then others until there are icons enough, often the fullest first."""
        icons = 0
        for _ in range(self._habits.texts):
            yield (screen := self._draw("EQUIPMENT"))
            icons += len(_icons_of(screen))
        types = list(SCREENS)
        looks_at_cargo = self._rng.integers(2) == 0
        while icons < self._habits.icons:
            screen_type = "CARGO" if looks_at_cargo else types[int(self._rng.integers(len(types)))]
            looks_at_cargo = False
            yield (screen := self._draw(screen_type))
            icons += len(_icons_of(screen))

    def _draw(self, screen_type: str) -> InventoryScreen:
        return draw_screen(int(self._rng.integers(1 << 31)), screen_type, self._display)

    def _upload_items(self, screens: list[InventoryScreen], put: Put) -> None:
        left = self._habits.icons
        for number, screen in enumerate(screens):
            for item in screen.items:
                if item.slot in SLOT_FAMILIES and left > 0:
                    left -= 1
                    crop = icon_crop(screen.image, item)
                    self._upload(put, crop, item, self._labeller.icon(item.name))
                elif item.slot in self._rules.text_slots and number < self._habits.texts:
                    read = self._read(item)
                    name = self._labeller.text(item.slot, item.name, read)
                    self._upload(put, region(screen.image, item), item, name, read)

    def _upload(
        self, put: Put, crop: Pixels, item: InventoryItem, name: str, read: str | None = None
    ) -> None:
        content = stored_png(crop)
        digest = sha256(content).hexdigest()
        if digest in self._records:
            return
        put(crop_key(self.install, digest), content)
        self._names[digest] = item.name
        days = 0 if self._kind is ContributorKind.FLOODING else len(self._records) // PER_DAY
        self._records[digest] = ContributionRecord(
            crop_sha256=digest,
            name=name,
            slot=item.slot,
            ml_name="" if read in (None, name) else read,
            date=self._first_day + timedelta(days),
        )

    def _read(self, item: InventoryItem) -> str:
        """What an OCR would make of a text: wrong more often where it is small."""
        height = item.box.height
        chance = 0.6 if height < SMALL_TEXT else 0.3 if height < LARGE_TEXT else 0.1
        variants = misreadings_of(item.name)[:VARIANTS]
        if not variants or self._rng.random() >= chance:
            return item.name
        return variants[int(self._rng.integers(len(variants)))]

    def _flood(self, screen: InventoryScreen, put: Put) -> None:
        """A few icons again and again, each time with another pixel changed."""
        icons = _icons_of(screen)
        for number in range(FLOOD):
            item = icons[number % len(icons)]
            crop = icon_crop(screen.image, item).copy()
            crop[number // ICON_SIDE, number % ICON_SIDE] ^= 255
            self._upload(put, crop, item, self._labeller.icon(item.name))

    def _upload_screens(self, screens: list[InventoryScreen], put: Put) -> None:
        types = self._rules.screen_types
        first = int(self._rng.integers(len(types)))
        for number in range(self._habits.screens):
            wanted = types[(first + number) % len(types)]
            known = (screen for screen in screens if screen.screen_type == wanted)
            screen = next(known, None) or self._draw(wanted)
            content = stored_png(uploaded_screen(screen, self._rules.private_slots))
            digest = sha256(content).hexdigest()
            put(screen_key(self.install, self._labeller.screen(wanted), digest), content)
            self._names[digest] = wanted


def icon_crop(image: Pixels, item: InventoryItem) -> Pixels:
    """An icon as a client uploads it, uint8 [ICON_SIDE, ICON_SIDE, 3].

    The pixels are those of `detector_runtime.contribute.crops`, which compresses them: that takes
    ten times as long, and other bytes come out of it elsewhere.
    """
    cut = Image.fromarray(region(image, item))
    return np.asarray(cut.resize((ICON_SIDE, ICON_SIDE), Image.Resampling.BILINEAR))


def region(image: Pixels, item: InventoryItem) -> Pixels:
    """The part of a screen that shows an item."""
    x1, y1, x2, y2 = (max(int(side), 0) for side in item.box)
    return np.ascontiguousarray(image[y1:y2, x1:x2])


def uploaded_screen(screen: InventoryScreen, private_slots: Sequence[str]) -> Pixels:
    """A whole screen as a client uploads it: what is private black, then made smaller."""
    image = screen.image.copy()
    for item in screen.items:
        if item.slot in private_slots:
            x1, y1, x2, y2 = (max(int(side), 0) for side in item.box)
            image[y1:y2, x1:x2] = 0
    small = Image.fromarray(image)
    small.thumbnail((SCREEN_SIDE, SCREEN_SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small)


def _icons_of(screen: InventoryScreen) -> list[InventoryItem]:
    return [item for item in screen.items if item.slot in SLOT_FAMILIES]
