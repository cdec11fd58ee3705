"""A strategist learns from corrections, and stays as it was everywhere else; loads torch.

Each step goes down two losses: cross-entropy with smoothed labels on corrections, each weighted by
its confidence, and how far what it answers in other moments has moved from the old policy
(Kullback-Leibler, from old to new, as Li and Hoiem 2016, "Learning without Forgetting").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div

from pipeline.manifests import Record
from pipeline.play.policies.examples import Examples
from pipeline.play.policies.networks import EntityTransformer, NetworkInput
from pipeline.play.policies.training import LONGEST_STEP, MEASURED_AT_ONCE, OnStep, rate_at

MEASUREMENTS = 20
"""In a training, evenly spread."""


class FineTuneSettings(Record):
    """How a strategist is corrected."""

    steps: int = Field(400, ge=MEASUREMENTS, le=100_000)
    batch: int = Field(64, ge=1, le=4096, description="Corrections, and other moments, of a step.")
    learning_rate: float = Field(1e-3, gt=0, le=1)
    warm_up: float = Field(0.05, ge=0, le=1, description="Share of steps in which the rate rises.")
    label_smoothing: float = Field(0.05, ge=0, lt=1)
    kl_weight: float = Field(1.0, ge=0, description="Of staying as it was, beside corrections.")
    weight_decay: float = Field(0.01, ge=0)
    least_confidence: float = Field(0.5, ge=0, le=1, description="Lines below it are left out.")
    seed: int = Field(0, ge=0, lt=1 << 63)


class Measured(Record):
    """How a strategist stands after some steps."""

    step: int
    loss: float = Field(description="On corrections, without smoothing.")
    learned: float = Field(description="Share of corrections that it answers now.")
    divergence: float = Field(description="Kullback-Leibler from the old policy, in nats.")
    kept: float = Field(description="Share of other moments in which it answers as before.")


@dataclass(frozen=True, eq=False)
class CorrectionLesson:
    """What is learned.

    Attributes:
        corrected: moments with the goals that are right.
        confidences: float32 [n], of them.
        others: moments in which it is to stay as it is.
    """

    corrected: Examples
    confidences: np.ndarray[Any, np.dtype[np.float32]]
    others: Examples


def fine_tune(
    network: EntityTransformer,
    lesson: CorrectionLesson,
    settings: FineTuneSettings,
    on_step: OnStep,
) -> list[Measured]:
    """Change a strategist in place; the same in every process with as many threads.

    Returns:
        How it stood before the first step, and MEASUREMENTS times later on.
    """
    before = _answers(network, lesson.others).log_softmax(dim=1)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=settings.weight_decay)
    rng = np.random.default_rng(settings.seed)
    history = [_measured(0, network, lesson, before)]
    for step in range(1, settings.steps + 1):
        for group in optimizer.param_groups:
            rate = rate_at(step, settings.steps, settings.warm_up)
            group["lr"] = settings.learning_rate * rate
        optimizer.zero_grad()
        network.train()
        loss = _corrected_loss(network, lesson, settings, rng)
        loss = loss + settings.kl_weight * _drift(network, lesson.others, before, settings, rng)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), LONGEST_STEP)
        optimizer.step()
        on_step(step, settings.steps)
        if step * MEASUREMENTS // settings.steps > (step - 1) * MEASUREMENTS // settings.steps:
            history.append(_measured(step, network, lesson, before))
    return history


def goals_of(network: EntityTransformer, moments: Examples) -> np.ndarray[Any, np.dtype[np.int64]]:
    """What a strategist chooses: int64 [n]."""
    chosen: np.ndarray[Any, np.dtype[np.int64]] = _answers(network, moments).argmax(dim=1).numpy()
    return chosen


def _corrected_loss(
    network: EntityTransformer,
    lesson: CorrectionLesson,
    settings: FineTuneSettings,
    rng: np.random.Generator,
) -> Tensor:
    chosen = _drawn(len(lesson.corrected), settings.batch, rng)
    batch = lesson.corrected.rows(chosen)
    losses = cross_entropy(
        _asked(network, batch),
        torch.from_numpy(batch.goals.astype(np.int64)),
        label_smoothing=settings.label_smoothing,
        reduction="none",
    )
    weights = torch.from_numpy(lesson.confidences[chosen])
    return (losses * weights).sum() / weights.sum().clamp(min=1e-6)


def _drift(
    network: EntityTransformer,
    others: Examples,
    before: Tensor,
    settings: FineTuneSettings,
    rng: np.random.Generator,
) -> Tensor:
    chosen = _drawn(len(others), settings.batch, rng)
    now = _asked(network, others.rows(chosen)).log_softmax(dim=1)
    return kl_div(now, before[torch.from_numpy(chosen)], reduction="batchmean", log_target=True)


def _drawn(count: int, size: int, rng: np.random.Generator) -> Any:
    return rng.choice(count, min(size, count), replace=False)


def _asked(network: EntityTransformer, moments: Examples) -> Tensor:
    told = moments.features()
    (logits,) = NetworkInput.of((told.entities, told.places, told.known, told.status)).ask(network)
    return logits


def _answers(network: EntityTransformer, moments: Examples) -> Tensor:
    network.eval()
    starts = range(0, len(moments), MEASURED_AT_ONCE)
    with torch.no_grad():
        parts: Sequence[Tensor] = [
            _asked(network, moments.rows(slice(start, start + MEASURED_AT_ONCE)))
            for start in starts
        ]
    return torch.cat([*parts])


def _measured(
    step: int, network: EntityTransformer, lesson: CorrectionLesson, before: Tensor
) -> Measured:
    right = torch.from_numpy(lesson.corrected.goals.astype(np.int64))
    answers = _answers(network, lesson.corrected)
    now = _answers(network, lesson.others).log_softmax(dim=1)
    drift = kl_div(now, before, reduction="batchmean", log_target=True)
    return Measured(
        step=step,
        loss=round(float(cross_entropy(answers, right)), 6),
        learned=round(float((answers.argmax(dim=1) == right).double().mean()), 6),
        divergence=round(max(0.0, float(drift)), 6),
        kept=round(float((now.argmax(dim=1) == before.argmax(dim=1)).double().mean()), 6),
    )
