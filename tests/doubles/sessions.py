"""Sessions of play, small and of all channels."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.play.recordings.events import (
    KINDS,
    ActionEvent,
    EntitiesEvent,
    FrameEvent,
    GoalEvent,
    KeyEvent,
    MouseEvent,
    OutcomeEvent,
    ScoresEvent,
    SessionInfo,
    StateEvent,
    TimedEvent,
    Topic,
    rules_digest,
)


def session_info(name: str = "one", **changes: object) -> SessionInfo:
    """Of a game of the simulator that nobody has played."""
    values = {
        "name": name,
        "game": "demo",
        "actor": "scripted_l3",
        "classes": KINDS,
        "screen": (320, 256),
        "rates": {Topic.ENTITIES: 20.0, Topic.STATE: 1.0},
        "application": "outpost tests",
        "rules": rules_digest(),
        "seed": 7,
        "map": 3,
        "players_a_side": 1,
        "player": 0,
        "opponent": "random",
    }
    return SessionInfo.model_validate({**values, **changes})


def some_events(ticks: int = 40) -> Iterator[TimedEvent]:
    """Events of every channel, in the order of their times."""
    for tick in range(ticks):
        time = tick * 50_000_000
        if tick % 20 == 0:
            yield TimedEvent(time, StateEvent(tick=tick, digest=f"{tick:064x}"))
            yield TimedEvent(time, FrameEvent(file="one.mp4", index=tick))
            goal = "FIGHT" if tick % 40 else None
            yield TimedEvent(time, GoalEvent(goal=goal, target=tick or None))
        rows = [[slot, 1, 0, tick, slot, 75, 0, 1, 0, 0, 0, 4] for slot in range(tick % 5)]
        yield TimedEvent(time, EntitiesEvent(rows=rows, status=[tick, 0, 0, 0]))
        if tick % 7 == 0:
            click = MouseEvent(
                actor="scripted_l3", kind="press", button="left", x=1, y=2, entity=4, map_x=-3,
                map_y=5,
            )  # fmt: skip
            yield TimedEvent(time, click)
            yield TimedEvent(time, KeyEvent(actor="scripted_l3", kind="press", key="STOP"))
            action = [1, 4, -3, 5, 0]
            deed = ActionEvent(actor="scripted_l3", tick=tick, player=0, action=action)
            yield TimedEvent(time, deed)
            yield TimedEvent(time, OutcomeEvent(kind="hit", entity=4, amount=9))
            yield TimedEvent(time, ScoresEvent(scores=[tick, 0]))
