"""What the process of online learning is given, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.play.background.messages import ItemLearner, Weights
from pipeline.play.online.guard import Verdict
from pipeline.play.online.own_play import OwnTick
from pipeline.play.online.settings import OnlineSettings


@dataclass(frozen=True)
class OnlineTask:
    """What a trainer is given first: arguments of `learner.OnlineLearner.start`."""

    policies: Path
    settings: OnlineSettings
    folder: Path

    def start(self) -> ItemLearner[OnlineItem]:
        """As `background.messages.TrainingTask`."""
        from pipeline.play.online.learner import OnlineLearner

        return OnlineLearner.start(self.policies, self.settings, self.folder)


@dataclass(frozen=True)
class GameEnded:
    """A game of that name is over; one of which ticks are missing is not learned from."""

    session: str
    is_whole: bool = True


@dataclass(frozen=True)
class Compared:
    """Returns of the champion and of the candidate, in the same games or in games side by side.

    Attributes:
        test: as of the `online.Seat` that played as the candidate, and its training.
    """

    test: int
    training: int
    champion: float
    candidate: float


@dataclass(frozen=True)
class Settle:
    """To be answered when all that was given before has been learned from."""

    number: int


OnlineItem = OwnTick | GameEnded | Compared | Settle


@dataclass(frozen=True, eq=False)
class Candidate:
    """Newer weights to try.

    Attributes:
        test: number of the guard's test.
        training: their number.
        weights: by role.
        updates: fields of `history.OnlineUpdate`; none where they are those of an earlier start.
        outcomes: how many of each were read since the last ones.
    """

    test: int
    training: int
    weights: dict[str, Weights]
    updates: tuple[dict[str, Any], ...]
    outcomes: dict[str, int]


@dataclass(frozen=True)
class Decided:
    """The end of a test, and what the guard has seen in it.

    Attributes:
        test: number of the next one.
        verdict: "better": the candidate is the champion now; "worse": it is no more.
        comparisons: that it took.
        lead: mean of the candidate's returns less the champion's.
    """

    test: int
    verdict: Verdict
    comparisons: int
    lead: float


@dataclass(frozen=True)
class Settled:
    """The answer to `Settle`."""

    number: int


News = Candidate | Decided | Settled
