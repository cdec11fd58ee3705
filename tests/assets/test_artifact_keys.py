"""`outpost artifacts keys`: whose signatures of records count."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from detector_runtime.updates.signatures import SigningKey
from typer.testing import CliRunner

from assets.cli.app import app
from resources.keys.private_keys import FOLDER_VARIABLE

LAB = SigningKey(b"1" * 32)


@pytest.fixture(autouse=True)
def _own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "keys"))


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["artifacts", "keys", *words])


def listed() -> list[dict[str, Any]]:
    done = run("list", "--json")
    assert done.exit_code == 0, done.output
    known: list[dict[str, Any]] = json.loads(done.stdout)
    return known


def test_the_list_makes_the_first_key_and_shows_what_others_trust() -> None:
    (own,) = listed()
    assert own["signs"]
    assert listed() == [own]
    assert own["public"] in run("list").stdout


def test_a_key_is_trusted_by_its_public_half_and_revoked_by_its_id() -> None:
    done = run("trust", LAB.public, "--name", "lab")
    assert done.exit_code == 0, done.output
    assert LAB.id in done.stdout
    (lab,) = (one for one in listed() if one["name"] == "lab")
    assert (lab["id"], lab["public"], lab["signs"]) == (LAB.id, LAB.public, False)
    assert run("revoke", LAB.id).exit_code == 0
    assert [one["name"] for one in listed()] == ["this installation"]
    again = run("revoke", LAB.id)
    assert again.exit_code == 1
    assert "keys list" in again.stderr


def test_what_is_no_key_is_refused_with_what_to_do() -> None:
    done = run("trust", LAB.id, "--name", "lab")
    assert done.exit_code == 1
    assert "44 characters" in done.stderr


def test_another_key_signs_after_a_rotation() -> None:
    (old,) = listed()
    made = json.loads(run("rotate", "--json").stdout)["id"]
    signs = {one["id"]: one["signs"] for one in listed()}
    assert signs == {old["id"]: False, made: True}
