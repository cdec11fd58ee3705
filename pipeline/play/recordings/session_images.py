"""A session to look at: what happens when, and frames of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

from PIL import Image

from pipeline.play.recordings.events import (
    NANOSECONDS,
    GoalEvent,
    KeyEvent,
    MouseEvent,
    OutcomeEvent,
    ScoresEvent,
    Topic,
)
from pipeline.play.recordings.reader import SessionReader
from pipeline.play.recordings.replay import states, whole_ticks
from pipeline.play.simulator.rules import TICKS_A_SECOND
from pipeline.play.simulator.scripted import Goal
from pipeline.play.simulator.view import camera_of, render
from pipeline.visualization.palette import GREEN, SKY_BLUE, VERMILION, YELLOW
from pipeline.visualization.sections import Tile, TileGroup, draw_sections, tile_width
from pipeline.visualization.tiles import encode_jpeg, resized

COLUMNS, FRAMES = 4, 16
WIDTH, LEFT, RIGHT, ROW, SCORES_HEIGHT = 960, 110, 24, 24, 120
"""Pixels of the timeline: width, margins, height of a row and of the scores."""
GOALS = {
    Goal.FIGHT.name: VERMILION,
    Goal.LOOT.name: YELLOW,
    Goal.FLEE.name: SKY_BLUE,
    Goal.EXPLORE.name: "#999999",
    Goal.CAUTIOUS.name: "#cc79a7",
}
MARKS = {
    "select": SKY_BLUE,
    "command": VERMILION,
    "key": "#999999",
    "hit": YELLOW,
    "kill": GREEN,
    "death": VERMILION,
    "loot": YELLOW,
}
CLICKS = {"left": "select", "right": "command"}
MOST_MARKS = 3000

_Place = Callable[[int], float]
"""From nanoseconds to pixels from the left."""


@dataclass
class _Story:
    """What is drawn of a session; times in nanoseconds."""

    goals: list[tuple[int, str | None]] = field(default_factory=list)
    marks: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in MARKS})
    scores: list[tuple[int, int, int]] = field(default_factory=list)


def timeline_svg(session: SessionReader) -> str:
    """Goals, actions, outcomes and scores of a session over its time, as an SVG drawing."""
    story = _story_of(session)
    end = max(1, round(session.seconds * NANOSECONDS))

    def at(time: int) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * time / end, 1)

    rows = [*_goal_bars(story, end, at), *_mark_rows(story, at)]
    height = (2 + len(MARKS)) * ROW + SCORES_HEIGHT + 2 * ROW
    lines = _score_lines(story, end, at, (2 + len(MARKS)) * ROW)
    axis = _axis(session.seconds, at, height - ROW // 2)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="14">'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
        f"{''.join((*rows, *lines, *axis))}</svg>"
    )


def frames_sheet(session: SessionReader, count: int = FRAMES) -> bytes | None:
    """Frames of a session of the simulator, evenly spread, as the player sees them: a JPEG.

    They are drawn by the demo game's renderer from the game played again. Below each are time,
    goal and scores.

    Returns:
        None where not one tick is whole.

    Raises:
        RecordingError: it cannot be played again.
    """
    last = whole_ticks(session)
    if last == 0:
        return None
    assert session.info.player is not None
    story, player = _story_of(session), session.info.player
    wanted = {last * number // (count - 1) for number in range(count)}
    tiles = [
        Tile(
            resized(
                Image.fromarray(render(games, 0, camera_of(games, 0, player), player).image),
                tile_width(COLUMNS),
            ),
            tuple(_caption(story, tick)),
        )
        for tick, games in enumerate(states(session))
        if tick in wanted
    ]
    return encode_jpeg(draw_sections([TileGroup(session.info.name, tuple(tiles))], COLUMNS))


def _story_of(session: SessionReader) -> _Story:
    story = _Story()
    wanted = (Topic.GOALS, Topic.MOUSE, Topic.KEYS, Topic.OUTCOMES, Topic.SCORES)
    for time, event in session.events(*wanted):
        match event:
            case GoalEvent():
                story.goals.append((time, event.goal))
            case MouseEvent(kind="press") if event.button in CLICKS:
                story.marks[CLICKS[event.button]].append(time)
            case KeyEvent(kind="press"):
                story.marks["key"].append(time)
            case OutcomeEvent() if event.kind in MARKS:
                story.marks[event.kind].append(time)
            case ScoresEvent():
                story.scores.append((time, *event.scores))  # type: ignore[arg-type]
            case _:
                pass
    return story


def _goal_bars(story: _Story, end: int, at: _Place) -> Iterator[str]:
    yield _text(8, ROW, "goal")
    ends = [time for time, _goal in story.goals[1:]] + [end]
    # Of a person's session no goal may be known.
    for (time, goal), until in zip(story.goals, ends, strict=False):
        if goal is not None and until > time:
            yield (
                f'<rect x="{at(time)}" y="6" width="{max(0.5, at(until) - at(time)):.1f}" '
                f'height="{ROW - 4}" fill="{GOALS[goal]}"/>'
            )
    for number, (goal, colour) in enumerate(GOALS.items()):
        left = LEFT + number * 130
        yield f'<rect x="{left}" y="{ROW + 8}" width="12" height="12" fill="{colour}"/>'
        yield _text(left + 18, 2 * ROW - 5, goal)


def _mark_rows(story: _Story, at: _Place) -> Iterator[str]:
    for number, (name, times) in enumerate(story.marks.items()):
        top = (2 + number) * ROW
        yield _text(8, top + ROW - 7, f"{name} {len(times)}")
        # Of many, every n-th: a drawing of a long session stays small.
        step = -(-len(times) // MOST_MARKS) or 1
        path = "".join(f"M{at(time)} {top + 3}v{ROW - 6}" for time in times[::step])
        if path:
            yield f'<path d="{path}" stroke="{MARKS[name]}" stroke-width="1.5"/>'


def _score_lines(story: _Story, end: int, at: _Place, top: int) -> Iterator[str]:
    most = max((max(own, other) for _time, own, other in story.scores), default=0) or 1
    for column, (name, colour) in enumerate((("player", "#000000"), ("opponent", VERMILION))):
        yield _text(8, top + (column + 1) * ROW, name, colour)
        steps, before = list[str](), float(top + SCORES_HEIGHT)
        for time, *scores in (*story.scores, (end, *(story.scores or [(0, 0, 0)])[-1][1:])):
            height = round(top + SCORES_HEIGHT - (SCORES_HEIGHT - 10) * scores[column] / most, 1)
            steps.append(f"L{at(time)} {before}L{at(time)} {height}")
            before = height
        path = f"M{LEFT} {top + SCORES_HEIGHT}{''.join(steps)}"
        yield f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    yield _text(8, top + 3 * ROW, f"up to {most}")


def _axis(seconds: float, at: _Place, bottom: int) -> Iterator[str]:
    step = next((one for one in (1, 5, 10, 30, 60, 300, 600) if seconds / one <= 12), 3600)
    for second in range(0, int(seconds) + 1, step):
        yield _text(at(second * NANOSECONDS) - 12, bottom, f"{second} s")


def _caption(story: _Story, tick: int) -> Iterator[str]:
    time = tick * NANOSECONDS // TICKS_A_SECOND
    yield f"{tick / TICKS_A_SECOND:.0f} s"
    yield _until([(at, goal) for at, goal in story.goals], time) or "no goal"
    yield "score " + (_until([(at, f"{a} : {b}") for at, a, b in story.scores], time) or "0 : 0")


def _until(values: Sequence[tuple[int, str | None]], time: int) -> str | None:
    """The last of some values up to a time."""
    return next((value for at, value in reversed(values) if at <= time), None)


def _text(x: float, y: float, text: str, colour: str = "#222222") -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}">{escape(text)}</text>'
