"""Parts of a list of what an account is billed for, for every cloud alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from resources.gpu.clouds.base import Billed, CloudError, Inventory

HOURS_A_MONTH = 730.0
"""A price for a month, by this, is one for an hour: 365 days of 24 hours in 12 months."""


def collected(looks: Iterable[tuple[str, Callable[[], Iterable[Billed]]]]) -> Inventory:
    """What several looks find; one that fails keeps what it had found, and is told of.

    Args:
        looks: by the name of what is looked for.
    """
    items: list[Billed] = []
    unknown = []
    for what, look in looks:
        try:
            for item in look():
                items.append(item)
        except CloudError as error:
            unknown.append(f"{what}: {error.problem}")
    return Inventory(tuple(items), tuple(unknown))
