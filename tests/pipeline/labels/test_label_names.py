from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.labels.formats.label_names import LabelIndex, nearest_class, unknown_label_problems

CLASSES = ("villager", "town_center", "fish-trap", "Fish Trap", "sheep")


@pytest.mark.parametrize(
    ("label", "class_name"),
    [
        ("town_center", "town_center"),
        ("Town Center", "town_center"),
        ("TOWN-CENTER", "town_center"),
        (" townCenter ", "town_center"),
        ("Villager", "villager"),
        ("town centre", None),
        ("fish-trap", "fish-trap"),
        ("Fish Trap", "Fish Trap"),
        ("fish_trap", None),  # Two classes would be meant.
    ],
)
def test_labels_are_found_however_they_are_spelt(label: str, class_name: str | None) -> None:
    index = LabelIndex(CLASSES)
    found = index.class_of(label)
    assert (None if found is None else CLASSES[found]) == class_name
    assert index.is_exact(label) == (label in CLASSES)


@settings(deadline=None)
@given(st.lists(st.text(max_size=8), unique=True, max_size=8))
def test_every_class_is_found_by_its_own_name(class_names: list[str]) -> None:
    index = LabelIndex(class_names)
    assert [index.class_of(name) for name in class_names] == list(range(len(class_names)))


def test_an_unknown_label_is_told_with_the_nearest_class() -> None:
    (problem,) = unknown_label_problems({"Town Centre": 3}, [], CLASSES)
    assert "'Town Centre' is no class" in problem
    assert "'town_center'" in problem
    assert "3 shapes" in problem
    assert nearest_class("xyz", CLASSES) is None


def test_a_label_that_is_left_out_on_purpose_is_no_problem() -> None:
    assert not list(unknown_label_problems({"Mini map": 3}, ["mini_map"], CLASSES))
    assert len(list(unknown_label_problems({"Mini map": 3, "hud": 1}, ["mini_map"], CLASSES))) == 1
