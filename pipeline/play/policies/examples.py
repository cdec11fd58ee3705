"""What each policy learns from: views of recorded play at its own rate, with what was right then.

Whom a player fights is known by hindsight: it is the entity of its next right click, where that
comes within five seconds, and of its last one otherwise.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from detector_runtime.policies.features import Features, features_of
from detector_runtime.policies.known import Deeds, deeds_before
from detector_runtime.policies.player import STRATEGIST_TICKS, TACTICIAN_TICKS

from pipeline.errors import OutpostError
from pipeline.play.demonstrations import UNSTATED, Demonstration
from pipeline.play.policies.hindsight import by_hindsight
from pipeline.play.policies.settings import Role
from pipeline.play.simulator.observation import Column
from pipeline.play.simulator.rules import NOTHING, TICKS_A_SECOND, Act

FORESIGHT = 5 * TICKS_A_SECOND
"""Ticks before a right click in which the player is after its target already."""
UNLABELLED = -2
"""A target of which nothing is known."""


class ExamplesError(OutpostError):
    """Demonstrations that nothing can be learned from."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Moments of play, one a row.

    Attributes:
        entities: int16 [n, slots, 12], as `demonstrations.Demonstration`, and status, int32 [n, 4]:
            as old as the delay.
        deeds: what had been done before.
        goals: int8 [n]: the one that the strategist is to name, or that it had named last.
        targets: int16 [n], slot, NOTHING for nobody, or UNLABELLED: the one that the tactician is
            to name, or that it had named last.
        actions: int32 [n, 5].
        idle_share: of all moments in which nothing was done, how many are here.
    """

    entities: npt.NDArray[np.int16]
    status: npt.NDArray[np.int32]
    deeds: Deeds
    goals: npt.NDArray[np.int8]
    targets: npt.NDArray[np.int16]
    actions: npt.NDArray[np.int32]
    idle_share: float = 1.0

    def __len__(self) -> int:
        return len(self.status)

    def rows(self, chosen: Any) -> Examples:
        """Some of them."""
        return Examples(
            self.entities[chosen],
            self.status[chosen],
            self.deeds.rows(chosen),
            self.goals[chosen],
            self.targets[chosen],
            self.actions[chosen],
            self.idle_share,
        )

    def features(self, dropped: npt.NDArray[np.bool_] | None = None) -> Features:
        """What the networks are told of them."""
        return features_of(self.entities, self.status, self.deeds, dropped)


def split_sessions(
    demonstrations: Sequence[Demonstration], held_out: float
) -> tuple[list[Demonstration], list[Demonstration]]:
    """Those to learn from, and those to measure on; which, follows from their names alone.

    Raises:
        ExamplesError: fewer than two sessions, or two of one name.
    """
    names = {one.name for one in demonstrations}
    if len(demonstrations) < 2 or len(names) < len(demonstrations):
        raise ExamplesError(
            f"{len(demonstrations)} sessions with {len(names)} names cannot be split into those to "
            "learn from and those to measure on.",
            "Record at least two sessions, each under a name of its own.",
        )
    ordered = sorted(demonstrations, key=lambda one: hashlib.sha256(one.name.encode()).hexdigest())
    count = min(max(1, math.ceil(held_out * len(ordered))), len(ordered) - 1)
    return ordered[count:], ordered[:count]


def strategist_examples(demonstrations: Sequence[Demonstration], delay: int) -> Examples:
    """Moments a second apart of which the goal is stated."""

    def ticks(shown: Demonstration) -> npt.NDArray[np.int_]:
        every = np.arange(0, len(shown), STRATEGIST_TICKS)
        stated = shown.goals[every] != UNSTATED
        return np.asarray(every[stated])

    return joined([_moments(shown, ticks(shown), delay) for shown in demonstrations], "strategist")


def tactician_examples(demonstrations: Sequence[Demonstration], delay: int) -> Examples:
    """Moments a fifth of a second apart of which the target is known, and known to the player."""
    parts = [
        _moments(shown, np.arange(0, len(shown), TACTICIAN_TICKS), delay)
        for shown in demonstrations
    ]
    return joined([part.rows(is_pointed(part, part.targets)) for part in parts], "tactician")


def executor_examples(
    demonstrations: Sequence[Demonstration], delay: int, others_per_act: float, seed: int
) -> Examples:
    """All moments in which something was done, and some of those in which nothing was.

    A click on an entity that the player could not know of is left out.
    """
    acting = joined([_acting(shown, delay) for shown in demonstrations], "executor")
    idle = np.concatenate([shown.actions[:, 0] == Act.NOTHING for shown in demonstrations])
    waits = np.flatnonzero(idle)
    count = min(len(waits), max(1, round(others_per_act * len(acting))))
    rng = np.random.default_rng([seed, 1])
    chosen = np.sort(rng.choice(waits, count, replace=False)) if len(waits) else waits
    ends = np.cumsum([len(shown) for shown in demonstrations])
    parts = [acting]
    for shown, end in zip(demonstrations, ends.tolist(), strict=True):
        begin = end - len(shown)
        parts.append(_moments(shown, chosen[(chosen >= begin) & (chosen < end)] - begin, delay))
    whole = joined(parts, "executor")
    return replace(whole, idle_share=count / len(waits) if len(waits) else 1.0)


def examples_of(
    role: Role,
    demonstrations: Sequence[Demonstration],
    *,
    delay: int,
    others_per_act: float,
    seed: int,
) -> Examples:
    """What one policy learns from.

    Raises:
        ExamplesError: nothing of it was shown.
    """
    if role == "strategist":
        return strategist_examples(demonstrations, delay)
    if role == "tactician":
        return tactician_examples(demonstrations, delay)
    return executor_examples(demonstrations, delay, others_per_act, seed)


def targets_by_hindsight(actions: npt.NDArray[np.int32]) -> npt.NDArray[np.int16]:
    """Whom a player is after in each tick of a game.

    Args:
        actions: int32 [ticks, 5].

    Returns:
        int16 [ticks]: slot, NOTHING for a point of the map, or UNLABELLED.
    """
    commands = np.flatnonzero(actions[:, 0] == Act.COMMAND)
    entities = actions[commands, 1].astype(np.int16)
    return by_hindsight(len(actions), commands, entities, FORESIGHT, UNLABELLED)


def _moments(shown: Demonstration, ticks: npt.NDArray[np.int_], delay: int) -> Examples:
    """Some ticks of a session, with the goal and target that its player had last set."""
    return moments_at(shown, targets_by_hindsight(shown.actions), ticks, delay)


def moments_at(
    shown: Demonstration,
    targets: npt.NDArray[np.int16],
    ticks: npt.NDArray[np.int_],
    delay: int,
) -> Examples:
    """Some ticks of a session.

    Args:
        targets: int16 [all ticks], whom the player is after; one that was set between two questions
            to a tactician counts from the next one on.
        ticks: int [n].

    Returns:
        n of them, with the goal and target that the player had last set.
    """
    seen = np.maximum(ticks - delay, 0)
    return Examples(
        shown.entities[seen],
        shown.status[seen],
        deeds_before(shown.actions).rows(ticks),
        shown.goals[ticks - ticks % STRATEGIST_TICKS],
        targets[ticks - ticks % TACTICIAN_TICKS],
        shown.actions[ticks],
    )


def _acting(shown: Demonstration, delay: int) -> Examples:
    moments = _moments(shown, np.flatnonzero(shown.actions[:, 0] != Act.NOTHING), delay)
    keys = moments.actions[:, 0] == Act.KEY
    return moments.rows(keys | is_pointed(moments, moments.actions[:, 1]))


def is_pointed(moments: Examples, slots: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Whether nobody is meant, or somebody of whom the player knows."""
    present = moments.entities[:, :, Column.ID] == slots[:, None]
    return np.asarray((slots == NOTHING) | ((slots >= 0) & present.any(axis=1)))


