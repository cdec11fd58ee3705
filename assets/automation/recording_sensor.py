"""The sensor that watches the folder of recordings: each session becomes a partition and a run.

Only finished sessions count, which are there whole or not at all. A session that was replaced is
read again.
"""

import re
from pathlib import Path

import dagster as dg
from pydantic import TypeAdapter, ValidationError

from assets.core.keys import GameKeys
from assets.graph.play.recordings import is_played
from pipeline.games.pack import GamePack
from pipeline.play.recordings.events import NAME
from pipeline.play.recordings.reader import session_files
from pipeline.play.recordings.writer import ENDING
from resources.paths import Paths

RUNS_A_TICK = 20
_Stamps = TypeAdapter(dict[str, str])
"""Size and time of every session that a run was requested for, by name."""


def recording_sensors(pack: GamePack) -> list[dg.SensorDefinition]:
    """Watches what is recorded of a game; nothing for games that are not played here."""
    return [_recording_sensor(pack)] if is_played(pack) else []


def _recording_sensor(pack: GamePack) -> dg.SensorDefinition:
    keys = GameKeys.of(pack)

    @dg.sensor(
        name=f"{pack.name}_recording_sensor",
        target=dg.AssetSelection.assets(keys.recordings),
        minimum_interval_seconds=30,
        description=f"Takes up recorded sessions of {pack.title}, {RUNS_A_TICK} at a time.",
    )
    def sense(context: dg.SensorEvaluationContext, paths: Paths) -> dg.SensorResult:
        folder = paths.state.recordings(pack.name)
        taken = _remembered(context.cursor)
        files = {file.name.removesuffix(ENDING): file for file in session_files(folder)}
        found = {name: _stamp(file) for name, file in files.items() if re.fullmatch(NAME, name)}
        new = [name for name, stamp in found.items() if taken.get(name) != stamp][:RUNS_A_TICK]
        if not new:
            reason = f"{len(found)} sessions are in {folder}, and all are taken up."
            return dg.SensorResult(skip_reason=reason, cursor=context.cursor)
        kept = {name: stamp for name, stamp in taken.items() if name in found}
        memory = {**kept, **{name: found[name] for name in new}}
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(run_key=f"{name}-{found[name]}", partition_key=name) for name in new
            ],
            dynamic_partitions_requests=[keys.recorded_sessions.build_add_request(new)],
            cursor=_Stamps.dump_json(memory).decode(),
        )

    return sense


def _remembered(cursor: str | None) -> dict[str, str]:
    """Nothing where the cursor is damaged: taking up the same session again changes nothing."""
    try:
        return _Stamps.validate_json(cursor or "{}")
    except ValidationError:
        return {}


def _stamp(file: Path) -> str:
    """Changes when the file does; empty where it has just been removed."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}"
