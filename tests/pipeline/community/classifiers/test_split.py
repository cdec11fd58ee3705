"""Who judges has not trained: images are parted by contributor, and by group where possible."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.community.classifiers.split import (
    Example,
    SplitRules,
    split_examples,
    trained_groups,
)

RULES = SplitRules()
PEOPLE = [f"install-{number}" for number in range(12)]


def example(number: int, label: str, group: str, *who: str) -> Example:
    return Example(f"{number:064x}", label, group, who, 1.0)


@st.composite
def contributions(draw: st.DrawFn) -> list[Example]:
    count = draw(st.integers(1, 60))
    return [
        example(
            number,
            label := draw(st.sampled_from("abcd")),
            f"{label}{draw(st.integers(0, 4))}",
            *sorted(draw(st.sets(st.sampled_from(PEOPLE), min_size=1, max_size=3))),
        )
        for number in range(count)
    ]


@settings(max_examples=25, deadline=None)
@given(contributions())
def test_every_name_trains_and_nobody_who_judges_has_trained_what_can_be_parted(
    examples: list[Example],
) -> None:
    split = split_examples(examples, RULES)
    assert len(split.subsets) == len(examples)
    sides = list(zip(examples, split.subsets, strict=True))
    trained = {one.label for one, side in sides if side == "train"}
    assert trained == {one.label for one in examples}
    assert split_examples(examples, RULES) == split


def many(people: int = 20, names: int = 6, each: int = 3, groups: int = 4) -> list[Example]:
    """Everybody sends every icon; groups are shared by everybody."""
    number = 0
    found = []
    for who in range(people):
        for name in range(names):
            for index in range(each):
                group = f"{name}-{(who + index) % groups}"
                found.append(example(number, f"icon {name}", group, f"install-{who}"))
                number += 1
    return found


def test_no_contributor_stands_on_both_sides() -> None:
    examples = many()
    split = split_examples(examples, RULES)
    sides: dict[str, set[str]] = {}
    for one, side in zip(examples, split.subsets, strict=True):
        if side is not None:
            sides.setdefault(one.contributors[0], set()).add(side)
    assert {len(found) for found in sides.values()} == {1}
    shares = Counter(side for side in split.subsets if side)
    assert 0.1 < shares["test"] / len(examples) < 0.25
    assert 0.1 < shares["validation"] / len(examples) < 0.25


def test_some_groups_of_a_name_never_train_and_the_cost_is_told() -> None:
    examples = many()
    split = split_examples(examples, RULES)
    trained = trained_groups(examples, split)
    judged = [one for one, side in zip(examples, split.subsets, strict=True) if side == "test"]
    assert any(one.group not in trained for one in judged)
    left_out = split.subsets.count(None)
    assert left_out > 0
    assert f"{left_out} images are left out: others of their group judge." in split.notes
    for one, side in zip(examples, split.subsets, strict=True):
        if side is None:
            assert one.group not in trained


def test_a_name_of_one_contributor_trains_even_if_he_would_judge() -> None:
    examples = many()
    split = split_examples(examples, RULES)
    judge = next(
        one.contributors[0]
        for one, side in zip(examples, split.subsets, strict=True)
        if side == "test"
    )
    rare = [example(10_000 + n, "rare", "r", judge) for n in range(3)]
    again = split_examples([*examples, *rare], RULES)
    assert again.subsets[-3:] == ("train",) * 3
    assert any("Nothing judges rare" in note for note in again.notes)


def test_almost_all_keep_their_side_when_others_come() -> None:
    before = many(people=30)
    after = [*before, *(example(20_000 + n, "icon 1", "new", "late") for n in range(5))]
    first, second = split_examples(before, RULES), split_examples(after, RULES)
    moved = sum(a != b for a, b in zip(first.subsets, second.subsets, strict=False))
    assert moved <= 0.1 * len(before)


def test_two_contributors_are_parted_by_groups_and_that_is_told() -> None:
    examples = many(people=2, each=10, groups=8)
    split = split_examples(examples, RULES)
    assert {"train", "test", "validation"} <= set(split.subsets)
    assert "2 contributors are fewer than 3" in split.notes[0]
    groups: dict[str, set[str]] = {}
    for one, side in zip(examples, split.subsets, strict=True):
        if side:
            groups.setdefault(one.group, set()).add(side)
    assert {len(found) for found in groups.values()} == {1}


def test_who_has_sent_most_of_all_trains() -> None:
    examples = [example(n, "a", f"g{n}", "much") for n in range(100)]
    examples += [example(1000 + n, "a", f"h{n}", f"install-{n}") for n in range(10)]
    split = split_examples(examples, RULES)
    assert set(split.subsets[:100]) == {"train"}
    assert "test" in split.subsets


@pytest.mark.parametrize(
    ("sent", "sides"),
    [
        ({"much": 80, "some": 10, "few": 10}, {"train", "test", "validation"}),
        ({"much": 45, "some": 45, "few": 10}, {"train", "test"}),
        ({"a": 34, "b": 33, "c": 33}, {"train", "test", "validation"}),
        ({"a": 30, "b": 30, "c": 30}, {"train", "test", "validation"}),
    ],
)
def test_of_three_contributors_somebody_judges(sent: dict[str, int], sides: set[str]) -> None:
    examples = [
        example(1000 * place + n, "a", f"{who}{n}", who)
        for place, (who, count) in enumerate(sent.items())
        for n in range(count)
    ]
    assert {*split_examples(examples, RULES).subsets} - {None} == sides


def test_an_image_that_several_sent_does_not_judge_what_one_of_them_trained() -> None:
    examples = many()
    sides = split_examples(examples, RULES).subsets
    trainer = examples[sides.index("train")].contributors[0]
    judge = examples[sides.index("test")].contributors[0]
    both = example(30_000, "icon 0", "both", *sorted((trainer, judge)))
    # Alone in its group, so that no rule of groups touches it.
    assert split_examples([*examples, both], RULES).subsets[-1] == "train"


def test_reference_art_always_trains() -> None:
    art = Example("f" * 64, "icon 0", "reference:icon 0", (), 1.0)
    assert split_examples([*many(), art], RULES).subsets[-1] == "train"
