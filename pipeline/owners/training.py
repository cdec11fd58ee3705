"""Training of a head, by numpy alone: it has a few thousand weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from detector_runtime.owners.evidence import (
    COLOURS,
    FEATURES,
    codes_of,
    evidence_features,
)
from detector_runtime.owners.head import NATURE, OwnerHead, OwnerWeights, forward, softmax
from pydantic import BaseModel, ConfigDict, Field

from pipeline.formats.palette import Colour
from pipeline.owners.examples import OwnerExamples
from pipeline.owners.light import evidence_table, relit
from pipeline.progress import Report, silent, track

Floats = npt.NDArray[np.float32]
Gradients = dict[str, Floats]
LEARNED = ("places", "hidden", "hidden_of_class", "hidden_of_player", "weight", "bias")
BATCH, HIDDEN = 128, 32
WARM_UP = 30
LABEL_SMOOTHING = 0.02
WEIGHT_DECAY = 3e-3
WANTED_ACCURACY = 0.99
"""Of the owners that are named: the threshold is the least that reaches it."""
THRESHOLDS = tuple(step / 100 for step in range(20, 96, 5))


class OwnerTraining(BaseModel):
    """What decides a head beside the set that it learns from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    epochs: int = Field(10, ge=1)
    learning_rate: float = Field(1e-2, gt=0)
    most_images: int = Field(1200, ge=1, description="Of the set, spread evenly over it.")


def train_head(
    examples: OwnerExamples,
    players: Sequence[tuple[str, Colour]],
    class_names: Sequence[str],
    training: OwnerTraining,
    report: Report = silent,
) -> OwnerHead:
    """A head that was trained on examples; its threshold is not chosen yet.

    Args:
        players: name and RGB of each player's colour.
        class_names: in the order of their ids.
    """
    rng = np.random.default_rng([training.seed, 1])
    colours = relit(examples.samples[::3], rng)[examples.inside[::3]]
    table = evidence_table([colour for _, colour in players], colours, rng)
    weights = _first_weights(table, len(class_names), rng)
    optimizer = _Adam(weights)
    per_epoch = max(1, len(examples) // BATCH)
    steps = training.epochs * per_epoch
    for epoch in track(range(training.epochs), training.epochs, "train owners", report):
        order = rng.permutation(len(examples))
        for number, start in enumerate(range(0, per_epoch * BATCH, BATCH)):
            rows = order[start : start + BATCH]
            done = (epoch * per_epoch + number) / steps
            rate = training.learning_rate * 0.5 * (1 + np.cos(np.pi * done))
            features = _features(examples, rows, table, rng)
            optimizer.step(_gradients(weights, features, examples, rows), float(rate))
    owners = (*(name for name, _ in players), NATURE)
    return OwnerHead(owners, tuple(class_names), 0.5, weights)


def judged(head: OwnerHead, examples: OwnerExamples) -> Floats:
    """Probabilities [n, owners] of the examples as they are."""
    parts = [
        softmax(
            forward(
                head.weights,
                _features(
                    examples,
                    np.arange(start, min(start + 256, len(examples))),
                    head.weights.table,
                    None,
                ),
                examples.class_ids[start : start + 256],
            )[1]
        )
        for start in range(0, len(examples), 256)
    ]
    return np.concatenate([np.zeros((0, len(head.owners)), np.float32), *parts])


def with_threshold(head: OwnerHead, examples: OwnerExamples) -> OwnerHead:
    """The head with the least threshold at which named owners are right as often as wanted."""
    found, told = judged(head, examples), examples.told
    right = (found.argmax(axis=1) == examples.targets.argmax(axis=1)) & told
    sure = found.max(axis=1)
    for threshold in THRESHOLDS:
        named = sure >= threshold
        if named.any() and right[named].mean() >= WANTED_ACCURACY:
            return replace(head, threshold=threshold)
    return replace(head, threshold=THRESHOLDS[-1])


def _features(
    examples: OwnerExamples,
    rows: npt.NDArray[np.intp],
    table: npt.NDArray[np.uint8],
    rng: np.random.Generator | None,
) -> Floats:
    """Features of some examples, each under a light of its own where chance is given."""
    samples = examples.samples[rows]
    codes = codes_of(samples if rng is None else relit(samples, rng))
    codes[~examples.inside[rows]] = COLOURS
    return evidence_features(codes, table)


def _first_weights(
    table: npt.NDArray[np.uint8], classes: int, rng: np.random.Generator
) -> OwnerWeights:
    players = table.shape[1]
    return OwnerWeights(
        table=table,
        places=np.zeros((classes, FEATURES), np.float32),
        hidden=rng.normal(0, 0.15, (FEATURES, HIDDEN)).astype(np.float32),
        hidden_of_class=np.zeros((classes, HIDDEN), np.float32),
        hidden_of_player=np.zeros((players, HIDDEN), np.float32),
        weight=rng.normal(0, HIDDEN**-0.5, HIDDEN).astype(np.float32),
        bias=np.zeros((classes, players + 1), np.float32),
    )


def _gradients(
    weights: OwnerWeights, features: Floats, examples: OwnerExamples, rows: npt.NDArray[np.intp]
) -> Gradients:
    """Of the mean cross-entropy of a batch; features are [n, players, FEATURES]."""
    class_ids, wanted = examples.class_ids[rows], examples.targets[rows]
    hidden, logits = forward(weights, features, class_ids)
    smooth = wanted * (1 - LABEL_SMOOTHING) + LABEL_SMOOTHING / wanted.shape[1]
    off = (softmax(logits) - smooth) / np.float32(len(rows))
    of_players = off[:, :-1]
    back = of_players[..., None] * weights.weight * (hidden > 0)
    one_hot = np.zeros((len(rows), len(weights.bias)), np.float32)
    one_hot[np.arange(len(rows)), class_ids] = 1
    flat = features.reshape(-1, FEATURES)
    return {
        "places": one_hot.T @ np.einsum("np,npf->nf", of_players, features),
        "hidden": flat.T @ back.reshape(-1, back.shape[2]),
        "hidden_of_class": one_hot.T @ back.sum(axis=1),
        "hidden_of_player": back.sum(axis=0),
        "weight": np.einsum("np,nph->h", of_players, hidden),
        "bias": one_hot.T @ off,
    }


class _Adam:
    """AdamW (Loshchilov and Hutter, arXiv 1711.05101) on the weights, which it changes in place."""

    def __init__(self, weights: OwnerWeights) -> None:
        self._weights = {name: getattr(weights, name) for name in LEARNED}
        self._means = {name: np.zeros_like(array) for name, array in self._weights.items()}
        self._squares = {name: np.zeros_like(array) for name, array in self._weights.items()}
        self._steps = 0

    def step(self, gradients: Gradients, rate: float) -> None:
        self._steps += 1
        rate *= min(1.0, self._steps / WARM_UP)
        for name, array in self._weights.items():
            mean, square = self._means[name], self._squares[name]
            mean += 0.1 * (gradients[name] - mean)
            square += 0.01 * (gradients[name] ** 2 - square)
            unbiased = mean / (1 - 0.9**self._steps)
            scale = np.sqrt(square / (1 - 0.99**self._steps)) + 1e-8
            array -= (rate * (unbiased / scale + WEIGHT_DECAY * array)).astype(np.float32)
