"""A game pack is read whole, or refused with the file, the key and what to do."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from pipeline.games.pack import PackError, load_pack, pack_names
from pipeline.games.sections.community import CommunityRules


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def refusal(folder: Path | str) -> PackError:
    with pytest.raises(PackError) as caught:
        load_pack(folder)
    assert caught.value.fix
    return caught.value


def test_every_pack_that_comes_with_outpost_is_good() -> None:
    assert "demo" in pack_names()
    for name in pack_names():
        assert load_pack(name).name == name


def test_a_pack_is_found_by_its_folder_too(pack_folder: Path) -> None:
    assert load_pack(pack_folder) == load_pack("demo")


def test_a_section_may_stand_in_the_first_file_instead(pack_folder: Path) -> None:
    merge = (pack_folder / "merge.yaml").read_text(encoding="utf-8")
    (pack_folder / "merge.yaml").unlink()
    with (pack_folder / "pack.yaml").open("a", encoding="utf-8") as file:
        yaml.safe_dump({"merge": yaml.safe_load(merge)}, file)
    assert load_pack(pack_folder).merge == load_pack("demo").merge


def test_a_section_in_two_places_is_refused(pack_folder: Path) -> None:
    edit(pack_folder / "pack.yaml", "drawn: true", "drawn: true\nmerge: {seed: 1}")
    error = refusal(pack_folder)
    assert str(pack_folder / "pack.yaml") in error.problem
    assert "'merge' also stands in merge.yaml" in error.problem


@pytest.mark.parametrize(
    ("file", "old", "new", "key", "reason"),
    [
        ("scenes.yaml", "width: 320", "widht: 320", "widht", "did you mean 'width'?"),
        ("scenes.yaml", "width: 320", "width: wide", "width", "valid integer"),
        ("scenes.yaml", "width: 320", "width: 3", "width", "greater than or equal to 64"),
        ("scenes.yaml", "[0.96, 1.04]", "[2, 1]", "placements[0].scale", "must not exceed"),
        ("scenes.yaml", "count: [0, 1]", "count: [-1, 1]", "placements[0].count[0]", "equal to 0"),
        ("scenes.yaml", "images: 400", "images: 0", "images", "greater than or equal to 1"),
        ("scenes.yaml", "zoom: [1.0, 1.0]", "zoom: [1.2, 0.8]", "zoom", "must not exceed"),
        ("scenes.yaml", "{chance: 0.4", "{chance: 1.4", "overlays.fog.chance", "or equal to 1"),
        ("scenes.yaml", "corners: [0, 2]", "corners: [0, 9]", "overlays.fog", "image has 4"),
        (
            "scenes.yaml",
            "command_panel: {chance: 0.1}",
            "marks: [{image: halo}]",
            "overlays.marks[0].image",
            "sprites.marks has no 'halo'",
        ),
        ("terrain.yaml", "blur: [0.0, 0.6]", "blur: 1", "softening.blur", "tuple"),
        *(
            ("terrain.yaml", old, new, f"softening{key}", reason)
            for old, new, key, reason in [
                ("blur: [0.0, 0.6]", "blur: [-1, 0.6]", ".blur[0]", "equal to 0"),
                ("blur: [0.0, 0.6]", "blur: [0, 900]", ".blur[1]", "equal to 50"),
                ("blur: [0.0, 0.6]", "blur: [0, .nan]", ".blur[1]", "finite"),
                ("blur: [0.0, 0.6]", "blur: [0.6, 0]", ".blur", "must not exceed"),
                ("soft_blur: [2.0, 4.0]", "soft_blur: [0.1, 4.0]", "", "soft_blur [0.1, 4.0] must"),
                ("zoom: [1.0, 1.3]", "zoom: [0, 1.3]", ".zoom[0]", "equal to 0.1"),
                ("zoom: [1.0, 1.3]", "zoom: [1.3, 1.0]", ".zoom", "must not exceed"),
                ("zoom: [1.0, 1.3]", "zoom: [1.0]", ".zoom[1]", "this key is missing"),
                ("contrast: [0.9, 1.05]", "contrast: [-1, 1]", ".contrast[0]", "equal to 0"),
                ("brightness: [0.85, 1.1]", "brightness: [1, 9]", ".brightness[1]", "equal to 4"),
                ("soft_fraction: 0.1", "soft_fraction: 2", ".soft_fraction", "equal to 1"),
                ("blend_probability: 0.5", "blend_probability: -1", ".blend_probability", "to 0"),
                ("blend_band: 0.3", "blend_band: 3", ".blend_band", "equal to 1"),
            ]
        ),
        ("classes.yaml", "scene: land", "scene: sky", "[0].scene", "'land', 'water', 'both' or"),
        ("sprites.yaml", "suffix: _x1.sld", "suffix: [1]", "suffix", "valid string"),
        ("pack.yaml", "title:", "titel:", "title", "this key is missing"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_file(
    pack_folder: Path, file: str, old: str, new: str, key: str, reason: str
) -> None:
    edit(pack_folder / file, old, new)
    problem = refusal(pack_folder).problem
    assert f"{pack_folder / file}: {key}: " in problem
    assert reason in problem


def test_all_problems_are_told_at_once(pack_folder: Path) -> None:
    edit(pack_folder / "scenes.yaml", "width: 320", "width: wide")
    edit(pack_folder / "merge.yaml", "seed: 42", "seed: none")
    problem = refusal(pack_folder).problem
    assert "scenes.yaml: width: " in problem
    assert "merge.yaml: seed: " in problem


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("id: 1,", "id: 0,", "must run from 0 to 15, each once"),
        ("id: 15,", "id: 17,", "must run from 0 to 15, each once"),
        ("name: house", "name: keep", "must be unique; repeated: keep"),
    ],
)
def test_classes_are_numbered_without_gaps_and_named_once(
    pack_folder: Path, old: str, new: str, reason: str
) -> None:
    edit(pack_folder / "classes.yaml", old, new)
    problem = refusal(pack_folder).problem
    assert problem.startswith(f"{pack_folder / 'classes.yaml'}: ")
    assert reason in problem


@pytest.mark.parametrize(
    ("file", "key"),
    [("sprites.yaml", "rules[1].class_name"), ("scenes.yaml", "placements[1].class_name")],
)
def test_a_class_that_does_not_exist_is_named_where_it_is_used(
    pack_folder: Path, file: str, key: str
) -> None:
    edit(pack_folder / file, "class_name: house", "class_name: hoose")
    problem = refusal(pack_folder).problem
    expected = f"{pack_folder / file}: {key}: there is no class 'hoose'; did you mean 'house'?"
    assert problem == expected


def test_a_threshold_for_an_unknown_class_is_refused(pack_folder: Path) -> None:
    edit(pack_folder / "pack.yaml", "thresholds:", "thresholds:\n  per_class: {wahle: 0.3}")
    problem = refusal(pack_folder).problem
    assert "pack.yaml: thresholds: per_class: there is no class 'wahle'" in problem


def test_a_file_that_is_no_yaml_is_named_with_the_line(pack_folder: Path) -> None:
    edit(pack_folder / "merge.yaml", "seed: 42", "seed: [42")
    problem = refusal(pack_folder).problem
    assert str(pack_folder / "merge.yaml") in problem
    assert "line 2" in problem


def test_a_file_that_is_no_text_is_named(pack_folder: Path) -> None:
    (pack_folder / "merge.yaml").write_bytes(b"\xff\xfe\x00seed")
    assert str(pack_folder / "merge.yaml") in refusal(pack_folder).problem


def test_an_empty_first_file_is_refused(pack_folder: Path) -> None:
    (pack_folder / "pack.yaml").write_text("", encoding="utf-8")
    assert "pack.yaml holds no keys" in refusal(pack_folder).problem


def test_a_missing_section_is_named(pack_folder: Path) -> None:
    (pack_folder / "terrain.yaml").unlink()
    assert "terrain: this key is missing" in refusal(pack_folder).problem


def test_a_pack_that_does_not_exist_is_refused_with_those_that_do() -> None:
    error = refusal("demmo")
    assert "did you mean 'demo'?" in error.problem
    assert "demo" in error.fix


def test_a_folder_without_a_pack_is_refused(tmp_path: Path) -> None:
    assert str(tmp_path) in refusal(tmp_path).problem


def test_a_slot_of_the_community_is_one_thing() -> None:
    with pytest.raises(ValidationError, match="listed twice among the slots: weapon"):
        CommunityRules(icon_slots=["weapon"], private_slots=["weapon"])
