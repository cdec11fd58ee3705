"""A film shows a game as it was: who stands where, who is hurt, where clicks go, who has won."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.play.film.animation import MOST_FRAMES, FilmError, check_film, write_film
from pipeline.play.film.frames import STRIP, FilmedGame, draw_moment, result_in_words
from pipeline.play.film.moments import (
    SHOWN_TICKS,
    Deed,
    Moment,
    moments_of,
    scripted_play,
    session_play,
)
from pipeline.play.recordings.reader import open_session
from pipeline.play.recordings.simulated_play import planned_games, record_games
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.rules import NOTHING, SUBPIXELS, Act, Result
from pipeline.play.simulator.scripted import ScriptedPlayers

PLAYER, OPPONENT, SEED = "scripted_l4", "scripted_l2", 25
FILM = FilmedGame((PLAYER, OPPONENT), 0, sees_all=False, width=512)
EVERYTHING = FilmedGame((PLAYER, OPPONENT), 0, sees_all=True, width=512)


@pytest.fixture(scope="module")
def moments() -> list[Moment]:
    return moments_of(scripted_play(PLAYER, OPPONENT, SEED), 0, 30)


def beginning(**changes: object) -> Moment:
    values = {"games": Games.start([SEED]), "goal": None, "target": NOTHING, "deeds": ()}
    return Moment(**{**values, **changes})


def pixels(film: FilmedGame, moment: Moment) -> np.ndarray:
    return np.asarray(draw_moment(film, moment)).astype(int)


def around(film: FilmedGame, games: Games, slot: int, reach: int = 12) -> tuple[slice, slice]:
    """Rows and columns of a frame around an entity."""
    x, y = (int(games.entities[0, slot][axis]) / SUBPIXELS * film.scale for axis in ("x", "y"))
    row, column = STRIP + round(y * 0.6), round(x)
    return slice(max(row - reach, STRIP), row + reach), slice(
        max(column - reach, 0), column + reach
    )


def test_moments_are_those_of_the_game(moments: list[Moment]) -> None:
    games, scripts = Games.start([SEED]), ScriptedPlayers.start([SEED], (PLAYER, OPPONENT))
    states, acts = [games.to_bytes(0)], list[int]()
    while games.clocks["result"][0] == Result.RUNNING:
        actions = scripts.act(games)
        acts.append(int(actions[0, 0, 0]))
        games.step(actions)
        states.append(games.to_bytes(0))
    last = len(acts)
    assert [moment.tick for moment in moments] == sorted({*range(0, last, 30), last})
    for moment in moments:
        assert moment.games.to_bytes(0) == states[moment.tick]
        before = range(max(0, moment.tick - SHOWN_TICKS), moment.tick)
        assert [deed.tick for deed in moment.deeds] == [one for one in before if acts[one]]
    assert sum(len(moment.deeds) for moment in moments) > 10
    assert len({moment.goal for moment in moments}) >= 3


def test_a_recorded_session_gives_the_same_film(moments: list[Moment], tmp_path: Path) -> None:
    (file,) = record_games(tmp_path, planned_games(PLAYER, OPPONENT, [SEED]))
    again = moments_of(session_play(open_session(file)), 0, 30)
    assert len(again) == len(moments)
    for one, other in zip(again, moments, strict=True):
        assert one.games.to_bytes(0) == other.games.to_bytes(0)
        assert (one.goal, one.target, one.deeds) == (other.goal, other.target, other.deeds)


def test_the_player_is_shown_no_more_than_it_sees() -> None:
    start = beginning()
    own, hidden = 2, 8 + 2
    seen, everything = pixels(FILM, start), pixels(EVERYTHING, start)
    assert seen[around(FILM, start.games, own)].max() > 100
    assert seen[around(FILM, start.games, hidden)].max() < 40
    assert everything[around(FILM, start.games, hidden)].max() > 100


def test_a_bar_is_as_long_as_what_is_left_of_its_unit() -> None:
    start = beginning()
    hurt = beginning()
    hurt.games.entities["hit_points"][0, 6] //= 2
    changed = (pixels(FILM, start) != pixels(FILM, hurt)).any(axis=2)
    rows, columns = np.nonzero(changed)
    near = around(FILM, start.games, 6, reach=24)
    assert changed[near].sum() == changed.sum()
    assert len(set(rows.tolist())) == 3
    assert 4 <= len(set(columns.tolist())) <= 8


@pytest.mark.parametrize("act", [Act.SELECT, Act.COMMAND])
def test_clicks_are_drawn_where_they_were(act: Act) -> None:
    plain = pixels(FILM, beginning())
    clicked = pixels(FILM, beginning(deeds=(Deed(0, act, None, 400, 500),)))
    rows, columns = np.nonzero((plain != clicked).any(axis=2))
    assert abs(columns.mean() - 400 * FILM.scale) < 2
    assert abs(rows.mean() - (STRIP + 500 * 0.6 * FILM.scale)) < 2
    assert np.ptp(columns) <= 12
    far = pixels(FILM, beginning(deeds=(Deed(0, act, None, 1 << 40, -5),)))
    assert (far == plain).all()


def test_texts_change_with_what_they_say() -> None:
    strips = [
        pixels(FILM, beginning(**changes))[:STRIP]
        for changes in (
            {},
            {"goal": "FIGHT"},
            {"goal": "LOOT"},
            {"goal": "FIGHT", "target": 10},
            {"deeds": (Deed(0, Act.KEY, "SOLDIERS", 0, 0),)},
        )
    ]
    assert len({strip.tobytes() for strip in strips}) == len(strips)
    nobody = pixels(FILM, beginning(goal="FIGHT", target=30_000))
    assert (nobody[:STRIP] == strips[1]).all()


def test_it_is_said_who_has_won(moments: list[Moment]) -> None:
    assert result_in_words(FILM, moments[0]) == ""
    for result, text in ((1, "scripted_l4 won"), (2, "scripted_l2 won"), (3, "nobody won")):
        ended = beginning()
        ended.games.clocks["result"] = result
        assert result_in_words(FILM, ended) == text
    long = FilmedGame(("p" * 100, OPPONENT), 0, sees_all=False, width=400)
    ended.games.clocks["result"] = 1
    assert result_in_words(long, ended) == "p" * 23 + "… won"
    assert draw_moment(long, ended).size == long.size


def squares(number: int) -> Image.Image:
    image = Image.new("RGB", (64, 48), (20, 30, 40))
    image.paste((200, 50 + number, 50), (5 * number, 8, 5 * number + 12, 30))
    return image


def test_a_film_is_drawn_frame_by_frame_and_is_the_same_again(tmp_path: Path) -> None:
    asked: list[int] = []

    def draw(number: int) -> Image.Image:
        asked.append(number)
        return squares(number)

    told: list[str] = []
    durations = [100, 100, 250, 40, 500]
    film = write_film(
        tmp_path / "new" / "a.webp", draw, durations, lambda reading: told.append(str(reading))
    )
    assert asked == [0, 1, 2, 3, 4]
    assert told[-1] == "draw the film: 5/5, 0 s left"
    assert (film.frames, film.seconds) == (5, 0.99)
    assert film.bytes == film.file.stat().st_size
    again = write_film(tmp_path / "b.webp", squares, durations)
    assert again.file.read_bytes() == film.file.read_bytes()
    with Image.open(film.file) as opened:
        assert (opened.n_frames, opened.size, opened.info["loop"]) == (5, (64, 48), 0)
        for number, duration in enumerate(durations):
            opened.seek(number)
            shown = np.asarray(opened.convert("RGB")).astype(int)
            assert np.abs(shown - np.asarray(squares(number))).mean() < 8
            assert opened.info["duration"] == duration


def test_a_film_of_one_frame_is_an_image(tmp_path: Path) -> None:
    film = write_film(tmp_path / "one.webp", squares, [3000])
    with Image.open(film.file) as opened:
        assert opened.size == (64, 48)


def test_what_cannot_be_drawn_leaves_the_film_before(tmp_path: Path) -> None:
    file = tmp_path / "film.webp"
    file.write_bytes(b"before")

    def fails(number: int) -> Image.Image:
        if number == 2:
            raise FilmError("no such frame", "draw another")
        return squares(number)

    with pytest.raises(FilmError, match="no such frame"):
        write_film(file, fails, [100] * 4)
    assert [one.name for one in tmp_path.iterdir()] == ["film.webp"]
    assert file.read_bytes() == b"before"


def test_films_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FilmError, match="5001 frames"):
        write_film(tmp_path / "long.webp", squares, [1] * (MOST_FRAMES + 1))
    with pytest.raises(FilmError, match="animated WebP"):
        check_film(tmp_path / "film.mp4")
    (tmp_path / "file").touch()
    (tmp_path / "folder.webp").mkdir()
    for name in ("file/film.webp", "folder.webp"):
        with pytest.raises(FilmError, match="cannot be written"):
            check_film(tmp_path / name)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder.webp"]
