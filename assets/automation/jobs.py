"""Selections of the graph that are run by name, and when they run by themselves."""

from typing import Any

import dagster as dg

from assets.core.keys import GameKeys
from pipeline.games.pack import GamePack

MONDAY_AT_THREE = "0 3 * * 1"


def retrain_job(pack: GamePack) -> Any:
    """Merge what has been annotated, train, export, evaluate, package."""
    return dg.define_asset_job(
        f"{pack.name}_retrain",
        selection=dg.AssetSelection.assets(*GameKeys.of(pack).after_annotation),
        description=f"Retrain the detector of {pack.title} on everything annotated so far.",
    )


def weekly_retrain(pack: GamePack, job: Any) -> dg.ScheduleDefinition:
    """Runs the retrain job once a week; off until somebody turns it on."""
    return dg.ScheduleDefinition(
        name=f"{pack.name}_weekly_retrain",
        job=job,
        cron_schedule=MONDAY_AT_THREE,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Retrain every Monday at three; no work is done when nothing has changed.",
    )
