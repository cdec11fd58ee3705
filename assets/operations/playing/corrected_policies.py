"""Policies whose strategist learns from corrections of its play."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.play.corrections.correcting import (
    CorrectedPlay,
    CorrectedPolicies,
    correct_policies,
)
from pipeline.play.corrections.correctors import RuleCorrector
from pipeline.play.corrections.fine_tuning import FineTuneSettings
from pipeline.play.corrections.lines import CorrectionsError
from resources.run_log import reporter

MOST_GAMES = 1000
"""Of which the strategist's moments are held in memory: two hundred megabytes."""


def correct_by_rules(
    folder: Path, out: Path, play: CorrectedPlay, settings: FineTuneSettings, written: Path
) -> CorrectedPolicies:
    """Correct by the rules of the built-in game, and keep the lines.

    Raises:
        CorrectionsError: too many games; or as `correcting.correct_policies`, as are others.
    """
    _check(play)
    return correct_policies(folder, out, RuleCorrector(), play, settings, written, reporter())


def correct_by_lines(
    folder: Path, out: Path, play: CorrectedPlay, settings: FineTuneSettings, files: Sequence[Path]
) -> CorrectedPolicies:
    """Learn from lines that somebody has written.

    Raises:
        CorrectionsError: too many games; or as `correcting.correct_policies`, as are others.
    """
    _check(play)
    return correct_policies(folder, out, [*files], play, settings, None, reporter())


def _check(play: CorrectedPlay) -> None:
    if play.games > MOST_GAMES:
        raise CorrectionsError(
            f"{play.games} games are too many at once.", f"Choose at most {MOST_GAMES}."
        )
