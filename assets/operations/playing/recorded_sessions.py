"""`outpost play record`, `replay`, `recover`, `quality` and `export`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path

from pipeline.errors import OutpostError
from pipeline.play.recordings.events import GAME, RecordingError
from pipeline.play.recordings.export import export_minari, export_parquet
from pipeline.play.recordings.quality import (
    SessionQuality,
    copies,
    quality_of,
    quality_problems,
)
from pipeline.play.recordings.reader import SessionReader, open_session, session_files
from pipeline.play.recordings.recovery import recover
from pipeline.play.recordings.replay import Replay, end_of, replay
from pipeline.play.recordings.simulated_play import (
    PlannedGame,
    is_recorded,
    planned_games,
    record_games,
)
from pipeline.progress import track
from resources.defaults import Resources
from resources.run_log import reporter


@dataclass(frozen=True)
class SessionSummary:
    """A session in a few words.

    Attributes:
        seconds: of play.
        outcome: 1 won, 0 neither, -1 lost; None where it was not played to its end.
        damage: why the file cannot be read to its end, or None.
    """

    file: Path
    name: str
    seconds: float
    outcome: int | None
    damage: str | None

    @classmethod
    def of(cls, session: SessionReader) -> SessionSummary:
        """What there is to say of a session."""
        outcome, damage = end_of(session), session.damage
        return cls(session.file, session.info.name, session.seconds, outcome, damage)


@dataclass(frozen=True)
class ReplayedSession:
    """What became of one file."""

    file: Path
    replay: Replay | None
    damage: str | None
    problem: str | None

    @property
    def is_good(self) -> bool:
        """Whether it could be read to its end and every state was the recorded one."""
        return self.damage is None and self.replay is not None and self.replay.is_equal


@dataclass(frozen=True)
class Recovery:
    """What became of the part of an interrupted recording: finished, or why not."""

    part: Path
    session: SessionSummary | None
    problem: str | None


@dataclass(frozen=True)
class RecordRequest:
    """Which games are recorded.

    Attributes:
        seed: of the first game; the others follow it.
        out: folder to write; that of the state folder if None, from which assets are made.
    """

    player: str
    opponent: str
    games: int
    seed: int
    out: Path | None

    @property
    def planned(self) -> list[PlannedGame]:
        """The games."""
        return planned_games(self.player, self.opponent, range(self.seed, self.seed + self.games))

    def folder(self, resources: Resources) -> Path:
        """Where their sessions are written."""
        return resources.state.recordings(GAME) if self.out is None else self.out


def record_sessions(resources: Resources, wanted: RecordRequest) -> list[SessionSummary]:
    """Let scripted players play, and write a session of each game.

    Raises:
        GameError, RecordingError: as of `record_games`.
    """
    files = record_games(wanted.folder(resources), wanted.planned, reporter())
    return [SessionSummary.of(open_session(file)) for file in files]


def record_person(
    resources: Resources, wanted: RecordRequest, port: int, tell: Callable[[str], None]
) -> Iterator[SessionSummary]:
    """Let a person play on a page, and write a session of each game.

    Games that are recorded already are passed over, so that a person can go on another day.

    Args:
        port: of the page; 0 takes a free one.
        tell: is told the page's address once it can be opened.

    Yields:
        What there is to say of each game, once it has ended.

    Raises:
        GameError, RecordingError, PlayServerError: as of `PlayTable`.
    """
    from resources.interactive_play.play import PlayTable

    folder = wanted.folder(resources)
    seeds = (
        seed
        for seed in count(wanted.seed)
        if not is_recorded(folder, PlannedGame(wanted.player, wanted.opponent, seed, 0))
    )
    chosen = list(islice(seeds, wanted.games))
    table = PlayTable(folder, planned_games(wanted.player, wanted.opponent, chosen), port)
    tell(table.address)
    for file in table.play():
        yield SessionSummary.of(open_session(file))


def replay_sessions(resources: Resources, place: Path | None) -> list[ReplayedSession]:
    """Play a session, or all of a folder, again and compare every state.

    Args:
        place: those of the state folder if left out.

    Raises:
        RecordingError: there is none.
    """
    files = _sessions_of(resources, place)
    return [_replayed(file) for file in track(files, len(files), "play again", reporter())]


def recover_sessions(resources: Resources, place: Path | None) -> list[Recovery]:
    """Finish the part of an interrupted recording, or all parts of a folder.

    Args:
        place: the folder of the state folder if left out.

    Returns:
        One for each part; none where no recording was interrupted.

    Raises:
        RecordingError: there is no such place.
    """
    if place is not None and not place.exists():
        raise RecordingError(
            f"There is no {place}.",
            "Name the folder of the recordings, or a file in it that ends in .mcap.part.",
        )
    folder = resources.state.recordings(GAME) if place is None else place
    parts = [folder] if folder.is_file() else session_files(folder, unfinished=True)
    return [_recovered(part) for part in parts]


@dataclass(frozen=True)
class JudgedSession:
    """What one session is like.

    Attributes:
        quality: None where the file is no session.
        problems: what is wrong with it, in words; nothing for a good one.
    """

    file: Path
    quality: SessionQuality | None
    problems: tuple[str, ...]


def judge_sessions(resources: Resources, place: Path | None) -> list[JudgedSession]:
    """Measure a session, or all of a folder, and say what is wrong, copies of each other too.

    Args:
        place: those of the state folder if left out.

    Raises:
        RecordingError: there is none.
    """
    files = _sessions_of(resources, place)
    judged = [_judged(file) for file in track(files, len(files), "look at sessions", reporter())]
    openings = {one.file.name: one.quality.opening for one in judged if one.quality is not None}
    twins = {name: names for names in copies(openings) for name in names}
    return [
        replace(one, problems=(*one.problems, f"copies: {', '.join(twins[one.file.name])}"))
        if one.file.name in twins
        else one
        for one in judged
    ]


def export_sessions(resources: Resources, place: Path | None, form: str, out: Path) -> list[Path]:
    """Write a session, or all of a folder, for other programs.

    Args:
        place: those of the state folder if left out.
        form: parquet or minari.
        out: of Minari the data set itself, of Parquet a folder with one for each session.

    Returns:
        What was written.

    Raises:
        RecordingError: there is none, one cannot be read, or nothing can be written there.
    """
    sessions = [open_session(file) for file in _sessions_of(resources, place)]
    if form == "parquet":
        return export_parquet(sessions, out, reporter())
    return [export_minari(sessions, out, reporter())]


def _judged(file: Path) -> JudgedSession:
    try:
        quality = quality_of(open_session(file))
    except RecordingError as error:
        return JudgedSession(file, None, (error.problem,))
    return JudgedSession(file, quality, tuple(quality_problems(quality)))


def _replayed(file: Path) -> ReplayedSession:
    try:
        session = open_session(file)
        return ReplayedSession(file, replay(session), session.damage, None)
    except OutpostError as error:
        return ReplayedSession(file, None, None, error.problem)


def _recovered(part: Path) -> Recovery:
    try:
        return Recovery(part, SessionSummary.of(recover(part)), None)
    except OutpostError as error:
        return Recovery(part, None, str(error))


def _sessions_of(resources: Resources, place: Path | None) -> list[Path]:
    """The file that is named, or those of a folder."""
    folder = resources.state.recordings(GAME) if place is None else place
    files = [folder] if folder.is_file() else session_files(folder)
    if not files:
        raise RecordingError(
            f"There are no sessions in {folder}.",
            "Record some with `outpost play record`, or name another folder.",
        )
    return files
