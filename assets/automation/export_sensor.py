"""The sensor that watches every source of exports and retrains when annotations arrive.

It works in steps, each on its own ticks, and for all sources in one way. A new or replaced export
is left alone until two ticks in a row find it the same: it might still be copied. Then it becomes a
partition and a run of `cvat_export`, which fetches it where it is elsewhere, and of
`label_corrections`, which compares it with the boxes that a model had found. When no such run is
under way any more, and the batches differ from those that were last merged, the game's retrain
rules are asked; then one run of the merge and all that follows is requested: once for however many
batches came together, and not again when it fails.

A source that cannot be reached and an export that could not be read are named by the tick that
finds them, once, and hold up nothing else.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import dagster as dg
from pydantic import BaseModel, ValidationError

from assets.automation.retraining import now_utc, retrain_state
from assets.core.building import latest_version
from assets.core.keys import GameKeys
from assets.core.runs import UNFINISHED, is_taken_out
from pipeline.annotation.retrain_policy import decide
from pipeline.games.pack import GamePack
from pipeline.manifests import digest_of
from resources.artifacts import Artifacts, ArtifactStore
from resources.exports import Exports
from resources.exports.base import Export, Listing
from resources.exports.resource import BUCKET_VARIABLE, CVAT_VARIABLE
from resources.local_artifacts.in_use import used_for_a_while

SENSOR_TAG = "outpost/export_sensor"
"""On runs of cvat_export that the sensor asked for: the game."""
REQUEST_TAG = "outpost/export_request"
"""On the same runs: the key of the request."""
MERGE_TAG = "outpost/merged_batches"
"""On runs of the merge that the sensor asked for: the digest of the batch versions."""
MERGE_OF_TAG = "outpost/merge_of"
"""On the same runs: the game."""
ENDED_BADLY = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
OUT_OF_REACH = ("ExportSourceError", "ExportMissingError")
"""Errors of an export that says nothing about itself: where it is could not be reached."""
MOST_TRIES = 5
"""To fetch an export, one after the other, before it is told of as one that cannot be read."""
SHOWN_CHARACTERS = 600
"""Of the reason for which an export could not be read."""


class SensorMemory(BaseModel):
    """What the sensor remembers between ticks, and over restarts of the daemon.

    What earlier versions remembered is read too: all that they lack has a default.
    """

    seen: dict[str, str] = {}
    """The stamp of every export at the last tick, by batch."""
    taken: dict[str, str] = {}
    """The stamp of every export that a run was requested for, by batch."""
    taken_from: dict[str, str] = {}
    """The source of it, by batch."""
    reading: dict[str, str] = {}
    """The batch, by the key of the request, until its run has ended."""
    tries: dict[str, int] = {}
    """How often an export could not be fetched, by batch."""
    unreachable: list[str] = []
    """Sources that could not be reached at the last tick, which has been told."""
    merged: str = ""
    """Digest of the batch versions that were last sent on to the merge."""
    requests: int = 0
    """Ticks that requested runs. It is part of their keys: Dagster starts one run per key, and an
    export that is put back as it was before has to be read again."""


def export_sensor(pack: GamePack, clock: Callable[[], datetime] = now_utc) -> dg.SensorDefinition:
    """Watches the sources of a game's exports; off until somebody turns it on."""
    keys = GameKeys.of(pack)

    @dg.sensor(
        name=f"{pack.name}_export_sensor",
        target=dg.AssetSelection.assets(*_read_assets(keys), *keys.after_annotation),
        minimum_interval_seconds=30,
        description=f"Retrains {pack.title} when a CVAT export arrives in its folder or in its "
        f"bucket, or a task is completed in CVAT ({BUCKET_VARIABLE} and {CVAT_VARIABLE} switch the "
        "latter two on), and shows what was changed of a model's boxes. "
        f"{_rules_in_words(pack)}",
        metadata={"retrain_rules": dg.MetadataValue.json(pack.retrain.model_dump())},
    )
    def sense(
        context: dg.SensorEvaluationContext, exports: Exports, artifacts: Artifacts
    ) -> dg.SensorResult:
        memory = remembered(context.cursor, clock(), context.log.warning)
        listing = exports.listing(pack.name)
        passed_over = [str(passed) for passed in listing.passed_over if not passed.is_same]
        for line in passed_over:
            context.log.warning(line)
        tick = Tick(context.instance, artifacts.store, pack, listing, memory, clock)
        with used_for_a_while():  # the process of the sensors goes on for weeks
            step = tick.step()
            incomplete = () if step.skip_reason is None else tuple(tick.incomplete())
        if step.skip_reason is None:
            return step
        still = [f"The {name} cannot be reached." for name in listing.unreachable]
        told = still if set(listing.unreachable) <= set(memory.unreachable) else []
        reason = " ".join([str(step.skip_reason.skip_message), *passed_over, *incomplete, *told])
        return dg.SensorResult(skip_reason=reason, cursor=step.cursor)

    return sense


