"""What the player's loop holds: it hands over what it sees, and takes newer weights.

    with Shadow.start(task) as shadow:
        while playing:
            shadow.watch(Tick(...))  # never waits
            shadow.exchange(player)  # between two actions

A trainer that fails or dies says so once, in `trouble`; play goes on with the weights in use.
"""

from __future__ import annotations

from collections.abc import Callable

from detector_runtime.policies.networks import PolicyNetworks
from detector_runtime.policies.player import PolicyPlayer

from pipeline.play.background.trainer import BackgroundTrainer
from pipeline.play.shadow.moments import Tick
from pipeline.play.shadow.trainer import Learned, TrainerTask

OnLearned = Callable[[Learned], None]
"""Is told in a thread of its own; must be quick."""


class Shadow(BackgroundTrainer[Tick]):
    """A trainer beside somebody's play.

    Attributes:
        networks: the newest weights.
        missed: ticks that were not watched, because too many waited.
    """

    def __init__(self, task: TrainerTask, on_learned: OnLearned) -> None:
        """Use `start`."""
        self._used: PolicyNetworks | None = None
        super().__init__(task, on_learned)

    @classmethod
    def start(cls, task: TrainerTask, on_learned: OnLearned = lambda _news: None) -> Shadow:
        """Start a trainer; returns when it can learn, or has failed.

        Raises:
            ModelLoadError: the policies are absent, damaged, or made for something else.
        """
        return cls(task, on_learned)

    def watch(self, tick: Tick, *, patient: bool = False) -> None:
        """Hand over a tick, which is copied.

        Args:
            patient: wait while too many ticks wait; for play that is not live.
        """
        self.give(tick.copy(), patient=patient)

    def exchange(self, player: PolicyPlayer) -> bool:
        """Give a player the newest weights, between two of its actions; whether there were any."""
        newest = self.networks
        if newest is self._used:
            return False
        player.exchange(newest)
        self._used = newest
        return True

    def _take(self, told: Learned) -> None:
        if told.weights is not None:
            self.networks = self.networks.with_weights({told.role: told.weights})
        super()._take(told)
