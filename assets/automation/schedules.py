"""The weekly retrain."""

from typing import Any

import dagster as dg

from pipeline.games.pack import GamePack

MONDAY_AT_THREE = "0 3 * * 1"


def weekly_retrain(pack: GamePack, job: Any) -> dg.ScheduleDefinition:
    """Runs the retrain job once a week; off until somebody turns it on."""
    return dg.ScheduleDefinition(
        name=f"{pack.name}_weekly_retrain",
        job=job,
        cron_schedule=MONDAY_AT_THREE,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Retrain every Monday at three; no work is done when nothing has changed.",
    )
