"""Policies watch games and follow how they are played; agreement before and after."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from detector_runtime.policies.networks import PolicyNetworks

from assets.core.building import NOTICE_LOGGER
from pipeline.errors import OutpostError
from pipeline.files import read_json, replacing, write_json
from pipeline.play.demonstrations import Demonstration, demonstrate
from pipeline.play.policies.cloning import ClonedPolicies
from pipeline.play.shadow.agreement import WATCHED_FILE, Followed, WatchedPlay, agreement
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
HELD_OUT_SEED = 900_000
"""Of games to measure on: far from those that anybody learns from."""
SCRIPTED_SESSION = re.compile(r"(random|scripted_l\d)-(random|scripted_l\d)-(\d+)")


class ShadowPlayError(OutpostError):
    """Play that cannot be watched."""


def shadow_play(
    policies: Path, play: WatchedPlay, settings: ShadowSettings, folder: Path
) -> Followed:
    """Let policies watch a scripted player, and measure what they have taken on, and forgotten.

    Raises:
        ModelLoadError: the policies are absent, damaged, or made for something else.
        ShadowPlayError: they were cloned from play that cannot be had again; or something else was
            watched into the folder, or it cannot be written to.
        CloneError: they do not say how they were made.
        GameError: there is no such player.
        ShadowError: the trainer has failed; what it had learned until then is in the folder.
    """
    ScriptedPlayers.start([0], (play.player, play.opponent))  # Before anything is written.
    PolicyNetworks.load(policies)
    cloned = ClonedPolicies.read(policies)
    _claim(folder, play)
    old, old_held_out = old_sessions(cloned)
    new_held_out = _games(play.player, play.opponent, HELD_OUT_SEED, MEASURED_GAMES)
    before = [agreement(policies, part) for part in (new_held_out, old_held_out)]
    watch_play(TrainerTask(policies, old, settings, folder), play)
    after = [agreement(folder, part) for part in (new_held_out, old_held_out)]
    followed = Followed(
        player=play.player,
        minutes=play.minutes,
        trainings=max(map(len, read_history(folder).values()), default=0),
        watched_before=before[0],
        watched_after=after[0],
        old_before=before[1],
        old_after=after[1],
    )
    followed.write(folder)
    return followed


def watch_play(task: TrainerTask, play: WatchedPlay) -> None:
    """Hand a scripted player's play over, as fast as it is learned from, from where that ended.

    Raises:
        ModelLoadError, GameError, ShadowError: as `shadow_play`.
    """
    report, began = reporter(), time.monotonic()
    watched = watched_minutes(task.folder)
    total, done = (round(minutes * 60 * TICKS_A_SECOND) for minutes in (play.minutes, watched))

    def on_learned(news: Learned) -> None:
        NOTICE_LOGGER.info("%s", in_words(news.update))

    with Shadow.start(task, on_learned) as shadow:
        for number, tick in enumerate(islice(_ticks(play), done, None), start=done + 1):
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


def _claim(folder: Path, play: WatchedPlay) -> None:
    """Say in a folder what is watched into it; what is learned of two players is of neither."""
    file = folder / WATCHED_FILE
    before = read_json(file, WatchedPlay, _damaged) if file.is_file() else play
    if before != play:
        raise ShadowPlayError(
            f"{folder} holds policies that watch {_named(before)}, not {_named(play)}.",
            "Name another folder, or give the same options as before.",
        )
    try:
        with replacing(file) as fresh:
            write_json(fresh, play.model_dump(mode="json"))
    except OSError as error:
        raise ShadowPlayError(
            f"The policies cannot be written to {folder}: {error}",
            "Name a folder that you may write to, with a hundred megabytes left.",
        ) from error


def _named(play: WatchedPlay) -> str:
    players = f"{play.player} against {play.opponent}"
    return f"{play.minutes:g} minutes of {players} from game {play.seed} on"


def _damaged(file: Path, error: Exception) -> ShadowPlayError:
    return ShadowPlayError(
        f"{file} cannot be read: {error}", "Remove the folder, and let the policies watch again."
    )


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
    cloned: ClonedPolicies,
) -> tuple[list[Demonstration], list[Demonstration]]:
    """Games that policies were cloned from, and some of those that they were measured on.

    Raises:
        ShadowPlayError: they were no games of scripted players.
    """
    first = cloned.settings.seed
    return (
        _played_again(cloned.sessions[:OLD_GAMES], first),
        _played_again(cloned.held_out_sessions[:MEASURED_GAMES], first),
    )


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
                "Use policies that were cloned from a scripted player.",
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
