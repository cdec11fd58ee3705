"""Selections of the graph that are run by name."""

from typing import Any

import dagster as dg

from assets.core.keys import GameKeys
from pipeline.games.pack import GamePack


def retrain_job(pack: GamePack) -> Any:
    """Merge what has been annotated, train, export, evaluate, package."""
    return dg.define_asset_job(
        f"{pack.name}_retrain",
        selection=dg.AssetSelection.assets(*GameKeys.of(pack).after_annotation),
        description=f"Retrain the detector of {pack.title} on everything annotated so far.",
    )
