from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from pydantic import ValidationError

from pipeline.games.pack import PACKS_FOLDER, PackError, load_pack, pack_names
from pipeline.games.sections.base import RenamedKeyWarning, Section
from pipeline.games.sections.overlays import OverlayRules

IMAGES_BEFORE = {
    "scenes.yaml": [("  marks:\n", "  pictures:\n"), ("{image: ", "{picture: ")],
    "terrain.yaml": [(", image: ", ", picture: ")],
}
"""What the pack of Wesnoth says today, and what it said before."""


class Bar(Section):
    share: float = 0.5
    width: int = 1


class Rules(Section):
    renamed_keys: ClassVar[Mapping[str, str]] = {
        "bar": "bar.share",
        "bar_width": "bar.width",
        "pictures": "images",
        "box_width": "box.width",
    }

    bar: Bar = Bar()
    images: tuple[int, ...] = (1,)
    box: Bar = Bar()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"pictures": [5]}, {"images": [5]}),
        ({"bar": 0.1}, {"bar": {"share": 0.1}}),
        ({"bar_width": 7}, {"bar": {"width": 7}}),
        ({"bar": 0.1, "bar_width": 7}, {"bar": {"share": 0.1, "width": 7}}),
        ({"bar": {"share": 0.1}, "bar_width": 7}, {"bar": {"share": 0.1, "width": 7}}),
        ({"bar": Bar(share=0.1), "bar_width": 7}, {"bar": {"share": 0.1, "width": 7}}),
    ],
)
def test_keys_of_earlier_versions_mean_what_they_meant(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    with pytest.warns(RenamedKeyWarning):
        read = Rules.model_validate(old)
    assert read == Rules.model_validate(new)


@pytest.mark.parametrize(
    "content", [{}, {"bar": {"share": 0.1}}, {"bar": Bar()}, {"images": [2]}, Rules()]
)
def test_keys_of_today_are_read_without_a_word(content: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Rules.model_validate(content)


def test_what_is_read_is_left_as_it_was() -> None:
    content = {"bar": {"share": 0.1}, "bar_width": 7}
    with pytest.warns(RenamedKeyWarning):
        Rules.model_validate(content)
    assert content == {"bar": {"share": 0.1}, "bar_width": 7}


def test_each_old_key_is_told_with_the_new_one_and_the_pack() -> None:
    with pytest.warns(RenamedKeyWarning) as told:
        Rules.model_validate({"pictures": [], "bar_width": 7}, context=Path("mypack"))
    assert {str(each.message).partition(" It is")[0] for each in told} == {
        "mypack: the key 'pictures' is called 'images' now.",
        "mypack: the key 'bar_width' is called 'bar.width' now.",
    }


@pytest.mark.filterwarnings("ignore::pipeline.games.sections.base.RenamedKeyWarning")
@pytest.mark.parametrize(
    "content",
    [{"pictures": [1], "images": [1]}, {"bar_width": 7, "bar": {"width": 7}}],
)
def test_a_key_under_both_names_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="both stand here; keep the new"):
        Rules.model_validate(content)


@pytest.mark.filterwarnings("ignore::pipeline.games.sections.base.RenamedKeyWarning")
@pytest.mark.parametrize("wrong", [5, None, [1]])
def test_a_value_where_a_section_belongs_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError, match="'box' holds keys, 'width' among them"):
        Rules.model_validate({"box": wrong, "box_width": 7})


@pytest.mark.filterwarnings("ignore::pipeline.games.sections.base.RenamedKeyWarning")
def test_a_wrong_value_is_refused_under_the_new_name() -> None:
    with pytest.raises(ValidationError) as caught:
        Rules.model_validate({"bar_width": "wide"})
    assert caught.value.errors()[0]["loc"] == ("bar", "width")


def test_every_new_name_is_a_key_of_today() -> None:
    for model in Section.__subclasses__():
        for new in model.renamed_keys.values():
            fields = model.model_fields
            for name in new.split("."):
                assert name in fields, (model, new)
                inner = fields[name].annotation
                fields = getattr(inner, "model_fields", {})


@pytest.mark.parametrize("name", pack_names())
def test_overlays_may_be_written_flat_as_they_were(name: str) -> None:
    rules = load_pack(name).scenes.overlays
    today = rules.model_dump(mode="json")
    sections = {new.partition(".")[0] for new in OverlayRules.renamed_keys.values()}
    flat = {key: value for key, value in today.items() if key not in sections}
    for old, new in OverlayRules.renamed_keys.items():
        section, _, key = new.partition(".")
        flat[old] = today[section][key] if key else today[section]
    with pytest.warns(RenamedKeyWarning) as told:
        assert OverlayRules.model_validate(flat) == rules
    assert len(told) == len(OverlayRules.renamed_keys)


@pytest.mark.parametrize("name", pack_names())
def test_the_packs_that_come_with_outpost_have_the_keys_of_today(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_pack(name)


@pytest.mark.filterwarnings("ignore::pipeline.games.sections.base.RenamedKeyWarning")
def test_a_pack_of_an_earlier_version_is_read_and_its_folder_told(pack_folder: Path) -> None:
    file = pack_folder / "scenes.yaml"
    scenes = yaml.safe_load(file.read_text(encoding="utf-8"))
    scenes["overlays"] = {"fog": 0.25, "fog_corners": [0, 2]}
    file.write_text(yaml.safe_dump(scenes), encoding="utf-8")
    with pytest.warns(RenamedKeyWarning, match="mine: the key 'fog' is called"):
        fog = load_pack(pack_folder).scenes.overlays.fog
    assert (fog.chance, fog.corners) == (0.25, (0, 2))

    scenes["overlays"]["fog_corners"] = [0, 9]
    file.write_text(yaml.safe_dump(scenes), encoding="utf-8")
    with (
        pytest.warns(RenamedKeyWarning),
        pytest.raises(PackError, match=r"overlays\.fog: .* has 4"),
    ):
        load_pack(pack_folder)


def test_images_of_a_pack_may_be_called_pictures_as_they_were(tmp_path: Path) -> None:
    pack_folder = Path(shutil.copytree(PACKS_FOLDER / "wesnoth", tmp_path / "mine"))
    for name, words in IMAGES_BEFORE.items():
        text = (pack_folder / name).read_text(encoding="utf-8")
        for today, before in words:
            assert today in text
            text = text.replace(today, before)
        (pack_folder / name).write_text(text, encoding="utf-8")
    with pytest.warns(RenamedKeyWarning) as told:
        assert load_pack(pack_folder) == load_pack("wesnoth")
    assert {str(each.message).partition(" now")[0] for each in told} == {
        f"{pack_folder}: the key 'pictures' is called 'marks'",
        f"{pack_folder}: the key 'picture' is called 'image'",
    }
