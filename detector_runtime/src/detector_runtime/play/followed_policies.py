"""The policies in use in a folder, exchanged for each newer ones between two actions."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from detector_runtime.errors import ConfigurationError, DetectorError
from detector_runtime.models.onnx import OnnxOptions
from detector_runtime.policies.known import Numbers
from detector_runtime.policies.networks import PolicyNetworks
from detector_runtime.policies.player import PolicyPlayer
from detector_runtime.policies.policy_model import GameRules, PolicyModel
from detector_runtime.released.kinds import POLICIES
from detector_runtime.updates.checking import UpdatePolicy
from detector_runtime.updates.reloading import ModelInUse, Watcher
from detector_runtime.updates.updater import ModelUpdater

logger = logging.getLogger("detector_runtime")


def follow_policies(
    folder: str | os.PathLike[str],
    plays: GameRules,
    source: str | os.PathLike[str] | None = None,
    channel: str | None = None,
    keys: str | os.PathLike[str] | None = None,
    *,
    policy: UpdatePolicy | None = None,
    options: OnnxOptions | None = None,
    watch: bool = True,
) -> FollowedPolicies:
    """The policies of a folder, exchanged for each newer ones by themselves.

    The first ones are waited for. Later ones are asked for once a day at most, by a thread.

    Args:
        folder, source, channel, keys: see `ModelUpdater`.
        plays: the game, and the rules by which it is played: no other policies are taken.
        policy: how the folder is kept up to date; `plays` counts in it in any case.
        options: how the networks run; one thread by default.
        watch: whether newer ones are looked for; else only what other programs bring is used.

    Raises:
        UpdateError: none are there, and none could be fetched.
        ModelLoadError: neither those in use nor any before them can be opened, or they play
            something else.
        ConfigurationError: the folder keeps other models, or an address cannot be used.
    """
    chosen = replace(policy or UpdatePolicy(), plays=plays)
    updater = ModelUpdater(folder, source, channel, keys, policy=chosen)
    networks = options or OnnxOptions(threads=1, spinning=False)
    return updater.with_first(lambda: FollowedPolicies(updater, plays, networks, watch=watch))


class FollowedPolicies:
    """Policies of a folder, whichever are in use. Made by `follow_policies`.

    A process that was forked makes its own.
    """

    def __init__(
        self, updater: ModelUpdater, plays: GameRules, options: OnnxOptions, *, watch: bool
    ) -> None:
        self._plays = plays
        self._in_use = ModelInUse(updater, POLICIES, options)
        self._model = self._in_use.first()
        self._model.require_plays(plays)
        self._answered = False
        self._watcher = Watcher(self, updater, asks=watch)
        self._watcher.begin()

    @property
    def model(self) -> PolicyModel:
        """Those in use at this moment."""
        return self._model

    def player(self, games: int = 1, seed: int = 0) -> FollowingPlayer:
        """A player that goes on with newer policies; see `PolicyPlayer`."""
        return FollowingPlayer(self, games, seed)

    def look_for_another_model(self) -> None:
        """Go on with the policies that are in use in the folder by now, if they are others."""
        try:
            found = self._in_use.another()
            if found is None:
                return
            installed, model = found
            self._require_of_use(model)
        except DetectorError as error:
            logger.warning("The next policies cannot be used: %s", error)
            return
        # Those before are freed when no player uses them any more.
        self._model = model
        self._in_use.take(installed)
        self._answered = False
        logger.info("Using policies %s", installed.name)

    def note_that_it_worked(self) -> None:
        """Remember that the policies answered, for `ModelUpdater.rollback`."""
        if self._answered:
            self._in_use.note_that_it_worked()

    def has_answered(self, networks: PolicyNetworks) -> None:
        """Networks have decided; told by players."""
        if networks is self._model.networks:
            self._answered = True

    def close(self) -> None:
        """Ends the thread; players go on with the policies that they have."""
        self._watcher.end()
        self.note_that_it_worked()

    def _require_of_use(self, model: PolicyModel) -> None:
        """See that a program that runs can go on with policies."""
        model.require_plays(self._plays)
        before, after = self._model.networks.delay, model.networks.delay
        if before != after:
            raise ConfigurationError(
                f"they see {after} ticks late, and those in use {before}",
                "Start the program again, and give them what was known so many ticks ago.",
            )


class FollowingPlayer(PolicyPlayer):
    """A player with the policies that are in use. Made by `FollowedPolicies.player`."""

    def __init__(self, policies: FollowedPolicies, games: int, seed: int) -> None:
        super().__init__(policies.model.networks, games, seed)
        self._policies = policies

    def act(self, entities: Numbers, status: Numbers, running: Any = None) -> npt.NDArray[np.int32]:
        """What to do in this tick, by the policies in use when it begins; see `PolicyPlayer`."""
        networks = self._policies.model.networks
        self.exchange(networks)
        actions = super().act(entities, status, running)
        self._policies.has_answered(networks)
        return actions
