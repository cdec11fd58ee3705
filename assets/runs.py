"""Runs of the graph from this process, for the command line and for tests."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster import AssetRecordsFilter

from assets.keys import GameKeys
from assets.making import DATA_VERSION_TAG
from pipeline.errors import OutpostError
from pipeline.games.pack import GamePack
from resources.exports import ExportsFolder

QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster's own log lines stay in the run's log; the terminal shows progress instead."""


class RunFailedError(OutpostError):
    """A run that failed for a reason that Outpost did not foresee."""


@dataclass(frozen=True)
class Outcome:
    """One materialization, for a table."""

    asset: str
    partition: str | None
    data_version: str
    seconds: float
    skipped: bool


def register_batches(
    instance: dg.DagsterInstance, pack: GamePack, exports: ExportsFolder
) -> tuple[str, ...]:
    """Make a partition of every export that lies in the exports folder."""
    batches = tuple(export.batch for export in exports.exports(pack.name) if export.has_arrived)
    name = GameKeys.of(pack).export_batches.name
    assert name is not None
    instance.add_dynamic_partitions(name, list(batches))
    return batches


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
    """
    job = definitions.resolve_implicit_global_asset_job_def()
    try:
        result = job.execute_in_process(
            run_config={**QUIET, "ops": dict(config or {})},
            instance=instance,
            asset_selection=list(selection),
            partition_key=partition,
        )
    except (Exception, dg.DagsterExecutionInterruptedError) as error:
        raise _explained(error) from error
    return tuple(_outcomes(result))


def known_outcomes(
    instance: dg.DagsterInstance, selection: Sequence[dg.AssetKey]
) -> tuple[Outcome, ...]:
    """The newest materialization of each asset."""
    found = []
    for key in selection:
        records = instance.fetch_materializations(AssetRecordsFilter(key), limit=1).records
        if records and records[0].asset_materialization is not None:
            found.append(_outcome(records[0].asset_materialization))
    return tuple(found)


def _outcomes(result: dg.ExecuteInProcessResult) -> Iterator[Outcome]:
    for event in result.get_asset_materialization_events():
        yield _outcome(event.materialization)


def _outcome(materialization: dg.AssetMaterialization) -> Outcome:
    return Outcome(
        asset=materialization.asset_key.to_user_string(),
        partition=materialization.partition,
        data_version=(materialization.tags or {})[DATA_VERSION_TAG],
        seconds=float(str(materialization.metadata["seconds"].value)),
        skipped=str(materialization.metadata["outcome"].value).startswith("unchanged"),
    )


def _explained(error: BaseException) -> BaseException:
    """The error of ours inside one of Dagster's, or the plainest account of what happened."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OutpostError | KeyboardInterrupt):
            return cause
        if isinstance(cause, dg.DagsterExecutionInterruptedError):
            return KeyboardInterrupt()
        cause = cause.__cause__
    return RunFailedError(
        f"{type(error).__name__}: {error}",
        "Open the run in `outpost dev` for its whole log; if the fault is Outpost's, report it.",
    )
