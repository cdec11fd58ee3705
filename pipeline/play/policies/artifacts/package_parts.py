"""From trained policies and how they were judged to what is published of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from detector_runtime.policies.policy_model import GameRules
from detector_runtime.updates.documents import ScoreInterval

from pipeline.play.policies.artifacts.policy_evaluation import RANDOM, PolicyVerdict
from pipeline.play.policies.artifacts.trained_policies import TrainedPolicies
from pipeline.play.recordings.events import GAME, rules_digest
from pipeline.play.simulator.scripted import Goal
from pipeline.release.policies.policy_evidence import PolicyEvidence, ReturnLead
from pipeline.release.policies.policy_package import PolicyParts
from pipeline.release.policies.policy_version import policies_name


def played_game() -> GameRules:
    """The game that is played here, by the rules of now."""
    return GameRules(game=GAME, rules=rules_digest())


def parts_of(
    trained: TrainedPolicies, version: str, trained_at: datetime, lineage: Mapping[str, str]
) -> PolicyParts:
    """What is published of trained policies.

    Args:
        version: that tells two of them apart.
        lineage: asset to data version.
    """
    plays, cloned = played_game(), trained.cloned
    return PolicyParts(
        networks=trained.folder,
        name=policies_name(plays.game),
        version=version,
        plays=plays,
        goals=tuple(goal.name.lower() for goal in Goal),
        trained_at=trained_at,
        sessions=len(cloned.sessions),
        minutes=cloned.minutes,
        lineage=lineage,
    )


def evidence_of(verdict: PolicyVerdict) -> PolicyEvidence:
    """What is said of how well they play."""
    judgement = verdict.judgement
    policies, lead = judgement.players[0], judgement.return_leads[RANDOM]
    wins = policies.win_rate
    return PolicyEvidence(
        opponent=judgement.opponent,
        games=judgement.games,
        win_rate=ScoreInterval(value=policies.wins / judgement.games, low=wins.low, high=wins.high),
        ahead_of_random=ReturnLead(
            mean=lead.mean,
            low=lead.interval.low if lead.interval else None,
            high=lead.interval.high if lead.interval else None,
        ),
    )
