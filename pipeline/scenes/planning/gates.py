"""What the rules say of classes: where each belongs, and which ones a list stands for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from pipeline.backgrounds.textures import Kind
from pipeline.games.sections.base import Scene
from pipeline.games.sections.scenes import GroupRule, PlacementRule, SceneRules
from pipeline.scenes.sources.catalogue import Catalogue
from pipeline.sprites.library import DISTRACTOR


def may_stand(place: Scene, kind: Kind, rules: SceneRules) -> bool:
    """Whether what belongs in such a place may stand in a scene of that kind.

    At the shore everything has its place: on land, on water, or between them.
    """
    return not rules.gated or kind == "shore" or place in (kind, "both")


def place_of(rule: PlacementRule, catalogue: Catalogue) -> Scene:
    """Where a rule's things belong; distractors on land, unless their rule says otherwise."""
    return rule.scene or catalogue.scene_of.get(rule.class_name, "land")


def kinds_of(group: GroupRule, rules: SceneRules, catalogue: Catalogue) -> frozenset[Kind]:
    """The kinds of scenes in which a group may come: all of its members may stand there."""
    by_class = {rule.class_name: rule for rule in reversed(rules.placements)}
    places = [place_of(by_class[member.class_name], catalogue) for member in group.members]
    kinds: tuple[Kind, ...] = get_args(Kind)
    return frozenset(
        kind
        for kind in kinds
        if group.scene in (None, "both", kind)
        and all(may_stand(place, kind, rules) for place in places)
    )


def factors_of(rules: SceneRules, catalogue: Catalogue) -> dict[str, float]:
    """By how much the rebalancing raises the counts of classes, where it does."""
    factors: dict[str, float] = {}
    for entry in (rules.rebalance.rare, rules.rebalance.confusable):
        for name in members_of(entry.classes, catalogue):
            factors[name] = factors.get(name, 1.0) * entry.factor
    return factors


def members_of(names: Iterable[str], catalogue: Catalogue) -> tuple[str, ...]:
    """The classes that a list of classes and groups of classes stands for."""
    wanted = set(names)
    named = wanted.intersection((*catalogue.scene_of, DISTRACTOR))
    return tuple(
        sorted(named.union(n for n, group in catalogue.group_of.items() if group in wanted))
    )
