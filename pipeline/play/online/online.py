"""What the player's loop holds: it hands over its own play, and plays with what the guard allows.

    with Online.start(task) as online:
        for number in range(games):
            seat = online.candidate  # by turns with online.champion
            player = PolicyPlayer(seat.networks)
            while playing:
                seat = online.exchange(player, seat)  # between two actions; never waits
                online.watch(OwnTick(...))
            online.end(session)
            online.compare(candidate_seat, champion_return, candidate_return)

A candidate that is rolled back plays with the champion's weights from its next action on. So it
does when the trainer fails or dies, of which `trouble` tells once: nobody would notice any more
that it harms.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from detector_runtime.policies.networks import PolicyNetworks
from detector_runtime.policies.player import PolicyPlayer

from pipeline.play.background.trainer import BackgroundTrainer
from pipeline.play.online.messages import (
    Candidate,
    Compared,
    GameEnded,
    News,
    OnlineItem,
    OnlineTask,
    Settle,
    Settled,
)
from pipeline.play.online.own_play import OwnTick

OnNews = Callable[[News], None]
"""Is told in a thread of its own; must be quick."""


class Seat(NamedTuple):
    """Who plays a game.

    Attributes:
        networks: what it plays with.
        test: number of the guard's test; 0 for the champion.
        training: after which its weights were taken; 0 for those of the beginning.
    """

    networks: PolicyNetworks
    test: int
    training: int


class Online(BackgroundTrainer[OnlineItem]):
    """A trainer beside the policies' own play.

    Attributes:
        champion: the policies that are in use.
        candidate: the ones that learn; the champion until they have, and when nobody learns any
            more.
        missed: ticks that were not handed over, because too many waited; their games are left out.
    """

    def __init__(self, task: OnlineTask, on_news: OnNews) -> None:
        """Use `start`."""
        self._settled = threading.Event()
        self._torn: set[str] = set()
        self._asked = 0
        self._rolled_back = 0
        super().__init__(task, on_news)
        self.champion = Seat(self.networks, 0, 0)
        self._candidate = self.champion

    @classmethod
    def start(cls, task: OnlineTask, on_news: OnNews = lambda _news: None) -> Online:
        """Start a trainer; returns when it can learn, or has failed.

        Raises:
            ModelLoadError: the policies are absent, damaged, or made for something else.
        """
        online = cls(task, on_news)
        online.settle()  # A candidate of an earlier start is told of first.
        return online

    @property
    def candidate(self) -> Seat:
        """Who is tried."""
        return self.champion if self.trouble is not None else self._candidate

    def watch(self, tick: OwnTick, *, patient: bool = False) -> None:
        """Hand over a tick, which is copied.

        Args:
            patient: wait while too many ticks wait; for play that is not live.
        """
        if not self.give(tick.copy(), patient=patient):
            self._torn.add(tick.session)

    def end(self, session: str) -> None:
        """A game is over; it is learned from where no tick of it was missed."""
        is_whole = session not in self._torn
        self._torn.discard(session)
        self.give(GameEnded(session, is_whole), always=True)

    def compare(self, candidate: Seat, champion_return: float, candidate_return: float) -> None:
        """Tell the guard how two games ended, or two rounds of games; of the candidate first.

        Args:
            candidate: as it was when its game began; the champion's seat says nothing.
            champion_return, candidate_return: what the game itself says of its end.
        """
        if candidate.test:
            returns = (champion_return, candidate_return)
            self.give(Compared(candidate.test, candidate.training, *returns), always=True)

    def exchange(self, player: PolicyPlayer, seat: Seat) -> Seat:
        """Between two actions: give a player the champion's weights, where it may not go on.

        Returns:
            Who plays from now on.
        """
        is_over = seat.test and (seat.test <= self._rolled_back or self.trouble is not None)
        if not is_over:
            return seat
        player.exchange(self.champion.networks)
        return self.champion

    def settle(self) -> None:
        """Wait until all that was given has been learned from; for play that is not live."""
        self._asked += 1
        self._settled.clear()
        self.give(Settle(self._asked), always=True)
        while not self._is_over.is_set() and not self._settled.wait(0.05):
            pass

    def _take(self, told: News) -> None:
        if isinstance(told, Candidate):
            networks = self.champion.networks.with_weights(told.weights)
            self._candidate = Seat(networks, told.test, told.training)
        elif isinstance(told, Settled):
            if told.number == self._asked:
                self._settled.set()
            return
        elif told.verdict == "better":
            self.champion = Seat(self._candidate.networks, 0, self._candidate.training)
            self._candidate = self._candidate._replace(test=told.test)
        else:
            self._rolled_back = told.test - 1
            self._candidate = self.champion
        super()._take(told)
