"""From voted crops and a classifier to the next champion's judgement: the assets, the commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from detector_runtime.community import follow_community_model
from doubles.artifacts import recorded
from doubles.classifier_models import write_classifier_model, write_colour_votes
from doubles.classifiers import COLOURS
from typer.testing import CliRunner

from assets.cli.app import app
from assets.core.building import DATA_VERSION_TAG
from assets.graph.community.community_model import community_model_assets
from assets.operations.lineage.audit import withdrawn_since
from pipeline.community.classifiers.dataset import image_files
from pipeline.community.text_corrections import TextCorrections
from pipeline.community.text_votes import TextVotes
from pipeline.community.voted_crops import VotedCrops, Votes
from pipeline.community.withdrawn_installs import Withdrawal
from pipeline.games.pack import load_pack
from pipeline.provenance import ArtifactVersion, Recipe
from pipeline.release.community.package import CommunityPackage
from resources.defaults import Resources
from resources.instance import open_instance
from resources.paths import Paths

WRONG = {**COLOURS, "Red Gem": COLOURS["Green Gem"], "Green Gem": COLOURS["Red Gem"]}
RED = np.full((64, 64, 3), (220, 30, 30), np.uint8)
ID = "5b0e5a3c-3f1e-4b57-9c3a-0a8a6c8b2f11"
Colours = dict[str, tuple[float, float, float]]


class Community:
    """A state folder in which votes have been counted and classifiers trained."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.resources, self.instance = Resources.of(Paths.below(home)), instance

    def train(self, folder: Path, colours: Colours, without: str = "") -> None:
        """What runs would have left of votes, corrections and a training."""
        voted = write_votes(folder, without)
        write_classifier_model(folder / "icon_classifier", voted, colours)
        (folder / "text_corrections").mkdir()
        votes = {"Fleet": ("a", "b")}
        read = TextVotes(
            slot="ship_type", raw="F1eet", votes=votes, text="Fleet", outcome="corrected"
        )
        TextCorrections.write(folder / "text_corrections", [read])
        made: list[ArtifactVersion] = []
        for name in ("voted_crops", "text_corrections", "icon_classifier"):
            made.append(self._commit(name, folder / name, made[:1]))

    def train_screens(self, folder: Path) -> None:
        """What a run would have left of a training on the screens of the same votes."""
        voted = VotedCrops.open(folder / "voted_crops")
        write_classifier_model(folder / "screen_classifier", voted, kind="screen")
        self._commit("screen_classifier", folder / "screen_classifier", [])

    def count_again(self, folder: Path, without: str) -> None:
        """What a run would have left of the votes once a player was withdrawn."""
        write_votes(folder, without)
        self._commit("voted_crops", folder / "voted_crops", [])

    def materialize(self) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            community_model_assets(load_pack("demo"), publishes=True),
            instance=self.instance,
            resources={
                "artifacts": self.resources.artifacts,
                "releases": self.resources.releases,
            },
            raise_on_error=False,
        )

    def shown(self, result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
        (event,) = result.asset_materializations_for_node(f"demo__community__{asset}")
        return {name: value.value for name, value in event.metadata.items()}

    def run(self, *words: str, exits: int = 0) -> Any:
        whole = ["release", *words, "--game", "demo-community"]
        found = CliRunner().invoke(app, [*whole, "--json"], obj=self.resources)
        assert found.exit_code == exits, found.output
        return json.loads(found.stdout) if found.stdout else found.output

    def audit(self, subject: Path, exits: int) -> Any:
        found = CliRunner().invoke(app, ["audit", str(subject), "--json"], obj=self.resources)
        assert found.exit_code == exits, found.output
        return json.loads(found.stdout)

    def _commit(self, name: str, folder: Path, inputs: list[ArtifactVersion]) -> ArtifactVersion:
        store = self.resources.artifacts.store
        asset = f"demo/community/{name}"
        with store.staging(asset) as staged:
            for file in folder.rglob("*"):
                if file.is_file():
                    target = staged / file.relative_to(folder)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(file.read_bytes())
            recipe = Recipe(asset=asset, code_version="c", config={}, inputs=tuple(inputs))
            artifact, record = store.commit(staged, recorded(recipe, store.keys))
        tags = {DATA_VERSION_TAG: record.data_version}
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(asset.split("/"), tags=tags)
        )
        return artifact.version


def write_votes(folder: Path, without: str) -> VotedCrops:
    """Votes on icons and on screens, without those on what a player has sent."""
    icons = write_colour_votes(folder / "icons")
    screens = write_colour_votes(folder / "screens", "screen", seed=1)
    crops = (*icons.content.crops, *screens.content.crops)
    kept = tuple(crop for crop in crops if without not in crop.contributors)
    files = image_files(icons, "icon") | image_files(screens, "screen")
    (folder / "voted_crops").mkdir()
    return VotedCrops.write(folder / "voted_crops", Votes(crops=kept), files)


@pytest.fixture
def community(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Community]:
    monkeypatch.setenv("OUTPOST_RELEASES", str(tmp_path / "releases"))
    monkeypatch.setenv("OUTPOST_KEYS", str(tmp_path / "keys"))
    resources = Resources.of(Paths.below(tmp_path / "home"))
    with open_instance(resources.state) as instance:
        yield Community(tmp_path / "home", instance)


