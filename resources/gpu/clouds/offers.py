"""Which of the offers of a cloud suit a wish, and what to tell where none does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby

from resources.gpu.clouds.base import Finding, GpuWish, Offer

AVAILABILITIES = ("HIGH", "MEDIUM", "LOW", "")
"""Of offers, most likely to be had first; clouds that do not grade them write nothing."""
CHEAPEST = 3


def suitable(offers: Sequence[Offer], wish: GpuWish) -> list[Offer]:
    """Offers that are wished for and cheap enough.

    Returns:
        In the order of the wish; within a GPU the cheapest first, then the likeliest.
    """
    wanted = [
        offer
        for offer in offers
        if offer.gpu in wish.gpus and 0 < offer.usd_per_hour <= wish.max_usd_per_hour
    ]
    return sorted(wanted, key=lambda offer: (wish.gpus.index(offer.gpu), *_worth(offer)))


def examined(offers: Sequence[Offer], known: Collection[str], wish: GpuWish) -> Finding:
    """Whether a wish can be met at present, at which price, and what to change if not.

    Args:
        offers: all that can be had at present, at any price.
        known: names of all GPUs that the cloud has, free or not.
    """
    what = "a GPU within the price"
    if good := suitable(offers, wish):
        return Finding(what, True, "; ".join(_summary(good)))
    if unknown := [gpu for gpu in wish.gpus if gpu not in known]:
        names = ", ".join(sorted(known))
        return Finding(
            what,
            False,
            f"The cloud knows no GPU named {', '.join(unknown)}.",
            f"Write names as the cloud does: {names}.",
        )
    priced = [offer for offer in offers if offer.usd_per_hour > 0]
    if dear := sorted((offer for offer in priced if offer.gpu in wish.gpus), key=_worth):
        return Finding(
            what,
            False,
            f"{_said(dear[0])} is the cheapest, above the limit of "
            f"USD {wish.max_usd_per_hour:.2f}/h.",
            "Raise the limit, or add a cheaper GPU to the list.",
        )
    others = sorted(priced, key=_worth)[:CHEAPEST]
    free = "; ".join(map(_said, others)) or "nothing else either"
    return Finding(
        what,
        False,
        f"None is free of {', '.join(wish.gpus)}.",
        f"Try again later, or add another GPU to the list. Free now: {free}.",
    )


def _worth(offer: Offer) -> tuple[float, int, str, str]:
    known = offer.availability in AVAILABILITIES
    likely = AVAILABILITIES.index(offer.availability) if known else len(AVAILABILITIES)
    return offer.usd_per_hour, likely, offer.tier, offer.place


def _summary(offers: Sequence[Offer]) -> list[str]:
    groups = groupby(offers, key=lambda offer: offer.gpu)
    return [_said(next(group)) for _, group in groups]


def _said(offer: Offer) -> str:
    words = ", ".join(filter(None, (offer.tier, offer.place, offer.availability.lower())))
    return f"{offer.gpu} at USD {offer.usd_per_hour:.2f}/h" + (f" ({words})" if words else "")
