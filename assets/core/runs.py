"""Runs of the graph from this process, for the command line and for tests."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from assets.core.building import latest_version, version_of
from assets.core.keys import GameKeys
from assets.core.known_errors import KNOWN_ERRORS
from pipeline.errors import OutpostError
from pipeline.games.pack import GamePack
from pipeline.labels.batches import SourceExport
from resources.artifacts import ArtifactMissingError, ArtifactStore
from resources.exports import Exports
from resources.exports.base import Export

ENDED = {
    dg.DagsterRunStatus.SUCCESS: "succeeded",
    dg.DagsterRunStatus.FAILURE: "FAILED",
    dg.DagsterRunStatus.CANCELED: "was canceled",
}
"""How a run can end, in words."""
UNFINISHED = [status for status in dg.DagsterRunStatus if status not in ENDED]
QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster's own log lines stay in the run's log; the terminal shows progress instead."""


class RunFailedError(OutpostError):
    """A run that failed for a reason that Outpost did not foresee."""


class CheckFailedError(OutpostError):
    """A blocking check that stopped what would have followed."""


@dataclass(frozen=True)
class Outcome:
    """One materialization, for a table."""

    asset: str
    partition: str | None
    data_version: str
    seconds: float
    skipped: bool


def register_batches(
    instance: dg.DagsterInstance, pack: GamePack, exports: Exports, store: ArtifactStore
) -> tuple[str, ...]:
    """Make a partition of every export that has arrived, wherever it is, unless it is taken out."""
    batches = tuple(
        export.batch
        for export in exports.exports(pack.name)
        if export.has_arrived and not is_taken_out(instance, store, pack, export)
    )
    name = GameKeys.of(pack).export_batches.name
    assert name is not None
    instance.add_dynamic_partitions(name, list(batches))
    return batches


def is_taken_out(
    instance: dg.DagsterInstance, store: ArtifactStore, pack: GamePack, export: Export
) -> bool:
    """Whether somebody has deleted the partition of an export that lies there as it was read."""
    keys = GameKeys.of(pack)
    if export.batch in keys.export_batches.get_partition_keys(dynamic_partitions_store=instance):
        return False
    version = latest_version(instance, keys.cvat_export, export.batch)
    if version is None:
        return False
    try:
        read = SourceExport.open(store.open(version).path)
    except ArtifactMissingError:
        return False
    return not export.differs_from(read.sha256)


def materialize(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    selection: Sequence[dg.AssetKey],
    *,
    partition: str | None = None,
    config: Mapping[str, Any] | None = None,
) -> tuple[Outcome, ...]:
    """Run some assets and their checks in this process, one after the other.

    Raises:
        OutpostError: what an asset raised, or that a blocking check failed.
        DetectorError: what the runtime raised inside an asset.
    """
    job = definitions.resolve_implicit_global_asset_job_def()
    run_id = str(uuid.uuid4())
    try:
        result = job.execute_in_process(
            run_config={**QUIET, "ops": dict(config or {})},
            instance=instance,
            asset_selection=list(selection),
            partition_key=partition,
            run_id=run_id,
        )
    except (Exception, dg.DagsterExecutionInterruptedError) as error:
        raise _failed_check(instance, run_id) or _explained(error) from error
    return tuple(_outcomes(result))


def _outcomes(result: dg.ExecuteInProcessResult) -> Iterator[Outcome]:
    for event in result.get_asset_materialization_events():
        version, metadata = version_of(event.materialization), event.materialization.metadata
        assert version is not None
        yield Outcome(
            **version.model_dump(),
            seconds=float(str(metadata["seconds"].value)),
            skipped=str(metadata["outcome"].value).startswith("unchanged"),
        )


def _failed_check(instance: dg.DagsterInstance, run_id: str) -> CheckFailedError | None:
    """What the failed blocking checks of a run found; None when there were none."""
    lines = []
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        event = entry.dagster_event
        found = event.asset_check_evaluation_data if event else None
        if found is None or found.passed or found.severity is not dg.AssetCheckSeverity.ERROR:
            continue
        which = found.metadata.get("which")
        lines.append(f"The check {found.check_name} of {found.asset_key.to_user_string()} failed.")
        if which:
            lines.append(str(which.value))
    if not lines:
        return None
    return CheckFailedError(
        "\n".join(lines),
        "Correct what the check names and run again; nothing after it was made. "
        "The asset's page in `outpost dev` shows all of it under Checks.",
    )


def _explained(error: BaseException) -> BaseException:
    """The known error inside one of Dagster's, or the plainest account of what happened."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (*KNOWN_ERRORS, KeyboardInterrupt)):
            return cause
        if isinstance(cause, dg.DagsterExecutionInterruptedError):
            return KeyboardInterrupt()
        cause = cause.__cause__
    return RunFailedError(
        f"{type(error).__name__}: {error}",
        "Open the run in `outpost dev` for its whole log; if the fault is Outpost's, report it.",
    )
