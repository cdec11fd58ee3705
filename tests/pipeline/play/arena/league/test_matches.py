"""Every match is played once, however often a league is interrupted."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from pipeline.play.arena.league import matches
from pipeline.play.arena.league.matches import LeaguePlayer, PlayedMatch, play_matches
from pipeline.play.arena.matches.evaluation import EvaluationResult


class Playing:
    """Plays at once: the first wins one game of three, and what was asked is noted."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, int, int]] = []

    def __call__(
        self, first: LeaguePlayer, second: LeaguePlayer, games: int, seed: int
    ) -> EvaluationResult:
        self.asked.append((first.name, second.name, games, seed))
        return EvaluationResult(games // 3, 1, games - games // 3 - 1)


@pytest.fixture
def playing(monkeypatch: pytest.MonkeyPatch) -> Playing:
    found = Playing()
    monkeypatch.setattr(matches, "play_games", found)
    return found


def three(folder: Path) -> list[LeaguePlayer]:
    """Two policies and one by script."""
    players = []
    for name in ("start", "round 1"):
        file = folder / f"{name}.policy"
        file.write_text(name)
        players.append(LeaguePlayer(name, file))
    return [*players, LeaguePlayer("random")]


def test_every_two_play_once(tmp_path: Path, playing: Playing) -> None:
    players, kept = three(tmp_path), tmp_path / "kept"
    played = play_matches(players, 9, kept)
    names = [(match.first, match.second) for match in played]
    assert names == list(combinations(("start", "round 1", "random"), 2))
    assert [asked[:2] for asked in playing.asked] == names
    assert {asked[2:] for asked in playing.asked} == {(9, matches.FIRST_SEED)}
    assert play_matches(players, 9, kept) == played
    assert len(playing.asked) == 3, "nothing is played again"


def test_who_has_other_bytes_or_other_games_plays_again(tmp_path: Path, playing: Playing) -> None:
    players, kept = three(tmp_path), tmp_path / "kept"
    play_matches(players, 9, kept)
    moved = LeaguePlayer("the same", tmp_path / "elsewhere")
    assert moved.file is not None
    moved.file.write_text("start")
    again = play_matches([moved, *players[1:]], 9, kept)
    assert len(playing.asked) == 3
    assert again[0].first == "the same"
    moved.file.write_text("another")
    play_matches([moved, *players[1:]], 9, kept)
    assert len(playing.asked) == 5, "but for those of the two others"
    play_matches(players, 12, kept)
    assert len(playing.asked) == 8


OTHER_GAMES = PlayedMatch(first="start", second="round 1", wins=1, draws=0, losses=0)


@pytest.mark.parametrize(
    "content", ["", '{"first": "start"', '{"wins": 9}', OTHER_GAMES.model_dump_json()]
)
def test_a_record_that_is_damaged_is_played_again(
    tmp_path: Path, playing: Playing, content: str
) -> None:
    players, kept = three(tmp_path)[:2], tmp_path / "kept"
    played = play_matches(players, 9, kept)
    (file,) = kept.glob("*.json")
    whole = file.read_bytes()
    file.write_text(content)
    assert play_matches(players, 9, kept) == played
    assert len(playing.asked) == 2
    assert file.read_bytes() == whole


def test_a_match_is_seen_by_both() -> None:
    match = PlayedMatch(first="a", second="b", wins=6, draws=3, losses=1)
    assert match.seen_by("a") == EvaluationResult(6, 3, 1)
    assert match.seen_by("b") == EvaluationResult(1, 3, 6)
    assert match.win_interval("b").low < 0.1 < match.win_interval("b").high
    assert (match.pair_result.points, match.pair_result.games) == (7.5, 10)
