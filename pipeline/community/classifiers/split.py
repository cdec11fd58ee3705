"""Which images a classifier is trained on, which choose its threshold, and which judge it.

What a classifier is for is icons on the screens of people who never contributed. So images are
parted by contributor: who has sent an image that judges has sent none that trains. And by group of
near duplicates, as far as that is possible: icons of one name look so much alike that a name often
has one group, which all contributors share. Each name with several groups gives some of them up for
judging alone; what is judged says whether its group was trained on, and accuracy is told of both.

Contributors and groups are taken in the order of a digest, so that with new contributions almost
all keep their side: what judged the model in use still judges the next one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from pydantic import Field

from pipeline.manifests import Record

Subset = Literal["train", "validation", "test"]
HELD_OUT: tuple[Subset, Subset] = ("test", "validation")
FEWEST_CONTRIBUTORS = 3
"""With fewer, groups take their place: one for each subset there must be."""
DOMINANT = 1 / 3
"""Who has sent more of all images than this trains: without them there would be little to learn."""


class SplitRules(Record):
    """How images are parted."""

    test: float = Field(0.15, gt=0.0, lt=0.5, description="Share of images that judge.")
    validation: float = Field(
        0.15, gt=0.0, lt=0.5, description="Share that ends training and chooses the threshold."
    )
    groups: float = Field(
        0.25, ge=0.0, le=0.5, description="Share of the groups of a name that never train."
    )
    seed: int = Field(0, ge=0, description="Of the digests that decide; another parts otherwise.")


@dataclass(frozen=True)
class Example:
    """An image with a label that is believed.

    Attributes:
        sha256: of its file.
        group: of near duplicates; equal for those of one group.
        contributors: who sent exactly this image, at least one; none for reference art, which
            always trains.
        trust: how sure the label is, 0 to 1.
    """

    sha256: str
    label: str
    group: str
    contributors: tuple[str, ...]
    trust: float


@dataclass(frozen=True)
class ExampleSplit:
    """Where each image stands.

    Attributes:
        subsets: of each example, in their order; None for one that is left out because others of
            its group judge.
        notes: what had to be given up, for people.
    """

    subsets: tuple[Subset | None, ...]
    notes: tuple[str, ...]


def split_examples(examples: Sequence[Example], rules: SplitRules) -> ExampleSplit:
    """Part images by contributor and by group; a name always keeps images to train on."""
    people = {who for example in examples for who in example.contributors}
    by_group = len(people) < FEWEST_CONTRIBUTORS
    units = [(example.group,) if by_group else example.contributors for example in examples]
    sides = _sides_of_units(examples, units, rules)
    subsets: list[Subset | None] = [
        _side_of_image(example, unit, sides) for example, unit in zip(examples, units, strict=True)
    ]
    left_out = _hold_groups_out(examples, subsets, rules)
    rare = _give_rare_back(examples, subsets)
    notes = []
    if by_group:
        notes.append(
            f"{len(people)} contributors are fewer than {FEWEST_CONTRIBUTORS}: images are parted "
            "by near duplicates alone, and accuracy on the screens of others may be lower."
        )
    if left_out:
        notes.append(f"{left_out} images are left out: others of their group judge.")
    if rare:
        notes.append(f"Nothing judges {_listed(rare)}: all of their images are needed to train.")
    return ExampleSplit(tuple(subsets), tuple(notes))


def trained_groups(examples: Sequence[Example], split: ExampleSplit) -> frozenset[str]:
    """Groups of which an image trains."""
    pairs = zip(examples, split.subsets, strict=True)
    return frozenset(example.group for example, subset in pairs if subset == "train")


def fraction_of(text: str, seed: int) -> float:
    """A number of 0 to 1 that a text always has, as good as random."""
    return int(sha256(f"{seed}:{text}".encode()).hexdigest()[:13], 16) / 16**13


def _sides_of_units(
    examples: Sequence[Example], units: Sequence[tuple[str, ...]], rules: SplitRules
) -> Mapping[str, Subset]:
    """Which subset each contributor feeds: in turn until each share is reached."""
    sent = Counter(
        unit
        for example, of_image in zip(examples, units, strict=True)
        for unit in of_image
        if example.contributors
    )
    total = sum(sent.values())
    order = sorted(sent, key=lambda unit: (fraction_of(unit, rules.seed), unit))
    free = [unit for unit in order if sent[unit] <= DOMINANT * total]
    sides: dict[str, Subset] = dict.fromkeys(order, "train")
    shares = {"test": rules.test, "validation": rules.validation}
    # Where nobody trains in any case, the last one that is left does.
    least = 1 if len(free) == len(order) else 0
    for subset in HELD_OUT:
        reached = 0
        # Of two that are left one is for the subset that comes next.
        spared = 1 if subset == HELD_OUT[0] and len(free) > least + 1 else 0
        while len(free) > least + spared and reached < shares[subset] * total:
            unit = free.pop(0)
            sides[unit] = subset
            reached += sent[unit]
    return sides


def _side_of_image(example: Example, units: Iterable[str], sides: Mapping[str, Subset]) -> Subset:
    """An image that several sent trains if any of them does: it may not judge then."""
    if not example.contributors:
        return "train"
    found = {sides[unit] for unit in units}
    return next(subset for subset in ("train", "validation", "test") if subset in found)


def _hold_groups_out(
    examples: Sequence[Example], subsets: list[Subset | None], rules: SplitRules
) -> int:
    """Take some groups, of which others judge, out of training; how many images that costs."""
    members: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, example in enumerate(examples):
        members[example.label][example.group].append(index)
    left_out = 0
    for groups in members.values():
        order = sorted(groups, key=lambda group: (fraction_of(group, rules.seed), group))
        for group in order[: int(len(groups) * rules.groups)]:
            sides = {subsets[index] for index in groups[group]}
            if "train" not in sides or sides == {"train"}:
                continue
            for index in groups[group]:
                if subsets[index] == "train" and examples[index].contributors:
                    subsets[index] = None
                    left_out += 1
    return left_out


def _give_rare_back(examples: Sequence[Example], subsets: list[Subset | None]) -> list[str]:
    """Let all images of names train that would have none to; those names."""
    trained = {
        example.label
        for example, subset in zip(examples, subsets, strict=True)
        if subset == "train"
    }
    rare = {example.label for example in examples} - trained
    for index, example in enumerate(examples):
        if example.label in rare:
            subsets[index] = "train"
    return sorted(rare)


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
