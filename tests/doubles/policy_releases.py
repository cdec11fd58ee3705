"""Policies to publish: networks that press one key, and judged as wished."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from detector_runtime.policies.networks import FILES
from detector_runtime.policies.policy_model import GameRules
from detector_runtime.updates.documents import ScoreInterval
from doubles.policy_models import GOAL_NAMES, RULES, policy_network

from pipeline.evaluation.metrics.intervals import wilson
from pipeline.release.gates import REQUIRED_POLICY_LINEAGE
from pipeline.release.policies.policy_evidence import PolicyEvidence, ReturnLead
from pipeline.release.policies.policy_package import PolicyPackage, PolicyParts
from pipeline.release.policies.policy_version import NewPolicyVersion

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
LEAD = ReturnLead(mean=2.0, low=1.5, high=2.5)


def policy_evidence(
    wins: int = 200, opponent: str = "scripted_l3", lead: ReturnLead = LEAD
) -> PolicyEvidence:
    """Of 400 games."""
    interval = wilson(wins, 400)
    share = ScoreInterval(value=wins / 400, low=interval.low, high=interval.high)
    return PolicyEvidence(opponent=opponent, games=400, win_rate=share, ahead_of_random=lead)


def policy_parts(folder: Path, key: int = 1, plays: GameRules = RULES) -> PolicyParts:
    """Of policies whose networks are written into a folder."""
    folder.mkdir(parents=True)
    for role, file in FILES.items():
        (folder / file).write_bytes(policy_network(role, key, 0, plays))
    return PolicyParts(
        networks=folder,
        name=f"{plays.game}-policies",
        version=f"1.0.0+{key}",
        plays=plays,
        goals=GOAL_NAMES,
        trained_at=NOON,
        sessions=3,
        minutes=9.0,
        lineage={f"{plays.game}/play/policies": "0" * 64},
    )


def policy_version(
    folder: Path,
    key: int = 1,
    evidence: PolicyEvidence | None = None,
    plays: GameRules = RULES,
) -> NewPolicyVersion:
    """A version that presses a key."""
    parts = policy_parts(folder / "networks", key, plays)
    (folder / "package").mkdir()
    package = PolicyPackage.write(folder / "package", parts, evidence or policy_evidence())
    return NewPolicyVersion(
        package=package,
        lineage={f"{plays.game}/play/{one}": "0" * 64 for one in REQUIRED_POLICY_LINEAGE},
        record_signers={},
        created_at=NOON,
    )
