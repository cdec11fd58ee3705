"""The rules of scenes: every option is described, and the page that lists them is current."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel

from pipeline.games.pack import load_pack, pack_names
from pipeline.games.sections import scenes as scene_rules
from pipeline.games.sections.base import Section
from pipeline.games.sections.images import HexBorder

DOCS = Path(__file__).parents[3] / "docs"
MODELS = [
    item
    for item in vars(scene_rules).values()
    if isinstance(item, type) and issubclass(item, Section) and item is not Section
]


@pytest.fixture(scope="module")
def describing() -> ModuleType:
    found = importlib.util.spec_from_file_location("describe_scenes", DOCS / "describe_scenes.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_page_of_options_is_current(describing):
    assert describing.PAGE.read_text("utf-8") == describing.page(), (
        "write it anew: python docs/describe_scenes.py"
    )


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_option_says_what_it_means(model: type[BaseModel]):
    assert model.__doc__
    assert [key for key, field in model.model_fields.items() if not field.description] == []


def test_the_page_names_every_option(describing):
    text = describing.page()
    for model in MODELS:
        for key in model.model_fields:
            assert f"| `{key}` |" in text


@pytest.mark.parametrize("name", pack_names())
def test_the_packs_can_be_written_down_and_read_again(name):
    rules = load_pack(name).scenes
    assert scene_rules.SceneRules.model_validate(rules.model_dump(mode="json")) == rules


@pytest.mark.parametrize("name", pack_names())
def test_the_switch_leaves_the_worlds_rules_alone(name):
    rules = load_pack(name).scenes
    off = rules.model_copy(update={"enhanced": False}).in_force
    for key in ("placements", "groups", "zoom", "distant", "water", "labels", "rebalance"):
        assert getattr(off, key) == getattr(rules, key)
    overlays = off.overlays
    parts = (overlays.selection, overlays.health_bar, overlays.garrison, overlays.fog)
    assert [part.chance for part in parts] == [0, 0, 0, 0]
    assert (overlays.hud, overlays.marks) == (0, [])


def test_the_page_names_every_key_of_a_pack_that_has_another_name_now(describing):
    """Of every section, those that no file of scenes has among them."""
    text = describing.page()
    sections = [
        each for each in Section.__subclasses__() if each.__module__.startswith("pipeline.")
    ]
    renamed = [pair for section in sections for pair in section.renamed_keys.items()]
    rows = [line for line in text.splitlines() if line.count("`") == 6 and ".yaml` |" in line]
    for old, new in renamed:
        assert any(f"{old}` | " in row and row.endswith(f"{new}` |") for row in rows), old
    assert len(rows) == len(renamed)
    ((old, new),) = HexBorder.renamed_keys.items()
    border = "hexes.kinds[].borders[]"
    assert f"| `terrain.yaml` | `{border}.{old}` | `{border}.{new}` |" in rows
