"""One policy that learns from what came of its own play; loads torch.

Each step goes down the loss of what was done, weighted by exp(advantage / temperature) and clipped
(Peng et al. 2019, "Advantage-Weighted Regression"). The advantage is what came of it, less what
comes of such moments on average by a linear model (as Duan et al. 2016, "Benchmarking Deep
Reinforcement Learning"), in standard deviations. A Kullback-Leibler term keeps the copy near the
champion.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import kl_div, logsigmoid

from pipeline.play.background.student import Student
from pipeline.play.online.history import OnlineUpdate
from pipeline.play.online.own_play import OwnMoments, latest_moments
from pipeline.play.online.settings import OnlineSettings
from pipeline.play.policies.losses import answers_of, loss_of_answers
from pipeline.play.policies.networks import PIXELS
from pipeline.play.policies.settings import CloneSettings, Role

RIDGE = 1e-2
"""Of the linear model, for each moment."""


class AdvantageLearner:
    """One policy: the champion's weights, and the candidate's, which learn."""

    def __init__(self, student: Student, settings: OnlineSettings, cloned: CloneSettings) -> None:
        self.student = student
        self._settings = settings
        self._cloned = cloned
        self._moments: list[OwnMoments] = []

    def add(self, moments: OwnMoments) -> None:
        """What came of a game."""
        if len(moments):
            parts = [*self._moments, moments]
            self._moments = [latest_moments(parts, self._settings.observations)]

    def forget(self) -> None:
        """Go back to the champion, and learn of nothing that came before."""
        self._moments = []
        self.student.restore()

    def train(self, training: int, games: int, rate: float) -> OnlineUpdate | None:
        """Learn from the latest moments.

        Returns:
            None where they are too few.
        """
        counted = sum(int(part.counted.sum()) for part in self._moments)
        if counted < self._settings.smallest:
            return None
        (moments,) = self._moments
        weights = weights_of(moments, self._settings)
        rng = np.random.default_rng([self._settings.seed, training])
        self.student.copy.train()
        steps = [self._step(moments, weights, rate, rng) for _ in range(self._settings.steps)]
        self.student.copy.eval()
        loss, apart = np.mean(steps, axis=0).tolist()
        told = weights[moments.counted]
        update = OnlineUpdate(
            role=self.student.role,
            training=training,
            games=games,
            observations=len(moments),
            rate=rate,
            loss=round(loss, 6),
            divergence=round(apart, 6),
            effective=round(float(told.sum() ** 2 / (told**2).sum() / len(told)), 4),
        )
        self.student.tell(update.model_dump())
        self.student.keep_copy(self._settings.keep_every, self._settings.kept)
        return update

    def _step(
        self,
        moments: OwnMoments,
        weights: npt.NDArray[np.float32],
        rate: float,
        rng: np.random.Generator,
    ) -> tuple[float, float]:
        """One step; its loss and how far it was from the champion."""
        role = self.student.role
        chosen = np.sort(rng.integers(0, len(moments), self._settings.batch))
        dropped = rng.random(len(chosen)) < self._cloned.dropped
        batch = moments.examples.rows(chosen)
        features = batch.features(dropped)
        with torch.no_grad():
            before = answers_of(role, self.student.in_use, batch, features)
        now = answers_of(role, self.student.copy, batch, features)
        counting, smoothing = torch.from_numpy(weights[chosen]), self._cloned.label_smoothing
        loss, _measures = loss_of_answers(role, now, (batch, features), counting, smoothing)
        apart = divergence(role, before, now)
        self.student.step(loss + self._settings.kl_weight * apart, rate)
        return float(loss.detach()), float(apart.detach())


def weights_of(moments: OwnMoments, settings: OnlineSettings) -> npt.NDArray[np.float32]:
    """What each moment counts: float32 [n], 1 on average where something was done, else 1."""
    advantages = advantages_of(moments)[moments.counted] / settings.temperature
    limit = np.log(settings.most_weight)
    powers = np.exp(np.minimum(advantages, limit))
    weights = np.ones(len(moments), np.float32)
    weights[moments.counted] = powers / powers.mean()
    return weights


def advantages_of(moments: OwnMoments) -> npt.NDArray[np.float64]:
    """What came of each moment beyond the expected, in standard deviations: float64 [n]."""
    status = moments.examples.features().status.astype(np.float64)
    given = np.concatenate([status, np.ones((len(moments), 1))], axis=1)
    told = given[moments.counted]
    returns = moments.returns.astype(np.float64)
    square = told.T @ told + RIDGE * len(told) * np.eye(told.shape[1])
    model = np.linalg.solve(square, told.T @ returns[moments.counted])
    beyond = returns - given @ model
    spread = beyond[moments.counted].std()
    return np.asarray(beyond / max(spread, 1e-9))


def divergence(role: Role, before: tuple[Tensor, ...], now: tuple[Tensor, ...]) -> Tensor:
    """Kullback-Leibler from old to new answers, in nats, the mean over moments.

    Args:
        before, now: of the same moments, as `networks.EntityTransformer` answers. Of an executor:
            the sum over whether and how it acts, keys and pointers; and of its clicks, which have
            no distribution, how far they are off, in sides of the map and in eights of pixels.
    """
    if role != "executor":
        return _between(before[0], now[0])
    acts, keys, selects, commands, clicks = zip(before, now, strict=True)
    acting = [torch.stack([logits[:, 0], -logits[:, 0]], dim=1) for logits in acts]
    whole = kl_div(
        logsigmoid(acting[1]), logsigmoid(acting[0]), reduction="batchmean", log_target=True
    )
    for old, new in ((acts[0][:, 1:], acts[1][:, 1:]), keys, selects, commands):
        whole = whole + _between(old, new)
    off = (clicks[1] - clicks[0]).abs().mean(dim=0)
    return whole + 2 * off[:2].sum() + off[2:].sum() / PIXELS


def _between(before: Tensor, now: Tensor) -> Tensor:
    return kl_div(
        now.log_softmax(dim=1), before.log_softmax(dim=1), reduction="batchmean", log_target=True
    )
