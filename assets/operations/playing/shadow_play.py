"""Policies watch games and follow how they are played; agreement before and after."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from detector_runtime.policies.networks import PolicyNetworks

from assets.core.building import NOTICE_LOGGER
from assets.operations.playing.cloned_policies import recorded_demonstrations
from assets.operations.playing.learning_folders import claim_folder
from pipeline.errors import OutpostError
from pipeline.play.demonstrations import Demonstration, demonstrate
from pipeline.play.policies.cloning import ClonedPolicies
from pipeline.play.policies.examples import split_sessions
from pipeline.play.recordings.reader import open_session, session_files
from pipeline.play.recordings.replay import demonstration_of
from pipeline.play.recordings.writer import ENDING
from pipeline.play.shadow.agreement import (
    WATCHED_FILE,
    Followed,
    Watched,
    WatchedPlay,
    WatchedSessions,
    agreement,
)
from pipeline.play.shadow.learner import read_history
from pipeline.play.shadow.moments import Tick, ticks_of
from pipeline.play.shadow.settings import ShadowSettings
from pipeline.play.shadow.shadow import Shadow
from pipeline.play.shadow.trainer import Learned, TrainerTask
from pipeline.play.simulator.rules import SIDES, TICKS_A_SECOND
from pipeline.play.simulator.scripted import ScriptedPlayers
from pipeline.progress import Progress
from resources.run_log import reporter

GAMES_AT_ONCE, OLD_GAMES, MEASURED_GAMES = 2, 12, 6
HELD_OUT = 0.2
"""Share of recorded sessions to measure on, of which MEASURED_GAMES at most are."""
HELD_OUT_SEED = 900_000
"""Of games to measure on: far from those that anybody learns from."""
SCRIPTED_SESSION = re.compile(r"(random|scripted_l\d)-(random|scripted_l\d)-(\d+)")


class ShadowPlayError(OutpostError):
    """Play that cannot be watched."""


@dataclass(frozen=True, eq=False)
class _Lesson:
    """What is watched.

    Attributes:
        record: that which says so in the folder.
        player: who acts in it.
        ticks: of all that is watched, anew at each call.
        held_out: the same player's play that nobody watches.
    """

    record: WatchedPlay | WatchedSessions
    player: str
    ticks: Callable[[], Iterable[Tick]]
    held_out: Sequence[Demonstration]


def shadow_play(
    policies: Path,
    play: WatchedPlay,
    settings: ShadowSettings,
    folder: Path,
    learned_from: Path | None = None,
) -> Followed:
    """Let policies watch a scripted player, and measure what they have taken on, and forgotten.

    Args:
        learned_from: folder of the recorded sessions that they were cloned from, if they were.

    Raises:
        ModelLoadError: the policies are absent, damaged, or made for something else.
        ShadowPlayError: they were cloned from play that cannot be had again.
        LearningFolderError: something else was watched into the folder.
        CloneError: it cannot be written to, or they do not say how they were made.
        GameError: there is no such player.
        TrainerError: the trainer has failed; what it had learned until then is in the folder.
    """
    ScriptedPlayers.start([0], (play.player, play.opponent))  # Before anything is written.
    old = old_sessions(_opened(policies), learned_from)
    claim_folder(folder / WATCHED_FILE, Watched(play), "watch", _named)
    held_out = _games(play.player, play.opponent, HELD_OUT_SEED, MEASURED_GAMES)
    lesson = _Lesson(play, play.player, lambda: _ticks(play), held_out)
    return _followed(policies, old, lesson, settings, folder)


def shadow_sessions(
    policies: Path,
    recordings: Path,
    settings: ShadowSettings,
    folder: Path,
    learned_from: Path | None = None,
) -> Followed:
    """Let policies watch recorded sessions in the order of their names, but for some to measure on.

    Args:
        settings: the rate falls over the minutes of the sessions, whatever is stated here.
        learned_from: as of `shadow_play`.

    Raises:
        ShadowPlayError: as of `shadow_play`; or the policies were cloned from one of the sessions.
        ClonedPoliciesError: too few sessions or too many, or one is a copy of another.
        RecordingError: one cannot be read, or is of another game.
        ModelLoadError, CloneError, LearningFolderError, TrainerError: as of `shadow_play`.
    """
    cloned = _opened(policies)
    shown = recorded_demonstrations(recordings)
    known = {*cloned.sessions, *cloned.held_out_sessions}
    if twice := [one.name for one in shown if one.name in known]:
        raise ShadowPlayError(
            f"The policies were cloned from {len(twice)} of the sessions, such as {twice[0]}.",
            "Name a folder of sessions that they have not learned from.",
        )
    held_out = split_sessions(shown, HELD_OUT)[1][:MEASURED_GAMES]
    apart = {one.name for one in held_out}
    watched = [one for one in shown if one.name not in apart]
    record = WatchedSessions(
        sessions=tuple(one.name for one in watched),
        held_out_sessions=tuple(sorted(apart)),
        minutes=sum(map(len, watched)) / TICKS_A_SECOND / 60,
    )
    old = old_sessions(cloned, learned_from)
    claim_folder(folder / WATCHED_FILE, Watched(record), "watch", _named)
    player = ", ".join(sorted({one.player for one in shown}))
    lesson = _Lesson(record, player, lambda: chain.from_iterable(map(ticks_of, watched)), held_out)
    timed = settings.model_copy(update={"minutes": record.minutes})
    return _followed(policies, old, lesson, timed, folder)


def watch_play(task: TrainerTask, ticks: Iterable[Tick], minutes: float) -> None:
    """Hand play over, as fast as it is learned from, from where that ended.

    Args:
        ticks: all of it, from its beginning.
        minutes: how much that is.

    Raises:
        ModelLoadError, GameError, TrainerError: as `shadow_play`.
    """
    report, began = reporter(), time.monotonic()
    watched = watched_minutes(task.folder)
    total, done = (round(part * 60 * TICKS_A_SECOND) for part in (minutes, watched))

    def on_learned(news: Learned) -> None:
        NOTICE_LOGGER.info("%s", in_words(news.update))

    with Shadow.start(task, on_learned) as shadow:
        for number, tick in enumerate(islice(ticks, done, None), start=done + 1):
            if shadow.trouble is not None:
                break
            shadow.watch(tick, patient=True)
            if number % TICKS_A_SECOND == 0:
                whole = total // TICKS_A_SECOND
                seconds = time.monotonic() - began
                left = seconds / (number - done) * (total - number)
                report(Progress("seconds of play", number // TICKS_A_SECOND, whole, seconds, left))
    if shadow.trouble is not None:
        raise shadow.trouble


def _opened(policies: Path) -> ClonedPolicies:
    """Policies that can be opened."""
    PolicyNetworks.load(policies)
    return ClonedPolicies.read(policies)


def _followed(
    policies: Path,
    old: tuple[list[Demonstration], list[Demonstration]],
    lesson: _Lesson,
    settings: ShadowSettings,
    folder: Path,
) -> Followed:
    """Watch, and measure before and after.

    Args:
        old: play that the policies were cloned from, and such that they were measured on.
    """
    to_replay, old_held_out = old
    measured = (lesson.held_out, old_held_out)
    before = [agreement(policies, part) for part in measured]
    task = TrainerTask(policies, to_replay, settings, folder)
    watch_play(task, lesson.ticks(), lesson.record.minutes)
    after = [agreement(folder, part) for part in measured]
    followed = Followed(
        player=lesson.player,
        minutes=lesson.record.minutes,
        trainings=max(map(len, read_history(folder).values()), default=0),
        watched_before=before[0],
        watched_after=after[0],
        old_before=before[1],
        old_after=after[1],
    )
    followed.write(folder)
    return followed


def _named(watched: Watched) -> str:
    play = watched.root
    if isinstance(play, WatchedSessions):
        first, last = play.sessions[0], play.sessions[-1]
        return f"{len(play.sessions)} recorded sessions, {first} to {last}"
    players = f"{play.player} against {play.opponent}"
    return f"{play.minutes:g} minutes of {players} from game {play.seed} on"


def watched_minutes(folder: Path) -> float:
    """How much play had been watched before the last training in a folder; 0 without one."""
    histories = read_history(folder)
    return max((those[-1].minutes for those in histories.values() if those), default=0.0)


def in_words(update: dict[str, Any]) -> str:
    """A line of `learner.ShadowUpdate`."""
    name = "act" if update["role"] == "executor" else "accuracy"
    watched, old = update["watched"].get(name), update["old"].get(name)
    shares = [f"{value:.0%}" if value is not None else "-" for value in (watched, old)]
    kept = "taken" if update["is_better"] else "not taken"
    return (
        f"{update['minutes']:.0f} min, {update['role']}: loss {update['loss']:.3f}, agrees with "
        f"{shares[0]} of what it watched and {shares[1]} of old play, {update['observations']} "
        f"observations, rate {update['rate']:.1e}, {kept}"
    )


def old_sessions(
    cloned: ClonedPolicies, recordings: Path | None = None
) -> tuple[list[Demonstration], list[Demonstration]]:
    """Games that policies were cloned from, and some of those that they were measured on.

    Args:
        recordings: folder of the sessions, where they were recorded.

    Raises:
        ShadowPlayError: they were no games of scripted players, or are not in that folder.
        RecordingError: one cannot be read.
    """
    learned, held_out = cloned.sessions[:OLD_GAMES], cloned.held_out_sessions[:MEASURED_GAMES]
    if recordings is not None:
        return _recorded(recordings, learned), _recorded(recordings, held_out)
    first = cloned.settings.seed
    return _played_again(learned, first), _played_again(held_out, first)


def _recorded(folder: Path, names: Sequence[str]) -> list[Demonstration]:
    files = {file.name.removesuffix(ENDING): file for file in session_files(folder)}
    if missing := [name for name in names if name not in files]:
        raise ShadowPlayError(
            f"The policies were cloned from {missing[0]}, which is not in {folder}.",
            "Name the folder of the sessions that they were cloned from: --learned-from.",
        )
    return [demonstration_of(open_session(files[name])) for name in names]


def _played_again(sessions: tuple[str, ...], first: int) -> list[Demonstration]:
    """Games by their names, each from the side that was learned from.

    Args:
        first: seed of the first game of all.
    """
    shown = []
    for name in sessions:
        found = SCRIPTED_SESSION.fullmatch(name)
        if found is None:
            raise ShadowPlayError(
                f"The policies were cloned from '{name}', which cannot be played again.",
                "Name the folder of its recorded sessions: --learned-from.",
            )
        seed = int(found[3])
        # The player changes sides from game to game, and begins on the first one.
        side = (seed - first) % SIDES
        shown.append(demonstrate(found[1], found[2], [seed] * (1 + side))[-1])
    return shown


def _games(player: str, opponent: str, seed: int, count: int) -> list[Demonstration]:
    return demonstrate(player, opponent, range(seed, seed + count))


def _ticks(play: WatchedPlay) -> Iterator[Tick]:
    """So many minutes of play, game after game."""
    left, seed = round(play.minutes * 60 * TICKS_A_SECOND), play.seed
    while left > 0:
        for shown in _games(play.player, play.opponent, seed, GAMES_AT_ONCE):
            yield from ticks_of(shown)[:left]
            left -= len(shown)
            if left <= 0:
                return
        seed += GAMES_AT_ONCE
