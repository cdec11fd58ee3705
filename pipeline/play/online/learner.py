"""Policies that learn from their own play, on copies of the champion's weights; loads torch.

A folder of online learning is a folder of policies (`pipeline.play.policies.cloning`) with the
champion's weights, `candidate` with the newest ones, and `online.json`. What is learned of given
ticks is the same every time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.files import make_room, replacing, write_json, write_text
from pipeline.play.background.exchange import weights_of
from pipeline.play.background.student import Student, digest_of_policies
from pipeline.play.online.advantage_learner import AdvantageLearner
from pipeline.play.online.curves import online_curves
from pipeline.play.online.guard import Guard, Verdict
from pipeline.play.online.history import OnlineHistory, ReturnComparison
from pipeline.play.online.messages import (
    Candidate,
    Compared,
    Decided,
    GameEnded,
    News,
    OnlineItem,
    Settle,
    Settled,
)
from pipeline.play.online.outcomes.events import counts_of
from pipeline.play.online.own_play import OwnGame, OwnPlayError, OwnTick, Sessions, moments_of
from pipeline.play.online.settings import OnlineSettings
from pipeline.play.policies.checkpoints import BEST, file_of, read_checkpoint
from pipeline.play.policies.cloning import (
    CLONE_FILE,
    CURVES_FILE,
    ROLES,
    ClonedPolicies,
    unwritable,
)
from pipeline.play.policies.onnx_files import export_policy, onnx_file
from pipeline.play.policies.training import network_of

CANDIDATE = "candidate"


class OnlineLearner:
    """Takes play and comparisons, trains when enough games have ended, and decides by the guard.

    Attributes:
        history: what has happened.
    """

    def __init__(
        self,
        learners: Sequence[AdvantageLearner],
        settings: OnlineSettings,
        delay: int,
        folder: Path,
    ) -> None:
        self.history = OnlineHistory.read(folder)
        self._learners = learners
        self._settings = settings
        self._delay = delay
        self._folder = folder
        self._sessions = Sessions()
        self._counts: Counter[str] = Counter()
        self._guard = self._fresh_guard()
        for comparison in self.history.current():
            self._guard.add(comparison.candidate - comparison.champion)
        if self.history.pending is not None:
            self._carry_out()
        # One that was begun earlier is tried on.
        self._untold = [self._candidate(())] if self.history.trainings else []

    @classmethod
    def start(cls, policies: Path, settings: OnlineSettings, folder: Path) -> OnlineLearner:
        """Take policies from a folder, or go on where that was interrupted.

        Args:
            policies: as `cloning.clone` has filled it.
            folder: of what comes of it.

        Raises:
            PolicyCheckpointError: a checkpoint is damaged, or something else was learned into it.
            CloneError: the policies do not say how they were made, or the folder cannot be written
                to.
            OnlineHistoryError: the folder does not say what was learned into it.
        """
        cloned = ClonedPolicies.read(policies)
        facts = {
            "online": settings.model_dump(mode="json"),
            "policies": digest_of_policies(policies),
        }
        try:
            learners = []
            for role in ROLES:
                saved = read_checkpoint(file_of(policies / role, BEST), role)
                network = network_of(saved, cloned.settings)
                student = Student(role, network, cloned.settings, facts, folder)
                learners.append(AdvantageLearner(student, settings, cloned.settings))
            with replacing(folder / CLONE_FILE) as fresh:
                write_json(fresh, cloned.model_dump(mode="json"))
            return cls(learners, settings, cloned.settings.delay, folder)
        except OSError as error:
            raise unwritable(folder, error) from error

    def take(self, item: OnlineItem) -> Iterator[News]:
        """Learn from an item; what is new.

        Raises:
            OwnPlayError: play of another game, or returns that are no numbers.
            PolicyTrainingError: weights have become no numbers.
            CloneError: the folder cannot be written to.
        """
        untold, self._untold = self._untold, []
        yield from untold
        try:
            if isinstance(item, OwnTick):
                if self._sessions.add(item):
                    yield from self._learn_from(item.session)
            elif isinstance(item, GameEnded):
                yield from self._end(item)
            elif isinstance(item, Compared):
                yield from self._compare(item)
            else:
                yield from self._settle(item)
        except OSError as error:
            raise unwritable(self._folder, error) from error

    def _end(self, item: GameEnded) -> Iterator[News]:
        if item.is_whole:
            yield from self._learn_from(item.session)
        else:
            self._sessions.take(item.session)

    def _learn_from(self, session: str) -> Iterator[News]:
        ticks = self._sessions.take(session)
        if len(ticks) <= self._delay + 1:  # It has just been learned from, to its last tick.
            return
        game = OwnGame.of(ticks, self._delay)
        self._counts += Counter(counts_of(game.events))
        for learner in self._learning:
            role = learner.student.role
            learner.add(moments_of(role, game, self._settings, self._delay))
        games = self.history.games + 1
        self.history = self.history.model_copy(update={"games": games})
        if games % self._settings.games == 0:
            yield from self._train()

    def _train(self) -> Iterator[News]:
        training, games = self.history.trainings + 1, self.history.games
        rate = self._settings.learning_rate * 0.5**self.history.rollbacks
        trained = [one.train(training, games, rate) for one in self._learning]
        updates = tuple(update for update in trained if update is not None)
        if not updates:
            return
        self.history = self.history.with_updates(updates)
        self._write()
        yield self._candidate(tuple(update.model_dump() for update in updates))

    def _compare(self, item: Compared) -> Iterator[News]:
        """Tell the guard; games of a candidate that is no more say nothing of this one."""
        if item.test != self.history.test:
            return
        lead = item.candidate - item.champion
        if not math.isfinite(lead):
            raise OwnPlayError(
                f"The guard cannot compare returns of {item.champion} and {item.candidate}.",
                "Hand over what the game itself says of its end, as two numbers.",
            )
        verdict = self._guard.add(lead)
        is_newest = item.training == self.history.trainings
        if verdict == "better" and not is_newest:  # What is kept has played itself.
            verdict = "go on"
        self.history = self.history.with_comparison(self._comparison(item, verdict))
        if verdict != "go on":
            yield self._decide(verdict)

    def _decide(self, verdict: Verdict) -> Decided:
        leads = [one.candidate - one.champion for one in self.history.current()]
        # Three policies are written one after another; who is killed meanwhile begins here again.
        self.history = self.history.model_copy(update={"pending": verdict})
        self.history.write(self._folder)
        self._carry_out()
        return Decided(self.history.test, verdict, len(leads), sum(leads) / len(leads))

    def _carry_out(self) -> None:
        """Do as was decided; doing it again makes no difference."""
        verdict = self.history.pending
        for learner in self._learning:
            if verdict == "better":
                learner.student.take()
            else:
                learner.forget()
        self.history = self.history.model_copy(
            update={
                "test": self.history.test + 1,
                "rollbacks": self.history.rollbacks + (verdict == "worse"),
                "pending": None,
            }
        )
        self._guard = self._fresh_guard()
        self._write()

    def _settle(self, item: Settle) -> Iterator[News]:
        self._write()
        yield Settled(item.number)

    @property
    def _learning(self) -> list[AdvantageLearner]:
        return [one for one in self._learners if one.student.role in self._settings.roles]

    def _fresh_guard(self) -> Guard:
        return Guard(self.history.test, self._settings.error, self._settings.bound)

    def _comparison(self, item: Compared, verdict: Verdict) -> ReturnComparison:
        return ReturnComparison(
            test=item.test,
            training=item.training,
            games=self.history.games,
            champion=round(item.champion, 6),
            candidate=round(item.candidate, 6),
            worse=round(self._guard.worse.log_capital, 6),
            better=round(self._guard.better.log_capital, 6),
            limit=round(self._guard.log_limit, 6),
            verdict=verdict,
        )

    def _candidate(self, updates: tuple[dict[str, Any], ...]) -> Candidate:
        """The newest weights, written and told."""
        folder = self._folder / CANDIDATE
        make_room(folder / CLONE_FILE)
        for learner in self._learners:
            export_policy(learner.student.copy, self._delay, folder)
        outcomes = {name: self._counts[name] for name in counts_of(())}
        self._counts = Counter()
        return Candidate(
            self.history.test,
            self.history.trainings,
            {
                one.student.role: weights_of(onnx_file(folder, one.student.role))
                for one in self._learners
            },
            updates,
            outcomes,
        )

    def _write(self) -> None:
        """All that going on takes."""
        for learner in self._learning:
            learner.student.write_copy()
        self.history.write(self._folder)
        with replacing(self._folder / CURVES_FILE) as fresh:
            write_text(fresh, online_curves(self.history))
