"""Which of the offers of a cloud suit a request, and what to tell where none does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby

from resources.gpu.clouds.base import Diagnosis, GpuRequest, Offer

AVAILABILITIES = ("HIGH", "MEDIUM", "LOW", "")
"""Of offers, most likely to be had first; clouds that do not grade them write nothing."""
CHEAPEST = 3


def suitable(offers: Sequence[Offer], gpu_request: GpuRequest) -> list[Offer]:
    """Offers that were asked for and cheap enough.

    Returns:
        In the order of the request; within a GPU the cheapest first, then the likeliest.
    """
    wanted = [
        offer
        for offer in offers
        if offer.gpu in gpu_request.gpus and 0 < offer.usd_per_hour <= gpu_request.max_usd_per_hour
    ]
    return sorted(wanted, key=lambda offer: (gpu_request.gpus.index(offer.gpu), *_worth(offer)))


def diagnose_offers(
    offers: Sequence[Offer], known: Collection[str], gpu_request: GpuRequest
) -> Diagnosis:
    """Whether a request can be met at present, at which price, and what to change if not.

    Args:
        offers: all that can be had at present, at any price.
        known: names of all GPUs that the cloud has, free or not.
    """
    what = "a GPU within the price"
    if good := suitable(offers, gpu_request):
        groups = groupby(good, key=lambda offer: offer.gpu)
        return Diagnosis(what, True, "; ".join(_in_words(next(group)) for _, group in groups))
    if unknown := [gpu for gpu in gpu_request.gpus if gpu not in known]:
        names = ", ".join(sorted(known))
        return Diagnosis(
            what,
            False,
            f"The cloud knows no GPU named {', '.join(unknown)}.",
            f"Write names as the cloud does: {names}.",
        )
    priced = [offer for offer in offers if offer.usd_per_hour > 0]
    too_expensive = [offer for offer in priced if offer.gpu in gpu_request.gpus]
    if too_expensive:
        return Diagnosis(
            what,
            False,
            f"{_in_words(min(too_expensive, key=_worth))} is the cheapest, above the limit of "
            f"USD {gpu_request.max_usd_per_hour:.2f}/h.",
            "Raise the limit, or add a cheaper GPU to the list.",
        )
    others = sorted(priced, key=_worth)[:CHEAPEST]
    free = "; ".join(map(_in_words, others)) or "nothing else either"
    return Diagnosis(
        what,
        False,
        f"None is free of {', '.join(gpu_request.gpus)}.",
        f"Try again later, or add another GPU to the list. Free now: {free}.",
    )


def _worth(offer: Offer) -> tuple[float, int, str, str]:
    known = offer.availability in AVAILABILITIES
    likely = AVAILABILITIES.index(offer.availability) if known else len(AVAILABILITIES)
    return offer.usd_per_hour, likely, offer.tier, offer.region


def _in_words(offer: Offer) -> str:
    words = ", ".join(filter(None, (offer.tier, offer.region, offer.availability.lower())))
    return f"{offer.gpu} at USD {offer.usd_per_hour:.2f}/h" + (f" ({words})" if words else "")
