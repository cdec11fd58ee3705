from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from doubles.classifiers import COLOURS, community_files, write_classifier
from pydantic import ValidationError

from detector_runtime.classify.community_model import CommunityModel
from detector_runtime.classify.knowledge import KnownName
from detector_runtime.errors import CommunityModelError, ModelLoadError
from detector_runtime.released.kinds import COMMUNITY, kind_at

from .conftest import flat


def written(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_everything_in_the_folder_is_used(tmp_path: Path) -> None:
    known = {"0" * 16: KnownName(name="Phaser", votes=4)}
    folder = written(tmp_path / "model", community_files(known=known))
    assert kind_at(folder) is COMMUNITY
    model = CommunityModel.load(folder)
    (found,) = model.chain().match([flat((220, 30, 30))])
    assert (found.name, found.step) == ("Red Gem", "classifier")
    assert model.screens is not None
    assert model.screens.classify([flat((200, 200, 200))])[0].name == "SHIP"
    assert model.texts("ship_type").match("F1eet").text == "Fleet"
    assert model.texts("title").match("F1eet").text is None
    assert model.overrides["0" * 16].name == "Phaser"
    model.close()


def test_what_reads_a_slot_is_made_once_for_the_same_valid_texts(tmp_path: Path) -> None:
    model = CommunityModel.load(written(tmp_path, community_files()))
    valid = ["Fleet", "Escort"]
    first = model.texts("ship_type", valid)
    assert model.texts("ship_type", list(valid)) is first
    assert model.texts("title", valid) is not first
    valid[1] = "Cruiser"
    assert model.texts("ship_type", valid).match("Cruiser").step == "valid"
    assert first.match("Escort").step == "valid"


def test_a_model_without_screens_is_whole(tmp_path: Path) -> None:
    assert CommunityModel.load(written(tmp_path, community_files(screens=False))).screens is None


@pytest.mark.parametrize("name", sorted(community_files()))
@pytest.mark.parametrize("damage", ["absent", "cut", "altered"])
def test_a_file_that_is_not_the_one_it_should_be_is_refused(
    tmp_path: Path, name: str, damage: str
) -> None:
    folder = written(tmp_path, community_files())
    file = folder / name
    content = file.read_bytes()
    if damage == "absent":
        file.unlink()
    else:
        file.write_bytes(content[:-2] if damage == "cut" else content[:-2] + b"@@")
    with pytest.raises(CommunityModelError):
        CommunityModel.load(folder)


@pytest.mark.parametrize(
    "replaced",
    [
        {"label_map": b'{"0": "Blue Gem"}'},
        {"screen_classifier_labels": b"no json"},
        {"text_corrections": b'{"ship_type": ["F1eet"]}'},
        {"text_corrections": b"[" * 100_000},
        {"knowledge": b'{"names": 3}'},
    ],
)
def test_files_that_do_not_fit_each_other_are_refused(
    tmp_path: Path, replaced: dict[str, bytes]
) -> None:
    with pytest.raises(ModelLoadError):
        CommunityModel.load(written(tmp_path, community_files(**replaced)))


def test_swapped_classifiers_are_refused(tmp_path: Path) -> None:
    screens = write_classifier(tmp_path / "x", COLOURS, changes={"kind": "screen"}).read_bytes()
    with pytest.raises(ModelLoadError):
        CommunityModel.load(written(tmp_path / "m", community_files(icon_classifier=screens)))


@pytest.mark.parametrize(
    "changes",
    [
        {"schema_version": 2},
        {"min_runtime": "99.0"},
        {"files": {}},
        {"n_classes": 7},
        {"name": "/"},
    ],
)
def test_what_model_version_says_must_hold(tmp_path: Path, changes: dict[str, Any]) -> None:
    files = community_files()
    values = json.loads(files["model_version.json"]) | changes
    files["model_version.json"] = json.dumps(values).encode()
    with pytest.raises(CommunityModelError):
        CommunityModel.load(written(tmp_path, files))


def test_a_model_with_half_a_classifier_of_screens_cannot_be_described() -> None:
    files = json.loads(community_files()["model_version.json"])["files"]
    del files["screen_classifier_labels.json"]
    with pytest.raises(ValidationError):
        community_files(changes={"files": files})
