"""Which frames are labelled next, within a budget of boxes.

First a share of the budget is drawn at random from all candidates, for frames that are labelled
blind: how many depends on the mean of the expected boxes, and which on the seed and on each image's
digest alone, never on what a model says of them. Then frames are taken one by one, each time the
one with the most value for a box, times how far its view lies from those that were taken, divided
by one more than the frames that its session has already. No session gets more than half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import numpy.typing as npt

FLOOR = 0.05
"""Value of a frame in which nothing is uncertain: diversity alone decides between such frames."""
OPENING_COST = 2.0
"""Opening a frame and looking it over takes a person as long as so many boxes."""
NO_VIEW = 64
"""Bits to the nearest view where there is none: two that have no bit in common."""
UNRELATED_BITS = 32
"""Between perceptual hashes of unrelated views, see `pipeline.labels.fingerprints`."""


@dataclass(frozen=True)
class RatedFrame:
    """A candidate.

    Attributes:
        sha256: of its image; the only one of it among the candidates.
        phash: 16 hexadecimal digits.
        session: that it was captured in; empty where that is unknown.
        value: what its labels are worth; 0 for all without a model.
        expected_boxes: more than 0.
    """

    sha256: str
    phash: str
    session: str
    value: float
    expected_boxes: float


@dataclass(frozen=True)
class Budget:
    """What may be spent.

    Attributes:
        boxes: that people will draw or correct, about.
        blind_share: of them, 0 to 1, in frames chosen at random.
        seed: of the random choice.
    """

    boxes: float
    blind_share: float = 0.2
    seed: int = 42


@dataclass(frozen=True)
class Pick:
    """A frame that was chosen.

    Attributes:
        index: into the candidates.
        blind: chosen at random, whatever it is worth.
        bits: to the nearest view that was chosen or labelled before; `NO_VIEW` if there was none.
        before: frames of its session that were chosen before, by value.
    """

    index: int
    blind: bool
    bits: int
    before: int


def select_frames(
    frames: Sequence[RatedFrame], budget: Budget, labelled: Sequence[str] = ()
) -> tuple[Pick, ...]:
    """Choose frames until the budget is spent; the last one may exceed it.

    Args:
        frames: in any order, which changes nothing.
        labelled: perceptual hashes of frames that have labels.

    Returns:
        Blind ones first, then the others as they were taken.
    """
    order = sorted(range(len(frames)), key=lambda index: frames[index].sha256)
    ordered = [frames[index] for index in order]
    choice = _Choice(ordered, labelled)
    for index in _drawn_blind(ordered, budget):
        if choice.spent >= budget.boxes:
            break
        choice.take(index, blind=True)
    while choice.spent < budget.boxes and (best := choice.best()) is not None:
        choice.take(best, blind=False)
    return tuple(
        Pick(order[pick.index], pick.blind, pick.bits, pick.before) for pick in choice.picks
    )


def blind_order(digests: Sequence[str], seed: int) -> list[int]:
    """Indices in a random order that depends on each digest and the seed alone."""
    drawn = [sha256(f"{seed}:{digest}".encode()).digest() for digest in digests]
    return sorted(range(len(digests)), key=drawn.__getitem__)


def _drawn_blind(frames: Sequence[RatedFrame], budget: Budget) -> list[int]:
    if not frames or budget.blind_share <= 0:
        return []
    there = math.fsum(frame.expected_boxes for frame in frames)
    # Of a budget that all frames together don't take, a share would be all of them.
    count = max(1, round(min(budget.boxes, there) * budget.blind_share * len(frames) / there))
    return blind_order([frame.sha256 for frame in frames], budget.seed)[:count]


class _Choice:
    """What has been taken so far."""

    def __init__(self, frames: Sequence[RatedFrame], labelled: Sequence[str]) -> None:
        self._frames = frames
        self._hashes = _numbers([frame.phash for frame in frames])
        names = {name: index for index, name in enumerate(sorted({one.session for one in frames}))}
        self._session = np.array([names[frame.session] for frame in frames], np.intp)
        self._per_session = np.zeros(len(names), np.int64)
        self._bits = np.full(len(frames), NO_VIEW, np.int64)
        self._free = np.ones(len(frames), np.bool_)
        costs = np.array([frame.expected_boxes + OPENING_COST for frame in frames])
        self._density = np.array([max(frame.value, FLOOR) for frame in frames]) / costs
        self.picks: list[Pick] = []
        self.spent = 0.0
        for number in _numbers(labelled):
            self._note_distance(number)

    def best(self) -> int | None:
        """The frame to take next by value, or None when there is none left."""
        if not self._free.any():
            return None
        novelty = np.clip(self._bits, 1, UNRELATED_BITS) / UNRELATED_BITS
        scores = self._density * novelty / (1 + self._per_session[self._session])
        return int(np.argmax(np.where(self._allowed(), scores, -1.0)))

    def take(self, index: int, *, blind: bool) -> None:
        """Note one as chosen."""
        session = self._session[index]
        self.picks.append(
            Pick(index, blind, int(self._bits[index]), int(self._per_session[session]))
        )
        self.spent += self._frames[index].expected_boxes
        self._free[index] = False
        self._per_session[session] += not blind
        self._note_distance(self._hashes[index])

    def _allowed(self) -> npt.NDArray[np.bool_]:
        """Free ones, without those of a session that has half already if there are others."""
        full = 2 * self._per_session > self._per_session.sum()
        others = self._free & ~full[self._session]
        return others if others.any() else self._free

    def _note_distance(self, number: np.uint64) -> None:
        bits = np.bitwise_count(self._hashes ^ number).astype(np.int64)
        self._bits = np.minimum(self._bits, bits)


def _numbers(hashes: Sequence[str]) -> npt.NDArray[np.uint64]:
    return np.array([int(text, 16) for text in hashes], np.uint64)