def _read_assets(keys: GameKeys) -> tuple[dg.AssetKey, ...]:
    """What one export becomes, in one run."""
    return (keys.cvat_export, keys.label_corrections)


def remembered(cursor: str | None, now: datetime, warn: Callable[[str], None]) -> SensorMemory:
    """What a cursor holds; nothing, where it is damaged or of a later version, or was cleared.

    Then every export that was not taken out is read again, which changes nothing where it is the
    same.
    """
    # No number that a request had before: Dagster starts one run for each key.
    anew = SensorMemory(requests=int(now.timestamp()))
    if not cursor:
        return anew
    try:
        return SensorMemory.model_validate_json(cursor)
    except ValidationError:
        warn("What the sensor remembered cannot be read: every export is read again.")
        return anew


def _rules_in_words(pack: GamePack) -> str:
    rules = pack.retrain.model_dump(exclude_defaults=True)
    if not rules:
        return "It trains whenever any has arrived; the pack's retrain.yaml can say otherwise."
    told = ", ".join(f"{name} {value:g}" for name, value in rules.items())
    return f"When it trains is said by the pack's retrain rules: {told}."


@dataclass(frozen=True)
class EndedRun:
    """A run of cvat_export that the sensor asked for, and that has ended.

    Attributes:
        told: what is to be told of it: nothing of a success.
        again: whether its export is to be read once more, because it could not be fetched.
    """

    request: str
    batch: str
    told: str = ""
    again: bool = False


