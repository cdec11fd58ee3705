"""Classifiers as assets: when one is trained, what from, and what its page shows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from doubles.artifacts import recorded
from doubles.icons import write_voted_crops
from doubles.pages import shown

from assets.core.building import DATA_VERSION_TAG
from assets.core.runs import materialize
from assets.definitions import build_definitions
from pipeline.community.classifiers.model import ClassifierModel
from pipeline.community.voted_crops import VotedCrops, Votes
from pipeline.provenance import Recipe

ICONS = dg.AssetKey(["toy", "community", "icon_classifier"])
SCREENS = dg.AssetKey(["toy", "community", "screen_classifier"])
QUICK = {"epochs": 1, "least_steps": 0, "finetune_epochs": 1, "batch": 16, "pretrained": False}


@pytest.fixture
def community(toy_game: Any) -> Any:
    """The toy game, whose players label icons and screens together."""
    rules = {"icon_slots": ["icon"], "screen_types": ["SCREEN_0", "SCREEN_1"]}
    file = toy_game.pack_folder / "pack.yaml"
    pack = yaml.safe_load(file.read_text("utf-8")) | {"community": rules}
    file.write_text(yaml.safe_dump(pack), "utf-8")
    return toy_game


def vote(game: Any, write: Callable[[Path], VotedCrops]) -> None:
    """Make `voted_crops`."""
    asset = "toy/community/voted_crops"
    recipe = Recipe(asset=asset, partition=None, code_version="1", config={}, inputs=())
    with game.store.staging(asset, None) as staged:
        write(staged)
        _, record = game.store.commit(staged, recorded(recipe))
    key = dg.AssetKey(asset.split("/"))
    event = dg.AssetMaterialization(key, tags={DATA_VERSION_TAG: record.data_version})
    with game.instance() as instance:
        instance.report_runless_asset_event(event)


def make(game: Any, key: dg.AssetKey, **config: Any) -> list[str]:
    """Materialize a classifier; what its run said."""
    name = f"toy__{key.path[-1]}"
    with game.instance() as instance:
        definitions = build_definitions(game.pack)
        materialize(definitions, instance, [key], config={name: {"config": QUICK | config}})
        (run,) = instance.get_runs(limit=1)
        return [entry.user_message for entry in instance.all_logs(run.run_id)]


def without(crops: VotedCrops, *people: str) -> Votes:
    """The votes as they would be without some contributors."""
    kept = [crop for crop in crops.content.crops if not crop.contributors & set(people)]
    return Votes(crops=tuple(kept))


def test_a_game_without_a_community_has_no_classifier(toy_game: Any) -> None:
    graph = build_definitions(toy_game.pack).resolve_asset_graph()
    assert not [key for key in graph.materializable_asset_keys if "community" in key.path]


def test_with_too_few_images_nothing_is_trained_and_that_is_said(community: Any) -> None:
    vote(community, lambda folder: write_voted_crops(folder, names=2, players=2))
    said = make(community, ICONS)
    assert any("8 accepted images of 2 names are too few" in line for line in said)
    assert any("it takes 10 of 2" in line for line in said)
    with community.instance() as instance:
        assert instance.get_latest_materialization_event(ICONS) is None


@pytest.mark.slow
def test_a_classifier_is_trained_kept_tuned_and_made_anew(community: Any, tmp_path: Path) -> None:
    everybody = write_voted_crops(tmp_path / "all", names=4, players=10)
    fewer = without(everybody, "player-9", "player-8")
    vote(community, lambda folder: VotedCrops.write(folder, fewer, files_of(everybody)))
    said, page = make(community, ICONS), page_of(community)
    assert "This is the first icon classifier." in said
    assert (page["outcome"], page["started_from"]) == ("made", "scratch")
    assert "images of 3 names, over contributors" in page["judged_on"]
    assert page["accuracy"].count("95%") == 1
    assert page["preview"].count("![") == 3
    first = ClassifierModel.open(Path(page["folder"]))
    assert first.spec.lineage["voted_crops"]

    said, page = make(community, ICONS), page_of(community)
    assert "The icon classifier has learned from the same images already." in said
    assert page["outcome"] == "unchanged, no work done"
    assert Path(page["folder"]) == first.folder

    content, files = everybody.content, files_of(everybody)
    vote(community, lambda folder: VotedCrops.write(folder, content, files))
    said, page = make(community, ICONS), page_of(community)
    assert any(line.endswith("new images for the icon classifier.") for line in said)
    assert page["started_from"] == "previous"
    assert page["beside_previous"]
    assert "toy/community/icon_classifier" in page["made_from"]

    withdrawn = without(everybody, "player-0")
    vote(community, lambda folder: VotedCrops.write(folder, withdrawn, files))
    said, page = make(community, ICONS), page_of(community)
    assert any("are not believed any more to show that" in line for line in said)
    assert page["started_from"] == "scratch"
    assert "toy/community/icon_classifier" not in page["made_from"]


def page_of(game: Any) -> dict[str, Any]:
    with game.instance() as instance:
        return shown(instance, ICONS)


def files_of(crops: VotedCrops) -> dict[str, Path]:
    return {
        member.sha256: crops.folder / place
        for crop in crops.content.crops
        for member, place in zip(crop.members, crop.images, strict=True)
    }


@pytest.mark.slow
def test_screens_are_told_apart_by_another_network(community: Any) -> None:
    vote(community, lambda folder: write_voted_crops(folder, names=2, players=5, kind="screen"))
    make(community, SCREENS)
    with community.instance() as instance:
        model = ClassifierModel.open(Path(shown(instance, SCREENS)["folder"]))
    assert (model.spec.architecture, model.spec.input_side) == ("mobilenet_v3_small", 224)
    assert model.spec.classes == ("SCREEN_0", "SCREEN_1")
