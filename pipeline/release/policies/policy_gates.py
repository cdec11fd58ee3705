"""What must hold before everybody gets policies."""

from __future__ import annotations

import math

from detector_runtime.policies.policy_model import PolicyModel
from detector_runtime.updates.documents import ScoreInterval

from pipeline.evaluation.metrics.intervals import Interval
from pipeline.release.policies.policy_evidence import PolicyEvidence
from pipeline.release.version import OpenVersion


def plays_what_it_says(candidate: OpenVersion) -> tuple[bool, str]:
    """Whether a program could play with them, and what.

    Raises:
        DetectorError: it could not.
    """
    model = PolicyModel.load(candidate.folder)
    said = model.manifest
    try:
        model.try_out()
    finally:
        model.close()
    figure = f"{said.plays}, version {said.features} of the features, {said.delay} ticks late"
    signed = candidate.manifest
    return (said.plays, said.goals) == (signed.plays, signed.classes), figure


def beats_random(candidate: OpenVersion) -> tuple[bool, str]:
    """Whether their return is above a random player's with certainty."""
    evidence = PolicyEvidence.read(candidate.folder)
    lead = evidence.ahead_of_random
    if lead.low is None or lead.high is None:
        return False, f"{lead.mean:+.2f} in {evidence.games} games, too few to tell"
    figure = f"{lead.mean:+.2f} ({lead.low:+.2f} to {lead.high:+.2f}) in {evidence.games} games"
    return lead.low > 0, figure


def wins_no_less(candidate: OpenVersion, champion: OpenVersion | None) -> tuple[bool, str]:
    """Whether they do not win less often than the champion with certainty.

    Where the game or its rules are others than the champion's, it cannot play in its place.
    """
    evidence = PolicyEvidence.read(candidate.folder)
    new, met = evidence.win_rate, f"of {evidence.games} games against {evidence.opponent}"
    said = f"{new.value:.3f} ({new.low:.3f} to {new.high:.3f}) {met}"
    if champion is None:
        return True, f"{said}, there is no champion yet"
    if champion.manifest.plays != candidate.manifest.plays:
        return True, f"{said}; the champion plays {champion.manifest.plays}"
    before = PolicyEvidence.read(champion.folder)
    if before.opponent != evidence.opponent:
        return False, f"{said}; the champion met {before.opponent}"
    gap = gap_between(new, before.win_rate)
    return gap.high >= 0, f"{said}, {gap.signed} beside the champion's {before.win_rate.value:.3f}"


def gap_between(new: ScoreInterval, old: ScoreInterval) -> Interval:
    """The 95% interval of the difference of two shares of other games, from Wilson's of each.

    Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10.
    """
    gap = new.value - old.value
    below = math.hypot(new.value - new.low, old.high - old.value)
    above = math.hypot(new.high - new.value, old.value - old.low)
    return Interval(low=gap - below, high=gap + above)
