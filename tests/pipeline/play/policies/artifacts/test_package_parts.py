"""Policies as they are trained here become what the runtime opens."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from detector_runtime.policies.policy_model import PolicyModel
from doubles.policies import PLAYS, finished_policy_job

from pipeline.jobs.program.constants import OUTPUTS_FOLDER
from pipeline.play.policies.artifacts.package_parts import evidence_of, parts_of, played_game
from pipeline.play.policies.artifacts.policy_evaluation import PolicyVerdict
from pipeline.play.policies.artifacts.trained_policies import TrainedPolicies
from pipeline.play.policies.cloning import ROLES
from pipeline.play.policies.judging import PlayedGames, judge
from pipeline.play.policies.networks import build_network
from pipeline.play.policies.onnx_files import export_policy
from pipeline.play.policies.policy_program.constants import POLICIES_FOLDER
from pipeline.play.policies.settings import CloneSettings
from pipeline.release.policies.policy_evidence import PolicyEvidence
from pipeline.release.policies.policy_package import PolicyPackage


def judged(games: int) -> PolicyEvidence:
    """Of policies that win every other game, beside a random player that loses all."""
    outcomes = np.where(np.arange(games) % 2, 1, -1)
    played = {
        "policies": PlayedGames(outcomes, *[outcomes + 1.0] * 4),
        "random": PlayedGames(-np.ones(games, int), *[-np.ones(games)] * 4),
    }
    return evidence_of(PolicyVerdict(judgement=judge(played, "scripted_l3"), recorded=()))


def test_what_is_exported_here_is_packaged_and_plays(tmp_path: Path, tiny: CloneSettings) -> None:
    job = finished_policy_job(tmp_path / "job")
    for role in ROLES:
        export_policy(build_network(role, tiny), 3, job / OUTPUTS_FOLDER / POLICIES_FOLDER)
    trained = TrainedPolicies.write(tmp_path / "trained", job, PLAYS)
    parts = parts_of(trained, "1.0.0+abc", datetime.now(UTC), {"demo/play/policies": "0" * 64})
    (tmp_path / "package").mkdir()
    package = PolicyPackage.write(tmp_path / "package", parts, judged(40))
    said = package.manifest
    assert (said.name, said.plays, said.delay) == ("demo-policies", played_game(), 3)
    assert said.goals == ("fight", "loot", "flee", "explore", "cautious")
    assert (said.sessions, said.minutes) == (1, 0.6)
    model = PolicyModel.load(package.model)
    model.try_out()
    model.close()


def test_the_evidence_says_what_was_judged_and_what_is_too_little_to_tell() -> None:
    evidence = judged(40)
    assert (evidence.win_rate.value, evidence.ahead_of_random.mean) == (0.5, 2.0)
    assert evidence.ahead_of_random.low is not None
    assert judged(2).ahead_of_random.low is None
