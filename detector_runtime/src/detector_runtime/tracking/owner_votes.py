"""Whose a track is: what its detections say together, so that a single wrong one changes little.

Votes are float64 [tracks, owners], sums of the detections' probabilities in which older ones count
less and less. Both trackers keep them this way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector_runtime.results import Detections

Votes = NDArray[np.float64]

VOTE_MEMORY = 0.95
"""Share of a track's votes on its class and on its owner that is left after each new one."""


def owner_votes_of(detections: Detections) -> Votes:
    """What each detection says of its owner; nothing where it was not asked."""
    found = detections.owner_probabilities
    if found is not None:
        return found.astype(np.float64)
    return np.zeros((len(detections), len(detections.owner_names)))


def with_new_votes(before: Votes, new: Votes) -> Votes:
    """The votes of tracks after one more detection of each."""
    return before * VOTE_MEMORY + new


def owner_shares(votes: Votes) -> NDArray[np.float32] | None:
    """Votes of each track as shares of all; 0 where there is none, None without owners."""
    if votes.shape[1] == 0:
        return None
    whole = np.maximum(votes.sum(axis=1, keepdims=True), 1e-9)
    return np.asarray(votes / whole, np.float32)
