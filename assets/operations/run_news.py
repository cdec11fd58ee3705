"""What happens in runs, in a line each, for the terminal of `outpost dev`."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterEventType, DagsterRun, DagsterRunStatus, RunsFilter

from assets.core.runs import ENDED, UNFINISHED
from pipeline.progress import seconds_in_words
from pipeline.provenance import asset_name

TOLD = {
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_CHECK_EVALUATION,
    DagsterEventType.STEP_FAILURE,
}
NOT_BEGUN = (DagsterRunStatus.NOT_STARTED, DagsterRunStatus.QUEUED)
CLASS_NAME = re.compile(r"^[\w.]+: ")
SHORT = 8
"""Digits by which the UI calls a run."""
MOST_ASSETS = 4
MOST_CHARACTERS = 300
"""Of an error; the run's page has all of it."""


@dataclass
class RunNews:
    """Follows the runs of an instance from the moment that it is made."""

    instance: dg.DagsterInstance
    address: str
    """Of the UI, to point to a run's page."""
    _since: datetime = field(default_factory=lambda: datetime.now(UTC))
    _cursors: dict[str, str | None] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)

    def lines(self) -> Iterator[str]:
        """What has happened since it was asked last."""
        updated = self.instance.get_run_records(RunsFilter(updated_after=self._since))
        for record in reversed(updated):
            run = record.dagster_run
            if run.run_id in self._ended or run.status in NOT_BEGUN:
                continue
            if run.run_id not in self._cursors:
                self._cursors[run.run_id] = None
                was_queued = run.status is DagsterRunStatus.CANCELED and record.start_time is None
                what = "was queued" if was_queued else "started"
                yield f"Run {run.run_id[:SHORT]} {what}: {_asked_for(run)}"
            yield from self._events_of(run.run_id)
            if run.status in ENDED:
                self._ended.add(run.run_id)
                began = record.start_time or record.create_timestamp.timestamp()
                yield self._end_of(run, (record.end_time or time.time()) - began)

    def unfinished(self) -> list[DagsterRun]:
        """Runs that have not ended, those first that are queued.

        One that was made and never submitted stays so for ever, and starts nothing.
        """
        runs = self.instance.get_runs(RunsFilter(statuses=UNFINISHED))
        submitted = (run for run in runs if run.status is not DagsterRunStatus.NOT_STARTED)
        return sorted(submitted, key=lambda run: run.status is not DagsterRunStatus.QUEUED)

    def _events_of(self, run_id: str) -> Iterator[str]:
        page = self.instance.get_records_for_run(run_id, self._cursors[run_id], TOLD)
        self._cursors[run_id] = page.cursor
        for record in page.records:
            event = record.event_log_entry.dagster_event
            text = _told(event) if event else None
            if text:
                yield f"  {text}"

    def _end_of(self, run: DagsterRun, seconds: float) -> str:
        text = f"Run {run.run_id[:SHORT]} {ENDED[run.status]} after {seconds_in_words(seconds)}"
        failed = run.status is DagsterRunStatus.FAILURE
        return f"{text}: see {self.address}/runs/{run.run_id}" if failed else text


def _asked_for(run: DagsterRun) -> str:
    names = sorted(key.to_user_string() for key in run.asset_selection or ())
    partition = run.tags.get("dagster/partition")
    shown = ", ".join(names[:MOST_ASSETS]) or run.job_name
    more = f" and {len(names) - MOST_ASSETS} more" if len(names) > MOST_ASSETS else ""
    return asset_name(f"{shown}{more}", partition)


def _told(event: dg.DagsterEvent) -> str | None:
    if event.event_type is DagsterEventType.ASSET_MATERIALIZATION:
        return _made(event.step_materialization_data.materialization)
    if event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
        found = event.asset_check_evaluation_data
        if found.passed:
            return None
        return f"{found.asset_key.to_user_string()}: the check {found.check_name} does not pass"
    return (
        f"{(event.step_key or '').replace('__', '/', 1)} failed: {_reason(event)[:MOST_CHARACTERS]}"
    )


def _reason(event: dg.DagsterEvent) -> str:
    """What the step raised: an error that says what to do, if there is one among its causes."""
    said, error = [], event.step_failure_data.error
    while error is not None:
        said.append(CLASS_NAME.sub("", " ".join(error.message.split())))
        error = error.cause
    ours = [text for text in said if "What to do:" in text]
    # Dagster wraps whatever a step raises into an error of its own.
    return ours[0] if ours else said[min(1, len(said) - 1)] if said else event.message or ""


def _made(made: dg.AssetMaterialization) -> str:
    name = asset_name(made.asset_key.to_user_string(), made.partition)
    outcome, seconds = (made.metadata.get(key) for key in ("outcome", "made_in_seconds"))
    if outcome is None or seconds is None:
        return f"{name} materialized"
    if str(outcome.value).startswith("unchanged"):
        return f"{name} is unchanged, no work done"
    return f"{name} made in {seconds_in_words(float(str(seconds.value)))}"
