"""What players sent becomes labels, corrections and questions, on a real Dagster instance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from doubles.crowds import KEYS, Crowd, crop, install
from typer.testing import CliRunner

from assets.cli.app import app
from assets.cli.output import as_word
from assets.core import building
from assets.core.building import latest
from assets.core.runs import materialize
from pipeline.community.text_corrections import TextCorrections
from pipeline.community.voted_crops import VotedCrop, VotedCrops
from resources.contributions.maintainer_list import MaintainerListError
from resources.defaults import Resources
from resources.instance import open_instance
from resources.paths import Paths

IRON, STEEL, SHIELD, NEW = 1, 2, 3, 4
RIGHT = {IRON: "Iron Sword", STEEL: "Steel Sword", SHIELD: "Round Shield"}


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """Four honest installs; a fifth calls everything a shield, and sends what nobody else does."""
    place = tmp_path_factory.mktemp("crowd")
    resources = Resources.of(Paths.below(place / "home"))
    with open_instance(resources.state) as instance:
        made = Crowd(resources, instance, place / "pack")
        for number in range(1, 5):
            made.send(number, RIGHT, {"Kniqht": "Knight"})
        hostile = dict.fromkeys((IRON, STEEL, NEW), "Round Shield")
        made.send(5, hostile, {"Knight": "Baron", "Kniqht": "Baron"})
        made.make(KEYS.voted_crops)
        yield made


def labels(voted: VotedCrops) -> list[tuple[str, str, int]]:
    return [(one.label, one.status, len(one.members)) for one in voted.content.crops]


def test_near_duplicates_of_all_players_are_voted_on_together(crowd: Crowd) -> None:
    assert sorted(labels(crowd.voted)) == [
        ("Iron Sword", "accepted", 5),
        ("Round Shield", "accepted", 4),
        ("Round Shield", "tentative", 1),
        ("Steel Sword", "accepted", 5),
    ]
    reliability = crowd.voted.content.reliability
    assert min(reliability, key=reliability.__getitem__) == str(install(5))
    for one in crowd.voted.content.crops:
        assert all((crowd.voted.folder / place).is_file() for place in one.images)


def test_the_page_shows_who_disagrees(crowd: Crowd) -> None:
    page = crowd.page(KEYS.voted_crops)
    assert (page["accepted"], page["tentative"], page["contributors"]) == (3, 1, 5)
    assert f"| {install(5)} | 3 | 0 of 2 |" in str(page["agreement_by_contributor"])
    assert "| Iron Sword | Round Shield | 1 |" in str(page["confusions"])
    assert "| icon | Iron Sword | 1 | 0 | 0 | 5 | 80% |" in str(page["agreement_by_label"])
    for shown in ("![not settled]", "![least reliable contributors]"):
        assert shown in str(page["preview"])
    assert page["next_to_decide"] == "outpost community disputes --game toy"


def test_nothing_is_counted_again_where_nothing_has_changed(crowd: Crowd) -> None:
    before = crowd.voted.folder
    assert crowd.make(KEYS.voted_crops).skipped
    assert crowd.voted.folder == before


def test_the_page_names_some_of_many_installs(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "MOST_INPUTS", 2)
    crowd.make(KEYS.voted_crops)
    assert "... 2 of 5 are shown" in str(crowd.page(KEYS.voted_crops)["made_from"])


def test_corrections_come_from_those_who_corrected(crowd: Crowd) -> None:
    crowd.make(KEYS.text_corrections)
    store = crowd.resources.artifacts.store
    artifact = latest(crowd.instance, store, KEYS.text_corrections)
    assert TextCorrections.open(artifact.path).corrections == {"title": {"Kniqht": "Knight"}}
    page = crowd.page(KEYS.text_corrections)
    assert page["corrected"] == 1
    assert "| title | Kniqht | Knight | 4 |" in str(page["corrections"])


def test_what_is_not_settled_is_written_decided_and_counts(crowd: Crowd, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    said = crowd.outpost("disputes", "--folder", str(folder))
    assert "1 images" in said
    assert f"decide --game {crowd.pack} --file {folder / 'disputes.yaml'}" in said
    assert {file.name for file in folder.iterdir()} == {"disputes.yaml", "sheet.jpg", "001.png"}
    odd = tmp_path / "to decide [soon]"
    said = crowd.outpost("disputes", "--folder", str(odd))
    assert f"in {odd}." in said
    assert f"--file {as_word(str(odd / 'disputes.yaml'))}" in said
    refused = crowd.outpost("disputes", "--folder", str(folder))
    assert "holds something already" in refused
    file = folder / "disputes.yaml"
    (dispute,) = yaml.safe_load(file.read_text("utf-8"))
    assert dispute["votes"] == {"Round Shield": 1}
    file.write_text(yaml.safe_dump([{**dispute, "label": "Irn Sword"}]), "utf-8")
    assert "perhaps Iron Sword" in crowd.outpost("decide", "--file", str(file))
    file.write_text(yaml.safe_dump([{**dispute, "label": "Iron Sword"}]), "utf-8")
    for wrong in (["--nothing"], ["3f2a90c1", "Iron Sword"]):
        both = CliRunner().invoke(app, ["community", "decide", "--file", str(file), *wrong])
        assert both.exit_code == 2
    because = ("--reason", "it has a hilt of iron")
    assert "1 decisions" in crowd.outpost("decide", "--file", str(file), *because)
    (decision,) = crowd.resources.contributions.decisions("toy").read().entries
    assert decision.reason == because[1]
    crowd.make(KEYS.voted_crops)
    decided = [one for one in crowd.voted.content.crops if one.decided]
    assert [(one.label, one.status) for one in decided] == [("Iron Sword", "accepted")]
    assert "Everything is settled" in crowd.outpost("disputes", "--folder", str(tmp_path / "more"))


def group_of(crowd: Crowd, look: int) -> VotedCrop:
    """The group with the icon of that look, as the first install sent it."""
    digest = sha256(crop(look, 100 + look)).hexdigest()
    return next(
        one for one in crowd.voted.content.crops if digest in {m.sha256 for m in one.members}
    )


def test_an_image_is_decided_by_its_first_digits(crowd: Crowd) -> None:
    digest = group_of(crowd, SHIELD).members[0].sha256
    assert "names no image" in crowd.outpost("decide", "zz", "Iron Sword")
    endless = crowd.outpost("decide", digest, "Iron Sword", "--reason", "it is " * 200)
    assert "cannot be noted: reason" in endless
    assert "1 decisions" in crowd.outpost("decide", digest[:12], "--nothing")
    crowd.make(KEYS.voted_crops)
    assert "Round Shield" not in {one.label for one in crowd.voted.content.crops}
    refused = CliRunner().invoke(app, ["community", "decide", digest], obj=crowd.resources)
    assert refused.exit_code == 2


def test_a_withdrawn_install_has_no_vote_and_no_image(crowd: Crowd) -> None:
    crowd.outpost("withdraw", str(install(5)), "--reason", "calls everything a shield")
    crowd.make(KEYS.voted_crops)
    votes = crowd.voted.content
    assert str(install(5)) not in votes.reliability
    assert str(install(5)) not in {who for one in votes.crops for who in one.contributors}
    crowd.make(KEYS.text_corrections)
    store = crowd.resources.artifacts.store
    corrections = latest(crowd.instance, store, KEYS.text_corrections)
    (reading,) = TextCorrections.open(corrections.path).content.readings
    assert reading.votes == {"Knight": tuple(str(install(number)) for number in range(1, 5))}


def test_a_damaged_list_of_decisions_is_not_taken_for_none(crowd: Crowd) -> None:
    file = crowd.resources.state.community_decisions("toy")
    whole = file.read_text("utf-8")
    try:
        file.write_text(whole[: len(whole) // 2], "utf-8")
        with pytest.raises(MaintainerListError, match="what was decided"):
            crowd.make(KEYS.voted_crops)
    finally:
        file.write_text(whole, "utf-8")
    assert json.loads(whole)["entries"]


def test_before_anybody_has_sent_something_all_can_be_materialized(tmp_path: Path) -> None:
    resources = Resources.of(Paths.below(tmp_path / "home"))
    with open_instance(resources.state) as instance:
        empty = Crowd(resources, instance, tmp_path / "pack")
        everything = [KEYS.voted_crops, KEYS.text_corrections, KEYS.icon_classifier]
        materialize(empty.definitions, instance, [*everything, KEYS.community_model])
        assert empty.voted.content.crops == ()
        assert (
            empty.page(KEYS.voted_crops)["contributors"],
            empty.page(KEYS.text_corrections)["readings"],
        ) == (0, 0)
        assert instance.get_latest_materialization_event(KEYS.icon_classifier) is None
        assert instance.get_latest_materialization_event(KEYS.community_model) is None
