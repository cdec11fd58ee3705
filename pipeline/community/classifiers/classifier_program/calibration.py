"""From what a network says to how sure that is, and from when on it says that it does not know."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

LOWEST, HIGHEST = 0.05, 20.0
"""Temperatures that are looked at."""
PRIOR = 4.0
"""How little is expected of temperatures far from 1: with it, 95% lie between 0.39 and 2.5."""
SEARCH_STEPS = 60
GOLDEN = (math.sqrt(5) - 1) / 2
FEWEST = 20
"""Images from which something can be said of confidence; with fewer nothing is changed."""
CAUTIOUS = 0.5


@dataclass(frozen=True)
class Calibration:
    """How answers are read.

    Attributes:
        temperature: what network outputs are divided by before they become probabilities.
        min_confidence: below it the answer is "I don't know", 0 to 1.
        images: that both were chosen on.
        rule: how the threshold was chosen, for people.
    """

    temperature: float
    min_confidence: float
    images: int
    rule: str

    def to_json(self) -> dict[str, Any]:
        """What `calibration.json` holds."""
        return asdict(self)


def calibrate(logits: Any, labels: Any, target: float) -> Calibration:
    """Choose both on images that were not trained on.

    The threshold is the lowest confidence from which on, all higher ones included, at least the
    target share of answers is right.

    Args:
        logits: float32 [n, names].
        labels: int64 [n].
        target: share of answers that should be right, 0 to 1.
    """
    if len(labels) < FEWEST:
        rule = f"{len(labels)} images to calibrate on are fewer than {FEWEST}: half, as a caution"
        return Calibration(1.0, CAUTIOUS, len(labels), rule)
    temperature = best_temperature(logits, labels)
    probabilities = (logits / temperature).softmax(dim=1)
    confidence, answers = probabilities.max(dim=1)
    threshold, met = lowest_threshold(confidence, answers == labels, target)
    rule = (
        f"the lowest confidence from which on {target:.0%} of answers are right"
        if met
        else f"no confidence makes {target:.0%} of answers right: the one with most right answers"
    )
    return Calibration(round(temperature, 4), round(threshold, 4), len(labels), rule)


def best_temperature(logits: Any, labels: Any) -> float:
    """The most likely temperature, given the true names and what temperatures usually are.

    As Guo et al. (On Calibration of Modern Neural Networks, 2017) choose it, but with a prior: of
    images without a mistake, which a few often are, the likelihood alone grows without end as the
    temperature falls, and everything would be said with certainty. The inverse temperature b, in
    which the loss is convex, has the Gamma distribution whose most likely value is 1; its negative
    logarithm is `PRIOR` * (b - log b). The more images there are, the less it matters.
    """
    from torch.nn import functional

    def loss(exponent: float) -> float:
        inverse = math.exp(-exponent)
        likelihood = functional.cross_entropy(logits * inverse, labels, reduction="sum")
        return float(likelihood) + PRIOR * (inverse + exponent)

    low, high = math.log(LOWEST), math.log(HIGHEST)
    for _ in range(SEARCH_STEPS):
        first, second = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        if loss(first) <= loss(second):
            high = second
        else:
            low = first
    return math.exp((low + high) / 2)


def lowest_threshold(confidence: Any, right: Any, target: float) -> tuple[float, bool]:
    """The lowest confidence from which on enough answers are right, and whether there is one.

    Answers of one confidence stand or fall together. Without such a confidence it is the one from
    which on the share of right answers is largest, the lowest of equals.
    """
    order = confidence.argsort(descending=True)
    sorted_confidence, sorted_right = confidence[order].double(), right[order].double()
    share = sorted_right.cumsum(0) / (sorted_right.new_ones(len(order)).cumsum(0))
    ends = sorted_confidence != sorted_confidence.roll(-1)
    ends[-1] = True
    share, thresholds = share[ends], sorted_confidence[ends]
    enough = (share >= target).nonzero()
    if len(enough):
        chosen = int(enough[-1])
        # Rounded down, so that the answer itself still counts once four digits are kept.
        return math.floor(float(thresholds[chosen]) * 1e4) / 1e4, True
    best = int((share == share.max()).nonzero()[-1])
    return math.floor(float(thresholds[best]) * 1e4) / 1e4, False