def test_a_worse_classifier_does_not_become_the_champion(
    community: Community, tmp_path: Path
) -> None:
    assert not community.materialize().success  # nothing has been trained
    community.train(tmp_path / "first", dict(COLOURS))
    community.run("keys", "init")
    first = community.materialize()
    assert first.success
    shown = community.shown(first, "community_model")
    assert (shown["names_of_icons"], shown["contributors"]) == (3, 8)
    assert shown["beside_champion"] == "not compared"
    package = CommunityPackage.open(Path(shown["model"]).parent)
    assert package.manifest.lineage.keys() >= {"demo/community/voted_crops"}
    promoted = community.run("promote", "--reason", "the first")
    assert promoted["move"] is not None
    (listed,) = community.run("list")["versions"]
    said = package.evidence.accuracy
    assert said is not None
    assert listed["manifest"]["metrics"]["icon_accuracy"]["value"] == said.value
    again = community.materialize()  # nothing new makes nothing new, beside a champion too
    ids = [community.shown(one, "published_community_model")["id"] for one in (first, again)]
    assert ids == [promoted["version"]] * 2

    community.train(tmp_path / "second", WRONG)
    second = community.materialize()
    assert second.success
    assert "worse" in community.shown(second, "community_model")["beside_champion"]
    refused = community.run("promote", "--dry-run", exits=1)
    assert [gate["name"] for gate in refused["gates"] if not gate["passed"]] == ["accuracy"]
    home = tmp_path / "releases" / "models" / "demo-community"
    with_first = follow_community_model(
        tmp_path / "client", home, keys=home / "keys.json", watch=False
    )
    try:
        assert with_first.match([RED])[0].name == "Red Gem"
        assert with_first.read_text("ship_type", "F1eet").text == "Fleet"
    finally:
        with_first.close()


def test_what_a_withdrawn_player_taught_goes_to_nobody_until_it_is_trained_anew(
    community: Community, tmp_path: Path
) -> None:
    community.train(tmp_path / "first", dict(COLOURS))
    community.train_screens(tmp_path / "first")
    shown = community.shown(community.materialize(), "community_model")
    assert shown["tells_screens_apart"]

    community.count_again(tmp_path / "counted", without="player-3")
    refused = community.materialize()
    assert not refused.success
    (failure,) = refused.filter_events(lambda event: event.is_step_failure)
    said = failure.step_failure_data.error.to_string()
    assert "6 images that the icon classifier was made from are not believed any more" in said

    # Of screens too few may be left to train another classifier: it must not wait for them.
    community.train(tmp_path / "second", dict(COLOURS), without="player-3")
    shown = community.shown(community.materialize(), "community_model")
    assert not shown["tells_screens_apart"]
    assert shown["crops"] == 42


def test_the_audit_walks_from_what_a_program_follows_back_to_the_votes(
    community: Community, tmp_path: Path
) -> None:
    community.train(tmp_path / "first", dict(COLOURS))
    community.run("keys", "init")
    assert community.materialize().success
    community.run("promote", "--reason", "the first")
    home = tmp_path / "releases" / "models" / "demo-community"
    follow_community_model(tmp_path / "client", home, keys=home / "keys.json", watch=False).close()
    (followed,) = (tmp_path / "client" / "versions").iterdir()

    report = community.audit(followed, exits=3)
    assert report["problems"] == []
    chain = {link["version"]["asset"].rpartition("/")[2]: link for link in report["chain"]}
    assert chain.keys() == {
        "community_model",
        "icon_classifier",
        "text_corrections",
        "voted_crops",
    }
    job = chain["icon_classifier"]["job"]
    assert job["program"] == "pipeline.community.classifiers.classifier_program"
    assert job["architecture"] == "efficientnet_b0"
    (said,) = report["unverified"]  # no lease was had for this classifier
    assert "its cost was not recorded" in said
    community.audit(followed / "icon_classifier.onnx", exits=3)

    content = (followed / "text_corrections.json").read_text("utf-8")
    (followed / "text_corrections.json").write_text(content.replace("Fleet", "Flea"), "utf-8")
    assert "text_corrections.json" in str(community.audit(followed, exits=1)["problems"])


def test_what_is_for_bundles_alone_says_what_to_do_instead(
    community: Community, tmp_path: Path
) -> None:
    community.train(tmp_path / "first", dict(COLOURS))
    package = CommunityPackage.open(
        Path(community.shown(community.materialize(), "community_model")["model"]).parent
    )
    target = str(tmp_path / "target")
    for words, fix in (
        (["deploy", target, "--game", "demo-community", "--release", "champion"], "update FOLDER"),
        (["deploy", target, "--model", str(package.model)], "update FOLDER"),
        (["release", "sign", str(package.model), str(tmp_path / "s")], "published_community_model"),
        (["release", "sign", str(package.folder), str(tmp_path / "s")], "keys.json"),
    ):
        found = CliRunner().invoke(app, words, obj=community.resources)
        assert found.exit_code == 1, found.output
        assert fix in " ".join(found.output.split())
    assert not Path(target).exists()


def test_the_audit_tells_who_was_withdrawn_since(community: Community) -> None:
    version = ArtifactVersion(asset="demo/community/staged_crops", partition=ID, data_version="a1")
    assert not withdrawn_since(version, community.resources).notes
    withdrawal = Withdrawal(install=ID, reason="asked for it", date=date(2026, 11, 30))
    community.resources.contributions.withdrawals("demo").change(
        lambda known: known.withdrawn(withdrawal)
    )
    (note,) = withdrawn_since(version, community.resources).notes
    assert ID in note
    assert "asked for it" in note


def test_a_game_whose_players_label_nothing_has_no_community_model(community: Community) -> None:
    for game in ("aoe2-community", "nothing-community"):
        words = ["release", "list", "--game", game]
        found = CliRunner().invoke(app, words, obj=community.resources)
        assert found.exit_code == 1
        assert "What to do" in found.output
