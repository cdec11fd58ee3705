"""Sessions for other programs: tables of Parquet, and a data set of Minari.

Parquet has what was recorded, a folder for each session and a table for each channel, every event
with its own time. Minari (https://minari.farama.org/content/dataset_standards/) has what is learned
from: an episode for each session, a step for each twentieth of a second.
"""

from __future__ import annotations

import shutil
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

from pipeline.files import write_json
from pipeline.play.demonstrations import Demonstration
from pipeline.play.recordings.events import (
    ActionEvent,
    EntitiesEvent,
    Event,
    FrameEvent,
    GoalEvent,
    KeyEvent,
    MouseEvent,
    OutcomeEvent,
    RecordingError,
    ScoresEvent,
    StateEvent,
)
from pipeline.play.recordings.reader import SessionReader
from pipeline.play.recordings.replay import demonstration_of, known_after
from pipeline.play.simulator.environments.episodes import (
    POINTS_A_REWARD,
    action_space,
    observation_space,
    to_choice,
)
from pipeline.play.simulator.observation import STATUS, Column
from pipeline.play.simulator.rules import MAP_SIDE
from pipeline.progress import Report, silent, track

if TYPE_CHECKING:
    import polars

TIME = "time_ns"
ENTITY_COLUMNS = tuple(column.name.lower() for column in Column)
ACTION_COLUMNS = ("act", "entity", "x", "y", "key")
TABLES: Mapping[str, Mapping[str, type]] = {
    "entities": dict.fromkeys(ENTITY_COLUMNS, int),
    "status": dict.fromkeys(STATUS, int),
    "mouse": {
        "actor": str, "kind": str, "button": str, "x": int, "y": int, "notches": int,
        "entity": int, "map_x": int, "map_y": int,
    },
    "keys": {"actor": str, "kind": str, "key": str},
    "actions": {"actor": str, "tick": int, "player": int, **dict.fromkeys(ACTION_COLUMNS, int)},
    "goals": {"goal": str, "target": int},
    "outcomes": {"kind": str, "entity": int, "amount": int},
    "scores": {"player": int, "opponent": int},
    "frames": {"file": str, "index": int},
    "state": {"tick": int, "digest": str},
}  # fmt: skip
"""Columns of each table beside the time, with the type of their values."""


def export_parquet(
    sessions: Sequence[SessionReader], out: Path, report: Report = silent
) -> list[Path]:
    """Write a folder for each session: `<table>.parquet` for each of `TABLES`, and session.json.

    Args:
        out: a folder; those of earlier exports may be in it.

    Returns:
        Their folders, each of which is there whole or not at all.

    Raises:
        RecordingError: there is a folder of a session already, or two would have the same one,
            which is known before anything is written; or it cannot be written.
    """
    _require_own_folders(sessions, out)
    written = []
    for session in track(sessions, len(sessions), "export sessions", report):
        folder = out / session.info.name
        with _staged(folder) as fresh:
            for name, table in _tables(session):
                table.write_parquet(fresh / f"{name}.parquet")
            told = {"seconds": session.seconds, "damage": session.damage}
            write_json(fresh / "session.json", {**session.info.model_dump(mode="json"), **told})
        written.append(folder)
    return written


def export_minari(sessions: Sequence[SessionReader], out: Path, report: Report = silent) -> Path:
    """Write sessions of the simulator as one data set of Minari.

    Observations are `entities` (int16 [44, 12]) and `status` (int32 [4]) as of the environment,
    actions those of its space (an offset of more than half the map is cut off there), rewards
    those of its steps for each tick. `infos` have the player's goal and target; the first step's
    options the session's name and player.

    Args:
        sessions: at least one.
        out: a folder that does not exist, whose name is the data set's id, as `skirmish-v0`;
            `minari.load_dataset` finds it with `MINARI_DATASETS_PATH` set to its parent.

    Raises:
        RecordingError: Minari is not installed, the id is none, there is something already, or a
            session cannot be learned from.
    """
    try:
        from minari.data_collector import EpisodeBuffer
        from minari.dataset.minari_dataset import parse_dataset_id
        from minari.dataset.minari_storage import MinariStorage
    except ImportError as error:
        raise RecordingError(
            "Minari is not installed.",
            "Install it: `uv sync --extra minari` in a checkout, else `pip install "
            "'outpost[minari]'`.",
        ) from error
    try:
        parse_dataset_id(out.name)
    except (ValueError, TypeError) as error:
        # Minari 0.5.4 takes a version that is missing for a number.
        raise RecordingError(
            f"A data set of Minari cannot be called '{out.name}'.",
            "Take a name with a version, like skirmish-v0.",
        ) from error
    with _staged(out) as fresh:
        storage = MinariStorage.new(
            # Minari 0.5.4 looks for its files from a relative folder within that folder.
            (fresh / "data").absolute(),
            _observation_space(),
            action_space(),
            jpeg_encoding=False,
        )
        actors = sorted({session.info.actor for session in sessions})
        storage.update_metadata(
            {
                "dataset_id": out.name,
                "algorithm_name": ", ".join(actors),
                "description": "Recorded play of Outpost's built-in game, 20 steps a second.",
                "minari_version": _version("minari"),
            }
        )
        for session in track(sessions, len(sessions), "export sessions", report):
            shown = demonstration_of(session)
            storage.update_episodes([EpisodeBuffer(**_episode(session, shown))])
    return out


