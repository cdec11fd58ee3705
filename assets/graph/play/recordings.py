"""Recorded sessions of play: one partition for each, from the folder of recordings."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from assets.core.building import AssetBuild, Metadata, build_asset, latest_version
from assets.core.keys import GameKeys
from assets.core.metadata import ShownImage, drawing, image, literal, table
from pipeline.errors import OutpostError
from pipeline.games.pack import GamePack
from pipeline.manifests import sha256_of
from pipeline.play.recordings.events import (
    ENDED,
    GAME,
    KINDS,
    NAME,
    RecordingError,
    SessionInfo,
    require_game,
)
from pipeline.play.recordings.quality import SessionQuality, quality_problems
from pipeline.play.recordings.reader import SessionReader, open_session
from pipeline.play.recordings.recorded_session import RecordedSession
from pipeline.play.recordings.writer import ENDING
from pipeline.provenance import ArtifactVersion, code_version_behind
from resources.artifacts import Artifacts, ArtifactStore
from resources.paths import Paths

GROUP = "play"


def is_played(pack: GamePack) -> bool:
    """Whether a game is one that people or programs play here: the built-in one."""
    return pack.name == GAME


def recording_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """Recorded sessions; nothing for games that are not played here."""
    return [_recordings(pack)] if is_played(pack) else []


def recorded_versions(instance: dg.DagsterInstance, keys: GameKeys) -> dict[str, ArtifactVersion]:
    """Of every session that was materialized and is a partition, by name, sorted."""
    name = keys.recorded_sessions.name
    assert name is not None
    names = sorted(instance.get_dynamic_partitions(name))
    versions = ((one, latest_version(instance, keys.recordings, one)) for one in names)
    return {one: version for one, version in versions if version}


def recorded_sessions(
    instance: dg.DagsterInstance, store: ArtifactStore, keys: GameKeys
) -> dict[str, RecordedSession]:
    """Every session that was materialized and is a partition, by name, sorted."""
    versions = recorded_versions(instance, keys)
    return {
        name: RecordedSession.open(store.open(version).path) for name, version in versions.items()
    }


def _recordings(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_behind("pipeline.play.recordings.recorded_session")

    @dg.asset(
        key=keys.recordings,
        partitions_def=keys.recorded_sessions,
        group_name=GROUP,
        kinds={"json"},
        code_version=code,
        description="One session of play: what was known, done and achieved, each event at its own "
        "time, as it was recorded; with its length, gaps, rates and goals.",
    )
    def recordings(
        context: dg.AssetExecutionContext, artifacts: Artifacts, paths: Paths
    ) -> dg.MaterializeResult[Any]:
        file = _session_file(paths.state.recordings(pack.name), context.partition_key)
        session = open_session(file)
        # The built-in game's sessions have the simulator's kinds, which the detector's include.
        require_game(session.info, pack.name, KINDS)
        recipe = {"sha256": sha256_of(file)}
        build = AssetBuild(context, artifacts.store, keys.recordings, code, recipe)
        return build_asset(build, partial(_write, session=session), _show)

    return recordings


def _session_file(folder: Path, name: str) -> Path:
    """Where a session lies.

    Raises:
        RecordingError: it lies nowhere; the UI adds any partition.
    """
    file = folder / f"{name}{ENDING}"
    if not re.fullmatch(NAME, name) or not file.is_file():
        raise RecordingError(
            f"There is no session {file.name} in {folder}.",
            "Record it with `outpost play record`, or delete the partition. A recording that was "
            "interrupted is finished by `outpost play recover`.",
        )
    return file


def _write(folder: Path, session: SessionReader) -> None:
    RecordedSession.write(folder, session)


def _show(folder: Path) -> Metadata:
    recorded = RecordedSession.open(folder)
    session, quality = recorded.session, recorded.quality
    images, replayed = _images(session)
    return {
        "seconds": quality.seconds,
        "actor": session.info.actor,
        "opponent": session.info.opponent or "unknown",
        "ended": ENDED[quality.outcome],
        "clicks_and_keys": quality.deeds,
        "replay": replayed,
        "problems": table(["problem"], ([one] for one in quality_problems(quality))),
        "preview": images,
        "channels": _channels(quality),
        "goals": table(
            ["goal", "share of the time"],
            ([goal, f"{share:.0%}"] for goal, share in quality.goals.items()),
        ),
        "outcomes": table(["outcome", "events"], quality.outcomes.items()),
        "of": table(["", ""], _facts(session.info)),
    }


def _images(session: SessionReader) -> tuple[list[ShownImage], str]:
    """Images of a session, and whether it can be played again."""
    # Rules are compiled, which takes seconds to import.
    from pipeline.play.recordings.replay import replay
    from pipeline.play.recordings.session_images import frames_sheet, timeline_svg

    images = [drawing(timeline_svg(session), "goals, actions, outcomes, scores")]
    try:
        again, sheet = replay(session), frames_sheet(session)
    except OutpostError as error:
        return images, error.problem
    if sheet is not None:
        images.append(image(sheet, "as the player saw it"))
    if again.differs_at is not None:
        return images, f"another game after {again.differs_at:g} seconds"
    return images, f"the same game, by {again.compared} states"


def _channels(quality: SessionQuality) -> dg.MetadataValue[Any]:
    return table(
        ["channel", "events", "a second", "stated", "longest gap (s)"],
        (
            [topic, one.events, f"{one.rate:g}", one.stated_rate or "", f"{one.longest_gap:.2f}"]
            for topic, one in quality.channels.items()
        ),
    )


def _facts(info: SessionInfo) -> Iterator[tuple[str, str]]:
    """What the session says of itself."""
    for key, value in info.model_dump(mode="json", exclude_none=True).items():
        if key not in ("classes", "rates"):
            yield key, literal(str(value))
