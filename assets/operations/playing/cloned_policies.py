"""Policies cloned from play, and how well they play; a sheet of a game of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from detector_runtime.policies.networks import PolicyNetworks

from assets.operations.played_game import check_sheet, spread, write_sheet
from pipeline.errors import OutpostError
from pipeline.play.demonstrations import Demonstration, demonstrate
from pipeline.play.policies.cloning import ClonedPolicies, clone
from pipeline.play.policies.judging import PolicyJudgement, PolicyTable, evaluate
from pipeline.play.policies.settings import PRESETS, CloneSettings, Preset
from pipeline.play.recordings.quality import copies, quality_of
from pipeline.play.recordings.reader import open_session, session_files
from pipeline.play.recordings.replay import demonstration_of
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.rules import MAX_TICKS, TICKS_A_SECOND
from pipeline.progress import track
from resources.run_log import reporter

GAMES_AT_ONCE = 10
MOST_GAMES = 2000
"""Of which 8 gigabytes are held in memory."""


class ClonedPoliciesError(OutpostError):
    """Policies that cannot be made so."""


@dataclass(frozen=True)
class Play:
    """Whom to learn from.

    Attributes:
        player, opponent: names in `pipeline.play.simulator.scripted.SKILLS`.
        seed: of the first game; the others follow it.
    """

    player: str
    opponent: str
    games: int
    seed: int


@dataclass(frozen=True)
class JudgedPolicies:
    """How policies play, and what they had learned.

    Attributes:
        cloned: what came of cloning, with measures on held-out sessions.
        sheet: JPEG of frames of one game, as the policies saw them.
    """

    judgement: PolicyJudgement
    cloned: ClonedPolicies
    sheet: Path


def settings_of(preset: str, delay: int, seed: int) -> CloneSettings:
    """How to train.

    Raises:
        ClonedPoliciesError: there is no such preset.
    """
    known: dict[str, Preset] = {name: name for name in PRESETS}
    if preset not in known:
        raise ClonedPoliciesError(
            f"There is no preset '{preset}'.", f"Choose one of {', '.join(known)}."
        )
    changed = {**PRESETS[known[preset]].model_dump(), "delay": delay, "seed": seed}
    return CloneSettings.model_validate(changed)


def clone_policies(
    sessions: Sequence[Demonstration], settings: CloneSettings, folder: Path
) -> ClonedPolicies:
    """Clone three policies into a folder, or go on where that was interrupted.

    Args:
        sessions: of `sessions_of` or `recorded_demonstrations`.

    Raises:
        ExamplesError, PolicyCheckpointError, CloneError: as `cloning.clone`.
    """
    return clone(sessions, settings, folder, reporter())


def recorded_demonstrations(place: Path) -> list[Demonstration]:
    """Recorded sessions to learn from, in the order of their names.

    Args:
        place: a folder of them.

    Raises:
        ClonedPoliciesError: too few or too many, or one of them is a copy of another: half of the
            pair held out would be no test.
        RecordingError: one cannot be read, or is of another game.
    """
    files = session_files(place)
    if not 2 <= len(files) <= MOST_GAMES:
        raise ClonedPoliciesError(
            f"{place} holds {len(files)} sessions, from which policies cannot learn.",
            f"Record 2 to {MOST_GAMES} with `outpost play record`, or name another folder.",
        )
    openings: dict[str, str] = {}
    shown: list[Demonstration] = []
    for file in track(files, len(files), "read the sessions", reporter()):
        session = open_session(file)
        openings[file.name] = quality_of(session).opening
        shown.append(demonstration_of(session))
    if twins := copies(openings):
        raise ClonedPoliciesError(
            f"These sessions are copies of each other: {', '.join(twins[0])}.",
            "Keep one of them in the folder.",
        )
    return shown


def sessions_of(play: Play) -> list[Demonstration]:
    """Games of a scripted player to learn from.

    Raises:
        ClonedPoliciesError: too few games, or too many.
        GameError: there is no such player.
    """
    if not 2 <= play.games <= MOST_GAMES:
        raise ClonedPoliciesError(
            f"{play.games} games cannot be learned from.", f"Choose 2 to {MOST_GAMES}."
        )
    seeds = range(play.seed, play.seed + play.games)
    parts = range(0, play.games, GAMES_AT_ONCE)
    shown: list[Demonstration] = []
    for start in track(parts, len(parts), "play the games", reporter()):
        shown += demonstrate(play.player, play.opponent, seeds[start : start + GAMES_AT_ONCE])
    return shown


def judge_policies(folder: Path, play: Play, sheet: Path) -> JudgedPolicies:
    """Let policies play, beside the scripted player that they learned from and a random one.

    Args:
        folder: as `clone_policies` has filled it.
        play: its player is the one to compare with.

    Raises:
        ModelLoadError: the folder holds no policies, or others than this runtime plays.
        CloneError: it does not say how they were made.
        GameError, JudgingError: as `judging.evaluate`.
        PlayedGameError: the sheet cannot be written.
    """
    networks = PolicyNetworks.load(folder)
    cloned = ClonedPolicies.read(folder)
    check_sheet(sheet)
    beside = tuple(dict.fromkeys((play.player, "random")))
    judgement = evaluate(
        networks, play.opponent, play.games, beside=beside, seed=play.seed, report=reporter()
    )
    write_sheet(spread(_moments(networks, play)), sheet)
    return JudgedPolicies(judgement, cloned, sheet)


def _moments(networks: PolicyNetworks, play: Play) -> list[Games]:
    """A game of the policies on the first side: at every second, and at its end."""
    table = PolicyTable.start(networks, play.opponent, [play.seed], np.zeros(1, np.int_))
    moments = [table.games.copy()]
    for tick in range(1, MAX_TICKS + 1):
        goes_on = table.step()
        if tick % TICKS_A_SECOND == 0 or not goes_on:
            moments.append(table.games.copy())
        if not goes_on:
            break
    return moments
