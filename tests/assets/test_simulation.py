"""`outpost community simulate`, and what the receiving side makes of what it sends."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from assets.cli.app import app
from pipeline.community.receiving.receive import Reading, Received, receive
from pipeline.demo_game.inventory.screens import inventory_rules
from pipeline.demo_game.players.labelling import ContributorKind
from resources.defaults import Resources
from resources.paths import Paths

FEW = ["--installs", "6", "--icons", "12", "--texts", "1", "--screens", "1"]
ODD = ["--hostile", "0.17", "--colluding", "0", "--careless", "0"]
BAD = ["--flooding", "1", "--malformed", "1"]


def simulate(resources: Resources, *words: str) -> Result:
    return CliRunner().invoke(app, ["community", "simulate", *words], obj=resources)


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    return Resources.of(Paths.below(tmp_path / "home"))


def received(resources: Resources, install: UUID, folder: Path) -> Received:
    staging = resources.contributions.staging("demo")
    reading = Reading(inventory_rules(), datetime.now(UTC).date())
    folder.mkdir()
    files = staging.files(install, 5000)
    return receive(install, files, lambda file: staging.fetch(install, file), reading, folder)


@pytest.mark.slow
def test_what_is_sent_is_received(resources: Resources, tmp_path: Path) -> None:
    truth = tmp_path / "truth.json"
    done = simulate(resources, *FEW, *ODD, *BAD, "--truth", str(truth), "--json")
    assert done.exit_code == 0, done.output
    counts = {one[0]: one[1] for one in json.loads(done.stdout)["kinds"]}
    assert counts == {"honest": 3, "hostile": 1, "flooding": 1, "malformed": 1}
    known = json.loads(truth.read_text("utf-8"))
    installs = resources.contributions.staging("demo").installs()
    assert {str(install) for install in installs.installs} == set(known["kinds"])
    assert installs.others == 0
    for install in installs.installs:
        kind = known["kinds"][str(install)]
        content = received(resources, install, tmp_path / str(install)).content
        assert {crop.kind for crop in content.crops} == {"icon", "text", "screen"} or kind in (
            ContributorKind.FLOODING
        )
        if kind == ContributorKind.HONEST:
            assert content.refused == {}
            assert all(crop.name == known["names"][crop.sha256] for crop in content.crops)
        if kind == ContributorKind.HOSTILE:
            assert content.refused == {}
            assert all(crop.name != known["names"][crop.sha256] for crop in content.crops)
        if kind == ContributorKind.MALFORMED:
            assert sum(content.refused.values()) > 20
            assert len(content.refused) >= 8
            assert all(crop.name == known["names"][crop.sha256] for crop in content.crops)


def test_doing_it_again_sends_nothing_new(resources: Resources) -> None:
    first = json.loads(simulate(resources, *FEW, "--json").stdout)
    again = json.loads(simulate(resources, *FEW, "--json").stdout)
    assert first["known"] == 0
    assert again["known"] == sum(objects for _, _, objects in again["kinds"])


def test_the_same_players_can_come_back_and_label_otherwise(
    resources: Resources, tmp_path: Path
) -> None:
    simulate(resources, *FEW, *ODD)
    truth = tmp_path / "truth.json"
    simulate(resources, *FEW, "--hostile", "0.5", "--truth", str(truth))
    kinds = json.loads(truth.read_text("utf-8"))["kinds"]
    names = Counter[bool]()
    for install, kind in kinds.items():
        if kind == ContributorKind.HOSTILE:
            content = received(resources, UUID(install), tmp_path / install).content
            known = json.loads(truth.read_text("utf-8"))["names"]
            names.update(crop.name == known[crop.sha256] for crop in content.crops)
    assert names[False] > 20
    assert not names[True]


def test_it_says_where_everything_is_and_what_to_do_next(resources: Resources) -> None:
    done = simulate(resources, "--installs", "2", "--icons", "3", "--screens", "0")
    assert done.exit_code == 0
    assert "honest" in done.output
    assert str(resources.state.contributions) in done.output
    assert "demo_contribution_sensor" in done.output


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--installs", "3", "--flooding", "5"], "3 players"),
        (["--installs", "10", "--hostile", "0.8", "--careless", "0.8"], "10 players"),
    ],
)
def test_more_odd_players_than_players_are_refused(
    resources: Resources, words: list[str], problem: str
) -> None:
    done = simulate(resources, *words)
    assert done.exit_code == 1
    assert problem in done.output
    assert not resources.state.contributions.exists()


@pytest.mark.parametrize("place", ["file/truth.json", "truth.json"])
def test_a_truth_that_cannot_be_written_is_named_before_anything_is_sent(
    resources: Resources, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "truth.json").mkdir()
    done = simulate(resources, "--installs", "1", "--icons", "1", "--truth", str(tmp_path / place))
    assert done.exit_code == 1
    assert "truth.json" in done.output.replace("\n", "")
    assert not resources.state.contributions.exists()