def joined(parts: Sequence[Examples], role: Role) -> Examples:
    """Several as one.

    Raises:
        ExamplesError: there are none.
    """
    if not sum(len(part) for part in parts):
        raise ExamplesError(
            f"The sessions show nothing that a {role} can learn.",
            "Record sessions in which somebody plays: right clicks and keys.",
        )
    return _one_after_the_other(parts)


def latest(parts: Sequence[Examples], count: int) -> Examples:
    """The last so many of examples that come after each other."""
    whole = replace(_one_after_the_other(parts), idle_share=parts[0].idle_share)
    return whole.rows(slice(max(0, len(whole) - count), None))


def _one_after_the_other(parts: Sequence[Examples]) -> Examples:
    deeds = [
        np.concatenate([getattr(part.deeds, field.name) for part in parts])
        for field in fields(Deeds)
    ]
    return Examples(
        np.concatenate([part.entities for part in parts]),
        np.concatenate([part.status for part in parts]),
        Deeds(*deeds),
        np.concatenate([part.goals for part in parts]),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.actions for part in parts]),
    )


def examples_at(
    role: Role, shown: Demonstration, ticks: npt.NDArray[np.int_], delay: int
) -> Examples:
    """What one policy learns from some ticks of a session, of which the others are known too.

    Args:
        ticks: int [n], rising; those between two questions to a policy are left out.

    Returns:
        As many as there are; there may be none.
    """
    apart = {"strategist": STRATEGIST_TICKS, "tactician": TACTICIAN_TICKS, "executor": 1}[role]
    asked = ticks[ticks % apart == 0]
    moments = _moments(shown, asked, delay)
    if role == "strategist":
        return moments.rows(moments.goals != UNSTATED)
    if role == "tactician":
        return moments.rows(is_pointed(moments, moments.targets))
    clicks = np.isin(moments.actions[:, 0], (Act.SELECT, Act.COMMAND))
    return moments.rows(~clicks | is_pointed(moments, moments.actions[:, 1]))
