"""Deploying a model to a target, going back there, and asking every target what it runs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import dagster as dg
from detector_runtime.errors import DetectorError

from assets.core.building import NotMaterializedError, latest
from assets.core.keys import GameKeys
from assets.operations.publishing.promotion import chosen_version
from assets.operations.publishing.published_kinds import other_than_detector
from pipeline.errors import OutpostError
from pipeline.games.pack import PackError, load_pack
from pipeline.release.package import RuntimePackage
from resources.defaults import Resources
from resources.deployment.deployment import (
    DamagedTargetError,
    DeployError,
    TargetState,
    look_at,
    put,
    roll_back,
)
from resources.deployment.places import reached
from resources.deployment.records import DeploymentRecord, DeploymentRecords
from resources.deployment.targets import NamedTarget, TargetError, TargetSettings, read_targets
from resources.gpu.leases.file_lock import hold_lock
from resources.gpu.pod_names import owner_token
from resources.instance import open_instance
from resources.releases.publisher import this_user
from resources.run_log import reporter

PATIENCE = 60.0
"""Seconds for which a host may be out of reach while something is deployed to it."""
LOOK_PATIENCE = 10.0
"""The same while it is only asked."""
LOOKS_AT_ONCE = 8

Verdict = Literal["live", "another model", "damaged", "nothing", "not reached"]


@dataclass(frozen=True)
class DeployRequest:
    """What is to be deployed where.

    Attributes:
        target: a name of `deploy.yaml`, or a place.
        settings: fields of `TargetSettings` that were given by words.
        model: a bundle's folder or zip; None takes what `release` says.
        release: a channel or a version in the release store; None takes the newest package.
    """

    target: str
    settings: dict[str, str]
    model: Path | None = None
    release: str | None = None


@dataclass(frozen=True)
class Deployment:
    """What came of it.

    Attributes:
        origin: where the bundle came from.
        was_live: whether it was live before, so that nothing was written.
    """

    target: NamedTarget
    origin: str
    was_live: bool
    state: TargetState


@dataclass(frozen=True)
class TargetReport:
    """What a target runs, as it says itself.

    Attributes:
        verdict: "live": whole, and what was deployed last from here, if anything was; "another
            model": whole, and put there by somebody else, or by an update; "damaged": a file of it,
            or what the folder says of itself; "nothing"; "not reached".
        record: what was deployed there last from here.
        state: what it says; None where it was not reached, or cannot say.
        problem: why it cannot say.
        fix: what to do about that.
    """

    name: str
    place: str
    game: str
    verdict: Verdict
    record: DeploymentRecord | None
    state: TargetState | None
    problem: str = ""
    fix: str = ""


def deploy(resources: Resources, request: DeployRequest) -> Deployment:
    """Put a model where a program will find it, try it out there, and have it used.

    Raises:
        OutpostError, DetectorError: it came to nothing, and what was live is live.
    """
    target = found_target(resources, request.target, request.settings)
    _require_detector(target.settings.game, request.model)
    page = _package_key(target.settings)
    with _alone(resources, target), _bundle(resources, target.settings.game, request) as bundle:
        origin, folder = bundle
        with reached(target.settings, _owner(resources), PATIENCE) as place:
            result = put(place, folder, this_user())
        deployment = Deployment(target, origin, result.was_live, result.state)
        _remember(resources, deployment, page)
    return deployment


def roll_back_target(resources: Resources, target: str, settings: dict[str, str]) -> Deployment:
    """Have a target use the model that worked before.

    Raises:
        OutpostError, DetectorError: there is none before, or it does not answer.
    """
    found = found_target(resources, target, settings)
    page = None
    # The way back is open where the game's pack is gone.
    with suppress(PackError):
        page = _package_key(found.settings)
    with _alone(resources, found):
        with reached(found.settings, _owner(resources), PATIENCE) as place:
            state = roll_back(place)
        deployment = Deployment(found, "rolled back", False, state)
        _remember(resources, deployment, page)
    return deployment


def deployed_targets(resources: Resources) -> tuple[TargetReport, ...]:
    """Ask every target of `deploy.yaml`, and every other one that was deployed to from here.

    Raises:
        TargetError, DeploymentRecordError: a file of the state folder cannot be read.
    """
    records = {one.settings.key: one for one in _records(resources).all()}
    named = {
        one.settings.key: NamedTarget(one.name, one.settings.with_absolute_paths())
        for one in read_targets(resources.state.deploy_file)
    }
    others = {key: NamedTarget(one.name, one.settings) for key, one in records.items()}
    targets = {**others, **named}
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        reports = pool.map(lambda key: _report(resources, targets[key], records.get(key)), targets)
        return tuple(sorted(reports, key=lambda one: one.name))


def forget_target(resources: Resources, target: str) -> str:
    """Remove what is remembered of a target; nothing is done there. Its name.

    Raises:
        DeployError: nothing is remembered of it.
    """
    found = found_target(resources, target, {})
    if not _records(resources).forget(found.settings):
        raise DeployError(
            f"Nothing was deployed to {target} from here.", "`outpost deploy list` shows all."
        )
    return found.name


def found_target(resources: Resources, word: str, given: dict[str, str]) -> NamedTarget:
    """A target of `deploy.yaml`, one that was deployed to before, or a new place.

    Args:
        word: its name or place.
        given: settings that count more than those that are known.

    Raises:
        TargetError: it can be none.
    """
    if not word:
        raise TargetError("The target is empty.", "Name a folder, user@host:/folder, or a target.")
    records = _records(resources).all()
    # A name that deploy.yaml has no more is still that of the place in the list.
    named = {one.name: one.settings for one in records}
    named |= {one.name: one.settings for one in read_targets(resources.state.deploy_file)}
    if word in named:
        settings = named[word]
    else:
        known = {one.settings.key: one.settings for one in records}
        settings = TargetSettings(place=word)
        settings = known.get(settings.key, settings)
    settings = settings.model_copy(update=given).with_absolute_paths()
    return NamedTarget(word if word in named else settings.place, settings)


def _require_detector(game: str, model: Path | None) -> None:
    """Say what to do instead: a target runs a detector, and is tried out as one."""
    other = other_than_detector(game, model)
    if other is None:
        return
    raise DeployError(
        f"Only a detector is deployed to a target, not {other.called}.",
        "Publish and promote it, and have the program follow it: "
        "`detector-runtime update FOLDER --source ADDRESS --keys KEYS`. Without a publisher, copy "
        "its folder there and use it: `detector-runtime use FOLDER MODEL`.",
    )


@contextmanager
def _bundle(resources: Resources, game: str, request: DeployRequest) -> Iterator[tuple[str, Path]]:
    """Where the bundle comes from, and its folder or zip, for the time of a block."""
    if request.model is not None:
        yield str(request.model.absolute()), request.model
    elif request.release is not None:
        store = resources.releases.store(load_pack(game).name)
        version = chosen_version(store, request.release)
        with tempfile.TemporaryDirectory() as folder:
            found = store.download(version, Path(folder), reporter())
            yield f"version {version.id} of {store.place}", found.folder
    else:
        keys = GameKeys.of(load_pack(game))
        with open_instance(resources.state) as instance:
            try:
                artifact = latest(instance, resources.artifacts.store, keys.runtime_package)
            except NotMaterializedError as error:
                raise DeployError(
                    f"There is no package of {game} to deploy: runtime_package was never "
                    "materialized.",
                    "Materialize runtime_package, name another game with --game, a bundle with "
                    "--model, or what is published with --release champion.",
                ) from error
        version_name = artifact.version.data_version[:12]
        package = RuntimePackage.open(artifact.path)
        yield f"{keys.runtime_package.to_user_string()}:{version_name}", package.bundle


@contextmanager
def _alone(resources: Resources, target: NamedTarget) -> Iterator[None]:
    """Nobody else deploys to this target from here for the time of a block."""
    resources.state.require_writable()
    with hold_lock(_records(resources).lock_file(target.settings)):
        yield


def _report(
    resources: Resources, target: NamedTarget, record: DeploymentRecord | None
) -> TargetReport:
    settings = target.settings
    try:
        with reached(settings, _owner(resources), LOOK_PATIENCE) as place:
            state = look_at(place)
    except (OutpostError, DetectorError) as error:
        verdict: Verdict = "damaged" if isinstance(error, DamagedTargetError) else "not reached"
        return TargetReport(
            target.name,
            settings.place,
            settings.game,
            verdict,
            record,
            None,
            error.problem,
            error.fix,
        )
    verdict = _verdict(state, record)
    return TargetReport(target.name, settings.place, settings.game, verdict, record, state)


def _verdict(state: TargetState, record: DeploymentRecord | None) -> Verdict:
    if state.current is None:
        return "nothing"
    if state.current.files is None:
        return "damaged"
    is_another = record is not None and state.current.files != record.files
    return "another model" if is_another else "live"


def _package_key(settings: TargetSettings) -> dg.AssetKey:
    """Of the asset on whose page deployments are shown; PackError where there is no such game."""
    return GameKeys.of(load_pack(settings.game)).runtime_package


def _remember(resources: Resources, deployment: Deployment, page: dg.AssetKey | None) -> None:
    """Keep what a target has said that it uses now, for `deployed_targets` and an asset's page."""
    target, state = deployment.target, deployment.state
    live = state.current
    if live is None or live.files is None:
        raise DeployError(
            f"What {state.folder} of {state.host} uses is damaged.", "Deploy a model to it again."
        )
    record = DeploymentRecord(
        name=target.name,
        settings=target.settings,
        origin=deployment.origin,
        version=live.version,
        model=live.name,
        files=live.files,
        at=datetime.now(UTC),
        by=this_user(),
    )
    _records(resources).write(record)
    if page is not None:
        with open_instance(resources.state) as instance:
            instance.report_runless_asset_event(_observation(page, record, state))


def _observation(
    page: dg.AssetKey, record: DeploymentRecord, state: TargetState
) -> dg.AssetObservation:
    """What the page of the packaged model shows of a deployment."""
    shown: dict[str, str | float] = {
        "target": record.name,
        "place": record.settings.place,
        "live": f"{record.model} ({record.version})",
        "origin": record.origin,
        "deployed_by": record.by,
        "host": state.host,
        "python": state.python,
        "detector_runtime": state.runtime,
    }
    if state.smoke is not None:
        shown["smoke_test_ms"] = round(state.smoke.milliseconds, 1)
    return dg.AssetObservation(page, metadata=shown, description=f"deployed to {record.name}")


def _records(resources: Resources) -> DeploymentRecords:
    return DeploymentRecords(resources.state.deployments)


def _owner(resources: Resources) -> str:
    return owner_token(resources.state.gpu)
