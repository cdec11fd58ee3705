"""Three policies as one player: what is known goes in, an action comes out, twenty times a second.

    player = PolicyPlayer(PolicyNetworks.load("policies"))
    action = player.act(entities, status)[0]

The strategist is asked in every 20th tick, the tactician in every fourth, the executor in all. What
is known may be older than the tick: policies are trained for `PolicyNetworks.delay` ticks of that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from detector_runtime.errors import ConfigurationError
from detector_runtime.policies.features import (
    Features,
    Floats,
    features_of,
    rows_of,
    turn_points,
)
from detector_runtime.policies.known import (
    ACT,
    ACTION_SIZE,
    CLICK_X,
    CLICK_Y,
    COLUMNS,
    ENTITY,
    KEY,
    MAP_SIDE,
    NO_ACT,
    NO_TARGET,
    PRESS,
    SELECT,
    Deeds,
    Numbers,
)
from detector_runtime.policies.networks import ActLogits, PolicyNetworks, check_answers

STRATEGIST_TICKS, TACTICIAN_TICKS = 20, 4
"""From one question to the next; a second has 20 ticks."""
FARTHEST_BESIDE = 60
"""Pixels from an entity that a click on it may land."""


class PolicyPlayer:
    """Plays any number of games at once. Not for several threads.

    Attributes:
        goals: int [games], what each is after, 0 to 4.
        targets: int [games], slot of whom each fights, or NO_TARGET.
    """

    def __init__(self, networks: PolicyNetworks, games: int = 1, seed: int = 0) -> None:
        """
        Args:
            games: how many.
            seed: of all chance: whether to act in a tick is drawn, and what kind of act.
        """
        self._networks = networks
        self._random = np.random.default_rng(seed)
        self._deeds = Deeds.none(games)
        self._tick = 0
        self.goals = np.zeros(games, np.int64)
        self.targets = np.full(games, NO_TARGET, np.int64)

    def act(self, entities: Numbers, status: Numbers, running: Any = None) -> npt.NDArray[np.int32]:
        """What to do in this tick; to be asked in every tick, once.

        Args:
            entities: int [games, slots, 12], as `known` says; or [slots, 12] with one game.
            status: int [games, 4], or [4].
            running: numbers of the games that go on; all by default. In others nothing is done.

        Returns:
            int32 [games, 5].

        Raises:
            ConfigurationError: arrays of other shapes.
            ModelOutputError: the networks give what is no number.
        """
        count = len(self.goals)
        entities, status = _as_games(entities, status, count)
        played = np.arange(count) if running is None else np.asarray(running)
        # All games draw, also those that have ended: what one does depends on no other.
        draws = self._random.random((2, count))
        actions = np.zeros((count, ACTION_SIZE), np.int32)
        actions[:, ENTITY] = NO_TARGET
        sighted = (entities[played, :, 0] >= 0).any(axis=1)
        played = played[sighted]
        if len(played):
            features = features_of(entities[played], status[played], self._deeds.rows(played))
            actions[played] = self._decide(features, played, draws[:, played])
        self._deeds = self._deeds.after(actions)
        self._tick += 1
        return actions

    def _decide(self, features: Features, played: Any, draws: Numbers) -> npt.NDArray[np.int32]:
        if self._tick % STRATEGIST_TICKS == 0:
            self.goals[played] = self._networks.goals(features).argmax(axis=1)
        goals = self.goals[played]
        if self._tick % TACTICIAN_TICKS == 0:
            rows = self._networks.targets(features, goals).argmax(axis=1)
            self.targets[played] = _slots_at(features, rows)
        # Whom one has lost sight and memory of, one cannot fight.
        targets = self.targets[played]
        targets = np.where(rows_of(features, targets) < 0, NO_TARGET, targets)
        logits = self._networks.acts(features, goals, targets)
        check_answers(logits)
        return actions_of(features, logits, draws)


def actions_of(features: Features, logits: ActLogits, draws: Numbers) -> npt.NDArray[np.int32]:
    """Actions from what the executor answers.

    Args:
        draws: [2, n], 0 to 1: whether to act is drawn by the first, what kind of act by the second.

    Returns:
        int32 [n, 5].
    """
    count = len(features.status)
    acting = draws[0] < _sigmoid(logits.acts[:, 0])
    shares = _softmax(logits.acts[:, 1:]).cumsum(axis=1)
    kinds = 1 + np.minimum((draws[1][:, None] >= shares).sum(axis=1), 2)
    actions = np.zeros((count, ACTION_SIZE), np.int32)
    actions[:, ACT] = np.where(acting, kinds, NO_ACT)
    pointed = np.where(
        kinds == SELECT, logits.selects.argmax(axis=1), logits.commands.argmax(axis=1)
    )
    clicks = acting & (kinds != PRESS)
    slots = _slots_at(features, pointed)
    actions[:, ENTITY] = np.where(clicks, slots, NO_TARGET)
    places = _places(features, logits, slots)
    actions[:, CLICK_X : CLICK_Y + 1] = np.where(clicks[:, None], places, 0)
    actions[:, KEY] = np.where(acting & (kinds == PRESS), logits.keys.argmax(axis=1), 0)
    return actions


def _places(features: Features, logits: ActLogits, slots: Numbers) -> Numbers:
    """Points of the map, or pixels beside an entity: int [n, 2]."""
    points = np.clip(np.rint(logits.clicks[:, :2] * (MAP_SIDE - 1)), 0, MAP_SIDE - 1)
    points = turn_points(points.astype(np.int32), features.turned)
    beside = np.clip(np.rint(logits.clicks[:, 2:]), -FARTHEST_BESIDE, FARTHEST_BESIDE)
    beside = np.where(features.turned[:, None], -beside, beside).astype(np.int32)
    return np.where(slots[:, None] == NO_TARGET, points, beside)


def _slots_at(features: Features, rows: Numbers) -> Numbers:
    """Slots of what the networks point at: row 0 is nobody."""
    games = np.arange(len(rows))
    found = features.slots[games, np.maximum(rows - 1, 0)]
    return np.where(rows == 0, NO_TARGET, found)


def _as_games(entities: Numbers, status: Numbers, count: int) -> tuple[Numbers, Numbers]:
    entities, status = np.asarray(entities), np.asarray(status)
    if count == 1 and entities.ndim == 2:
        entities, status = entities[None], status[None]
    is_right = entities.ndim == 3 and entities.shape[0] == count and entities.shape[2] == COLUMNS
    if not is_right or status.shape != (count, 4):
        raise ConfigurationError(
            f"entities have the shape {list(entities.shape)} and status {list(status.shape)}",
            f"Give [{count}, slots, {COLUMNS}] and [{count}, 4].",
        )
    return entities, status


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))))


def _softmax(values: Floats) -> Floats:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
