"""The sensor that has policies trained anew once enough play was recorded; off by default.

What is new is told by the sessions that the newest policies were made from. While a training runs,
and after one that failed on the same sessions, none is asked for.
"""

import dagster as dg

from assets.core.building import latest_version, made_from
from assets.core.keys import GameKeys
from assets.core.runs import UNFINISHED
from assets.graph.play.recordings import is_played, recorded_sessions, recorded_versions
from pipeline.games.pack import GamePack
from pipeline.manifests import digest_of
from pipeline.play.recordings.chosen_sessions import choose_sessions
from resources.artifacts import Artifacts, ArtifactStore
from resources.local_artifacts.in_use import used_for_a_while

NEW_SESSIONS = 10
"""Fewer are not worth a training."""


def policy_sensors(pack: GamePack) -> list[dg.SensorDefinition]:
    """Watches what was recorded; nothing for games that are not played here."""
    return [_policy_sensor(pack)] if is_played(pack) else []


def _policy_sensor(pack: GamePack) -> dg.SensorDefinition:
    keys = GameKeys.of(pack)

    @dg.sensor(
        name=f"{pack.name}_policy_sensor",
        target=dg.AssetSelection.assets(keys.policies, keys.policy_evaluation),
        minimum_interval_seconds=300,
        description=f"Trains and judges policies of {pack.title} with the default settings as soon "
        f"as {NEW_SESSIONS} good sessions are recorded that they have not learned from.",
    )
    def sense(
        context: dg.SensorEvaluationContext, artifacts: Artifacts
    ) -> dg.RunRequest | dg.SkipReason:
        instance, store = context.instance, artifacts.store
        versions = recorded_versions(instance, keys)
        learned = _learned_from(instance, store, keys)
        new = [name for name, one in versions.items() if one.data_version not in learned]
        if len(new) >= NEW_SESSIONS:
            # Only now, because they may have to be fetched.
            good = _good_sessions(instance, store, keys)
            new = [name for name in new if name in good]
        if len(new) < NEW_SESSIONS:
            return dg.SkipReason(
                f"{len(new)} of {len(versions)} sessions are new; a training is asked for from "
                f"{NEW_SESSIONS} good ones on."
            )
        if _is_training(instance, keys):
            return dg.SkipReason("Policies are being trained.")
        # The same key for the same sessions: what was asked for once is not asked for again.
        return dg.RunRequest(run_key=digest_of([versions[name].data_version for name in new]))

    return sense


def _good_sessions(
    instance: dg.DagsterInstance, store: ArtifactStore, keys: GameKeys
) -> tuple[str, ...]:
    """Names of the sessions that can be learned from."""
    with used_for_a_while():  # the process of the sensors goes on for weeks
        recorded = recorded_sessions(instance, store, keys)
    return choose_sessions({name: one.quality for name, one in recorded.items()}).names


def _learned_from(instance: dg.DagsterInstance, store: ArtifactStore, keys: GameKeys) -> set[str]:
    """Data versions of the sessions that the newest policies were made from; none without any."""
    version = latest_version(instance, keys.policies)
    if version is None:
        return set()
    return {used.data_version for used in made_from(store, version, keys.recordings)}


def _is_training(instance: dg.DagsterInstance, keys: GameKeys) -> bool:
    """Whether a run that is to make policies has not ended."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    return any(run.asset_selection and keys.policies in run.asset_selection for run in runs)
