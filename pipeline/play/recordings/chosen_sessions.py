"""Which recorded sessions policies learn from, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pydantic import Field

from pipeline.manifests import Record
from pipeline.play.demonstrations import Demonstration
from pipeline.play.policies.artifacts.sessions import SessionPlay
from pipeline.play.policies.judging import return_of
from pipeline.play.recordings.events import RecordingError
from pipeline.play.recordings.quality import SessionQuality, quality_problems
from pipeline.play.recordings.recorded_session import RecordedSession
from pipeline.play.recordings.replay import demonstration_of, end_of

FEWEST, MOST = 2, 2000
"""Sessions that can be learned from: one is held out, and all are held in memory."""


class TooFewSessionsError(RecordingError):
    """Fewer sessions than can be learned from."""


class SessionChoice(Record):
    """Which sessions somebody wants to be learned from."""

    sessions: tuple[str, ...] = Field((), description="Names; all that there are without any.")
    left_out: tuple[str, ...] = Field((), description="Names of those that are not to be.")
    players: tuple[str, ...] = Field((), description="Who has played; anybody without any.")
    with_problems: bool = Field(
        False, description="Whether those with gaps, little play and the like count, too."
    )


@dataclass(frozen=True)
class ChosenSessions:
    """Sessions to learn from.

    Attributes:
        names: sorted.
        left_out: why the others are not, by name.
    """

    names: tuple[str, ...]
    left_out: Mapping[str, str]


def choose_sessions(
    found: Mapping[str, SessionQuality], choice: SessionChoice | None = None
) -> ChosenSessions:
    """The sessions to learn from, as far as their quality tells.

    Args:
        found: every session by name.
        choice: all of them by default.

    Raises:
        RecordingError: one that is asked for is not there.
    """
    choice = choice or SessionChoice()
    if missing := sorted({*choice.sessions, *choice.left_out} - set(found)):
        raise RecordingError(
            f"There is no recorded session {', '.join(missing)}.",
            "Materialize its partition of play/recordings, or correct the name.",
        )
    left_out: dict[str, str] = {}
    names: list[str] = []
    openings: dict[str, str] = {}
    for name in sorted(choice.sessions or found):
        why = "left out on request" if name in choice.left_out else ""
        why = why or _fault(found[name], choice)
        twin = openings.get(found[name].opening)
        why = why or (f"a copy of {twin}" if twin else "")
        if why:
            left_out[name] = why
            continue
        names.append(name)
        openings[found[name].opening] = name
    return ChosenSessions(tuple(names), left_out)


def require_enough(names: tuple[str, ...]) -> None:
    """See that there are neither too few sessions to learn from nor too many.

    Raises:
        TooFewSessionsError: one, or none.
        RecordingError: more than fit into memory.
    """
    if len(names) < FEWEST:
        raise TooFewSessionsError(
            f"{len(names)} recorded sessions are too few to learn from.",
            f"Record at least {FEWEST}, or choose others: one is held out to measure on.",
        )
    if len(names) > MOST:
        raise RecordingError(
            f"{len(names)} recorded sessions are too many to hold in memory.",
            f"Choose {MOST} of them by their names.",
        )


def read_play(
    name: str, recorded: RecordedSession, choice: SessionChoice
) -> tuple[Demonstration, SessionPlay]:
    """What a session demonstrates, and what is known of it.

    Args:
        name: under which it is stored; a file that was renamed says another one of itself.

    Raises:
        RecordingError: nothing can be learned from it, or it is of another player.
    """
    session = recorded.session
    info = session.info
    if choice.players and info.actor not in choice.players:
        raise RecordingError(f"{info.actor} has played.", "Add the player to the choice.")
    shown = demonstration_of(session)
    assert info.opponent is not None
    own, theirs = map(float, shown.scores[-1])
    has_ended = end_of(session) is not None
    returns = return_of(own - theirs, float(shown.outcome)) if has_ended else None
    return replace(shown, name=name), SessionPlay(
        name=name,
        player=info.actor,
        opponent=info.opponent,
        seconds=session.seconds,
        returns=returns,
    )


def _fault(quality: SessionQuality, choice: SessionChoice) -> str:
    return "" if choice.with_problems else "; ".join(quality_problems(quality))
