"""What is wrong with a session: gaps, rates, little play, one goal for all of it, copies."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from pipeline.manifests import Record
from pipeline.play.recordings.events import (
    NANOSECONDS,
    ActionEvent,
    GoalEvent,
    KeyEvent,
    MouseEvent,
    OutcomeEvent,
    Topic,
)
from pipeline.play.recordings.reader import SessionReader

OPENING = 30 * NANOSECONDS
"""Two sessions with the same events up to here are copies: times are exact to the nanosecond, and
of the simulator's games what is done differs by then."""
UNSTATED_GOAL = "none stated"

Share = Annotated[float, Field(ge=0, le=1)]


class QualityRules(Record):
    """From when on something is wrong."""

    least_seconds: float = Field(10.0, ge=0, description="Of play.")
    longest_gap: float = Field(
        1.0,
        gt=0,
        description="Seconds without an event, in channels of a steady rate, beyond the "
        "time that one event takes.",
    )
    least_rate: Share = Field(0.9, description="Of a channel's stated rate.")
    most_of_one_goal: Share = Field(0.95, description="Of the time, where goals are stated.")
    least_deeds: float = Field(1.0, ge=0, description="Clicks and keys a minute.")


class ChannelQuality(Record):
    """One channel of a session."""

    events: int
    rate: float = Field(description="Events a second, over the whole session.")
    stated_rate: float | None = Field(description="What the session says; None where it varies.")
    longest_gap: float = Field(description="Seconds without an event, ends of the session too.")
    gap_at: float = Field(description="Seconds from the beginning to that gap.")


class SessionQuality(Record):
    """What a session is like."""

    seconds: float
    damage: str | None = Field(description="Why its file cannot be read to its end.")
    outcome: int | None = Field(description="1 won, 0 neither, -1 lost; None if it has no end.")
    channels: dict[Topic, ChannelQuality]
    goals: dict[str, Share] = Field(description="Share of the time of each goal.")
    outcomes: dict[str, int] = Field(description="How many of each kind.")
    actors: dict[str, int] = Field(description="How many of the simulator's actions of each.")
    deeds: int = Field(description="Clicks and keys of the player that is recorded.")
    opening: str = Field(description="SHA-256 of the events of the first half minute.")


def quality_of(session: SessionReader) -> SessionQuality:
    """Read a session and measure it.

    Raises:
        RecordingError: it has changed since it was opened.
    """
    end = round(session.seconds * NANOSECONDS)
    last, gaps = dict.fromkeys(Topic, 0), dict.fromkeys(Topic, (0, 0))
    goals: defaultdict[str, int] = defaultdict(int)
    goal, since = UNSTATED_GOAL, 0
    outcomes, actors = Counter[str](), Counter[str]()
    outcome, deeds, digest = None, 0, hashlib.sha256()
    for topic, time, content, event in session.read():
        gaps[topic] = max(gaps[topic], (time - last[topic], last[topic]), key=_length)
        last[topic] = time
        if time < OPENING:
            digest.update(f"{topic} {time} ".encode() + content + b"\n")
        match event:
            case GoalEvent():
                goals[goal] += time - since
                goal, since = event.goal or UNSTATED_GOAL, time
            case OutcomeEvent():
                outcomes[event.kind] += 1
                outcome = event.amount if event.kind == "end" else outcome
            case ActionEvent():
                actors[event.actor] += 1
            case MouseEvent(kind="press") | KeyEvent(kind="press"):
                deeds += 1
            case _:
                pass
    goals[goal] += end - since
    for topic in gaps:
        gaps[topic] = max(gaps[topic], (end - last[topic], last[topic]), key=_length)
    return SessionQuality(
        seconds=session.seconds,
        damage=session.damage,
        outcome=outcome,
        channels={
            topic: ChannelQuality(
                events=count,
                rate=round(count / session.seconds, 3) if end else 0.0,
                stated_rate=session.info.rates.get(topic),
                longest_gap=gaps[topic][0] / NANOSECONDS,
                gap_at=gaps[topic][1] / NANOSECONDS,
            )
            for topic, count in sorted(_expected(session).items())
        },
        goals={name: length / end for name, length in sorted(goals.items()) if length and end},
        outcomes=dict(sorted(outcomes.items())),
        actors=dict(sorted(actors.items())),
        deeds=deeds,
        opening=digest.hexdigest(),
    )


def quality_problems(quality: SessionQuality, rules: QualityRules | None = None) -> list[str]:
    """What is wrong with a session by itself, in words; nothing for a good one."""
    rules = rules or QualityRules()
    problems = []
    if quality.damage is not None:
        problems.append(f"after {quality.seconds:g} s the file cannot be read: {quality.damage}")
    if quality.seconds < rules.least_seconds:
        problems.append(f"it lasts {quality.seconds:g} s, less than {rules.least_seconds:g} s")
    for topic, channel in quality.channels.items():
        if channel.stated_rate is None:
            continue
        if channel.longest_gap > rules.longest_gap + 1 / channel.stated_rate:
            problems.append(
                f"{topic} has no event for {channel.longest_gap:.1f} s after {channel.gap_at:.1f} s"
            )
        if channel.rate < rules.least_rate * channel.stated_rate:
            problems.append(
                f"{topic} has {channel.rate:g} events a second in place of {channel.stated_rate:g}"
            )
    for goal, share in quality.goals.items():
        if goal != UNSTATED_GOAL and share > rules.most_of_one_goal:
            problems.append(f"{share:.0%} of the time has the goal {goal}")
    if quality.deeds * 60 < rules.least_deeds * quality.seconds:
        problems.append(f"the player does {quality.deeds} things in {quality.seconds:g} s")
    return problems


def copies(openings: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Sessions that are copies of each other, or of each other's beginning.

    Args:
        openings: `SessionQuality.opening` by name of the session.

    Returns:
        Names of each group, sorted; nothing for those that there is once.
    """
    groups = defaultdict(list)
    for name, opening in sorted(openings.items()):
        groups[opening].append(name)
    return sorted(tuple(names) for names in groups.values() if len(names) > 1)


def _expected(session: SessionReader) -> Mapping[Topic, int]:
    """Events of each channel that has some, or should have."""
    return {**dict.fromkeys(session.info.rates, 0), **session.counts}


def _length(gap: tuple[int, int]) -> int:
    return gap[0]
