"""How often each class is asked for: what the rules come to, before anything is placed."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.backgrounds.textures import Kind
from pipeline.games.sections.scenes import GroupRule, PlacementRule, SceneRules
from pipeline.scenes.planning.gates import factors_of, may_stand, place_of
from pipeline.scenes.sources.catalogue import Catalogue
from pipeline.sprites.library import DISTRACTOR


def expected_counts(rules: SceneRules, catalogue: Catalogue) -> dict[str, float]:
    """The mean number of each class in an image, if everything found room.

    Distractors and classes without sprites are left out; a crowded scene shows a little less.
    """
    factors = factors_of(rules, catalogue)
    crowding = 1.0 + rules.distant.share * (rules.distant.crowding - 1.0)
    counts: dict[str, float] = {}
    for rule in rules.placements:
        each = _mean(rule.count) * rule.oversample * factors.get(rule.class_name, 1.0) * crowding
        share = _share(rule, rules, catalogue)
        counts[rule.class_name] = counts.get(rule.class_name, 0.0) + each * share
    by_class = {rule.class_name: rule for rule in reversed(rules.placements)}
    for group in rules.groups:
        often = group.chance * _mean(group.times) * _group_share(group, by_class, rules, catalogue)
        for member in group.members:
            counts[member.class_name] += often * _mean(member.count)
    drawn = (name for name in counts if name in catalogue.sprites and name != DISTRACTOR)
    return {name: counts[name] for name in drawn}


def _kinds(rules: SceneRules) -> dict[Kind, float]:
    land = 1.0 - rules.water_fraction - rules.shore_fraction
    return {"land": land, "water": rules.water_fraction, "shore": rules.shore_fraction}


def _share(rule: PlacementRule, rules: SceneRules, catalogue: Catalogue) -> float:
    """Of all images, those in which it may stand."""
    place = place_of(rule, catalogue)
    return sum(share for kind, share in _kinds(rules).items() if may_stand(place, kind, rules))


def _group_share(
    group: GroupRule,
    by_class: Mapping[str, PlacementRule],
    rules: SceneRules,
    catalogue: Catalogue,
) -> float:
    places = [place_of(by_class[member.class_name], catalogue) for member in group.members]
    return sum(
        share
        for kind, share in _kinds(rules).items()
        if group.scene in (None, "both", kind)
        and all(may_stand(place, kind, rules) for place in places)
    )


def _mean(ends: tuple[int, int]) -> float:
    return (ends[0] + ends[1]) / 2
