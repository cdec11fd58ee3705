"""A community model's gates: each refuses what it is there for, and says the figure."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from doubles.classifiers import COLOURS
from doubles.community_releases import community_version

from pipeline.release.gates import Gate, GateRules, judge
from pipeline.release.version import OpenVersion

WRONG = {**COLOURS, "Red Gem": COLOURS["Green Gem"], "Green Gem": COLOURS["Red Gem"]}
MORE = {**COLOURS, "Black Gem": (1, 1, 1)}


def opened(
    folder: Path,
    colours: dict[str, tuple[float, float, float]] | None = None,
    champion: OpenVersion | None = None,
    withdrawn: str = "",
) -> OpenVersion:
    against = champion.folder if champion else None
    new = community_version(folder, colours or COLOURS, champion=against, withdrawn=withdrawn)
    target = folder / "downloaded"
    target.mkdir()
    for name, file in new.files.items():
        shutil.copyfile(file, target / name)
    return OpenVersion(f"000001-{0:012}", target, new.manifest(1, None))


def gate(name: str, candidate: OpenVersion, champion: OpenVersion | None = None) -> Gate:
    rules = GateRules(margin=0.05, class_floor=0.5)
    return {one.name: one for one in judge(candidate, champion, rules)}[name]


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> OpenVersion:
    return opened(tmp_path_factory.mktemp("champion") / "c")


def test_a_good_first_version_passes_everything(champion: OpenVersion) -> None:
    gates = judge(champion, None, GateRules())
    assert [one.name for one in gates if not one.passed] == []
    assert [one.name for one in gates] == ["contract", "accuracy", "class_floors", "provenance"]
    assert gate("contract", champion).figure == "3 names of icons, 0 kinds of screens"


def test_a_worse_classifier_is_refused_by_the_paired_comparison(
    champion: OpenVersion, tmp_path: Path
) -> None:
    judged = gate("accuracy", opened(tmp_path / "w", WRONG, champion), champion)
    assert not judged.passed
    assert "worse" in judged.figure


def test_one_that_is_no_worse_and_knows_more_is_taken(
    champion: OpenVersion, tmp_path: Path
) -> None:
    assert gate("accuracy", opened(tmp_path / "m", MORE, champion), champion).passed
    # As good and with the same names it has no reason to take its place.
    renamed = {name: COLOURS[name] for name in reversed(COLOURS)}
    assert not gate("accuracy", opened(tmp_path / "r", renamed, champion), champion).passed


def test_what_a_withdrawn_player_taught_leaves_with_a_version_that_is_only_as_good(
    champion: OpenVersion, tmp_path: Path
) -> None:
    renamed = {name: COLOURS[name] for name in reversed(COLOURS)}
    candidate = opened(tmp_path / "w", renamed, champion, withdrawn="player-3")
    judged = gate("accuracy", candidate, champion)
    assert judged.passed
    assert "not believed any more" in judged.figure
    worse = opened(tmp_path / "x", WRONG, champion, withdrawn="player-3")
    assert not gate("accuracy", worse, champion).passed


def test_the_same_classifier_with_new_corrections_is_taken(
    champion: OpenVersion, tmp_path: Path
) -> None:
    judged = gate("accuracy", opened(tmp_path / "same"), champion)
    assert judged.passed
    assert "the champion's classifier" in judged.figure


@pytest.mark.parametrize(("colours", "passed"), [(MORE, True), (WRONG, False)])
def test_beside_another_champion_than_it_was_compared_with_the_shares_count(
    champion: OpenVersion,
    tmp_path: Path,
    colours: dict[str, tuple[float, float, float]],
    passed: bool,
) -> None:
    judged = gate("accuracy", opened(tmp_path / "m", colours), champion)
    assert (judged.passed, "on other images" in judged.figure) == (passed, True)


def test_a_comparison_with_another_champion_says_nothing_of_this_one(
    champion: OpenVersion, tmp_path: Path
) -> None:
    candidate = opened(tmp_path / "w", WRONG, champion)
    judged = gate("accuracy", candidate, opened(tmp_path / "o", MORE))
    assert "on other images" in judged.figure


def test_names_that_are_not_those_of_its_manifest_are_refused(champion: OpenVersion) -> None:
    manifest = champion.manifest.model_copy(update={"classes": ("Red Gem",)})
    assert not gate("contract", replace(champion, manifest=manifest)).passed


def test_a_name_that_is_hardly_ever_found_is_refused(tmp_path: Path) -> None:
    version = opened(tmp_path / "w", WRONG)
    file = version.folder / "community_evaluation.json"
    values = json.loads(file.read_text())
    values["per_name"] = [{"name": "Red Gem", "right": 1, "images": 9}]
    file.write_text(json.dumps(values))
    judged = gate("class_floors", version)
    assert (judged.passed, judged.figure) == (False, "Red Gem 1 of 9")
    values["per_name"] = [{"name": "Red Gem", "right": 0, "images": 1}]
    file.write_text(json.dumps(values))
    assert gate("class_floors", version).passed


def test_a_version_without_its_story_is_refused(champion: OpenVersion) -> None:
    silent = replace(champion, manifest=champion.manifest.model_copy(update={"lineage": {}}))
    judged = gate("provenance", silent)
    assert not judged.passed
    assert "voted_crops" in judged.figure


def test_a_damaged_version_passes_no_gate_that_needs_it(tmp_path: Path) -> None:
    version = opened(tmp_path / "d")
    for name in ("icon_classifier.onnx", "community_evaluation.json"):
        (version.folder / name).write_bytes(b"damaged")
    passed = {one.name for one in judge(version, None, GateRules()) if one.passed}
    assert passed == {"provenance"}
