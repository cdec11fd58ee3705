"""Policies packaged and published: a version of them travels like one of a detector.

It has a name and keys of its own, as a community model has.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg

from assets.core.building import AssetBuild, Metadata, build_asset, latest
from assets.core.keys import GameKeys
from assets.core.metadata import table
from assets.graph.play.recordings import GROUP, is_played
from assets.graph.release import (
    lineage_of,
    publish,
    signers_of,
    trusted_record,
    trusted_records,
)
from pipeline.games.pack import GamePack
from pipeline.play.policies.artifacts.package_parts import evidence_of, parts_of
from pipeline.play.policies.artifacts.policy_evaluation import PolicyEvaluation
from pipeline.play.policies.artifacts.trained_policies import TrainedPolicies
from pipeline.provenance import code_version_behind
from pipeline.release.bundle import release_version
from pipeline.release.policies.policy_package import PolicyPackage
from pipeline.release.policies.policy_version import NewPolicyVersion, policies_name
from resources.artifacts import Artifacts
from resources.releases.resource import LOCATION_VARIABLE, Releases

SERIES = "1.0.0"
"""Versions differ in what follows the plus: a digest of the policies."""


def published_policy_assets(pack: GamePack, *, publishes: bool) -> list[dg.AssetsDefinition]:
    """What programs get of policies; nothing for games that are not played here.

    Args:
        publishes: whether there is a place to publish into.
    """
    if not is_played(pack):
        return []
    return [_policy_package(pack), *([_published_policies(pack)] if publishes else [])]


def _policy_package(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_behind(
        "pipeline.play.policies.artifacts.package_parts", whole=("detector_runtime.policies",)
    )

    @dg.asset(
        key=keys.policy_package,
        deps=[keys.policies, keys.policy_evaluation],
        group_name=GROUP,
        kinds={"onnx", "json"},
        code_version=code,
        description="What programs play with: the three policies, for which game and rules they "
        "are, and how well they play.",
    )
    def policy_package(
        context: dg.AssetExecutionContext, artifacts: Artifacts
    ) -> dg.MaterializeResult[Any]:
        store = artifacts.store
        policies, judged = (
            latest(context.instance, store, key) for key in (keys.policies, keys.policy_evaluation)
        )
        key, inputs = keys.policy_package, (policies, judged)
        build = AssetBuild(context, store, key, code, {"series": SERIES}, inputs)

        def write(folder: Path) -> None:
            parts = parts_of(
                TrainedPolicies.open(policies.path),
                release_version(SERIES, policies.version.data_version),
                datetime.fromisoformat(trusted_record(store, policies).made_at),
                {one.version.asset: one.version.data_version for one in inputs},
            )
            evidence = evidence_of(PolicyEvaluation.open(judged.path).verdict)
            PolicyPackage.write(folder, parts, evidence)

        return build_asset(build, write, show_policy_package)

    return policy_package


def show_policy_package(folder: Path) -> Metadata:
    """What the policies are for, how well they play, and the folder that programs open."""
    package = PolicyPackage.open(folder)
    said, evidence = package.manifest, package.evidence
    wins = evidence.win_rate
    return {
        "version": said.version,
        "game": said.plays.game,
        "rules": said.plays.rules,
        "features": said.features,
        "delay": said.delay,
        "sessions": said.sessions,
        "minutes_of_play": said.minutes,
        "wins": f"{wins.value:.0%} ({wins.low:.3f} to {wins.high:.3f}) of {evidence.games} games "
        f"against {evidence.opponent}",
        "model": dg.MetadataValue.path(str(package.model)),
        "lineage": table(["asset", "data version"], said.lineage.items()),
    }


def _published_policies(pack: GamePack) -> dg.AssetsDefinition:
    keys, name = GameKeys.of(pack), policies_name(pack.name)
    code = code_version_behind("pipeline.release.policies.policy_version")

    @dg.asset(
        key=keys.published_policies,
        deps=[keys.policy_package],
        group_name=GROUP,
        kinds={"s3"},
        code_version=code,
        description="The policies as a signed version in the folder or bucket that "
        f"{LOCATION_VARIABLE} names, under the name {name}, offered in the channel challenger.",
    )
    def published_policies(
        context: dg.AssetExecutionContext, artifacts: Artifacts, releases: Releases
    ) -> dg.MaterializeResult[Any]:
        store = artifacts.store
        package = latest(context.instance, store, keys.policy_package)
        records = trusted_records(store, package)
        new = NewPolicyVersion(
            package=PolicyPackage.open(package.path),
            lineage=lineage_of(records),
            record_signers=signers_of(store, records),
            created_at=datetime.fromisoformat(records[0].made_at),
        )
        build = AssetBuild(context, store, keys.published_policies, code, {}, (package,))
        return publish(releases.publisher(name), new, build)

    return published_policies
