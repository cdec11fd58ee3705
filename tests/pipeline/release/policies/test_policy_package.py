"""What is published of policies: their files, and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from detector_runtime.policies.networks import FEATURES_VERSION
from detector_runtime.policies.policy_model import GameRules, PolicyModel
from doubles.policy_models import GOAL_NAMES, RULES
from doubles.policy_releases import NOON, policy_evidence, policy_parts, policy_version

from pipeline.release.policies.policy_evidence import PolicyEvidenceError
from pipeline.release.policies.policy_package import PolicyPackage, PolicyPackageError


def test_what_is_written_is_what_a_program_opens(tmp_path: Path) -> None:
    written = policy_version(tmp_path / "a", key=2).package
    package = PolicyPackage.open(written.folder)
    assert package == written
    model = PolicyModel.load(package.model)
    assert (model.networks.game, model.networks.rules) == (RULES.game, RULES.rules)
    said = package.manifest
    assert (said.plays, said.goals, said.features) == (RULES, GOAL_NAMES, FEATURES_VERSION)
    assert (said.sessions, said.minutes, said.trained_at) == (3, 9.0, NOON)
    model.close()
    again = policy_version(tmp_path / "b", key=2).package
    for file in package.model.iterdir():
        assert (again.model / file.name).read_bytes() == file.read_bytes()


def test_the_manifest_names_every_file_game_rules_and_features(tmp_path: Path) -> None:
    new = policy_version(tmp_path / "a")
    manifest = new.manifest(3, None)
    assert (manifest.kind, manifest.plays, manifest.classes) == ("policies", RULES, GOAL_NAMES)
    assert manifest.input == {"features": FEATURES_VERSION, "delay": 0}
    assert manifest.licence == "AGPL-3.0-or-later"
    assert manifest.metrics.main == new.package.evidence.win_rate
    assert manifest.files.keys() == {
        *("strategist.onnx", "tactician.onnx", "executor.onnx"),
        *("policies.json", "policy_evaluation.json"),
    }
    for name, file in new.files.items():
        assert manifest.files[name].size == file.stat().st_size


def test_policies_for_another_game_or_other_rules_are_not_packaged(tmp_path: Path) -> None:
    parts = policy_parts(tmp_path / "networks")
    for place, plays in (("g", GameRules(game="cubes", rules=RULES.rules)),
                         ("r", GameRules(game="blocks", rules="1" * 64))):  # fmt: skip
        (tmp_path / place).mkdir()
        with pytest.raises(PolicyPackageError, match="were trained for blocks by the rules 0000"):
            PolicyPackage.write(tmp_path / place, replace(parts, plays=plays), policy_evidence())


def test_policies_of_before_that_name_no_game_are_not_packaged(tmp_path: Path) -> None:
    parts = policy_parts(tmp_path / "networks")
    file = tmp_path / "networks" / "tactician.onnx"
    model = onnx.load(str(file))
    kept = {one.key: one.value for one in model.metadata_props if "outpost" not in one.key}
    onnx.helper.set_model_props(model, kept)
    onnx.save(model, str(file))
    (tmp_path / "out").mkdir()
    with pytest.raises(PolicyPackageError, match="were trained for an unnamed game"):
        PolicyPackage.write(tmp_path / "out", parts, policy_evidence())


def test_a_package_that_is_not_whole_says_so(tmp_path: Path) -> None:
    package = policy_version(tmp_path / "a").package
    evidence = package.folder / "policy_evaluation.json"
    evidence.write_text("{}", "utf-8")
    with pytest.raises(PolicyEvidenceError, match="opponent"):
        PolicyPackage.open(package.folder)
    (package.model / "executor.onnx").unlink()
    with pytest.raises(PolicyPackageError, match=r"executor\.onnx"):
        PolicyPackage.open(package.folder)
