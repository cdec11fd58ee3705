"""Leagues of a moment: what a round leaves, and how it goes on after a kill."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doubles.arena_trainings import STEPS, tiny
from filelock import FileLock

from pipeline.manifests import sha256_of
from pipeline.play.arena.league import matches, rounds
from pipeline.play.arena.league.matches import LeaguePlayer
from pipeline.play.arena.league.rounds import (
    League,
    LeagueError,
    play_league,
    read_standing,
)
from pipeline.play.arena.league.settings import LeagueSettings
from pipeline.play.arena.matches.evaluation import EvaluationResult
from pipeline.progress import Progress


def settings(**changed: Any) -> LeagueSettings:
    training = tiny(
        Path("unused"), opponents=("random",), eval_freq=1000 * STEPS, snapshot_freq=STEPS
    )
    fields: dict[str, Any] = {
        "rounds": 2,
        "round_steps": 2 * STEPS,
        "response_steps": STEPS,
        "games": 10,
        "response_games": 6,
        "training": training,
    }
    return LeagueSettings(**{**fields, **changed})


class Playing:
    """Games that take no time: who wins follows from the bytes of both."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __call__(
        self, first: LeaguePlayer, second: LeaguePlayer, games: int, _seed: int
    ) -> EvaluationResult:
        self.asked.append((first.identity, second.identity))
        wins = sum(map(ord, first.identity)) % games
        return EvaluationResult(wins, 0, games - wins)


@pytest.fixture(scope="module")
def playing() -> Iterator[Playing]:
    found = Playing()
    with pytest.MonkeyPatch.context() as patch:
        for module in (matches, rounds):
            patch.setattr(module, "play_games", found)
        yield found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, playing: Playing) -> Path:
    """A league without interruption."""
    folder = tmp_path_factory.mktemp("made")
    play_league(folder, settings())
    assert len(playing.asked) == 3 + 6, "who was trained against each, and every two"
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Of a league, but for its trainings."""
    files = (*folder.glob("*.*"), *folder.glob("matches/*"), *folder.glob("round-*/*.*"))
    found = {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(files)}
    return {name: content for name, content in found.items() if not name.startswith(".")}


@pytest.mark.slow
def test_a_round_leaves_its_policy_and_who_was_trained_against_it(made: Path) -> None:
    standing = read_standing(made)
    assert [one.name for one in standing.rounds] == ["start", "round 1", "round 2"]
    assert [one.steps for one in standing.rounds] == [0, 2 * STEPS, 4 * STEPS]
    assert len({one.sha256 for one in standing.rounds}) == 3
    for one in standing.rounds:
        assert sha256_of(made / one.policy) == one.sha256
    assert standing.players == ("start", "round 1", "round 2", "random")
    assert "rating over rounds 0 to 2" in (made / "league-curves.svg").read_text()
    assert "round 2" in (made / "league-matrix.svg").read_text()
    met = League(made, settings()).training_of(2)
    names = [Path(one).relative_to(made).as_posix() for one in met.opponents[1:]]
    assert names == [
        "round-000/policy.safetensors",
        "round-000/response.safetensors",
        "round-001/response.safetensors",
    ]
    assert met.start_from == made / "round-001" / "policy.safetensors"
    alone = League(made, settings(responses_join=False)).training_of(2)
    assert len(alone.opponents) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "stage", ["round 1 of 2: train", "round 1 of 2: against it", "round 2 of 2: play"]
)
def test_an_interrupted_league_comes_to_the_same(
    made: Path, playing: Playing, tmp_path: Path, stage: str
) -> None:
    def stop(progress: Progress) -> None:
        if progress.stage.startswith(stage):
            raise KeyboardInterrupt

    playing.asked.clear()
    with pytest.raises(KeyboardInterrupt):
        play_league(tmp_path, settings(), stop)
    told: list[str] = []
    play_league(tmp_path, settings(), lambda progress: told.append(progress.stage))
    assert not any("start of 2: train" in one for one in told)
    assert contents(tmp_path) == contents(made)
    assert len(playing.asked) == len(set(playing.asked)) == 9, "nothing is played twice"


@pytest.mark.slow
def test_more_rounds_go_on_and_other_settings_do_not(made: Path, playing: Playing) -> None:
    before = contents(made)
    for changed in ({"round_steps": 5 * STEPS}, {"games": 12}, {"training": tiny(Path("unused"))}):
        with pytest.raises(LeagueError, match="other settings"):
            play_league(made, settings(**changed))
    with FileLock(made / ".league.json.lock"), pytest.raises(LeagueError, match="another process"):
        play_league(made, settings())
    assert contents(made) == before
    playing.asked.clear()
    policies = sorted(made.glob("round-*/*.safetensors"))
    written = [file.stat().st_mtime_ns for file in policies]
    assert play_league(made, settings()) == read_standing(made)
    assert not playing.asked
    assert [file.stat().st_mtime_ns for file in policies] == written, "nothing is trained again"
    assert contents(made) == before
    (made / "round-001" / "response.json").write_text("{")
    with pytest.raises(LeagueError, match="Remove it"):
        play_league(made, settings())
    (made / "round-001" / "response.json").write_bytes(before["round-001/response.json"])


def test_there_is_no_standing_before_a_league(tmp_path: Path) -> None:
    with pytest.raises(LeagueError, match="is not what a league has written"):
        read_standing(tmp_path)


@pytest.mark.exhaustive
def test_a_league_that_is_killed_comes_to_the_same(tmp_path: Path) -> None:
    chosen = settings(rounds=1, games=2, response_games=2)
    code = (
        "import sys; from pathlib import Path;"
        "from pipeline.play.arena.league.rounds import play_league;"
        "from pipeline.play.arena.league.settings import LeagueSettings;"
        "settings = LeagueSettings.model_validate_json(sys.argv[2]);"
        "play_league(Path(sys.argv[1]), settings, lambda one: print(one.stage, flush=True))"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "killed"), chosen.model_dump_json()]
    for stage in ("start of 1: against it", "round 1 of 1: train", "round 1 of 1: play"):
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as league:
            assert league.stdout is not None
            for line in league.stdout:
                if line.startswith(stage):
                    break
            league.kill()
        assert league.returncode != 0
    killed = play_league(tmp_path / "killed", chosen)
    assert killed == play_league(tmp_path / "straight", chosen)
    assert contents(tmp_path / "killed") == contents(tmp_path / "straight")
