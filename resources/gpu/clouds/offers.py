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
    what, limit = "a GPU within the price", gpu_request.max_usd_per_hour
    if good := suitable(offers, gpu_request):
        groups = groupby(good, key=lambda offer: offer.gpu)
        return Diagnosis(what, True, "; ".join(_in_words(next(group)) for _, group in groups))
    priced = sorted((offer for offer in offers if offer.usd_per_hour > 0), key=_worth)
    if unknown := [gpu for gpu in gpu_request.gpus if gpu not in known]:
        detail = f"The cloud knows no GPU named {', '.join(unknown)}."
        fix = f"Write names as the cloud does: {', '.join(sorted(known))}."
    elif too_expensive := [offer for offer in priced if offer.gpu in gpu_request.gpus]:
        cheapest = _in_words(too_expensive[0])
        detail = f"{cheapest} is the cheapest, above the limit of USD {limit:.2f}/h."
        fix = "Raise the limit, or add a cheaper GPU to the list."
    else:
        free = "; ".join(map(_in_words, priced[:CHEAPEST])) or "nothing else either"
        detail = f"None is free of {', '.join(gpu_request.gpus)}."
        fix = f"Try again later, or add another GPU to the list. Free now: {free}."
    return Diagnosis(what, False, detail, fix)


def _worth(offer: Offer) -> tuple[float, int, str, str]:
    known = offer.availability in AVAILABILITIES
    likely = AVAILABILITIES.index(offer.availability) if known else len(AVAILABILITIES)
    return offer.usd_per_hour, likely, offer.tier, offer.region


def _in_words(offer: Offer) -> str:
    words = ", ".join(filter(None, (offer.tier, offer.region, offer.availability.lower())))
    return f"{offer.gpu} at USD {offer.usd_per_hour:.2f}/h" + (f" ({words})" if words else "")
