"""Two classifiers beside each other: on which images, and how often each counts."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from doubles.classifier_models import write_classifier_model, write_colour_votes
from doubles.classifiers import COLOURS
from doubles.community_releases import community_version

from pipeline.community.classifiers.manifest import TrainingManifest
from pipeline.community.classifiers.model import ClassifierModel
from pipeline.community.voted_crops import VotedCrops
from pipeline.files import write_json
from pipeline.release.community.parts import compare_with_champion

MORE = {**COLOURS, "Black Gem": (1, 1, 1)}


@pytest.fixture(scope="module")
def voted(tmp_path_factory: pytest.TempPathFactory) -> VotedCrops:
    return write_colour_votes(tmp_path_factory.mktemp("votes") / "voted")


@pytest.fixture(scope="module")
def icons(tmp_path_factory: pytest.TempPathFactory, voted: VotedCrops) -> ClassifierModel:
    return write_classifier_model(tmp_path_factory.mktemp("icons") / "icons", voted, MORE)


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return community_version(tmp_path_factory.mktemp("champion") / "c").package.model


def test_an_image_that_was_sent_for_two_slots_counts_once(
    voted: VotedCrops, icons: ClassifierModel, champion: Path
) -> None:
    twice = tuple(
        crop.model_copy(update={"slot": slot})
        for crop in voted.content.crops
        for slot in ("icon", "belt")
    )
    doubled = replace(voted, content=voted.content.model_copy(update={"crops": twice}))
    once = compare_with_champion(voted, icons, champion)
    assert once is not None
    assert compare_with_champion(doubled, icons, champion) == once


def test_images_that_the_champion_has_learned_from_do_not_judge(
    voted: VotedCrops, icons: ClassifierModel, champion: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "champion"
    shutil.copytree(champion, copy)
    everything = TrainingManifest(
        images=icons.manifest.images, trained=tuple(icons.manifest.images)
    )
    (copy / "training_manifest.json").unlink()
    write_json(copy / "training_manifest.json", everything.model_dump(mode="json"))
    assert compare_with_champion(voted, icons, copy) is None
