"""The head: from what a box says for each player to how likely each of them owns it.

All players are judged by the same weights, so what is learned of one holds for all: where in the
box of each class its colour shows, and how strongly. What belongs to nobody competes with them by
its class alone, and wins where nothing speaks for a player.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector_runtime.owners.evidence import (
    AT_ONCE,
    Bytes,
    Floats,
    colour_codes,
    evidence_features,
)

NATURE = "nature"
"""Owner of what belongs to nobody."""


@dataclass(frozen=True, eq=False)
class OwnerWeights:
    """What is learned, for C classes, P players, F features and H hidden values.

    `table` uint8 [COLOURS + 1, P]; the others float32: `places` [C, F] and `bias` [C, P + 1] of
    each class, `hidden` [F, H], `hidden_of_class` [C, H], `hidden_of_player` [P, H], `weight` [H].
    """

    table: Bytes
    places: Floats
    hidden: Floats
    hidden_of_class: Floats
    hidden_of_player: Floats
    weight: Floats
    bias: Floats


@dataclass(frozen=True, eq=False)
class OwnerHead:
    """Tells whose things are.

    Attributes:
        owners: names of the players' colours, then `NATURE`.
        class_names: that it knows, in the order of the detector's.
        threshold: least probability, 0 to 1, of an owner that is named; else it is
            "unknown".
    """

    owners: tuple[str, ...]
    class_names: tuple[str, ...]
    threshold: float
    weights: OwnerWeights

    def probabilities(
        self, pixels: Bytes, boxes: NDArray[np.floating[Any]], class_ids: NDArray[np.intp]
    ) -> Floats:
        """How likely each owner is.

        Args:
            pixels: uint8 [height, width, 3], red first.
            boxes: [n, 4], corners in pixels of the image.
            class_ids: [n], indices into `class_names`.

        Returns:
            float32 [n, owners]; each row sums to 1.
        """
        parts = [
            self._part(pixels, boxes[start : start + AT_ONCE], class_ids[start : start + AT_ONCE])
            for start in range(0, len(boxes), AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.empty((0, len(self.owners)), np.float32)

    def _part(
        self, pixels: Bytes, boxes: NDArray[np.floating[Any]], class_ids: NDArray[np.intp]
    ) -> Floats:
        features = evidence_features(colour_codes(pixels, boxes), self.weights.table)
        return softmax(forward(self.weights, features, class_ids)[1])


def forward(
    weights: OwnerWeights, features: Floats, class_ids: NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """Hidden values [n, P, H] and logits [n, P + 1] of boxes with features [n, P, F]."""
    count, players, size = features.shape
    flat = features.reshape(-1, size) @ weights.hidden
    hidden = flat.reshape(count, players, -1)
    hidden += weights.hidden_of_class[class_ids][:, None]
    hidden += weights.hidden_of_player
    np.maximum(hidden, 0, out=hidden)
    logits = weights.bias[class_ids]
    logits[:, :-1] += (features @ weights.places[class_ids][:, :, None])[..., 0]
    logits[:, :-1] += hidden @ weights.weight
    return hidden, logits


def softmax(logits: Floats) -> Floats:
    """Probabilities of rows of logits."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)
