"""How often each class is asked for: what the rules come to, before anything is placed."""

from __future__ import annotations

from pipeline.backgrounds.textures import Kind
from pipeline.games.sections.scenes import SceneRules
from pipeline.scenes.planning.gates import factors_of, kinds_of, may_stand, place_of
from pipeline.scenes.sources.catalogue import Catalogue
from pipeline.sprites.library import DISTRACTOR


def expected_counts(rules: SceneRules, catalogue: Catalogue) -> dict[str, float]:
    """The mean number of each class in an image, if everything found room.

    Distractors and classes without sprites are left out; a crowded scene shows a little less.
    """
    factors = factors_of(rules, catalogue)
    crowding = 1.0 + rules.distant.share * (rules.distant.crowding - 1.0)
    shares: dict[Kind, float] = {
        "land": 1.0 - rules.water_fraction - rules.shore_fraction,
        "water": rules.water_fraction,
        "shore": rules.shore_fraction,
    }
    counts: dict[str, float] = {}
    for rule in rules.placements:
        each = _mean(rule.count) * rule.oversample * factors.get(rule.class_name, 1.0) * crowding
        place = place_of(rule, catalogue)
        share = sum(share for kind, share in shares.items() if may_stand(place, kind, rules))
        counts[rule.class_name] = counts.get(rule.class_name, 0.0) + each * share
    for group in rules.groups:
        kinds = kinds_of(group, rules, catalogue)
        share = sum(share for kind, share in shares.items() if kind in kinds)
        often = group.chance * _mean(group.times) * share
        for member in group.members:
            counts[member.class_name] += often * _mean(member.count)
    drawn = (name for name in counts if name in catalogue.sprites and name != DISTRACTOR)
    return {name: counts[name] for name in drawn}


def _mean(ends: tuple[int, int]) -> float:
    return (ends[0] + ends[1]) / 2
