"""Where everything meets: one function builds fresh Definitions for a game.

Tests and tools call `build_definitions` with other resources; Dagster's server loads `defs`, for
the games that the environment variable `OUTPOST_GAMES` names (the built-in game by default).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from assets.automation.contribution_sensor import contribution_sensor
from assets.automation.dispute_sensor import dispute_sensor
from assets.automation.export_sensor import export_sensor
from assets.automation.gpu_reaper import gpu_reaper
from assets.automation.jobs import (
    community_job,
    hourly_community,
    retrain_job,
    weekly_retrain,
)
from assets.automation.policy_sensor import policy_sensors
from assets.automation.recording_sensor import recording_sensors
from assets.checks import asset_checks
from assets.graph.annotation_batches import annotation_batch_assets
from assets.graph.annotations import annotation_assets
from assets.graph.community.classifiers import classifier_assets
from assets.graph.community.community_model import community_model_assets
from assets.graph.community.contributions import contribution_assets
from assets.graph.community.disputes import dispute_assets
from assets.graph.community.votes import vote_assets
from assets.graph.cvat_tasks import cvat_task_assets
from assets.graph.evaluation import evaluation_assets
from assets.graph.game import game_assets
from assets.graph.owners.owner_model import owner_assets
from assets.graph.play.arena import arena_assets
from assets.graph.play.policies import policy_assets
from assets.graph.play.published_policies import published_policy_assets
from assets.graph.play.recordings import recording_assets
from assets.graph.prelabels import prelabel_assets
from assets.graph.release import release_assets
from assets.graph.scenes import synthetic_assets
from assets.graph.training import training_assets
from pipeline.games.pack import GamePack, load_pack
from resources.defaults import Resources
from resources.executors import executor_from_environment
from resources.paths import Paths


def games_served() -> tuple[str, ...]:
    """Names or folders of the packs that Dagster's server shows, never none."""
    names = os.environ.get("OUTPOST_GAMES", "").split(",")
    return tuple(name.strip() for name in names if name.strip()) or ("demo",)


def build_definitions(
    game: str | Path | GamePack, resources: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Assets, checks, sensor, schedule and job of one game.

    `published_model` is among them where the resource `releases` names a place to publish into.

    Args:
        game: a pack, its name, or its folder.
        resources: replace the default ones by name: paths, artifacts, exports, game, screenshots,
            cvat, releases, contributions, gpu. The default ones work in the state folder that
            `paths` names, else in the one that the environment names; training is done where
            `OUTPOST_GPU` says, or here.

    Raises:
        PackError: the pack cannot be read.
        ExecutorError: the environment asks for an executor that is not there.
        GpuSettingsError: the environment describes a GPU that is not possible.
    """
    pack = game if isinstance(game, GamePack) else load_pack(game)
    retrain, given = retrain_job(pack), resources or {}
    defaults = Resources.of(given.get("paths") or Paths.from_environment()).by_name()
    every = {**defaults, **given}
    publishes = every["releases"].is_configured
    community = [community_job(pack, publishes=publishes)] if pack.community else []
    return dg.Definitions(
        assets=[
            *game_assets(pack),
            *synthetic_assets(pack),
            *annotation_assets(pack),
            *cvat_task_assets(pack),
            *annotation_batch_assets(pack),
            *prelabel_assets(pack),
            *owner_assets(pack),
            *training_assets(pack),
            *evaluation_assets(pack),
            *classifier_assets(pack),
            *release_assets(pack, publishes=publishes),
            *contribution_assets(pack),
            *vote_assets(pack),
            *dispute_assets(pack),
            *community_model_assets(pack, publishes=publishes),
            *recording_assets(pack),
            *policy_assets(pack),
            *published_policy_assets(pack, publishes=publishes),
            *arena_assets(pack),
        ],
        asset_checks=asset_checks(pack),
        jobs=[retrain, *community],
        sensors=[export_sensor(pack), *_community_sensors(pack), *_play_sensors(pack)],
        schedules=[
            weekly_retrain(pack, retrain),
            *(hourly_community(pack, job) for job in community),
        ],
        resources=every,
        executor=executor_from_environment(),
    )


def _community_sensors(pack: GamePack) -> list[dg.SensorDefinition]:
    return [] if pack.community is None else [contribution_sensor(pack), dispute_sensor(pack)]


def _play_sensors(pack: GamePack) -> list[dg.SensorDefinition]:
    return [*recording_sensors(pack), *policy_sensors(pack)]


@dg.definitions
def defs() -> dg.Definitions:
    """What `workspace.yaml` loads: the reaper, and every served game on one set of resources."""
    resources = Resources.of(Paths.from_environment()).by_name()
    reaper = dg.Definitions(sensors=[gpu_reaper()], resources=resources)
    games = (build_definitions(game, resources) for game in games_served())
    return dg.Definitions.merge(reaper, *games)
