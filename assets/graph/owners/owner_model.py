"""The head that tells whose things are, trained on drawn scenes in a minute on this machine."""

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from assets.core.building import AssetBuild, Metadata, build_asset, latest
from assets.core.keys import GameKeys
from assets.core.launchpad import LaunchpadConfig
from assets.core.metadata import table
from pipeline.games.pack import GamePack
from pipeline.owners.owner_model import OwnerModel, OwnerSummary
from pipeline.owners.training import OwnerTraining
from pipeline.provenance import code_version_of
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from pipeline.scenes.sources.catalogue import TEAM_COLOURS
from pipeline.sprites.library import OpenLibrary
from resources.artifacts import Artifacts

GROUP = "model"


def owner_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """What tells owners in a game's screenshots."""
    keys = GameKeys.of(pack)
    code = code_version_of("pipeline.owners", "detector_runtime.owners")

    class OwnerConfig(LaunchpadConfig):
        """What may be changed for one head."""

        epochs: int = Field(OwnerTraining().epochs, ge=1, description="Of training.")
        seed: int = Field(0, ge=0, description="Of training.")

    @dg.asset(
        key=keys.owner_model,
        deps=[keys.synthetic_set, keys.sprites],
        group_name=GROUP,
        kinds={"python", "json"},
        code_version=code,
        description="A small head that tells by the colours in a box whose a thing is: a player's, "
        "by the name of its colour, or nature's. Trained on the synthetic set.",
    )
    def owner_model(
        context: dg.AssetExecutionContext, config: OwnerConfig, artifacts: Artifacts
    ) -> dg.MaterializeResult[Any]:
        store, instance = artifacts.store, context.instance
        drawn = latest(instance, store, keys.synthetic_set)
        sprites = latest(instance, store, keys.sprites)
        training = OwnerTraining(epochs=config.epochs, seed=config.seed)
        names = pack.sprites.team_names
        recipe = {"training": training.model_dump(mode="json"), "players": list(names)}
        build = AssetBuild(context, store, keys.owner_model, code, recipe, (drawn, sprites))

        def write(folder: Path) -> None:
            colours = OpenLibrary(sprites.path).team_colours or TEAM_COLOURS
            players = list(zip(names, colours, strict=True))
            opened = SyntheticSet.open(drawn.path)
            OwnerModel.write(folder, opened, players, training, build.report)

        return build_asset(build, write, lambda folder: show_owners(OwnerModel.open(folder)))

    return [owner_model]


def show_owners(model: OwnerModel) -> Metadata:
    """How well owners are told on validation scenes, and which are taken for which."""
    summary = model.summary
    return {
        "accuracy": summary.accuracy,
        "named": summary.named,
        "accuracy_of_named": summary.accuracy_of_named,
        "threshold": summary.threshold,
        "examples": summary.examples,
        "confusion": _confusion(summary),
    }


def _confusion(summary: OwnerSummary) -> dg.MetadataValue[Any]:
    owners = list(summary.confusion)
    rows = [[true, *(summary.confusion[true].get(guess, 0) for guess in owners)] for true in owners]
    return table(["true owner", *owners], rows)
