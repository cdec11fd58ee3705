"""Some of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def spread_over(items: Sequence[Item], count: int) -> list[Item]:
    """At most that many different items, evenly spread, the first one among them."""
    taken = min(count, len(items))
    return [items[number * len(items) // taken] for number in range(taken)]
