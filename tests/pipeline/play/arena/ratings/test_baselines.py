"""The fixed ratings of scripted players are what their games come to."""

from __future__ import annotations

import importlib.util
import sys
from itertools import combinations
from pathlib import Path

import pytest

from pipeline.play.arena.matches.evaluation import run_episodes_with_model
from pipeline.play.arena.ratings.bradley_terry import bradley_terry
from pipeline.play.arena.ratings.elo import BASELINE_RATINGS
from pipeline.play.arena.ratings.results import PairResult
from pipeline.play.simulator.scripted import SKILLS

GAMES = 24
SCRIPT = Path(__file__).parents[5] / "docs" / "rate_players.py"


@pytest.mark.slow
def test_other_games_of_scripted_players_give_the_same_ratings() -> None:
    results = []
    for first, second in combinations(SKILLS, 2):
        one = run_episodes_with_model(first, second, GAMES, seed=5000)
        points = one.wins + one.draws / 2
        results.append(PairResult(first=first, second=second, points=points, games=GAMES))
    for rated in bradley_terry(results):
        # Six intervals at once, so that each is taken half as wide again.
        half = (rated.interval.high - rated.interval.low) / 2
        assert BASELINE_RATINGS[rated.player] == pytest.approx(rated.rating, abs=1.5 * half)


@pytest.mark.exhaustive
def test_the_page_and_the_image_are_what_the_script_makes() -> None:
    found = importlib.util.spec_from_file_location("rate_players", SCRIPT)
    assert found is not None
    assert found.loader is not None
    script = importlib.util.module_from_spec(found)
    sys.modules[found.name] = script
    found.loader.exec_module(script)

    page, image = script.made()

    assert script.PAGE.read_text("utf-8") == page
    assert script.IMAGE.read_text("utf-8") == image
