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


def community_job(pack: GamePack, *, publishes: bool) -> Any:
    """Vote on what players have sent, train where there is enough new, put the model together.

    Args:
        publishes: whether there is a place to publish into, as the challenger.

    Raises:
        ValueError: the game has no community.
    """
    if pack.community is None:
        raise ValueError(f"{pack.name} has no community")
    keys = GameKeys.of(pack)
    votes = (keys.voted_crops, keys.text_corrections)
    screens = (keys.screen_classifier,) if pack.community.screen_types else ()
    published = (keys.published_community_model,) if publishes else ()
    trained = (keys.icon_classifier, *screens)
    return dg.define_asset_job(
        f"{pack.name}_community",
        selection=dg.AssetSelection.assets(*votes, *trained, keys.community_model, *published),
        description=f"Count what players of {pack.title} agree on, train its classifiers, and put "
        "its community model together.",
    )


def hourly_community(pack: GamePack, job: Any) -> dg.ScheduleDefinition:
    """Runs the community's job every hour; off until somebody turns it on."""
    return dg.ScheduleDefinition(
        name=f"{pack.name}_hourly_community",
        job=job,
        cron_schedule=EVERY_HOUR,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Count the votes and train every hour; nothing is trained where fewer than ten "
        "images are new and all that was learned is still believed.",
    )
