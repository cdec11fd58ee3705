"""How a simulated player labels: as it is, or wrong in the way of its kind."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from pipeline.demo_game.inventory.icon_catalogue import look_alikes
from pipeline.games.sections.community import CommunityRules


class ContributorKind(StrEnum):
    """What kind of player an install belongs to."""

    HONEST = "honest"
    CARELESS = "careless"
    HOSTILE = "hostile"
    COLLUDING = "colluding"
    FLOODING = "flooding"
    MALFORMED = "malformed"


class Labeller:
    """The labels that one install gives."""

    def __init__(
        self, kind: ContributorKind, rules: CommunityRules, slips: float, seed: tuple[int, int]
    ) -> None:
        """
        Args:
            slips: how often a careless player errs, 0 to 1.
            seed: of all players, and the number of this one.
        """
        self._kind = kind
        self._rules = rules
        self._slips = slips
        self._rng = np.random.default_rng([*seed, 504])
        self._own = int(self._rng.integers(1 << 30))
        self._agreed = int(np.random.default_rng([seed[0], 505]).integers(1 << 30))

    def icon(self, shown: str) -> str:
        """The name that it gives to an icon."""
        return self._label(shown, self._rules.icons, look_alikes()[shown])

    def screen(self, shown: str) -> str:
        """The type that it gives to a screen."""
        return self._label(shown, self._rules.screen_types, self._rules.screen_types)

    def text(self, slot: str, shown: str, read: str) -> str:
        """What it makes of a text that was read as `read`; a careless player may leave that."""
        return self._label(shown, self._rules.text_slots[slot], (read,))

    def _label(self, shown: str, every: Sequence[str], close: Sequence[str]) -> str:
        wrong = [name for name in every if name != shown]
        if self._kind in (ContributorKind.HOSTILE, ContributorKind.FLOODING):
            return _always(every, self._own, shown)
        if self._kind is ContributorKind.COLLUDING:
            step = 1 + self._agreed % len(wrong)
            return every[(every.index(shown) + step) % len(every)]
        if self._kind is ContributorKind.CARELESS and self._rng.random() < self._slips:
            mistaken = [name for name in close if name != shown] or wrong
            return mistaken[int(self._rng.integers(len(mistaken)))]
        return shown


def _always(every: Sequence[str], number: int, shown: str) -> str:
    """One name whatever is shown; only where that would be right, the next."""
    chosen = number % len(every)
    return every[chosen] if every[chosen] != shown else every[(chosen + 1) % len(every)]
