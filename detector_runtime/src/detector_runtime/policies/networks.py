"""The three networks as ONNX files, and what each is asked.

Every file names its role in its metadata (`policy`), the version of what it is given (`features`)
and the ticks by which it saw late when it learned (`delay`); and where it comes from
(`outpost_game`, `outpost_rules`, `outpost_sessions`), which older ones do not. All inputs are
float32 [n, ...] but `known`, bool; n, and the number of rows of entities, are free::

    strategist.onnx   entities, places, known, status  -> goals [n, 5]
    tactician.onnx    the same, and a goal in status   -> targets [n, 1 + rows]
    executor.onnx     the same, and a target           -> acts [n, 4], keys [n, 5],
                      selects, commands [n, 1 + rows], clicks [n, 4]

All answers are logits, but for `clicks`: a point of the map, 0 to 1, and pixels beside an entity.
The first of `acts` is the logit of acting at all in this tick, the others of what is done then.
Column 0 of what points at entities is nobody, or a point of the map.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from detector_runtime.errors import ModelLoadError, ModelOutputError
from detector_runtime.models.onnx import OnnxOptions, metadata_of, model_bytes, open_session
from detector_runtime.policies.features import (
    ENTITY_FEATURES,
    GOAL_FEATURES,
    STATUS_FEATURES,
    TARGET_FEATURES,
    Features,
    Floats,
    with_goal,
    with_target,
)
from detector_runtime.policies.known import Numbers

FEATURES_VERSION = 1
ROLES = ("strategist", "tactician", "executor")
FILES = {role: f"{role}.onnx" for role in ROLES}
ROLE_KEY, FEATURES_KEY, DELAY_KEY = "policy", "features", "delay"
GAME_KEY, RULES_KEY, SESSIONS_KEY = "outpost_game", "outpost_rules", "outpost_sessions"
"""The game, and digests: of its rules, and of the sessions that were learned from."""
INPUTS = ("entities", "places", "known", "status")
OUTPUTS = {
    "strategist": ("goals",),
    "tactician": ("targets",),
    "executor": ("acts", "keys", "selects", "commands", "clicks"),
}
WIDTHS = {
    "strategist": (ENTITY_FEATURES, STATUS_FEATURES),
    "tactician": (ENTITY_FEATURES, STATUS_FEATURES + GOAL_FEATURES),
    "executor": (
        ENTITY_FEATURES + TARGET_FEATURES,
        STATUS_FEATURES + GOAL_FEATURES + TARGET_FEATURES,
    ),
}
"""Features of an entity and of the status, by role."""
MOST_DELAY = 40
TRAIN_AGAIN = "Train the three policies again, in one folder: outpost play clone."


class TrainedTo(NamedTuple):
    """What three policies that play together must say alike; see `PolicyNetworks`."""

    delay: int
    game: str
    rules: str


@dataclass(frozen=True, eq=False)
class ActLogits:
    """What the executor answers, as the module says: float32 [n, ...]."""

    acts: Floats
    keys: Floats
    selects: Floats
    commands: Floats
    clicks: Floats


class PolicyNetworks:
    """Three sessions of onnxruntime. A process that was forked opens its own.

    Attributes:
        delay: ticks, of which a second has 20, by which what they are given was late in training.
        game, rules: what they were made to play, and the digest of its rules; empty in files of
            before this was said.
    """

    def __init__(
        self, sessions: dict[str, Any], facts: TrainedTo, weights: dict[str, dict[str, Floats]]
    ) -> None:
        """
        Args:
            facts: what all three say.
            weights: by role and name, in place of those in its file, which must name them as
                inputs too.
        """
        self._sessions = sessions
        self._weights = weights
        self._facts = facts
        self.delay, self.game, self.rules = facts

    @classmethod
    def load(cls, folder: Path | str, options: OnnxOptions | None = None) -> PolicyNetworks:
        """Open the three from their folder.

        Args:
            options: threads and spinning; one thread by default, which is the fastest here.

        Raises:
            ModelLoadError: one is absent, damaged, in another's place, or was made for something
                else; or they were not trained together.
        """
        return cls.open({name: Path(folder) / name for name in FILES.values()}, options)

    @classmethod
    def open(
        cls, models: Mapping[str, Path | bytes], options: OnnxOptions | None = None
    ) -> PolicyNetworks:
        """Open the three from their files, or the bytes of these; see `load`.

        Args:
            models: by the names of the files.
        """
        chosen = options or OnnxOptions(threads=1, spinning=False)
        sessions, facts = {}, []
        for role, name in FILES.items():
            session = open_session(model_bytes(models[name], name), name, chosen)
            facts.append(_facts_of(session, role, name))
            sessions[role] = session
        return cls(sessions, _shared(facts), {})

    def with_weights(self, weights: dict[str, dict[str, Floats]]) -> PolicyNetworks:
        """These networks with other weights of some: nothing is loaded, these stay as they are."""
        return PolicyNetworks(self._sessions, self._facts, {**self._weights, **weights})

    def goals(self, features: Features) -> Floats:
        """Logits of goals, float32 [n, 5]."""
        (goals,) = self._ask("strategist", features, features.entities, features.status)
        return goals

    def targets(self, features: Features, goals: Numbers) -> Floats:
        """Logits of nobody and of each row, float32 [n, 1 + rows].

        Args:
            goals: int [n].
        """
        status = with_goal(features, goals)
        (targets,) = self._ask("tactician", features, features.entities, status)
        return targets

    def acts(self, features: Features, goals: Numbers, targets: Numbers) -> ActLogits:
        """What to do.

        Args:
            goals, targets: int [n]; a target is a slot, or `known.NO_TARGET`.
        """
        entities, status = with_target(features, with_goal(features, goals), targets)
        return ActLogits(*self._ask("executor", features, entities, status))

    def close(self) -> None:
        """Frees the sessions; these are of no use afterwards, nor are those with other weights."""
        self._sessions.clear()

    def _ask(self, role: str, features: Features, entities: Floats, status: Floats) -> list[Floats]:
        given = (entities, features.places, features.known, status)
        answers: list[Floats] = self._sessions[role].run(
            list(OUTPUTS[role]),
            {**dict(zip(INPUTS, given)), **self._weights.get(role, {})},  # noqa: B905
        )
        return answers


def _shared(facts: list[TrainedTo]) -> TrainedTo:
    """What all three say; of game and rules nothing where one does not say it."""
    delays, games, rules = (set(values) for values in zip(*facts))  # noqa: B905
    if len(delays) > 1:
        raise ModelLoadError("the three policies see with different delays", TRAIN_AGAIN)
    if len(games - {""}) > 1 or len(rules - {""}) > 1:
        raise ModelLoadError("the three policies were made for different games", TRAIN_AGAIN)
    return TrainedTo(delays.pop(), min(games), min(rules))


def _facts_of(session: Any, role: str, name: str) -> TrainedTo:
    """What a network says of itself, which is looked through first."""
    metadata = metadata_of(session, name)
    if metadata.get(ROLE_KEY) != role:
        raise ModelLoadError(
            f"{name} is no {role}: it says '{metadata.get(ROLE_KEY)}'", TRAIN_AGAIN
        )
    if metadata.get(FEATURES_KEY) != str(FEATURES_VERSION):
        raise ModelLoadError(
            f"{name} is given version {metadata.get(FEATURES_KEY)} of the features, and this "
            f"runtime makes version {FEATURES_VERSION}",
            "Update the runtime, or train the policies again.",
        )
    inputs = {one.name: one.shape for one in session.get_inputs()}
    outputs = tuple(one.name for one in session.get_outputs())
    if set(inputs) != set(INPUTS) or outputs != OUTPUTS[role]:
        raise ModelLoadError(f"{name} has other inputs and outputs than a {role}", TRAIN_AGAIN)
    widths = (inputs["entities"][-1], inputs["status"][-1])
    if widths != WIDTHS[role]:
        raise ModelLoadError(
            f"{name} takes {widths} features in place of {WIDTHS[role]}", TRAIN_AGAIN
        )
    delay = metadata.get(DELAY_KEY, "")
    if not delay.isdecimal() or int(delay[:9]) > MOST_DELAY:
        raise ModelLoadError(f"{name} does not say with what delay it sees", TRAIN_AGAIN)
    return TrainedTo(int(delay), metadata.get(GAME_KEY, ""), metadata.get(RULES_KEY, ""))


def check_answers(logits: ActLogits) -> None:
    """Raise ModelOutputError where the executor's answers are no numbers."""
    import numpy as np

    for name in OUTPUTS["executor"]:
        if not np.isfinite(getattr(logits, name)).all():
            raise ModelOutputError(f"'{name}' of the executor are not finite", TRAIN_AGAIN)
