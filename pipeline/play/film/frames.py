"""One moment of a game as an image: a strip of texts, and below it the map with what is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image, ImageDraw

from pipeline.demo_game.game_folder import TEAM_COLOURS
from pipeline.demo_game.world import FLATTENING
from pipeline.play.film.moments import SHOWN_TICKS, Deed, Moment
from pipeline.play.recordings.session_images import GOALS
from pipeline.play.simulator.observation import side_of
from pipeline.play.simulator.rules import (
    FIGURES,
    MAP_SIDE,
    SUBPIXELS,
    TICKS_A_SECOND,
    Act,
    Kind,
    Result,
)
from pipeline.play.simulator.view import MAP_HEIGHT, render_map
from pipeline.visualization.annotators import Colour, font_of
from pipeline.visualization.palette import SKY_BLUE, VERMILION, YELLOW, readable_on_black

STRIP = 46
"""Pixels of the texts above the map."""
FONT_SIZE, LINE, MARGIN, SQUARE = 15, 22, 8, 11
GROUND, INK, FAINT = (24, 26, 30), (235, 235, 235), (170, 178, 190)
BAR_HEIGHT = 3
MOST_LETTERS = 24
CLICKS = {Act.SELECT: SKY_BLUE, Act.COMMAND: VERMILION}


@dataclass(frozen=True)
class FilmedGame:
    """What all frames of a film have in common.

    Attributes:
        players: names, by number of the player.
        player: the one that is watched.
        sees_all: whether all of the map is shown, or what the player sees.
        width: of a frame, in pixels.
    """

    players: tuple[str, ...]
    player: int
    sees_all: bool
    width: int

    @property
    def scale(self) -> float:
        """Pixels of the film for one of the map."""
        return self.width / MAP_SIDE

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame."""
        return self.width, STRIP + round(MAP_HEIGHT * self.scale)


class _Standing(NamedTuple):
    """A unit or keep that is shown: pixels of the film, and its share of hit points."""

    slot: int
    owner: int
    x: float
    y: float
    radius: float
    share: float


def draw_moment(film: FilmedGame, moment: Moment) -> Image.Image:
    """A frame of a film, RGB of `film.size`."""
    seen_by = None if film.sees_all else film.player
    drawn = Image.fromarray(render_map(moment.games, 0, seen_by, bars=False).image)
    frame = Image.new("RGB", film.size, GROUND)
    size = (film.width, film.size[1] - STRIP)
    frame.paste(drawn.resize(size, Image.Resampling.BOX), (0, STRIP))
    pen = ImageDraw.Draw(frame)
    standing = list(_standing(film, moment))
    for one in standing:
        _draw_hit_points(pen, film, one)
    for one in standing:
        if one.slot == moment.target:
            _draw_target(pen, film, one)
    for deed in moment.deeds:
        _draw_click(pen, film, deed, moment.tick)
    _write_scores(pen, film, moment)
    _write_intent(pen, film, moment)
    return frame


def result_in_words(film: FilmedGame, moment: Moment) -> str:
    """Who has won; empty while the game goes on."""
    result = Result(int(moment.games.clocks["result"][0]))
    if result is Result.RUNNING:
        return ""
    if result is Result.DRAW:
        return "nobody won"
    winners = [
        _shortened(name)
        for number, name in enumerate(film.players)
        if side_of(moment.games, number) == (result is Result.SECOND_SIDE)
    ]
    return f"{' and '.join(winners)} won"


def _standing(film: FilmedGame, moment: Moment) -> Iterator[_Standing]:
    """Units and keeps that the film shows, as far as its viewer sees them at this moment."""
    games, side = moment.games, side_of(moment.games, film.player)
    for slot, entity in enumerate(games.entities[0]):
        kind, owner = Kind(int(entity["kind"])), int(entity["owner"])
        known = games.memory[0, side, slot]
        in_sight = film.sees_all or int(known["tick"]) == moment.tick
        if owner < 0 or not entity["present"] or not in_sight:
            continue
        yield _Standing(
            slot,
            owner,
            int(entity["x"]) / SUBPIXELS * film.scale,
            STRIP + int(entity["y"]) / SUBPIXELS * FLATTENING * film.scale,
            FIGURES[kind].radius * film.scale,
            int(entity["hit_points"]) / FIGURES[kind].hit_points,
        )