@dataclass(frozen=True)
class Tick:
    """One look at everything, and the one thing that follows from it."""

    instance: dg.DagsterInstance
    store: ArtifactStore
    pack: GamePack
    listing: Listing
    memory: SensorMemory
    clock: Callable[[], datetime]

    @property
    def keys(self) -> GameKeys:
        """Of the game."""
        return GameKeys.of(self.pack)

    @cached_property
    def stamps(self) -> dict[str, str]:
        """Of every export that may be taken, by batch; each takes a look at all of its files."""
        return {batch: export.stamp for batch, export in self._exports()}

    @cached_property
    def taken(self) -> dict[str, str]:
        """The stamp of every export that needs no run, by batch.

        A sensor that remembers nothing, new or cleared, leaves out what somebody has taken out by
        deleting its partition: that is known to the instance and the store.
        """
        # A cursor states all of it, however little there is.
        if "seen" in self.memory.model_fields_set:
            return self.memory.taken
        return {
            batch: self.stamps[batch]
            for batch, export in self._exports()
            if is_taken_out(self.instance, self.store, self.pack, export)
        }

    def incomplete(self) -> Iterator[str]:
        """Tell of what lies there as it did at the last tick, and is no export."""
        for batch, export in self._exports():
            stamp = self.stamps[batch]
            is_left = self.memory.seen.get(batch) == stamp != self.taken.get(batch)
            if is_left and not export.has_arrived:
                yield (
                    f"{export.name} is no whole export, and is not read: an archive that was cut "
                    "off, or a folder without annotations/instances_*.json. If nobody is copying "
                    "it any more, copy it again or take it away."
                )

    def known_batches(self) -> frozenset[str]:
        """The batches that Dagster knows; those that were retired are partitions no longer."""
        batches = self.keys.export_batches
        return frozenset(batches.get_partition_keys(dynamic_partitions_store=self.instance))

    def step(self) -> dg.SensorResult:
        """Tell what is new to tell; else take new exports; else merge what has been read."""
        exports = dict(self._exports())
        stamps = self.stamps
        unsettled = {
            batch: exports[batch].name
            for batch in exports
            if self.taken.get(batch) != stamps[batch] and exports[batch].has_arrived
        }
        settled = {
            batch: stamps[batch]
            for batch in unsettled
            if self.memory.seen.get(batch) == stamps[batch]
        }
        ended, partitions = list(self._ended()), self.known_batches()
        memory = self._remembered(stamps, ended, partitions)
        news = [*self._newly_unreachable(), *(run.told for run in ended if run.told)]
        if news:
            return _skip(" ".join(news), memory)
        if settled:
            return self._take(settled, memory)
        if unsettled:
            names = ", ".join(unsettled.values())
            return _skip(f"Left alone until it has been the same for one tick: {names}.", memory)
        unfinished = dg.RunsFilter(tags={SENSOR_TAG: self.keys.game}, statuses=UNFINISHED)
        if self.instance.get_run_records(unfinished, limit=1):
            return _skip("Waiting for runs of cvat_export to end.", memory)
        return self._merge_if_changed(memory, partitions)

    def _is_retired(self, batch: str, partitions: frozenset[str]) -> bool:
        """Whether a batch that was taken is gone for good: put back, it is to be read again.

        One whose partition alone was deleted stays out, as its export lies there as before.
        """
        is_out_of_reach = self.memory.taken_from.get(batch) in self.listing.unreachable
        return not (batch in self.listing.chosen or batch in partitions or is_out_of_reach)

    def _remembered(
        self, stamps: dict[str, str], ended: Sequence[EndedRun], partitions: frozenset[str]
    ) -> SensorMemory:
        """What is known after this look, before anything is requested."""
        gone = {run.request for run in ended}
        again = {run.batch for run in ended if run.again}
        kept = {b: s for b, s in self.taken.items() if not self._is_retired(b, partitions)}
        tries = {b: n for b, n in self.memory.tries.items() if b not in {r.batch for r in ended}}
        return self.memory.model_copy(
            update={
                "seen": {**self._seen_out_of_reach(), **stamps},
                "unreachable": sorted(self.listing.unreachable),
                "reading": {r: b for r, b in self.memory.reading.items() if r not in gone},
                "taken": {batch: s for batch, s in kept.items() if batch not in again},
                "tries": {**tries, **{b: self.memory.tries.get(b, 0) + 1 for b in again}},
            }
        )

    def _exports(self) -> Iterator[tuple[str, Export]]:
        """Those that may be taken: not in the place of one whose source is only out of reach."""
        for batch, one in self.listing.chosen.items():
            origin = self.memory.taken_from.get(batch)
            if origin == one.source or origin not in self.listing.unreachable:
                yield batch, one.export

    def _seen_out_of_reach(self) -> dict[str, str]:
        """What was seen before, while not all sources can be looked at."""
        return self.memory.seen if self.listing.unreachable else {}

    def _newly_unreachable(self) -> Iterator[str]:
        for name, error in self.listing.unreachable.items():
            if name not in self.memory.unreachable:
                yield f"{error.problem} {error.fix}"

    def _ended(self) -> Iterator[EndedRun]:
        for request, batch in self.memory.reading.items():
            records = self.instance.get_run_records(
                dg.RunsFilter(tags={REQUEST_TAG: request}), limit=1
            )
            run = records[0].dagster_run if records else None
            if run is None or run.status in UNFINISHED:
                continue
            if run.status not in ENDED_BADLY:
                yield EndedRun(request, batch)
                continue
            step, kind, why = _why_failed(self.instance, run)
            if self._is_read(run, step):
                yield EndedRun(request, batch, self._not_compared(run, batch, why))
                continue
            if kind in OUT_OF_REACH and self.memory.tries.get(batch, 0) < MOST_TRIES - 1:
                yield EndedRun(request, batch, again=True)
                continue
            yield EndedRun(
                request,
                batch,
                f"The export of the batch '{batch}' could not be read, in run {run.run_id}: {why} "
                "The other batches go on without it; replace the export, or retire it with "
                f"`outpost batches retire {batch} --game {self.keys.game}`.",
            )

    def _is_read(self, run: dg.DagsterRun, failed: str) -> bool:
        """Whether a run that ended badly has read its export, and only failed to compare it.

        Args:
            failed: the step that did; empty where none told so.
        """
        comparing = self.keys.label_corrections.to_python_identifier()
        if failed:
            return failed == comparing
        started = self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_START)
        return any(entry.step_key == comparing for entry in started)

    def _not_compared(self, run: dg.DagsterRun, batch: str, why: str) -> str:
        name = self.keys.label_corrections.to_user_string()
        return (
            f"The export of the batch '{batch}' was read, and is used. What was changed of the "
            f"boxes that a model had found could not be told, in run {run.run_id}: {why} "
            f"Materialize {name} [{batch}] to try again."
        )

    def _take(self, stamps: dict[str, str], memory: SensorMemory) -> dg.SensorResult:
        requests = {b: f"{b}-{stamp}-{memory.requests}" for b, stamp in stamps.items()}
        sources = {batch: self.listing.chosen[batch].source for batch in stamps}
        cursor = memory.model_copy(
            update={
                "taken": {**memory.taken, **stamps},
                "taken_from": {**memory.taken_from, **sources},
                "reading": {**memory.reading, **{r: b for b, r in requests.items()}},
                "requests": memory.requests + 1,
            }
        )
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(
                    run_key=request,
                    partition_key=batch,
                    asset_selection=list(_read_assets(self.keys)),
                    tags={SENSOR_TAG: self.keys.game, REQUEST_TAG: request},
                )
                for batch, request in requests.items()
            ],
            dynamic_partitions_requests=[self.keys.export_batches.build_add_request(list(stamps))],
            cursor=cursor.model_dump_json(),
        )

    def _merge_if_changed(
        self, memory: SensorMemory, partitions: frozenset[str]
    ) -> dg.SensorResult:
        instance, keys = self.instance, self.keys
        known = memory.taken.keys() & partitions
        found = (latest_version(instance, keys.cvat_export, batch) for batch in sorted(known))
        versions = [version.model_dump() for version in found if version is not None]
        digest = digest_of(versions)
        if not versions:
            return _skip("No export has arrived yet.", memory)
        if digest in (memory.merged, self._last_asked_for()):
            memory = memory.model_copy(update={"merged": digest})
            return _skip(_state_of_merge(instance, digest), memory)
        if latest_version(instance, keys.synthetic_set) is None:
            name = keys.synthetic_set.to_user_string()
            return _skip(
                f"Exports wait to be merged, but {name} has not been materialized yet. Materialize "
                "it; the merge then starts by itself.",
                memory,
            )
        state = retrain_state(instance, self.store, self.pack, self.clock())
        decision = decide(self.pack.retrain, state)
        if not decision.start:
            return _skip(str(decision), memory)
        cursor = memory.model_copy(update={"merged": digest, "requests": memory.requests + 1})
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(
                    run_key=f"merge-{digest}-{memory.requests}",
                    asset_selection=list(keys.after_annotation),
                    tags={MERGE_TAG: digest, MERGE_OF_TAG: keys.game},
                )
            ],
            cursor=cursor.model_dump_json(),
        )

    def _last_asked_for(self) -> str:
        """The digest of the newest merge that was requested.

        A tick may have requested it and died before its cursor was kept.
        """
        wanted = dg.RunsFilter(tags={MERGE_OF_TAG: self.keys.game})
        records = self.instance.get_run_records(wanted, limit=1)
        return records[0].dagster_run.tags.get(MERGE_TAG, "") if records else ""