def _require_own_folders(sessions: Sequence[SessionReader], out: Path) -> None:
    """See that every session gets a folder that is not there yet: a copy has the same name."""
    files: dict[str, Path] = {}
    for session in sessions:
        name = session.info.name
        _require_free(out / name)
        if name in files:
            raise RecordingError(
                f"{files[name]} and {session.file} are both the session {name}.",
                "Export one of them, or each into a folder of its own.",
            )
        files[name] = session.file


def _tables(session: SessionReader) -> Iterator[tuple[str, polars.DataFrame]]:
    """Tables by name; all are there, those without events too."""
    import polars as pl

    rows: defaultdict[str, list[tuple[object, ...]]] = defaultdict(list)
    for time, event in session.events():
        for name, values in _rows(event):
            rows[name].append((time, *values))
    for name, columns in TABLES.items():
        number = pl.Int16 if name == "entities" else pl.Int64
        types = {int: number, str: pl.String}
        schema = {column: types[kind] for column, kind in columns.items()}
        yield name, pl.DataFrame(rows[name], schema={TIME: pl.Int64, **schema}, orient="row")


def _rows(event: Event) -> Iterator[tuple[str, Sequence[object]]]:
    """The table of an event, and its values in the order of the columns."""
    match event:
        case EntitiesEvent():
            yield "status", event.status
            for row in event.rows:
                yield "entities", row
        case ActionEvent():
            yield "actions", (event.actor, event.tick, event.player, *event.action)
        case ScoresEvent():
            yield "scores", event.scores
        case MouseEvent() | KeyEvent() | GoalEvent() | OutcomeEvent() | FrameEvent() | StateEvent():
            name = NAMES[type(event)]
            yield name, [getattr(event, column) for column in TABLES[name]]


NAMES: Mapping[type[Event], str] = {
    MouseEvent: "mouse",
    KeyEvent: "keys",
    GoalEvent: "goals",
    OutcomeEvent: "outcomes",
    FrameEvent: "frames",
    StateEvent: "state",
}


def _observation_space() -> spaces.Dict:
    """Of the environment, without the ground, which is not recorded."""
    whole = observation_space()
    entities = whole["entities"]
    assert isinstance(entities, spaces.Box)
    low, high = (bound.astype(np.int16) for bound in (entities.low, entities.high))
    return spaces.Dict(
        {"entities": spaces.Box(low, high, dtype=np.int16), "status": whole["status"]}
    )


def _episode(session: SessionReader, shown: Demonstration) -> dict[str, Any]:
    """What an `EpisodeBuffer` of Minari holds: a step a tick, and one observation more."""
    steps = len(shown)
    entities, status = known_after(session, steps)
    leads = shown.scores[:, 0] - shown.scores[:, 1]
    rewards = np.diff(leads) / POINTS_A_REWARD
    rewards[-1] += shown.outcome
    ends = np.zeros(steps, bool)
    ends[-1] = True
    has_ended = bool(status[-1])
    actions = to_choice(shown.actions)
    actions[:, 2:4] = np.clip(actions[:, 2:4], 0, MAP_SIDE - 1)
    return {
        "seed": session.info.seed,
        "options": {"session": shown.name, "actor": shown.player},
        "observations": {
            "entities": np.concatenate([shown.entities, entities[None]]),
            "status": np.concatenate([shown.status, status[None]]),
        },
        "actions": actions,
        "rewards": rewards,
        "terminations": ends & has_ended,
        "truncations": ends & ~has_ended,
        "infos": {
            "goal": np.append(shown.goals, shown.goals[-1]),
            "target": np.append(shown.targets, shown.targets[-1]),
        },
    }


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """A neighbour of a folder to write into, which becomes that folder at the end of the block."""
    _require_free(folder)
    fresh = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        fresh.mkdir(parents=True)
        yield fresh
        fresh.rename(folder)
    except OSError as error:
        raise RecordingError(
            f"Sessions cannot be exported to {folder}: {error}",
            "Make room on the disk, or name a folder that you may write to.",
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _require_free(folder: Path) -> None:
    if folder.exists():
        raise RecordingError(f"There is {folder} already.", "Name another folder, or remove it.")


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)
