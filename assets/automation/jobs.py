"""Selections of the graph that are run by name, and when they run by themselves."""

from typing import Any

import dagster as dg

from assets.core.keys import GameKeys
from pipeline.games.pack import GamePack

MONDAY_AT_THREE = "0 3 * * 1"
EVERY_HOUR = "0 * * * *"


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


def community_job(pack: GamePack) -> Any:
    """Vote on what players have sent, and train the classifiers where there is enough new.

    Raises:
        ValueError: the game has no community.
    """
    if pack.community is None:
        raise ValueError(f"{pack.name} has no community")
    keys = GameKeys.of(pack)
    screens = (keys.screen_classifier,) if pack.community.screen_types else ()
    classifiers = dg.AssetSelection.assets(keys.icon_classifier, *screens)
    return dg.define_asset_job(
        f"{pack.name}_community",
        # With what they are made from: the votes.
        selection=classifiers.upstream(depth=1).materializable(),
        description=f"Train the classifiers of {pack.title} on what its players agreed on.",
    )


def hourly_community(pack: GamePack, job: Any) -> dg.ScheduleDefinition:
    """Runs the community's job every hour; off until somebody turns it on."""
    return dg.ScheduleDefinition(
        name=f"{pack.name}_hourly_community",
        job=job,
        cron_schedule=EVERY_HOUR,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Train the classifiers every hour; nothing is trained where fewer than ten "
        "images are new and all that was learned is still believed.",
    )