def _draw_hit_points(pen: ImageDraw.ImageDraw, film: FilmedGame, one: _Standing) -> None:
    """A bar in the colour of its player, above what is drawn of it."""
    half = round(max(13 * film.scale, 0.7 * one.radius))
    top = round(one.y - 18 * film.scale - 2 * one.radius)
    left, width = round(one.x) - half, 2 * half
    pen.rectangle((left - 1, top - 1, left + width, top + BAR_HEIGHT), fill="black")
    filled = round(width * one.share)
    if filled > 0:
        box = (left, top, left + filled - 1, top + BAR_HEIGHT - 1)
        pen.rectangle(box, fill=_team(one.owner))


def _draw_target(pen: ImageDraw.ImageDraw, film: FilmedGame, one: _Standing) -> None:
    """A frame around whom the player fights."""
    half, up = 8 * film.scale + 1.5 * one.radius, 8 * film.scale + 2.4 * one.radius
    box = (one.x - half, one.y - up, one.x + half, one.y + half / 2)
    pen.rectangle(box, outline=YELLOW, width=2)


def _draw_click(pen: ImageDraw.ImageDraw, film: FilmedGame, deed: Deed, tick: int) -> None:
    """A ring that widens with its age; a right click has a cross within it."""
    on_map = 0 <= deed.x < MAP_SIDE and 0 <= deed.y < MAP_SIDE
    if deed.act not in CLICKS or not on_map:
        return
    x, y = deed.x * film.scale, STRIP + deed.y * FLATTENING * film.scale
    radius, colour = 4 + 8 * (tick - deed.tick) / SHOWN_TICKS, CLICKS[deed.act]
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=2)
    if deed.act == Act.COMMAND:
        pen.line((x - 3, y - 3, x + 3, y + 3), fill=colour, width=2)
        pen.line((x - 3, y + 3, x + 3, y - 3), fill=colour, width=2)


def _write_scores(pen: ImageDraw.ImageDraw, film: FilmedGame, moment: Moment) -> None:
    """The upper line: the first side on the left, the other one on the right, the time between."""
    scores = moment.games.players["score"][0].tolist()
    sides: tuple[list[int], list[int]] = ([], [])
    for number in range(len(film.players)):
        sides[side_of(moment.games, number)].append(number)
    left = MARGIN
    for number in sides[0]:
        text = f"{_shortened(film.players[number])}  {scores[number]}"
        _write_name(pen, left, number, text)
        left += round(pen.textlength(text, font=font_of(FONT_SIZE))) + SQUARE + 3 * MARGIN
    right = film.width - MARGIN
    for number in sides[1]:
        text = f"{scores[number]}  {_shortened(film.players[number])}"
        right -= round(pen.textlength(text, font=font_of(FONT_SIZE))) + SQUARE + 6
        _write_name(pen, right, number, text)
        right -= 2 * MARGIN
    seconds = moment.tick // TICKS_A_SECOND
    _write(pen, film.width / 2, 0, f"{seconds // 60}:{seconds % 60:02d}", INK, "ma")


def _write_intent(pen: ImageDraw.ImageDraw, film: FilmedGame, moment: Moment) -> None:
    """The lower line: goal and target, the last key, and at the end who has won."""
    goal = moment.goal
    _write(pen, MARGIN, 1, goal or "no goal stated", GOALS[goal] if goal else FAINT)
    left = MARGIN + 110
    if 0 <= moment.target < moment.games.slot_count:
        kind = Kind(int(moment.games.entities[0, moment.target]["kind"]))
        _write(pen, left, 1, f"target: {kind.name.lower()}", YELLOW)
    keys = [deed.key for deed in moment.deeds if deed.key is not None]
    if keys:
        _write(pen, film.width - MARGIN, 1, f"key: {keys[-1].lower()}", SKY_BLUE, "ra")
    _write(pen, film.width / 2, 1, result_in_words(film, moment), INK, "ma")


def _write_name(pen: ImageDraw.ImageDraw, left: float, number: int, text: str) -> None:
    """A player's colour, then a text."""
    pen.rectangle((left, 7, left + SQUARE - 1, 6 + SQUARE), fill=_team(number))
    _write(pen, left + SQUARE + 6, 0, text, INK)


def _write(
    pen: ImageDraw.ImageDraw, x: float, line: int, text: str, colour: Colour, anchor: str = "la"
) -> None:
    pen.text((x, 3 + line * LINE), text, fill=colour, font=font_of(FONT_SIZE), anchor=anchor)


def _team(number: int) -> Colour:
    return readable_on_black(list(TEAM_COLOURS.values())[number])


def _shortened(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"
