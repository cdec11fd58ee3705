"""How wrong a policy's answers are, and how often they are right; loads torch.

That nothing is done is the most frequent by far, so the executor learns from a part of those
moments. Its logit of acting is shifted by the logarithm of that part in the loss alone, so that
what it answers is the chance in all of play (King and Zeng 2001, "Logistic Regression in Rare
Events Data", prior correction).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from detector_runtime.policies.features import (
    Features,
    rows_of,
    turn_points,
    with_goal,
    with_target,
)
from detector_runtime.policies.known import MAP_SIDE
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from pipeline.play.policies.examples import UNLABELLED, Examples
from pipeline.play.policies.networks import NEVER, PIXELS, NetworkInput, device_of
from pipeline.play.policies.settings import Role
from pipeline.play.simulator.rules import NOTHING, Act

Measures = dict[str, tuple[float, float]]
"""By name: the sum over examples, and how many it was taken of."""


def loss_of(
    role: Role,
    network: nn.Module,
    examples: Examples,
    dropped: np.ndarray[Any, np.dtype[np.bool_]],
    smoothing: float,
) -> tuple[Tensor, Measures]:
    """How wrong one policy is on a batch.

    Args:
        dropped: bool [n], where the last act is not told.
        smoothing: of labels.

    Returns:
        The loss to go down, and measures: `accuracy` of a strategist or tactician; of an executor
        `act` (kind, and entity or key), `kind` (select, right click or key), `click` (kind and
        entity), `key`, and `position`, by how much of a side of the map clicks are off.
    """
    features = examples.features(dropped)
    answers = answers_of(role, network, examples, features)
    weights = torch.ones(len(examples), device=device_of(network))
    return loss_of_answers(role, answers, (examples, features), weights, smoothing)


def answers_of(
    role: Role, network: nn.Module, examples: Examples, features: Features
) -> tuple[Tensor, ...]:
    """What a network answers, told the goals and targets that stood.

    Args:
        features: of the examples, with or without the last act.
    """
    device = device_of(network)
    if role == "strategist":
        given = (features.entities, features.places, features.known, features.status)
        return NetworkInput.of(given, device).ask(network)
    status = with_goal(features, examples.goals.astype(np.int64))
    if role == "tactician":
        given = (features.entities, features.places, features.known, status)
        return NetworkInput.of(given, device).ask(network)
    # Whom one knows nothing of, one does not fight; nor is it known whom before the first command.
    rows = rows_of(features, examples.targets)
    targets = np.where((rows < 0) | (examples.targets == UNLABELLED), NOTHING, examples.targets)
    entities, status = with_target(features, status, targets)
    given = (entities, features.places, features.known, status)
    return NetworkInput.of(given, device).ask(network)


def loss_of_answers(
    role: Role,
    answers: tuple[Tensor, ...],
    asked: tuple[Examples, Features],
    weights: Tensor,
    smoothing: float,
) -> tuple[Tensor, Measures]:
    """How wrong answers are.

    Args:
        answers: of `answers_of`, on the device of the weights.
        asked: what it was given.
        weights: float32 [n], what each example counts.
        smoothing: of labels.
    """
    examples, features = asked
    if role == "strategist":
        return _named(answers[0], examples.goals, weights, smoothing)
    if role == "tactician":
        return _named(answers[0], rows_of(features, examples.targets), weights, smoothing)
    return _executed(answers, examples, features, weights, smoothing)


def _named(
    logits: Tensor, labels: Any, weights: Tensor, smoothing: float
) -> tuple[Tensor, Measures]:
    right = torch.from_numpy(np.asarray(labels, np.int64)).to(logits.device)
    loss = (_cross_entropy(logits, right, smoothing) * weights).mean()
    hits = (logits.argmax(dim=1) == right).sum().item()
    return loss, {"accuracy": (float(hits), float(len(right)))}


def _executed(
    answers: tuple[Tensor, ...],
    examples: Examples,
    features: Features,
    weights: Tensor,
    smoothing: float,
) -> tuple[Tensor, Measures]:
    """Of acting at all, and of what is done where something is."""
    acts, keys, selects, commands, clicks = answers
    device = acts.device
    actions = torch.from_numpy(examples.actions.astype(np.int64)).to(device)
    acting = actions[:, 0] != Act.NOTHING
    shifted = acts[:, 0] - math.log(examples.idle_share)
    loss = binary_cross_entropy_with_logits(shifted, acting.to(shifted.dtype), weights)
    chosen = np.flatnonzero(examples.actions[:, 0] != Act.NOTHING)
    if not len(chosen):
        return loss, {}
    done = torch.from_numpy(chosen).to(device)
    kinds = actions[done, 0]
    commanding = (kinds == Act.COMMAND)[:, None]
    pointed = torch.where(commanding, commands[done], selects[done])
    rows = torch.from_numpy(rows_of(features, examples.actions[:, 1])[chosen]).to(device)
    is_key = kinds == Act.KEY
    rows = torch.where(is_key, 0, rows)
    share = weights[done] / len(done)
    loss = loss + (_cross_entropy(acts[done, 1:], kinds - 1, smoothing) * share).sum()
    loss = loss + (_cross_entropy(pointed, rows, smoothing) * ~is_key * share).sum()
    loss = loss + (_cross_entropy(keys[done], actions[done, 4], smoothing) * is_key * share).sum()
    points, beside = (part[done] for part in _clicks(examples, features, device))
    on_map = ~is_key & (rows == 0)
    off_map = (clicks[done, :2] - points).abs().sum(dim=1)
    off_entity = (clicks[done, 2:] - beside).abs().sum(dim=1) / MAP_SIDE
    aimed = ~is_key & (rows > 0)
    loss = (
        loss
        + 2 * (off_map * on_map * share).sum()
        + (off_entity * aimed * share).sum() * (MAP_SIDE / PIXELS / 20)
    )
    with torch.no_grad():
        named = acts[done, 1:].argmax(dim=1) == kinds - 1
        found = pointed.argmax(dim=1)
        entity = found == rows
        key = keys[done].argmax(dim=1) == actions[done, 4]
        places = torch.from_numpy(features.places[chosen]).to(device)
        away = _position_errors(places, found, rows, clicks[done], points)
        clicked = float((~is_key).sum())
        measures = {
            "act": (float((named & torch.where(is_key, key, entity)).sum()), float(len(done))),
            "kind": (float(named.sum()), float(len(done))),
            "click": (float((named & entity & ~is_key).sum()), clicked),
            "key": (float((key & is_key).sum()), float(is_key.sum())),
            "position": (float((away * ~is_key).sum()), clicked),
        }
    return loss, measures


def _clicks(examples: Examples, features: Features, device: torch.device) -> tuple[Tensor, Tensor]:
    """Points of the map as shares of its side, and pixels beside entities, both as turned."""
    places = examples.actions[:, 2:4]
    points = turn_points(places, features.turned).astype(np.float32) / (MAP_SIDE - 1)
    beside = np.where(features.turned[:, None], -places, places).astype(np.float32)
    return torch.from_numpy(points).to(device), torch.from_numpy(beside).to(device)


def _position_errors(
    places: Tensor, found: Tensor, rows: Tensor, clicks: Tensor, points: Tensor
) -> Tensor:
    """How far apart clicks are, in sides of the map; pixels beside entities left aside.

    Args:
        places: of entities, [n, rows, 2].
    """
    each = torch.arange(len(rows), device=rows.device)

    def where(row: Tensor, point: Tensor) -> Tensor:
        return torch.where((row > 0)[:, None], places[each, (row - 1).clamp(min=0)], point)

    return (where(found, clicks[:, :2]) - where(rows, points)).norm(dim=1)


def _cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """With smoothed labels, over what can be right alone: rows that are no entity have no part."""
    hard = cross_entropy(logits, labels, reduction="none")
    if smoothing == 0:
        return hard
    possible = logits > NEVER / 2
    logs = torch.where(possible, logits.log_softmax(dim=1), 0.0)
    even = -logs.sum(dim=1) / possible.sum(dim=1)
    return (1 - smoothing) * hard + smoothing * even
