"""Policies learn from their own play against a scripted player; returns before and after."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector_runtime.policies.networks import PolicyNetworks

from assets.core.building import NOTICE_LOGGER
from assets.operations.playing.learning_folders import claim_folder
from pipeline.play.online.history import OnlineHistory
from pipeline.play.online.messages import Candidate, Decided, News, OnlineTask
from pipeline.play.online.online import Online
from pipeline.play.online.playing import play_round
from pipeline.play.online.results import PLAYED_FILE, OnlinePlay, OnlineResult, compare_play
from pipeline.play.online.settings import OnlineSettings
from pipeline.play.simulator.scripted import ScriptedPlayers
from pipeline.progress import Progress
from resources.run_log import reporter

SEEDS_A_ROUND = 16
"""Each is played from both sides, by the champion and by the candidate."""


@dataclass(frozen=True)
class PlayExtent:
    """How long to play.

    Attributes:
        games: of the champion and of candidates, together; what was played earlier counts.
        minutes: after which no other round begins; None for no such end.
        compared: other games, to compare in before and after.
    """

    games: int
    minutes: float | None
    compared: int


def online_play(
    policies: Path, play: OnlinePlay, extent: PlayExtent, settings: OnlineSettings, folder: Path
) -> OnlineResult:
    """Let policies play and learn, and measure what that has done to their play.

    Raises:
        ModelLoadError: the policies are absent, damaged, or made for something else.
        LearningFolderError: something else was played into the folder.
        CloneError: it cannot be written to, or the policies do not say how they were made.
        GameError: there is no such opponent.
        TrainerError: the trainer has failed; what it had learned until then is in the folder.
    """
    ScriptedPlayers.start([0], (play.opponent, None))  # Before anything is written.
    before = PolicyNetworks.load(policies)
    claim_folder(folder / PLAYED_FILE, play, "play", _named)
    learn_from_play(OnlineTask(policies, settings, folder), play, extent)
    networks = (before, PolicyNetworks.load(folder))
    history = OnlineHistory.read(folder)
    result = compare_play(networks, play.opponent, extent.compared, history, reporter())
    result.write(folder)
    return result


def learn_from_play(task: OnlineTask, play: OnlinePlay, extent: PlayExtent) -> None:
    """Play round after round, from where that ended.

    Raises:
        ModelLoadError, GameError, TrainerError: as `online_play`.
    """
    report, began = reporter(), time.monotonic()
    first = done = OnlineHistory.read(task.folder).games
    with Online.start(task, _tell) as online:
        while done < extent.games and online.trouble is None:
            seconds = time.monotonic() - began
            if extent.minutes is not None and seconds >= 60 * extent.minutes:
                break
            if done > first:  # How fast it goes is known.
                left = seconds / (done - first) * (extent.games - done)
                report(Progress("games", done, extent.games, seconds, left))
            # At least as far on as games have been played, so that none is played again.
            seeds = range(play.seed + done, play.seed + done + SEEDS_A_ROUND)
            played = play_round(online, play.opponent, seeds)
            done += sum(len(games.returns) for games in played.values())
    if online.trouble is not None:
        raise online.trouble
    report(Progress("games", done, done, time.monotonic() - began))


def _tell(news: News) -> None:
    if isinstance(news, Candidate):
        for update in news.updates:
            NOTICE_LOGGER.info("%s", update_in_words(update))
        if any(news.outcomes.values()):
            read = ", ".join(f"{count} {name}" for name, count in news.outcomes.items())
            NOTICE_LOGGER.info("read of play: %s", read)
    elif isinstance(news, Decided):
        NOTICE_LOGGER.info("%s", decision_in_words(news))


def update_in_words(update: dict[str, Any]) -> str:
    """A line of `history.OnlineUpdate`."""
    return (
        f"{update['games']} games, {update['role']}: loss {update['loss']:.3f}, "
        f"{update['divergence']:.4f} nats from the champion, {update['observations']} "
        f"observations, rate {update['rate']:.1e}"
    )


def decision_in_words(decided: Decided) -> str:
    """What the guard has decided, and why."""
    ends = {
        "better": "The candidate plays better, and is the champion from now on",
        "worse": "The candidate plays worse, and is rolled back to the champion",
    }
    return (
        f"{ends[decided.verdict]}: its return was {decided.lead:+.2f} in {decided.comparisons} "
        "comparisons."
    )


def _named(play: OnlinePlay) -> str:
    return f"against {play.opponent} from game {play.seed} on"
