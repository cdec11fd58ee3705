"""Gates of policies: each refuses what it is there for, and says the figure."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from detector_runtime.policies.policy_model import GameRules
from detector_runtime.updates.documents import ScoreInterval
from doubles.policy_models import RULES
from doubles.policy_releases import policy_evidence, policy_version

from pipeline.release.gates import Gate, GateRules, judge
from pipeline.release.policies.policy_evidence import PolicyEvidence, ReturnLead
from pipeline.release.policies.policy_gates import gap_between
from pipeline.release.version import OpenVersion

OTHER_RULES = GameRules(game="blocks", rules="1" * 64)


def opened(
    folder: Path, evidence: PolicyEvidence | None = None, plays: GameRules = RULES
) -> OpenVersion:
    new = policy_version(folder, evidence=evidence, plays=plays)
    target = folder / "downloaded"
    target.mkdir()
    for name, file in new.files.items():
        shutil.copyfile(file, target / name)
    return OpenVersion(f"000001-{0:012}", target, new.manifest(1, None))


def gate(name: str, candidate: OpenVersion, champion: OpenVersion | None = None) -> Gate:
    return {one.name: one for one in judge(candidate, champion, GateRules())}[name]


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> OpenVersion:
    return opened(tmp_path_factory.mktemp("champion") / "c")


def test_good_first_policies_pass_everything(champion: OpenVersion) -> None:
    gates = judge(champion, None, GateRules())
    assert [one.name for one in gates if not one.passed] == []
    assert [one.name for one in gates] == ["contract", "beats_random", "win_rate", "provenance"]
    assert "0 ticks late" in gates[0].figure
    assert gates[1].figure == "+2.00 (+1.50 to +2.50) in 400 games"
    assert "of 400 games against scripted_l3, there is no champion yet" in gates[2].figure


def test_what_is_signed_otherwise_or_torn_breaks_the_contract(
    champion: OpenVersion, tmp_path: Path
) -> None:
    signed = champion.manifest.model_copy(update={"plays": OTHER_RULES})
    assert not gate("contract", replace(champion, manifest=signed)).passed
    torn = opened(tmp_path / "t")
    (torn.folder / "executor.onnx").write_bytes(b"")
    judged = gate("contract", torn)
    assert not judged.passed
    assert "executor.onnx" in judged.figure


@pytest.mark.parametrize(
    ("lead", "told"),
    [
        (ReturnLead(mean=0.5, low=-0.1, high=1.1), "+0.50 (-0.10 to +1.10)"),
        (ReturnLead(mean=3.0, low=None, high=None), "too few to tell"),
    ],
)
def test_a_lead_over_a_random_player_that_may_be_chance_is_refused(
    lead: ReturnLead, told: str, tmp_path: Path
) -> None:
    judged = gate("beats_random", opened(tmp_path / "v", policy_evidence(lead=lead)))
    assert not judged.passed
    assert told in judged.figure


@pytest.mark.parametrize(("wins", "passes"), [(185, True), (240, True), (150, False)])
def test_who_wins_less_often_with_certainty_is_refused(
    wins: int, passes: bool, champion: OpenVersion, tmp_path: Path
) -> None:
    judged = gate("win_rate", opened(tmp_path / "v", policy_evidence(wins)), champion)
    assert judged.passed is passes
    assert "beside the champion's 0.500" in judged.figure


def test_who_met_somebody_else_cannot_be_compared(champion: OpenVersion, tmp_path: Path) -> None:
    judged = gate("win_rate", opened(tmp_path / "e", policy_evidence(400, "random")), champion)
    assert not judged.passed
    assert "the champion met scripted_l3" in judged.figure


def test_a_champion_by_other_rules_is_not_in_the_way(champion: OpenVersion, tmp_path: Path) -> None:
    other = opened(tmp_path / "r", policy_evidence(100), OTHER_RULES)
    judged = gate("win_rate", other, champion)
    assert judged.passed
    assert "the champion plays blocks by the rules 000000000000" in judged.figure


def test_policies_that_do_not_say_where_they_come_from_are_refused(champion: OpenVersion) -> None:
    manifest = champion.manifest.model_copy(update={"lineage": {"blocks/play/policies": "0"}})
    judged = gate("provenance", replace(champion, manifest=manifest))
    assert not judged.passed
    assert "recordings" in judged.figure


def test_the_interval_of_a_difference_is_newcombe_s() -> None:
    """His example: 56 of 70 less 48 of 80 is 0.0524 to 0.3339."""
    first, second = (
        ScoreInterval(value=0.8, low=0.6920, high=0.8769),
        ScoreInterval(value=0.6, low=0.4904, high=0.7006),
    )
    gap = gap_between(first, second)
    assert (gap.low, gap.high) == pytest.approx((0.0524, 0.3339), abs=2e-3)