def _state_of_merge(instance: dg.DagsterInstance, digest: str) -> str:
    """What became of the newest run that was to merge these batches."""
    records = instance.get_run_records(dg.RunsFilter(tags={MERGE_TAG: digest}), limit=1)
    run = records[0].dagster_run if records else None
    if run is not None and run.status in ENDED_BADLY:
        return (
            f"No export has arrived since run {run.run_id}, which was to merge them and ended in "
            f"{run.status.value}. Look at its log, correct what it names, and re-execute it from "
            "its page: it is not tried again by itself."
        )
    return "No export has arrived since the last merge."


def _why_failed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[str, str, str]:
    """The first step that failed, and the class and the text of what it raised."""
    if run.status is dg.DagsterRunStatus.CANCELED:
        return "", "", "it was canceled."
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        wrapped = event.step_failure_data.error if event else None
        if wrapped is not None:
            # What the asset raised is inside one of Dagster's; what caused it is for programmers.
            error = wrapped.cause or wrapped
            # Python writes the class before the text, with its module.
            said = " ".join(error.message.split()).partition(": ")[2]
            return entry.step_key or "", error.cls_name or "", said[:SHOWN_CHARACTERS]
    return "", "", "its log says why."


def _skip(reason: str, memory: SensorMemory) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=reason, cursor=memory.model_dump_json())
