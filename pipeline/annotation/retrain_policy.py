"""Whether new annotations are to start a training now, and why or why not.

Clocks are set, forwards and back. A training whose date lies further in the future than the rule
looks into the past was dated by a clock that was wrong, and counts no longer: so nothing waits
longer than twice what a rule says, and nothing that happened is forgotten when a clock is set back
by less. What is new is told by the order of events and not by their dates: see `RetrainState`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.games.pack import RetrainRules

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class PastTraining:
    """A training that was done, or failed, or is under way.

    Attributes:
        at: when it ended, or began where it is under way; UTC.
        usd: what it cost; None where that is not known, as while it is under way.
    """

    at: datetime
    usd: float | None = None


@dataclass(frozen=True)
class RetrainState:
    """What is known when it is decided.

    Attributes:
        now: UTC.
        waiting: batches that are not what they were when the last training took them, by name.
        new_boxes: how many boxes to train on in them are new, or are not what they were.
        trainings: at least those of the last two weeks, in the order in which they were recorded.
        failed: those that made nothing, of the same weeks, where it is known what they cost. They
            count for their money alone.
    """

    now: datetime
    waiting: tuple[str, ...]
    new_boxes: int
    trainings: tuple[PastTraining, ...]
    failed: tuple[PastTraining, ...] = ()


@dataclass(frozen=True)
class RetrainDecision:
    """Whether to train, with every reason for it or against it, in words."""

    start: bool
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.reasons)


def decide(rules: RetrainRules, state: RetrainState) -> RetrainDecision:
    """Apply the rules of a game. All that speaks against a training is said, not the first alone.

    What waits is not this function's to judge: it says whether what there is suffices.
    """
    against = tuple(
        reason
        for reason in (
            _too_few_boxes(rules, state),
            _too_early(rules, state),
            _too_many(rules, state),
            _too_dear(rules, state),
        )
        if reason
    )
    if against:
        return RetrainDecision(False, (_what_waits(state), *against))
    return RetrainDecision(True, (_what_waits(state), "No rule speaks against a training now."))


def _what_waits(state: RetrainState) -> str:
    if not state.waiting:
        return "No batch is new since the last training."
    count, names = len(state.waiting), ", ".join(state.waiting)
    batches = f"{count} batch{'es' * (count > 1)}"
    return (
        f"{batches} with {state.new_boxes} new or changed boxes since the last training: {names}."
    )


def _too_few_boxes(rules: RetrainRules, state: RetrainState) -> str:
    if not state.waiting or state.new_boxes >= rules.min_new_boxes:
        return ""
    return (
        f"Not enough new or changed boxes: {state.new_boxes}, and a training is worth it from "
        f"{rules.min_new_boxes} (min_new_boxes)."
    )


def _too_early(rules: RetrainRules, state: RetrainState) -> str:
    gap = timedelta(hours=rules.min_hours_between)
    recent = _within(gap, state)
    if not recent:
        return ""
    last = max(training.at for training in recent)
    return (
        f"Too soon: the last training was at {_minute(last)}, and the next may begin at "
        f"{_minute(last + gap)} ({rules.min_hours_between:g} min_hours_between)."
    )


def _too_many(rules: RetrainRules, state: RetrainState) -> str:
    most, recent = rules.max_trainings_per_week, _within(WEEK, state)
    if most is None or len(recent) < most:
        return ""
    told = f"The week's trainings are done: {len(recent)} of {most} (max_trainings_per_week)."
    if not recent:
        return told
    # When enough of them are older than a week.
    freed = sorted(training.at for training in recent)[len(recent) - most] if most else None
    return f"{told} The next may begin at {_minute(freed + WEEK)}." if freed else told


def _too_dear(rules: RetrainRules, state: RetrainState) -> str:
    most, recent = rules.max_usd_per_week, _within(WEEK, state)
    if most is None:
        return ""
    paid = (*recent, *(one for one in state.failed if _is_within(WEEK, one, state)))
    spent = sum(training.usd or 0.0 for training in paid)
    known = [training.usd for training in state.trainings if training.usd is not None]
    expected = known[-1] if known else 0.0
    under_way = sum(training.usd is None for training in recent)
    if spent + expected * (1 + under_way) <= most:
        return ""
    return (
        f"The week's money is spent: USD {spent:.2f} of {most:.2f} (max_usd_per_week), and the "
        f"last training of known cost took USD {expected:.2f}."
    )


def _within(window: timedelta, state: RetrainState) -> list[PastTraining]:
    return [training for training in state.trainings if _is_within(window, training, state)]


def _is_within(window: timedelta, training: PastTraining, state: RetrainState) -> bool:
    """Whether it is less far from now than a window, whichever way; see the module."""
    return abs(state.now - training.at) < window


def _minute(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
